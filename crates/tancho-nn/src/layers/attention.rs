//! Attention with several heads.
//!
//! Queries `[batch, T, features]` look at keys and values `[batch, S, features]`. Each head has a projection of its own of all
//! three; the kernels of all heads are one, so that a projection is one product, and then heads are moved before the places:
//! `[batch, heads, T, size]`. Neither the batch, nor T, nor S need to be known.

use tancho_core::{DType, Dim, Error, Tensor, Variable, iota};

use super::dropout::Choices;
use super::weights::{Weight, float_of, weights};
use crate::fault::error;
use crate::init::{glorot_uniform, zeros};
use crate::layer::{Build, Layer, Mode, OutputShape, known_size};
use crate::module::{Module, Parts};

/// `softmax(q · kᵀ / √key_dim) · v` for each head, of projections of query, key and value; the heads are joined by another
/// projection. As a layer it is self-attention.
///
/// ```
/// # use tancho_nn::{Layer, Mode, MultiHeadAttention};
/// # use tancho_core::{DType, ones};
/// let attention = MultiHeadAttention::new(2, 8).causal();
/// let x = ones(DType::F32, [3, 5, 16]);
/// assert_eq!(attention.call(&x, Mode::Eval).shape(), [3, 5, 16]);
/// ```
///
/// # Shape
/// `[batch, T, features]`, and `[batch, S, …]` for key and value → `[batch, T, output_size]`
///
/// # Reference
/// Vaswani et al.: Attention is all you need (2017); `keras.layers.MultiHeadAttention`
pub struct MultiHeadAttention {
    heads: usize,
    key_dim: usize,
    value_dim: usize,
    output_size: Option<usize>,
    use_bias: bool,
    is_causal: bool,
    dropout: Choices,
    kernel: Weight,
    bias: Weight,
    parts: Build<AttentionParts>,
    output: OutputShape,
}

struct AttentionParts {
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
}

/// A kernel `[features, heads, size]` and a bias `[heads, size]`; that of the output is `[heads, size, features]`.
struct Projection {
    kernel: Variable,
    bias: Option<Variable>,
}

