//! A small transformer over a sequence whose length varies: four layers of causal attention and a network with gelu, each
//! behind a normalisation.

use tancho::prelude::*;

pub const WIDTH: usize = 64;
const HEADS: usize = 4;
const HEAD_WIDTH: usize = WIDTH / HEADS;
const LAYERS: usize = 4;

/// Where a model keeps its numbers.
pub enum Keep {
    /// In tensors, which are constants of a trace.
    Constants,
    /// In variables, which are arguments of a trace.
    Variables,
}

/// A parameter as a trace sees it.
enum Parameter {
    Constant(Tensor),
    Variable(Variable),
}

impl Parameter {
    fn read(&self) -> Tensor {
        match self {
            Parameter::Constant(value) => value.clone(),
            Parameter::Variable(variable) => variable.read(),
        }
    }
}

pub struct Transformer {
    layers: Vec<Layer>,
    norm: Norm,
}

struct Layer {
    attention_norm: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    network_norm: Norm,
    wide: Linear,
    narrow: Linear,
}

struct Norm {
    scale: Parameter,
    shift: Parameter,
}

struct Linear {
    weight: Parameter,
    bias: Parameter,
}

/// Makes parameters of numbers that depend on their order alone.
struct Maker {
    keep: Keep,
    state: u64,
}

impl Maker {
    fn parameter(&mut self, sizes: &[usize], middle: f32, spread: f32) -> Parameter {
        let numbers: Vec<f32> = (0..sizes.iter().product()).map(|_| middle + spread * self.number()).collect();
        let value = Tensor::from_vec(sizes, numbers);
        match self.keep {
            Keep::Constants => Parameter::Constant(value),
            Keep::Variables => Parameter::Variable(Variable::new(value)),
        }
    }

    /// In [-1, 1): the upper bits of a linear congruential generator.
    fn number(&mut self) -> f32 {
        self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn linear(&mut self, from: usize, to: usize) -> Linear {
        let spread = (3.0 / from as f32).sqrt();
        Linear { weight: self.parameter(&[from, to], 0.0, spread), bias: self.parameter(&[to], 0.0, 0.1) }
    }

    fn norm(&mut self) -> Norm {
        Norm { scale: self.parameter(&[WIDTH], 1.0, 0.1), shift: self.parameter(&[WIDTH], 0.0, 0.1) }
    }

    fn layer(&mut self) -> Layer {
        Layer {
            attention_norm: self.norm(),
            query: self.linear(WIDTH, WIDTH),
            key: self.linear(WIDTH, WIDTH),
            value: self.linear(WIDTH, WIDTH),
            output: self.linear(WIDTH, WIDTH),
            network_norm: self.norm(),
            wide: self.linear(WIDTH, 4 * WIDTH),
            narrow: self.linear(4 * WIDTH, WIDTH),
        }
    }
}

impl Transformer {
    pub fn new(keep: Keep) -> Self {
        let mut maker = Maker { keep, state: 1 };
        Transformer { layers: (0..LAYERS).map(|_| maker.layer()).collect(), norm: maker.norm() }
    }

    /// `x: f32[length, WIDTH]` → the same.
    pub fn apply(&self, x: Tensor) -> Tensor {
        let x = self.layers.iter().fold(x, |x, layer| layer.apply(x));
        self.norm.apply(&x)
    }
}

impl Layer {
    fn apply(&self, x: Tensor) -> Tensor {
        let x = &x + self.attention(&self.attention_norm.apply(&x));
        let hidden = self.wide.apply(&self.network_norm.apply(&x)).gelu();
        &x + self.narrow.apply(&hidden)
    }

    fn attention(&self, x: &Tensor) -> Tensor {
        let length = || x.shape()[0].clone();
        let heads =
            |linear: &Linear| linear.apply(x).reshape([length(), HEADS.into(), HEAD_WIDTH.into()]).transpose([1, 0, 2]);
        let (query, key, value) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let scores = query.matmul(key.swap_axes(-1, -2)) / (HEAD_WIDTH as f64).sqrt();
        let places = |axis| iota(DType::I32, [length(), length()], axis);
        let weights = softmax(select(places(0).ge(places(1)), scores, f64::NEG_INFINITY), -1);
        let mixed = weights.matmul(value).transpose([1, 0, 2]).reshape([length(), WIDTH.into()]);
        self.output.apply(&mixed)
    }
}

impl Norm {
    fn apply(&self, x: &Tensor) -> Tensor {
        layer_norm(x, self.scale.read(), self.shift.read(), 1e-5)
    }
}

impl Linear {
    fn apply(&self, x: &Tensor) -> Tensor {
        x.matmul(self.weight.read()) + self.bias.read()
    }
}

/// A sequence of a length; what stands at a place depends on the place alone.
pub fn sequence(length: usize) -> Tensor {
    let number = |index: usize| ((index * 7919 % 1009) as f32 / 504.5 - 1.0) * 1.5;
    Tensor::from_vec([length, WIDTH], (0..length * WIDTH).map(number).collect::<Vec<f32>>())
}

/// `1..=200` in an order that goes up and down: 89 and 201 have no common divisor.
pub fn shuffled_lengths() -> impl Iterator<Item = usize> {
    (1..=200).map(|number| number * 89 % 201)
}
