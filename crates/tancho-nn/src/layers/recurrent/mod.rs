//! Recurrent layers: one cell, which is run over the steps of a sequence.
//!
//! What the cells have in common is here: a kernel for the input, one for the state, a bias, and the loop. The product of the
//! input and its kernel needs no state, so it is taken for all steps at once before the loop; a step is left with the product
//! of the state and its kernel.
//!
//! Sequences are `[batch, time, features]`; the loop runs over `[time, batch, …]`. Neither size needs to be known.

mod cells;

use tancho_core::{DType, Error, Tensor, Variable, scan, scan_reverse, zeros};

pub use self::cells::{Cell, GruCell, LstmCell, SimpleCell};
use super::dropout::Choices;
use super::weights::{Weight, float_of, weights};
use crate::activation::Activation;
use crate::fault::error;
use crate::init::{glorot_uniform, orthogonal, zeros as zero_init};
use crate::layer::{Build, Layer, Mode, OutputShape, known_size};
use crate::module::{Module, Parts};

/// A recurrent layer of a cell: [`SimpleRnn`], [`Lstm`], [`Gru`].
///
/// It gives the state after the last step, or with [`Recurrent::return_sequences`] the states after all steps.
///
/// ```
/// # use tancho_nn::{Layer, Lstm, Mode};
/// # use tancho_core::{DType, ones};
/// let x = ones(DType::F32, [2, 5, 3]);
/// assert_eq!(Lstm::new(4).call(&x, Mode::Eval).shape(), [2, 4]);
/// assert_eq!(Lstm::new(4).return_sequences().call(&x, Mode::Eval).shape(), [2, 5, 4]);
/// ```
///
/// # Shape
/// `[batch, time, features]` → `[batch, units]`, or `[batch, time, units]`
pub struct Recurrent<C> {
    cell: C,
    options: Options,
    /// Of the features of the input, and of the state.
    dropout: Choices,
    recurrent_dropout: Choices,
    weights: Build<Weights>,
    output: OutputShape,
}

/// What was chosen of a layer, which its copy for the other direction shares.
#[derive(Clone)]
struct Options {
    units: usize,
    use_bias: bool,
    kernel: Weight,
    recurrent: Weight,
    bias: Weight,
    return_sequences: bool,
    go_backwards: bool,
}

struct Weights {
    kernel: Variable,
    recurrent_kernel: Variable,
    bias: Option<Variable>,
}

/// The fully connected recurrent layer: `h ← tanh(x · kernel + h · recurrent_kernel + bias)`.
///
/// # Reference
/// `keras.layers.SimpleRNN`
pub type SimpleRnn = Recurrent<SimpleCell>;

/// Long short-term memory; its state is the output and the memory.
///
/// # Reference
/// Hochreiter, Schmidhuber: Long short-term memory (1997); `keras.layers.LSTM`
pub type Lstm = Recurrent<LstmCell>;

/// The gated recurrent unit.
///
/// # Reference
/// Cho et al.: Learning phrase representations using RNN encoder-decoder for statistical machine translation (2014);
/// `keras.layers.GRU`
pub type Gru = Recurrent<GruCell>;

impl SimpleRnn {
    pub fn new(units: usize) -> Self {
        Recurrent::of(SimpleCell::default(), units)
    }
}

impl Lstm {
    pub fn new(units: usize) -> Self {
        Recurrent::of(LstmCell::default(), units)
    }

    /// What is done to the gates; `sigmoid` unless it is given.
    pub fn recurrent_activation(mut self, activation: impl Into<Activation>) -> Self {
        self.cell.recurrent_activation = activation.into();
        self
    }

    /// Begins with the bias of the forget gate as the rest of the bias begins, not with ones.
    pub fn without_unit_forget_bias(mut self) -> Self {
        self.cell.unit_forget_bias = false;
        self
    }
}

impl Gru {
    pub fn new(units: usize) -> Self {
        Recurrent::of(GruCell::default(), units)
    }

    /// What is done to the gates; `sigmoid` unless it is given.
    pub fn recurrent_activation(mut self, activation: impl Into<Activation>) -> Self {
        self.cell.recurrent_activation = activation.into();
        self
    }

