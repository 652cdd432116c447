//! Modules: names and nesting of variables, summaries, initial values and penalties.

extern crate tancho_nn as tancho;

use std::sync::Arc;

use tancho_core::{DType, Tensor, Variable, eye, relu, tensor, zeros};
use tancho_nn::init::{self, Direction, Initializer};
use tancho_nn::{Dense, Layer, Lstm, Mode, Module, MultiHeadAttention, Residual, Sequential};

#[track_caller]
fn check_names(module: &dyn Module, expected: &[&str]) {
    let names: Vec<String> = module.named_variables().into_iter().map(|named| named.name).collect();
    assert_eq!(names, expected);
}

#[derive(Module)]
struct Block<L> {
    inner: L,
    scale: Variable,
    #[module(skip)]
    _notes: Vec<std::ops::Range<usize>>,
}

fn block<L>(inner: L) -> Block<L> {
    Block { inner, scale: Variable::new([1.0f32, 1.0]), _notes: Vec::new() }
}

#[derive(Module)]
struct Nested {
    blocks: Vec<Block<Dense>>,
    pair: [Dense; 2],
    maybe: Option<Dense>,
    none: Option<Dense>,
    tied: (Arc<Dense>, Arc<Dense>),
    rate: f64,
}

#[test]
fn variables_are_named_by_their_path() {
    let dense = || Dense::new(1).without_bias().build(2);
    let tied = Arc::new(dense());
    let model = Nested {
        blocks: vec![block(dense()), block(dense())],
        pair: [dense(), dense()],
        maybe: Some(dense()),
        none: None,
        tied: (tied.clone(), tied),
        rate: 0.5,
    };
    let blocks = ["blocks[0].inner.kernel", "blocks[0].scale", "blocks[1].inner.kernel", "blocks[1].scale"];
    let others = ["pair[0].kernel", "pair[1].kernel", "maybe.kernel", "tied[0].kernel"];
    check_names(&model, &[&blocks[..], &others].concat());
    assert_eq!(model.parameter_count(), 8 * 2);
    assert_eq!(model.summary().trainable.count, 8 * 2);
}

#[test]
fn parts_of_layers_are_named_as_in_keras() {
    let attention = MultiHeadAttention::new(1, 2).without_bias().dropout(0.1).build(3);
    let names = ["query.kernel", "key.kernel", "value.kernel", "attention_output.kernel", "generator"];
    check_names(&attention, &names);
    let model = Sequential::new().add(Residual::new(Dense::new(2).build(2))).add(|x: &Tensor| relu(x));
    check_names(&model, &["[0].layer.kernel", "[0].layer.bias"]);
    let boxed: [Box<dyn Layer>; 2] = [Box::new(Dense::new(2).build(2)), Box::new(Lstm::new(1).without_bias().build(2))];
    check_names(&Sequential::from(boxed), &["[0].kernel", "[0].bias", "[1].kernel", "[1].recurrent_kernel"]);
}

#[derive(Module)]
struct Model {
    embed: Dense,
    blocks: Vec<Residual>,
    head: Sequential,
    scale: Variable,
    counter: Variable,
    rest: Option<Dense>,
}

#[test]
fn a_summary_is_the_table_of_keras() {
    let model = Model {
        embed: Dense::new(2000),
        blocks: vec![Residual::new(Dense::new(2000))],
        head: Sequential::new().add(|x: &Tensor| relu(x)).add(Dense::new(3)),
        scale: Variable::new([1.0f32, 2.0]),
        counter: Variable::new(tensor(0i64)).not_trainable(),
        rest: Some(Dense::new(1)),
    };
    let call = tancho_core::function(|x: Tensor| {
        let x = model.blocks[0].call(&model.embed.call(&x, Mode::Eval), Mode::Eval);
        model.head.call(&x, Mode::Eval)
    });
    let call = call.with_signature([tancho_core::spec(DType::F32, [None, Some(4)])]).unwrap();
    assert_eq!(call.call(zeros(DType::F32, [2, 4])).unwrap().shape(), [2, 3]);
    let expected = "\
Model: \"Model\"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ embed (Dense)                   │ (None, 2000)           │        10,000 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ blocks[0] (Residual)            │ (None, 2000)           │     4,002,000 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│    └ layer (Dense)              │ (None, 2000)           │     4,002,000 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ head (Sequential)               │ (None, 3)              │         6,003 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│    └ [0] (Lambda)               │ (None, 2000)           │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│    └ [1] (Dense)                │ (None, 3)              │         6,003 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ scale (Variable)                │ (2,)                   │             2 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ counter (Variable)              │ ()                     │             1 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ rest (Dense)                    │ ?                      │   0 (unbuilt) │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 4,018,006 (15.33 MB)
 Trainable params: 4,018,005 (15.33 MB)
 Non-trainable params: 1 (8.00 B)
";
    assert_eq!(model.summary().to_string(), expected, "\n{}", model.summary());
}

