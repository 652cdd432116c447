//! Models that must learn something: a transformer sorts, an LSTM adds.
//!
//! Small versions run always; `TANCHO_SWEEP=1` asks for what the names say.

extern crate tancho_nn as tancho;

use tancho_core::random::{self, Key};
use tancho_core::{DType, GradientTape, Result, Tensor, Variable, function, gelu};
use tancho_nn::init::normal_with;
use tancho_nn::optimizers::schedules::cosine_decay;
use tancho_nn::{
    Adam, Dense, Embedding, Layer, LayerNorm, Loss, Lstm, Mode, Module, MultiHeadAttention, Optimizer, Sequential,
    losses, set_seed,
};

fn is_sweep() -> bool {
    std::env::var_os("TANCHO_SWEEP").is_some()
}

/// Trains on batches that depend on a key, and gives how many of 1,000 fresh samples are right as a whole.
fn right_after_training(
    model: &impl Layer,
    steps: u64,
    rate: f64,
    loss: impl Loss,
    samples: impl Fn(usize, &Key) -> (Tensor, Tensor),
    is_right: impl Fn(&Tensor, &Tensor) -> Tensor,
) -> Result<i64> {
    let adam = Adam::new(cosine_decay(rate, steps));
    let step = function(|x: Tensor, y: Tensor| {
        let tape = GradientTape::new();
        let loss = loss.losses(&y, &model.call(&x, Mode::Train)).mean(..);
        let variables = model.trainable_variables();
        adam.apply(&tape.gradient(&loss, &variables), &variables)?;
        Ok(loss)
    });
    let key = Key::new(5);
    for number in 0..steps {
        let (x, y) = samples(64, &key.fold_in(tancho_core::tensor(number)));
        step.call((x, y))?;
    }
    assert_eq!(step.tracing_count(), 1);
    let (x, y) = samples(1000, &Key::new(6));
    is_right(&y, &model.call(&x, Mode::Eval)).to(DType::I64).sum(..).item::<i64>()
}

#[derive(Module)]
struct Block {
    attention_norm: LayerNorm,
    attention: MultiHeadAttention,
    network_norm: LayerNorm,
    wide: Dense,
    narrow: Dense,
}

impl Block {
    fn new(width: usize) -> Self {
        Block {
            attention_norm: LayerNorm::new(),
            attention: MultiHeadAttention::new(4, width / 4),
            network_norm: LayerNorm::new(),
            wide: Dense::new(4 * width).activation(gelu),
            narrow: Dense::new(width),
        }
    }
}

impl Layer for Block {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let x = x + self.attention.call(&self.attention_norm.call(x, mode), mode);
        let hidden = self.wide.call(&self.network_norm.call(&x, mode), mode);
        x + self.narrow.call(&hidden, mode)
    }
}

#[derive(Module)]
struct Transformer {
    embedding: Embedding,
    positions: Variable,
    blocks: Vec<Block>,
    norm: LayerNorm,
    output: Dense,
}

impl Layer for Transformer {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.embedding.call(x, mode) + &self.positions;
        for block in &self.blocks {
            x = block.call(&x, mode);
        }
        self.output.call(&self.norm.call(&x, mode), mode)
    }
}

#[test]
fn a_transformer_of_two_layers_sorts_eight_numbers() -> Result<()> {
    let (length, numbers, steps, wanted) = if is_sweep() { (8, 64, 6000, 990) } else { (4, 8, 250, 900) };
    set_seed(3);
    let width = if is_sweep() { 64 } else { 32 };
    let model = Transformer {
        embedding: Embedding::new(numbers, width),
        positions: normal_with(0.0, 0.05).variable("positions", &[length, width], DType::F32),
        blocks: vec![Block::new(width), Block::new(width)],
        norm: LayerNorm::new(),
        output: Dense::new(numbers),
    };
    let samples = |count: usize, key: &Key| {
        let x = (random::uniform([count, length], key) * numbers as f64).to(DType::I32);
        let y = x.sort(-1);
        (x, y)
    };
    let loss = losses::SparseCategoricalCrossentropy::new().from_logits();
    let right = right_after_training(&model, steps, 0.002, loss, samples, |y, prediction| {
        prediction.argmax(-1).to(DType::I32).eq(y).all(-1)
    })?;
    assert!(right >= wanted, "{right} of 1000 sequences are sorted");
    Ok(())
}

#[test]
fn an_lstm_adds_in_binary() -> Result<()> {
    let (bits, steps, wanted) = if is_sweep() { (16, 1500, 995) } else { (6, 250, 950) };
    set_seed(3);
    let model = Sequential::new().add(Lstm::new(16).return_sequences()).add(Dense::new(1));
    // Two numbers, the lowest bits first, and the bits of their sum.
    let samples = |count: usize, key: &Key| {
        let weights = tancho_core::full(2i64, [bits]).pow(tancho_core::arange(0i64, bits as i64, 1));
        let parts = (random::uniform([count, 2, bits], key) * 2.0).to(DType::I64);
        let numbers = (&parts * &weights).sum(-1);
        let sum = numbers.sum(-1).expand_dims(-1);
        let digits = (sum / &weights) % 2i64;
        let x = parts.transpose([0, 2, 1]).to(DType::F32);
        (x, digits.to(DType::F32).expand_dims(-1))
    };
    let loss = losses::BinaryCrossentropy::new().from_logits();
    let right = right_after_training(&model, steps, 0.02, loss, samples, |y, prediction| {
        prediction.gt(0.0).to(DType::F32).eq(y).squeeze(-1).all(-1)
    })?;
    assert!(right >= wanted, "{right} of 1000 sums are right");
    Ok(())
}