    /// Resets the state before it is multiplied by its kernel, as in the paper, not the product.
    pub fn reset_before(mut self) -> Self {
        self.cell.reset_after = false;
        self
    }
}

impl<C: Cell> Recurrent<C> {
    fn of(cell: C, units: usize) -> Self {
        let options = Options {
            units,
            use_bias: true,
            kernel: Weight::new(glorot_uniform()),
            recurrent: Weight::new(orthogonal(1.0)),
            bias: Weight::new(zero_init()),
            return_sequences: false,
            go_backwards: false,
        };
        Recurrent {
            cell,
            options,
            dropout: Choices::new(0.0),
            recurrent_dropout: Choices::new(0.0),
            weights: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// What is done to the new state; `tanh` unless it is given.
    pub fn activation(mut self, activation: impl Into<Activation>) -> Self {
        *self.cell.activation_mut() = activation.into();
        self
    }

    pub fn without_bias(mut self) -> Self {
        self.options.use_bias = false;
        self
    }

    weights! {
        options.kernel: kernel_init kernel_regularizer;
        options.recurrent: recurrent_init recurrent_regularizer;
        options.bias: bias_init bias_regularizer;
    }

    /// Gives the states after all steps, `[batch, time, units]`.
    pub fn return_sequences(mut self) -> Self {
        self.options.return_sequences = true;
        self
    }

    /// Takes the steps from the last to the first. The states after them are given in the order in which they were made.
    pub fn go_backwards(mut self) -> Self {
        self.options.go_backwards = true;
        self
    }

    /// In training, drops this part of the features of the input, the same ones at each step.
    #[track_caller]
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = Choices::new(rate);
        self
    }

    /// In training, drops this part of the state, the same places before each step.
    #[track_caller]
    pub fn recurrent_dropout(mut self, rate: f64) -> Self {
        self.recurrent_dropout = Choices::new(rate);
        self
    }

    /// The same layer with variables of its own for the other direction.
    #[track_caller]
    pub(super) fn reversed(&self) -> Self {
        Recurrent {
            cell: self.cell.clone(),
            options: Options { go_backwards: !self.options.go_backwards, ..self.options.clone() },
            dropout: self.dropout.anew(),
            recurrent_dropout: self.recurrent_dropout.anew(),
            weights: Build::new(),
            output: OutputShape::default(),
        }
    }

    pub(super) fn returns_sequences(&self) -> bool {
        self.options.return_sequences
    }

    pub(super) fn goes_backwards(&self) -> bool {
        self.options.go_backwards
    }

    /// Builds the layer for so many features of the input, in `f32`.
    #[track_caller]
    pub fn build(self, features: usize) -> Self {
        // Where a value cannot be made, its variable carries the error.
        let made = self.make(features, DType::F32);
        let _ = self.weights.get_or_make(|| Ok(made));
        self
    }

    /// Runs from a state, or from zeros: the output, and the state after the last step, the output first where there are two
    /// parts.
    #[track_caller]
    pub fn call_with_state(&self, x: &Tensor, initial: Option<&[Tensor]>, mode: Mode) -> (Tensor, Vec<Tensor>) {
        let (output, state) = self.run(x, initial, mode);
        let is_turned = self.options.go_backwards && self.options.return_sequences;
        (self.output.note(if is_turned { output.flip(1) } else { output }), state)
    }

    /// As [`Recurrent::call_with_state`], but outputs of all steps stand where the steps stand that they were made from.
    #[track_caller]
    pub(super) fn run(&self, x: &Tensor, initial: Option<&[Tensor]>, mode: Mode) -> (Tensor, Vec<Tensor>) {
        match self.prepare(x, initial) {
            Ok((weights, state)) => self.run_steps(x, weights, state, mode),
            Err(error) => {
                let failed = Tensor::from_error(error);
                (failed.clone(), vec![failed; self.cell.state_count()])
            }
        }
    }

    /// The weights and the first state.
    #[track_caller]
    fn prepare(&self, x: &Tensor, initial: Option<&[Tensor]>) -> Result<(&Weights, Vec<Tensor>), Error> {
        let (shape, name) = (x.try_shape()?, C::NAME);
        if shape.rank() != 3 {
            return Err(error(name, format!("takes an input [batch, time, features], not one of shape {shape}")));
        }
        self.dropout.check(name)?;
        self.recurrent_dropout.check(name)?;
        let (features, dtype) = (known_size(name, x, -1)?, float_of(name, x)?);
        let weights = match self.weights.get() {
            Some(weights) => weights,
            None => {
                let made = self.make(features, dtype);
                self.weights.get_or_make(|| Ok(made))?
            }
        };
        match weights.kernel.try_shape()?.size(0).as_known() {
            Some(built) if built != features => {
                return Err(error(name, format!("the layer was built for {built} features, but the input is {shape}")));
            }
            _ => {}
        }
        let count = self.cell.state_count();
        let state = match initial {
            None => vec![zeros(x.dtype(), [shape.size(0), self.options.units.into()]); count],
            Some(state) if state.len() == count => state.to_vec(),
            Some(state) => {
                return Err(error(name, format!("has a state of {count} tensors, but {} are given", state.len())));
            }
        };
        Ok((weights, state))
    }

    #[track_caller]
    fn run_steps(&self, x: &Tensor, weights: &Weights, state: Vec<Tensor>, mode: Mode) -> (Tensor, Vec<Tensor>) {
        let Options { units, return_sequences, go_backwards, .. } = self.options;
        let batch = x.shape().size(0);
        let mut steps = x.swap_axes(0, 1);
        if let Some(kept) = self.dropout.kept(mode, [1.into(), batch.clone(), x.shape().size(2)]) {
            steps = self.dropout.drop(&steps, &kept);
        }
        let kept_state = self.recurrent_dropout.kept(mode, [batch, units.into()]);
        let (input_bias, recurrent_bias) = match &weights.bias {
            None => (None, None),
            Some(bias) => self.cell.split_bias(bias.read()),
        };
        let mut projected = steps.matmul(&weights.kernel);
        if let Some(bias) = input_bias {
            projected += bias;
        }
        let recurrent_kernel = weights.recurrent_kernel.read();
        let step = |mut state: Vec<Tensor>, x: Tensor| {
            if let (Some(kept), Some(hidden)) = (&kept_state, state.first_mut()) {
                *hidden = self.recurrent_dropout.drop(hidden, kept);
            }
            self.cell.step(x, state, &recurrent_kernel, recurrent_bias.as_ref())
        };
        if !return_sequences {
            let last = |state, x| (step(state, x), ());
            let (state, ()) =
                if go_backwards { scan_reverse(state, projected, last) } else { scan(state, projected, last) };
            return (output_of(&state), state);
        }
        let all = |state, x| {
            let state = step(state, x);
            let output = output_of(&state);
            (state, output)
        };
        let (state, outputs) =
            if go_backwards { scan_reverse(state, projected, all) } else { scan(state, projected, all) };
        (outputs.swap_axes(0, 1), state)
    }

    #[track_caller]
    fn make(&self, features: usize, dtype: DType) -> Weights {
        let Options { units, use_bias, kernel, recurrent, bias, .. } = &self.options;
        let width = C::GATES * units;
        let kernel = kernel.make("kernel", &[features, width], dtype);
        let recurrent_kernel = recurrent.make("recurrent_kernel", &[*units, width], dtype);
        let bias = if *use_bias {
            Some(Variable::new(self.cell.first_bias(&bias.init, *units, dtype)).named("bias"))
        } else {
            None
        };
        Weights { kernel, recurrent_kernel, bias }
    }
}

/// The part of a state that is the output.
fn output_of(state: &[Tensor]) -> Tensor {
    state.first().cloned().unwrap_or_else(|| Tensor::from_error(Error::new("a cell without state")))
}

impl<C: Cell> Module for Recurrent<C> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(Weights { kernel, recurrent_kernel, bias }) = self.weights.get() {
            self.options.kernel.show(parts, "kernel", kernel);
            self.options.recurrent.show(parts, "recurrent_kernel", recurrent_kernel);
            if let Some(bias) = bias {
                self.options.bias.show(parts, "bias", bias);
            }
        }
        for (name, choices) in [("dropout", &self.dropout), ("recurrent_dropout", &self.recurrent_dropout)] {
            parts.enter(name);
            choices.show(parts);
            parts.leave();
        }
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        C::KIND
    }
}

impl<C: Cell> Layer for Recurrent<C> {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.call_with_state(x, None, mode).0
    }
}
