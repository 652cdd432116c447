//! What one step of a recurrent layer computes.
//!
//! A kernel has the columns of one gate after another, in the order of Keras.

use tancho_core::{DType, Tensor, concat, ones, sigmoid, tanh};

use crate::activation::Activation;
use crate::init::Initializer;

/// One step of a recurrent layer.
pub trait Cell: Clone + Send + Sync + 'static {
    /// What the layer is called in a summary.
    const KIND: &'static str;
    /// What the layer is called in messages.
    const NAME: &'static str;
    /// How many times as wide as the state the kernels are.
    const GATES: usize;

    /// How many tensors `[batch, units]` the state is; the first is the output.
    fn state_count(&self) -> usize;

    fn activation_mut(&mut self) -> &mut Activation;

    /// The state after a step; `x` is the input times its kernel, with the bias of the input.
    fn step(&self, x: Tensor, state: Vec<Tensor>, kernel: &Tensor, bias: Option<&Tensor>) -> Vec<Tensor>;

    /// What of the bias is added before the loop, and what in it.
    #[track_caller]
    fn split_bias(&self, bias: Tensor) -> (Option<Tensor>, Option<Tensor>) {
        (Some(bias), None)
    }

    /// The bias in the beginning.
    #[track_caller]
    fn first_bias(&self, init: &Initializer, units: usize, dtype: DType) -> Tensor {
        init.values(&[Self::GATES * units], dtype)
    }
}

/// The cell of [`SimpleRnn`](crate::SimpleRnn).
#[derive(Clone, Debug)]
pub struct SimpleCell {
    activation: Activation,
}

impl Default for SimpleCell {
    fn default() -> Self {
        SimpleCell { activation: Activation::from(tanh) }
    }
}

impl Cell for SimpleCell {
    const KIND: &'static str = "SimpleRnn";
    const NAME: &'static str = "simple_rnn";
    const GATES: usize = 1;

    fn state_count(&self) -> usize {
        1
    }

    fn activation_mut(&mut self) -> &mut Activation {
        &mut self.activation
    }

    fn step(&self, x: Tensor, state: Vec<Tensor>, kernel: &Tensor, _: Option<&Tensor>) -> Vec<Tensor> {
        let [hidden] = &state[..] else { return state };
        vec![self.activation.apply(x + hidden.matmul(kernel))]
    }
}

/// The cell of [`Lstm`](crate::Lstm): the gates are input, forget, memory, output.
#[derive(Clone, Debug)]
pub struct LstmCell {
    activation: Activation,
    pub(super) recurrent_activation: Activation,
    pub(super) unit_forget_bias: bool,
}

impl Default for LstmCell {
    fn default() -> Self {
        LstmCell {
            activation: Activation::from(tanh),
            recurrent_activation: Activation::from(sigmoid),
            unit_forget_bias: true,
        }
    }
}

impl Cell for LstmCell {
    const KIND: &'static str = "Lstm";
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;

    fn state_count(&self) -> usize {
        2
    }

    fn activation_mut(&mut self) -> &mut Activation {
        &mut self.activation
    }

    fn step(&self, x: Tensor, state: Vec<Tensor>, kernel: &Tensor, _: Option<&Tensor>) -> Vec<Tensor> {
        let [hidden, memory] = &state[..] else { return state };
        let gates = x + hidden.matmul(kernel);
        let [input, forget, candidate, output] = &gates.split(4, 1)[..] else { return vec![gates; 2] };
        let gate = |x: &Tensor| self.recurrent_activation.apply(x.clone());
        let memory = gate(forget) * memory + gate(input) * self.activation.apply(candidate.clone());
        vec![gate(output) * self.activation.apply(memory.clone()), memory]
    }

    #[track_caller]
    fn first_bias(&self, init: &Initializer, units: usize, dtype: DType) -> Tensor {
        if !self.unit_forget_bias {
            return init.values(&[Self::GATES * units], dtype);
        }
        concat([init.values(&[units], dtype), ones(dtype, [units]), init.values(&[2 * units], dtype)], 0)
    }
}

/// The cell of [`Gru`](crate::Gru): the gates are update, reset, candidate.
#[derive(Clone, Debug)]
pub struct GruCell {
    activation: Activation,
    pub(super) recurrent_activation: Activation,
    pub(super) reset_after: bool,
}

impl Default for GruCell {
    fn default() -> Self {
        GruCell {
            activation: Activation::from(tanh),
            recurrent_activation: Activation::from(sigmoid),
            reset_after: true,
        }
    }
}

impl Cell for GruCell {
    const KIND: &'static str = "Gru";
    const NAME: &'static str = "gru";
    const GATES: usize = 3;

    fn state_count(&self) -> usize {
        1
    }

    fn activation_mut(&mut self) -> &mut Activation {
        &mut self.activation
    }

    fn step(&self, x: Tensor, state: Vec<Tensor>, kernel: &Tensor, bias: Option<&Tensor>) -> Vec<Tensor> {
        let [hidden] = &state[..] else { return state };
        let gate = |x: Tensor| self.recurrent_activation.apply(x);
        let [x_update, x_reset, x_candidate] = &x.split(3, 1)[..] else { return vec![x] };
        let (update, candidate) = if self.reset_after {
            let mut inner = hidden.matmul(kernel);
            if let Some(bias) = bias {
                inner += bias;
            }
            let [update, reset, candidate] = &inner.split(3, 1)[..] else { return vec![inner] };
            (gate(x_update + update), x_candidate + gate(x_reset + reset) * candidate)
        } else {
            let [update, reset, candidate] = &kernel.split(3, 1)[..] else { return vec![x] };
            let reset_state = gate(x_reset + hidden.matmul(reset)) * hidden;
            (gate(x_update + hidden.matmul(update)), x_candidate + reset_state.matmul(candidate))
        };
        vec![&update * hidden + (1.0 - &update) * self.activation.apply(candidate)]
    }

    /// Where the product is reset, its own bias is reset with it.
    #[track_caller]
    fn split_bias(&self, bias: Tensor) -> (Option<Tensor>, Option<Tensor>) {
        if self.reset_after { (Some(bias.slice(0)), Some(bias.slice(1))) } else { (Some(bias), None) }
    }

    #[track_caller]
    fn first_bias(&self, init: &Initializer, units: usize, dtype: DType) -> Tensor {
        let width = Self::GATES * units;
        if self.reset_after { init.values(&[2, width], dtype) } else { init.values(&[width], dtype) }
    }
}