impl MultiHeadAttention {
    /// Heads with keys, queries and values of `key_dim` features each.
    pub fn new(heads: usize, key_dim: usize) -> Self {
        MultiHeadAttention {
            heads,
            key_dim,
            value_dim: key_dim,
            output_size: None,
            use_bias: true,
            is_causal: false,
            dropout: Choices::new(0.0),
            kernel: Weight::new(glorot_uniform()),
            bias: Weight::new(zeros()),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// How many features the values of a head have, if not `key_dim`.
    pub fn value_dim(mut self, value_dim: usize) -> Self {
        self.value_dim = value_dim;
        self
    }

    /// How many features the output has, if not those of the query.
    pub fn output_size(mut self, size: usize) -> Self {
        self.output_size = Some(size);
        self
    }

    pub fn without_bias(mut self) -> Self {
        self.use_bias = false;
        self
    }

    /// Lets each place look at itself and those before it only.
    pub fn causal(mut self) -> Self {
        self.is_causal = true;
        self
    }

    /// In training, drops this part of the places that are looked at.
    #[track_caller]
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = Choices::new(rate);
        self
    }

    weights! { kernel: kernel_init kernel_regularizer; bias: bias_init bias_regularizer; }

    /// Builds the layer for self-attention over so many features, in `f32`.
    #[track_caller]
    pub fn build(self, features: usize) -> Self {
        // Where a value cannot be made, its variable carries the error.
        let made = self.make([features; 3], DType::F32);
        let _ = self.parts.get_or_make(|| Ok(made));
        self
    }

    /// Attention of `query` to `value` by `key`.
    ///
    /// `mask` is true where a query may look: `bool[batch, T, S]`, or what broadcasts to it, or `bool[batch, heads, T, S]`.
    #[track_caller]
    pub fn attend(&self, query: &Tensor, value: &Tensor, key: &Tensor, mask: Option<&Tensor>, mode: Mode) -> Tensor {
        self.attend_with_scores(query, value, key, mask, mode).0
    }

    /// As [`MultiHeadAttention::attend`], and how much each query looked at each place, `[batch, heads, T, S]`.
    #[track_caller]
    pub fn attend_with_scores(
        &self,
        query: &Tensor,
        value: &Tensor,
        key: &Tensor,
        mask: Option<&Tensor>,
        mode: Mode,
    ) -> (Tensor, Tensor) {
        let parts = match self.parts([query, key, value], mask) {
            Ok(parts) => parts,
            Err(error) => return (Tensor::from_error(error.clone()), Tensor::from_error(error)),
        };
        let query = parts.query.split_heads(query) * (self.key_dim.max(1) as f64).sqrt().recip();
        let key = parts.key.split_heads(key);
        let value = parts.value.split_heads(value);
        let mut logits = query.matmul(key.t());
        let lowest = if logits.dtype() == DType::F16 { -3e4 } else { -1e9 };
        let mut mask = match mask {
            Some(mask) if mask.rank() == 3 => Some(mask.expand_dims(1)),
            Some(mask) => Some(mask.clone()),
            None => None,
        };
        if self.is_causal {
            let sizes = [logits.shape().size(-2), logits.shape().size(-1)];
            let earlier = iota(DType::I32, sizes.clone(), 0).ge(iota(DType::I32, sizes, 1));
            mask = Some(match mask {
                Some(mask) => mask & earlier,
                None => earlier,
            });
        }
        if let Some(mask) = &mask {
            logits = mask.select(&logits, lowest);
        }
        let mut scores = logits.softmax(-1);
        if let Some(mask) = &mask {
            // A query that may look nowhere looks nowhere, not everywhere alike.
            scores = mask.select(&scores, 0.0);
        }
        let seen = match self.dropout.kept(mode, scores.shape()) {
            Some(kept) => self.dropout.drop(&scores, &kept),
            None => scores.clone(),
        };
        (self.output.note(parts.output.join_heads(&seen.matmul(value))), scores)
    }

    #[track_caller]
    fn parts(&self, inputs: [&Tensor; 3], mask: Option<&Tensor>) -> Result<&AttentionParts, Error> {
        self.dropout.check(NAME)?;
        let mut features = [0; 3];
        for (role, (x, features)) in ["query", "key", "value"].into_iter().zip(inputs.into_iter().zip(&mut features)) {
            let shape = x.try_shape()?;
            if shape.rank() != 3 {
                return Err(error(NAME, format!("takes a {role} [batch, length, features], not one of shape {shape}")));
            }
            *features = known_size(NAME, x, -1)?;
        }
        if let Some(mask) = mask {
            let (dtype, shape) = (mask.try_dtype()?, mask.try_shape()?);
            if dtype != DType::Bool || !(2..=4).contains(&shape.rank()) {
                return Err(error(NAME, format!("takes a mask bool[batch, T, S], not {dtype} of shape {shape}")));
            }
        }
        let dtype = float_of(NAME, inputs[0])?;
        let parts = match self.parts.get() {
            Some(parts) => parts,
            None => {
                let made = self.make(features, dtype);
                self.parts.get_or_make(|| Ok(made))?
            }
        };
        let kernels = [&parts.query.kernel, &parts.key.kernel, &parts.value.kernel];
        for (kernel, (x, given)) in kernels.into_iter().zip(inputs.into_iter().zip(features)) {
            match kernel.try_shape()?.size(0).as_known() {
                Some(built) if built != given => {
                    let shape = x.shape();
                    return Err(error(NAME, format!("the layer was built for {built} features, not for {shape}")));
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    #[track_caller]
    fn make(&self, [query, key, value]: [usize; 3], dtype: DType) -> AttentionParts {
        let (heads, key_dim, value_dim) = (self.heads, self.key_dim, self.value_dim);
        let size = self.output_size.unwrap_or(query);
        AttentionParts {
            query: self.projection(&[query, heads, key_dim], &[heads, key_dim], dtype),
            key: self.projection(&[key, heads, key_dim], &[heads, key_dim], dtype),
            value: self.projection(&[value, heads, value_dim], &[heads, value_dim], dtype),
            output: self.projection(&[heads, value_dim, size], &[size], dtype),
        }
    }

    #[track_caller]
    fn projection(&self, kernel: &[usize], bias: &[usize], dtype: DType) -> Projection {
        Projection {
            kernel: self.kernel.make("kernel", kernel, dtype),
            bias: if self.use_bias { Some(self.bias.make("bias", bias, dtype)) } else { None },
        }
    }
}

const NAME: &str = "multi_head_attention";

impl Projection {
    /// `[batch, places, features]` → `[batch, heads, places, size]`
    #[track_caller]
    fn split_heads(&self, x: &Tensor) -> Tensor {
        let kernel = self.kernel.read();
        let shape = kernel.shape();
        let joined: [Dim; 2] = [shape.size(0), shape.size(1) * shape.size(2)];
        let mut y = x.matmul(kernel.reshape(joined));
        if let Some(bias) = &self.bias {
            y += bias.flatten();
        }
        y.reshape([x.shape().size(0), x.shape().size(1), shape.size(1), shape.size(2)]).swap_axes(1, 2)
    }

    /// `[batch, heads, places, size]` → `[batch, places, features]`
    #[track_caller]
    fn join_heads(&self, x: &Tensor) -> Tensor {
        let kernel = self.kernel.read();
        let shape = kernel.shape();
        let joined = shape.size(0) * shape.size(1);
        let x = x.swap_axes(1, 2);
        let x = x.reshape([x.shape().size(0), x.shape().size(1), joined.clone()]);
        let y = x.matmul(kernel.reshape([joined, shape.size(2)]));
        match &self.bias {
            Some(bias) => y + bias,
            None => y,
        }
    }
}

impl Module for MultiHeadAttention {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(AttentionParts { query, key, value, output }) = self.parts.get() {
            for (name, part) in [("query", query), ("key", key), ("value", value), ("attention_output", output)] {
                parts.enter(name);
                self.kernel.show(parts, "kernel", &part.kernel);
                if let Some(bias) = &part.bias {
                    self.bias.show(parts, "bias", bias);
                }
                parts.leave();
            }
        }
        self.dropout.show(parts);
        parts.output(&self.output);
    }
}

/// Self-attention.
impl Layer for MultiHeadAttention {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.attend(x, x, x, None, mode)
    }
}
