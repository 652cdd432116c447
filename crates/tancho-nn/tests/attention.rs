//! Attention: against values of Keras (see keras/recurrent.py), with lengths that vary, and wrong inputs.

mod fixture;

use fixture::{Fixture, assert_close, check_error};
use tancho_core::{DType, Tensor, function, iota, ones, spec, zeros};
use tancho_nn::{Layer, Mode, Module, MultiHeadAttention};

#[track_caller]
fn check(case: &str, make: impl Fn() -> MultiHeadAttention, mask: Option<&Tensor>) {
    Fixture::read("attention.safetensors")
        .check(case, &["query", "value", "key"], make, |layer, x| layer.attend(&x[0], &x[1], &x[2], mask, Mode::Eval));
}

#[test]
fn heads_look_at_values() {
    check("attention", || MultiHeadAttention::new(2, 3).value_dim(4), None);
    check("attention_causal", || MultiHeadAttention::new(2, 3).without_bias().causal(), None);
    let make = || MultiHeadAttention::new(2, 3).output_size(5).causal();
    Fixture::read("attention.safetensors")
        .check("attention_self", &["x"], make, |layer, x| layer.call(&x[0], Mode::Eval));
}

#[test]
fn a_mask_hides_values() {
    let mask = Fixture::read("attention.safetensors").tensor("attention_masked/mask");
    check("attention_masked", || MultiHeadAttention::new(2, 3), Some(&mask));
    let layer = MultiHeadAttention::new(2, 3);
    let x = (iota(DType::F32, [24], 0) * 0.7).sin().reshape([2, 3, 4]);
    let lower = tancho_core::tensor([[true, false, false], [true, true, false], [true, true, true]]);
    let (masked, scores) = layer.attend_with_scores(&x, &x, &x, Some(&lower), Mode::Eval);
    assert_eq!(scores.shape(), [2, 2, 3, 3]);
    assert_eq!(scores.slice((0, 0, 0)).to_vec::<f32>().unwrap(), [1.0, 0.0, 0.0]);
    let four = lower.broadcast_to([2, 2, 3, 3]);
    assert_close("rank 4", &layer.attend(&x, &x, &x, Some(&four), Mode::Eval), &masked, 0.0);
}

#[test]
fn batch_and_lengths_vary() {
    let layer = MultiHeadAttention::new(2, 3).causal();
    let traced = function(|q: Tensor, v: Tensor| layer.attend(&q, &v, &v, None, Mode::Eval));
    let sizes = || spec(DType::F32, [None, None, Some(4)]);
    let traced = traced.with_signature([sizes(), sizes()]).unwrap();
    for (batch, t, s) in [(2usize, 3usize, 5usize), (1, 4, 4), (3, 6, 2)] {
        let draw = |length: usize| (iota(DType::F32, [batch * length * 4], 0) * 0.3).sin().reshape([batch, length, 4]);
        let (q, v) = (draw(t), draw(s));
        let expected = layer.attend(&q, &v, &v, None, Mode::Eval);
        assert_close("traced", &traced.call((&q, &v)).unwrap(), &expected, 1e-5);
    }
    assert_eq!(traced.tracing_count(), 1);
}

#[test]
fn dropout_drops_in_training_only() {
    let (x, layer) = (ones(DType::F32, [2, 6, 4]), MultiHeadAttention::new(2, 3).dropout(0.5));
    let used = layer.call(&x, Mode::Eval).to_vec::<f32>().unwrap();
    assert_eq!(used, layer.call(&x, Mode::Eval).to_vec::<f32>().unwrap());
    let trained = layer.call(&x, Mode::Train).to_vec::<f32>().unwrap();
    assert_ne!(trained, layer.call(&x, Mode::Train).to_vec::<f32>().unwrap());
    assert_eq!(layer.parameter_count(), 3 * (4 * 6 + 6) + 6 * 4 + 4);
}

#[test]
fn wrong_inputs_are_named() {
    let layer = MultiHeadAttention::new(2, 3).build(4);
    check_error(&layer, &zeros(DType::F32, [2, 4]), "takes a query [batch, length, features], not one of shape (2, 4)");
    check_error(&layer, &zeros(DType::F32, [1, 2, 5]), "the layer was built for 4 features, not for (1, 2, 5)");
    let x = zeros(DType::F32, [1, 2, 4]);
    let y = layer.attend(&x, &x, &x, Some(&x), Mode::Eval);
    assert!(y.check().unwrap_err().to_string().contains("takes a mask bool[batch, T, S], not f32 of shape (1, 2, 4)"));
}
