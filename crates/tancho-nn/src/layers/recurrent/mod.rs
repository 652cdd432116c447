//! Recurrent layers: one cell, which is run over the steps of a sequence.
//!
//! What the cells have in common is here: a kernel for the input, one for the state, a bias, and the loop. The product of the
//! input and its kernel needs no state, so it is taken for all steps at once before the loop; a step is left with the product
//! of the state and its kernel.
//!
//! Sequences are `[batch, time, features]`; the loop runs over `[time, batch, …]`. Neither size needs to be known.

mod cells;

use tancho_core::random::{Generator, bernoulli};
use tancho_core::{DType, Error, Tensor, Variable, scan, scan_reverse, zeros};

pub use self::cells::{Cell, GruCell, LstmCell, SimpleCell};
use super::dense::visit;
use crate::activation::Activation;
use crate::init::{self, Initializer, Regularizer};
use crate::layer::{Build, Layer, Mode, OutputShape, error, known_size};
use crate::module::{Module, Parts};
use crate::seed::next_key;

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
    /// Where dropout takes its keys from, if there is any.
    generator: Option<Generator>,
    weights: Build<Weights>,
    output: OutputShape,
}

/// What was chosen of a layer, which its copy for the other direction shares.
#[derive(Clone)]
struct Options {
    units: usize,
    use_bias: bool,
    kernel_init: Initializer,
    recurrent_init: Initializer,
    bias_init: Initializer,
    kernel_regularizer: Option<Regularizer>,
    recurrent_regularizer: Option<Regularizer>,
    bias_regularizer: Option<Regularizer>,
    return_sequences: bool,
    go_backwards: bool,
    dropout: f64,
    recurrent_dropout: f64,
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
            kernel_init: init::glorot_uniform(),
            recurrent_init: init::orthogonal(1.0),
            bias_init: init::zeros(),
            kernel_regularizer: None,
            recurrent_regularizer: None,
            bias_regularizer: None,
            return_sequences: false,
            go_backwards: false,
            dropout: 0.0,
            recurrent_dropout: 0.0,
        };
        Recurrent::with_options(cell, options)
    }

    fn with_options(cell: C, options: Options) -> Self {
        let generator =
            (options.dropout > 0.0 || options.recurrent_dropout > 0.0).then(|| Generator::from_key(next_key()));
        Recurrent { cell, options, generator, weights: Build::new(), output: OutputShape::default() }
    }

    fn with(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.options;
        change(&mut options);
        Recurrent { cell: self.cell, options, generator: self.generator, weights: self.weights, output: self.output }
    }

    /// What is done to the new state; `tanh` unless it is given.
    pub fn activation(mut self, activation: impl Into<Activation>) -> Self {
        *self.cell.activation_mut() = activation.into();
        self
    }

    pub fn without_bias(self) -> Self {
        self.with(|options| options.use_bias = false)
    }

    pub fn kernel_init(self, init: Initializer) -> Self {
        self.with(|options| options.kernel_init = init)
    }

    pub fn recurrent_init(self, init: Initializer) -> Self {
        self.with(|options| options.recurrent_init = init)
    }

    pub fn bias_init(self, init: Initializer) -> Self {
        self.with(|options| options.bias_init = init)
    }

    pub fn kernel_regularizer(self, regularizer: Regularizer) -> Self {
        self.with(|options| options.kernel_regularizer = Some(regularizer))
    }

    pub fn recurrent_regularizer(self, regularizer: Regularizer) -> Self {
        self.with(|options| options.recurrent_regularizer = Some(regularizer))
    }

    pub fn bias_regularizer(self, regularizer: Regularizer) -> Self {
        self.with(|options| options.bias_regularizer = Some(regularizer))
    }

    /// Gives the states after all steps, `[batch, time, units]`.
    pub fn return_sequences(self) -> Self {
        self.with(|options| options.return_sequences = true)
    }

    /// Takes the steps from the last to the first. The states after them are given in the order in which they were made.
    pub fn go_backwards(self) -> Self {
        self.with(|options| options.go_backwards = true)
    }

    /// In training, drops this part of the features of the input, the same ones at each step.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.options.dropout = rate;
        Recurrent::with_options(self.cell, self.options)
    }

    /// In training, drops this part of the state, the same places before each step.
    pub fn recurrent_dropout(mut self, rate: f64) -> Self {
        self.options.recurrent_dropout = rate;
        Recurrent::with_options(self.cell, self.options)
    }

    /// The same layer with variables of its own for the other direction.
    pub(super) fn reversed(&self) -> Self {
        let options = Options { go_backwards: !self.options.go_backwards, ..self.options.clone() };
        Recurrent::with_options(self.cell.clone(), options)
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
        let _ = self.weights.get_or_make(|| Ok(self.make(features, DType::F32)));
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
        let features = known_size(name, x, -1)?;
        let weights = self.weights.get_or_make(|| Ok(self.make(features, x.try_dtype()?)))?;
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
        if let Some(kept) = self.kept(mode, self.options.dropout, [batch.clone(), x.shape().size(2)], x.dtype()) {
            steps *= kept;
        }
        let kept_state = self.kept(mode, self.options.recurrent_dropout, [batch, units.into()], x.dtype());
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
                *hidden = &*hidden * kept;
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

    /// Factors for what dropout keeps, where it drops anything.
    #[track_caller]
    fn kept(&self, mode: Mode, rate: f64, sizes: [tancho_core::Dim; 2], dtype: DType) -> Option<Tensor> {
        match &self.generator {
            Some(generator) if mode.is_train() && rate > 0.0 => {
                // Where everything is dropped, what is kept is nothing, and its factor does not matter.
                let factor = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
                Some(bernoulli(sizes, 1.0 - rate, generator).to(dtype) * factor)
            }
            _ => None,
        }
    }

    #[track_caller]
    fn make(&self, features: usize, dtype: DType) -> Weights {
        let Options { units, use_bias, kernel_init, recurrent_init, bias_init, .. } = &self.options;
        let width = C::GATES * units;
        let kernel = kernel_init.variable("kernel", &[features, width], dtype);
        let recurrent_kernel = recurrent_init.variable("recurrent_kernel", &[*units, width], dtype);
        let bias = use_bias.then(|| Variable::new(self.cell.first_bias(bias_init, *units, dtype)).named("bias"));
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
            visit(parts, "kernel", kernel, &self.options.kernel_regularizer);
            visit(parts, "recurrent_kernel", recurrent_kernel, &self.options.recurrent_regularizer);
            if let Some(bias) = bias {
                visit(parts, "bias", bias, &self.options.bias_regularizer);
            }
        }
        if let Some(generator) = &self.generator {
            parts.enter("generator");
            generator.visit_parts(parts);
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
