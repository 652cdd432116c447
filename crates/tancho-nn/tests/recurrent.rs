//! Recurrent layers: against values of Keras (see keras/recurrent.py), with batches and lengths that vary, and wrong inputs.

mod fixture;

use fixture::{Fixture, assert_close, check_error};
use tancho_core::{DType, Tensor, function, iota, ones, relu, spec, zeros};
use tancho_nn::{Bidirectional, Cell, Gru, Layer, Lstm, Merge, Mode, Module, Recurrent, SimpleRnn};

/// The cases that Keras was run for with each kind of layer.
#[track_caller]
fn check_kind<C: Cell>(kind: &str, make: impl Fn() -> Recurrent<C>) {
    let fixture = Fixture::read("recurrent.safetensors");
    let check = |case: &str, change: &dyn Fn(Recurrent<C>) -> Recurrent<C>| {
        let call = |layer: &Recurrent<C>, x: &[Tensor]| layer.call(&x[0], Mode::Eval);
        fixture.check(&format!("{kind}{case}"), &["x"], || change(make()), call);
    };
    check("", &|layer| layer);
    check("_sequences", &|layer| layer.return_sequences());
    check("_backwards", &|layer| layer.return_sequences().go_backwards());
    check("_no_bias", &|layer| layer.without_bias().activation(relu));
    let bidirectional = || Bidirectional::new(make().return_sequences());
    fixture.check(&format!("{kind}_bidirectional"), &["x"], bidirectional, |layer, x| layer.call(&x[0], Mode::Eval));
}

#[test]
fn simple_rnn() {
    check_kind("simple_rnn", || SimpleRnn::new(4));
}

#[test]
fn lstm() {
    check_kind("lstm", || Lstm::new(4));
    let call = |layer: &Lstm, x: &[Tensor]| layer.call_with_state(&x[0], Some(&x[1..]), Mode::Eval).0;
    Fixture::read("recurrent.safetensors").check("lstm_state", &["x", "h", "c"], || Lstm::new(4), call);
}

#[test]
fn gru() {
    check_kind("gru", || Gru::new(4));
    let make = || Gru::new(4).reset_before();
    Fixture::read("recurrent.safetensors")
        .check("gru_reset_before", &["x"], make, |gru, x| gru.call(&x[0], Mode::Eval));
}

#[test]
fn directions_are_merged() {
    let fixture = Fixture::read("recurrent.safetensors");
    let check = |case: &str, make: &dyn Fn() -> Bidirectional<tancho_nn::GruCell>| {
        fixture.check(case, &["x"], make, |layer, x| layer.call(&x[0], Mode::Eval));
    };
    check("merge_sum", &|| Bidirectional::new(Gru::new(4)).merge(Merge::Sum));
    check("merge_mul", &|| Bidirectional::new(Gru::new(4)).merge(Merge::Multiply));
    check("merge_ave", &|| Bidirectional::new(Gru::new(4)).merge(Merge::Average));
}

#[test]
fn batch_and_length_vary() {
    let layer = Bidirectional::new(Lstm::new(3).return_sequences());
    let traced = function(|x: Tensor| layer.call(&x, Mode::Eval));
    let traced = traced.with_signature([spec(DType::F32, [None, None, Some(2)])]).unwrap();
    for (batch, length) in [(2usize, 4usize), (1, 7), (3, 1)] {
        let x = (iota(DType::F32, [batch * length * 2], 0) * 0.3).sin().reshape([batch, length, 2]);
        assert_close("traced", &traced.call(&x).unwrap(), &layer.call(&x, Mode::Eval), 1e-6);
    }
    assert_eq!(traced.tracing_count(), 1);
}

#[test]
fn a_state_goes_on() {
    let (x, lstm) = ((iota(DType::F32, [24], 0) * 0.4).sin().reshape([2, 4, 3]), Lstm::new(5));
    let (whole, _) = lstm.call_with_state(&x, None, Mode::Eval);
    let (_, state) = lstm.call_with_state(&x.slice((.., ..3)), None, Mode::Eval);
    let (rest, _) = lstm.call_with_state(&x.slice((.., 3..)), Some(&state), Mode::Eval);
    assert_close("two parts", &rest, &whole, 1e-6);
}

#[test]
fn a_new_layer_begins_as_in_keras() {
    let lstm = Lstm::new(2).build(3);
    let [_, recurrent, bias] = &lstm.variables()[..] else { panic!("an LSTM has three variables") };
    assert_eq!(bias.to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_close("orthogonal", &recurrent.matmul(recurrent.t()), &tancho_core::eye(DType::F32, 2), 1e-6);
    assert_eq!(Lstm::new(2).without_unit_forget_bias().build(3).variables()[2].sum(..).item::<f32>().unwrap(), 0.0);
    assert_eq!(Gru::new(2).build(3).variables()[2].shape(), [2, 6]);
}

#[test]
fn dropout_drops_in_training_only() {
    let x = ones(DType::F32, [4, 3, 8]);
    for layer in [Gru::new(5).dropout(0.5), Gru::new(5).recurrent_dropout(0.5)] {
        let used = layer.call(&x, Mode::Eval).to_vec::<f32>().unwrap();
        assert_eq!(used, layer.call(&x, Mode::Eval).to_vec::<f32>().unwrap());
        let trained = layer.call(&x, Mode::Train).to_vec::<f32>().unwrap();
        assert_ne!(trained, used);
        assert_ne!(trained, layer.call(&x, Mode::Train).to_vec::<f32>().unwrap());
        assert_eq!(layer.parameter_count(), 8 * 15 + 5 * 15 + 30);
    }
}

#[test]
fn wrong_inputs_are_named() {
    check_error(
        &Gru::new(2),
        &zeros(DType::F32, [2, 3]),
        "gru: takes an input [batch, time, features], not one of shape (2, 3)",
    );
    let message = "lstm: the layer was built for 3 features, but the input is (1, 2, 4)";
    check_error(&Lstm::new(2).build(3), &zeros(DType::F32, [1, 2, 4]), message);
    let x = zeros(DType::F32, [1, 2, 4]);
    let (y, state) = Lstm::new(2).call_with_state(&x, Some(&[]), Mode::Eval);
    assert!(y.check().unwrap_err().to_string().contains("lstm: has a state of 2 tensors, but 0 are given"));
    assert_eq!(state.len(), 2);
}