/// Mean and variance of many numbers, and a bound that they stay within.
#[track_caller]
fn check_distribution(init: Initializer, shape: &[usize], mean: f64, variance: f64, bound: f64) {
    let values = init.seed(7).values(shape, DType::F32).to_vec::<f32>().unwrap();
    let count = values.len() as f64;
    let got_mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let got_variance = values.iter().map(|&x| (f64::from(x) - got_mean).powi(2)).sum::<f64>() / count;
    // Five deviations of the mean, and of the variance of a normal distribution.
    assert!((got_mean - mean).abs() <= 5.0 * (variance / count).sqrt(), "mean {got_mean}");
    assert!((got_variance - variance).abs() <= 5.0 * variance * (2.0 / count).sqrt(), "variance {got_variance}");
    assert!(values.iter().all(|&x| (f64::from(x) - mean).abs() <= bound * 1.000_001));
}

#[test]
fn initial_values_are_distributed_as_in_keras() {
    let (shape, inputs, outputs) = ([5, 60, 100], 300.0, 500.0);
    let uniform = |variance: f64| (3.0 * variance).sqrt();
    let truncated = |variance: f64| 2.0 * variance.sqrt() / 0.879_625_661;
    let glorot = 2.0 / (inputs + outputs);
    check_distribution(init::glorot_uniform(), &shape, 0.0, glorot, uniform(glorot));
    check_distribution(init::glorot_normal(), &shape, 0.0, glorot, truncated(glorot));
    check_distribution(init::he_uniform(), &shape, 0.0, 2.0 / inputs, uniform(2.0 / inputs));
    check_distribution(init::he_normal(), &shape, 0.0, 2.0 / inputs, truncated(2.0 / inputs));
    check_distribution(init::lecun_uniform(), &shape, 0.0, 1.0 / inputs, uniform(1.0 / inputs));
    check_distribution(init::lecun_normal(), &shape, 0.0, 1.0 / inputs, truncated(1.0 / inputs));
    check_distribution(init::normal(), &shape, 0.0, 0.0025, 1.0);
    check_distribution(init::normal_with(3.0, 2.0), &shape, 3.0, 4.0, 20.0);
    check_distribution(init::uniform(), &shape, 0.0, 0.01 / 12.0, 0.05);
    check_distribution(init::truncated_normal(), &shape, 0.0, 0.0025 * 0.773_741_3, 0.1);
    let outputs_only = init::variance_scaling(3.0, init::Fan::Outputs, init::Distribution::Normal);
    check_distribution(outputs_only, &shape, 0.0, 3.0 / outputs, 1.0);
}

#[track_caller]
fn check_close(got: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape(), "{:?}", got.check());
    let difference = (got - expected).abs().max(..).to(DType::F64).item::<f64>().unwrap();
    assert!(difference <= tolerance, "{got} is not {expected}");
}

#[test]
fn orthogonal_matrices_are_orthogonal() {
    for shape in [[6usize, 6], [9, 4], [4, 9], [1, 1]] {
        let matrix = init::orthogonal(2.0).values(&shape, DType::F64);
        let product = if shape[0] < shape[1] { matrix.matmul(matrix.t()) } else { matrix.t().matmul(&matrix) };
        check_close(&product, &(eye(DType::F64, shape[0].min(shape[1])) * 4.0), 1e-13);
    }
    let kernel = init::orthogonal(1.0).values(&[2, 3, 4], DType::F32);
    let matrix = kernel.reshape([6, 4]);
    check_close(&matrix.t().matmul(&matrix), &eye(DType::F32, 4), 1e-6);
    let message = init::orthogonal(1.0).values(&[3], DType::F32).check().unwrap_err().to_string();
    assert!(message.contains("orthogonal: takes a shape of two axes or more, not [3]"), "{message}");
}

#[test]
fn fixed_values() {
    let matrix = init::identity(2.0).values(&[2, 3], DType::F32);
    assert_eq!(matrix.to_vec::<f32>().unwrap(), [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    assert_eq!(init::constant(1.5).values(&[2], DType::F64).to_vec::<f64>().unwrap(), [1.5, 1.5]);
    assert_eq!(init::ones().values(&[], DType::F32).item::<f32>().unwrap(), 1.0);
    let (first, second) = (init::normal().values(&[4], DType::F32), init::normal().values(&[4], DType::F32));
    assert_ne!(first.to_vec::<f32>().unwrap(), second.to_vec::<f32>().unwrap());
}

/// The values are those of Keras for the matrix `[[0, 1, 2], [3, 4, 5]]`, but for the columns: the mean of three cosines.
#[test]
fn regularizers_add_to_a_loss() {
    let x = tensor([[0.0f64, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    let check = |regularizer: init::Regularizer, expected: f64| {
        check_close(&regularizer.penalty(&x), &tensor(expected), 1e-9);
    };
    check(init::l1(0.1), 1.5);
    check(init::l2(0.1), 5.5);
    check(init::l1_l2(0.1, 0.2), 12.5);
    check(init::orthogonal_penalty(0.01, Direction::Rows), 0.01 * 14.0 / 250f64.sqrt());
    let columns = 4.0 / 17f64.sqrt() + 5.0 / 29f64.sqrt() + 22.0 / (17.0f64 * 29.0).sqrt();
    check(init::orthogonal_penalty(0.01, Direction::Columns), 0.01 * columns / 3.0);
    let model =
        Sequential::new().add(Dense::new(1).kernel_init(init::ones()).kernel_regularizer(init::l1(0.5)).build(3));
    check_close(&model.penalty().unwrap(), &tensor(1.5f32), 0.0);
}
