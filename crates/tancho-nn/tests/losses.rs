//! Losses and their gradients against those of Keras; see `keras/losses.py`.

use serde_json::Value;
use tancho_core::{DType, GradientTape, Result, Tensor, arange, function, tensor};
use tancho_nn::Loss;
use tancho_nn::losses::{
    self, BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CosineSimilarity, Huber,
    SparseCategoricalCrossentropy, mean_loss,
};

fn loss_of(name: &str) -> Box<dyn Loss> {
    match name {
        "mse" => Box::new(losses::mse),
        "mae" => Box::new(losses::mae),
        "mape" => Box::new(losses::mape),
        "msle" => Box::new(losses::msle),
        "huber" => Box::new(losses::huber),
        "huber(2.5)" => Box::new(Huber::new().delta(2.5)),
        "log_cosh" => Box::new(losses::log_cosh),
        "cosine_similarity" => Box::new(losses::cosine_similarity),
        "cosine_similarity(1)" => Box::new(CosineSimilarity::new().axis(1)),
        "poisson" => Box::new(losses::poisson),
        "kl_divergence" => Box::new(losses::kl_divergence),
        "hinge" => Box::new(losses::hinge),
        "squared_hinge" => Box::new(losses::squared_hinge),
        "categorical_hinge" => Box::new(losses::categorical_hinge),
        "binary" => Box::new(losses::binary_crossentropy),
        "binary(logits)" => Box::new(BinaryCrossentropy::new().from_logits()),
        "binary(smooth)" => Box::new(BinaryCrossentropy::new().label_smoothing(0.2)),
        "binary(axis)" => Box::new(BinaryCrossentropy::new().axis(1)),
        "focal" => Box::new(losses::binary_focal_crossentropy),
        "focal(logits)" => Box::new(BinaryFocalCrossentropy::new().from_logits()),
        "focal(options)" => {
            Box::new(BinaryFocalCrossentropy::new().class_balancing(0.3).gamma(1.5).label_smoothing(0.1))
        }
        "categorical" => Box::new(losses::categorical_crossentropy),
        "categorical(logits)" => Box::new(CategoricalCrossentropy::new().from_logits()),
        "categorical(smooth)" => Box::new(CategoricalCrossentropy::new().from_logits().label_smoothing(0.1)),
        "categorical(axis)" => Box::new(CategoricalCrossentropy::new().from_logits().axis(1)),
        "sparse" => Box::new(losses::sparse_categorical_crossentropy),
        "sparse(logits)" => Box::new(SparseCategoricalCrossentropy::new().from_logits()),
        other => panic!("no loss is called {other}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value["values"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn tensor_of(value: &Value, dtype: DType) -> Tensor {
    let shape: Vec<usize> =
        value["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize).collect();
    Tensor::from_vec(shape, numbers(value)).to(dtype)
}

/// Within a relative tolerance, or the same as an absolute one below 1 times `scale`.
#[track_caller]
fn check(what: &str, actual: &Tensor, expected: &[f64], tolerance: f64) {
    let actual = actual.to(DType::F64).to_vec::<f64>().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (actual, expected) in actual.iter().zip(expected) {
        let close = (actual - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(close, "{what}: {actual} instead of {expected}");
    }
}

fn check_all(dtype: DType, tolerance: f64) {
    let cases: Value = serde_json::from_str(include_str!("keras/losses.json")).unwrap();
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        let name = case["name"].as_str().unwrap();
        let what = format!("{name}, case {index}, {dtype}");
        let loss = loss_of(name);
        let truth_dtype = if case["integer"] == true { DType::I32 } else { dtype };
        let truth = tensor_of(&case["truth"], truth_dtype);
        let prediction = tensor_of(&case["prediction"], dtype);
        let tape = GradientTape::new();
        tape.watch(&prediction);
        let result = loss.losses(&truth, &prediction);
        let count = result.shape().elements().as_known().unwrap();
        let scales = arange(1i64, count as i64 + 1, 1).to(dtype).reshape(result.shape());
        let gradient = tape.gradient(&(&result * scales).sum(..), &prediction);
        check(&what, &result, &numbers(&case["losses"]), tolerance);
        // The losses are weighted by 1, 2, 3, …, and so are the errors.
        check(&format!("the gradient of {what}"), &gradient, &numbers(&case["gradient"]), tolerance * count as f64);
        assert_eq!(result.dtype(), dtype, "{what}");
        if let Some(expected) = case["mean"].as_f64() {
            let weights = tensor_of(&case["weights"], DType::F32);
            check(&what, &mean_loss(&*loss, &truth, &prediction, None), &[expected], tolerance);
            let expected = case["weighted_mean"].as_f64().unwrap();
            check(&what, &mean_loss(&*loss, &truth, &prediction, Some(&weights)), &[expected], tolerance);
        }
    }
}

#[test]
fn losses_and_gradients_are_those_of_keras_in_f64() {
    check_all(DType::F64, 1e-12);
}

#[test]
fn losses_and_gradients_are_those_of_keras_in_f32() {
    check_all(DType::F32, 1e-6);
}

#[test]
fn a_traced_loss_takes_batches_of_any_size() -> Result<()> {
    let cases: Value = serde_json::from_str(include_str!("keras/losses.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let (Some(expected), Some(expected_weighted)) = (case["mean"].as_f64(), case["weighted_mean"].as_f64()) else {
            continue;
        };
        let name = case["name"].as_str().unwrap();
        let loss = loss_of(name);
        let truth_dtype = if case["integer"] == true { DType::I32 } else { DType::F32 };
        let truth = tensor_of(&case["truth"], truth_dtype);
        let prediction = tensor_of(&case["prediction"], DType::F32);
        let weights = tensor_of(&case["weights"], DType::F32);
        let step = function(|truth: Tensor, prediction: Tensor, weights: Tensor| {
            let tape = GradientTape::new();
            tape.watch(&prediction);
            let mean = mean_loss(&*loss, &truth, &prediction, None);
            let gradient = tape.gradient(&mean, &prediction);
            (mean, mean_loss(&*loss, &truth, &prediction, Some(&weights)), gradient)
        });
        let step = step.relaxed();
        // The second size makes the sizes of the batch unknown.
        let twice = |x: &Tensor| tancho_core::concat([x, x], 0);
        for (truth, prediction, weights) in
            [(truth.clone(), prediction.clone(), weights.clone()), (twice(&truth), twice(&prediction), twice(&weights))]
        {
            let (mean, weighted, gradient) = step.call((&truth, &prediction, &weights))?;
            check(name, &mean, &[expected], 1e-6);
            check(name, &weighted, &[expected_weighted], 1e-6);
            assert_eq!(gradient.shape(), prediction.shape(), "{name}");
        }
    }
    Ok(())
}

#[test]
fn extreme_logits_give_finite_losses_and_gradients() -> Result<()> {
    #[track_caller]
    fn check_finite(loss: &dyn Loss, truth: Tensor) {
        let logits = tensor([[100.0f32, -100.0], [-100.0, 100.0], [1e4, -1e4], [0.0, 0.0]]);
        let tape = GradientTape::new();
        tape.watch(&logits);
        let losses = loss.losses(&truth, &logits);
        let gradient = tape.gradient(&losses.sum(..), &logits);
        for values in [losses, gradient] {
            let values = values.to_vec::<f32>().unwrap();
            assert!(values.iter().all(|value| value.is_finite()), "{values:?}");
        }
    }
    let one_hot = || tensor([[0i32, 1], [0, 1], [0, 1], [1, 0]]);
    check_finite(&BinaryCrossentropy::new().from_logits(), one_hot());
    check_finite(&BinaryFocalCrossentropy::new().from_logits(), one_hot());
    check_finite(&CategoricalCrossentropy::new().from_logits(), one_hot());
    check_finite(&SparseCategoricalCrossentropy::new().from_logits(), tensor([1i32, 1, 1, 0]));
    check_finite(&losses::log_cosh, one_hot());
    check_finite(&losses::cosine_similarity, one_hot());
    // The surprise of what was held impossible is its logit.
    let losses =
        SparseCategoricalCrossentropy::new().from_logits().losses(&tensor([1i32]), &tensor([[100.0f32, -100.0]]));
    assert_eq!(losses.to_vec::<f32>()?, [200.0]);
    Ok(())
}

#[test]
fn classes_out_of_range_and_empty_batches_lose_nothing() -> Result<()> {
    let loss = SparseCategoricalCrossentropy::new().from_logits();
    let losses = loss.losses(&tensor([-1i32, 2]), &tensor([[1.0f32, 2.0], [3.0, 4.0]]));
    assert_eq!(losses.to_vec::<f32>()?, [0.0, 0.0]);
    let empty = tancho_core::zeros(DType::F32, [0, 3]);
    assert_eq!(mean_loss(&losses::mse, &empty, &empty, None).item::<f32>()?, 0.0);
    Ok(())
}

#[test]
fn the_classes_may_lie_along_any_axis() -> Result<()> {
    let truth = tensor([[0i32, 1, 1]]);
    let prediction = tensor([[[0.2f32, 0.6, 0.7], [0.8, 0.4, 0.3]]]);
    let losses = SparseCategoricalCrossentropy::new().axis(1).losses(&truth, &prediction);
    check("axis 1", &losses, &[-(0.2f64.ln()), -(0.4f64.ln()), -(0.3f64.ln())], 1e-6);
    Ok(())
}

#[test]
fn samples_of_one_number_may_have_an_axis_for_it() -> Result<()> {
    let (flat, column) = (tensor([1.0f32, 2.0]), tensor([[2.0f32], [4.0]]));
    assert_eq!(losses::mse(&flat, &column).to_vec::<f32>()?, [1.0, 4.0]);
    assert_eq!(losses::mse(&column, &flat).to_vec::<f32>()?, [1.0, 4.0]);
    assert_eq!(losses::mse(&flat, &column.squeeze(1)).to_vec::<f32>()?, [1.0, 4.0]);
    Ok(())
}

/// The message must name all of these, and this file with the line of the caller.
#[track_caller]
fn check_error(result: Tensor, line: u32, parts: &[&str]) {
    let error = result.check().expect_err("the shapes do not fit").to_string();
    for part in parts {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert!(error.contains(&format!("losses.rs:{line}")), "line {line} is not in: {error}");
}

#[test]
fn errors_name_both_sides_and_the_line_of_the_caller() {
    let x = |shape: &[usize]| tancho_core::zeros(DType::F32, shape.to_vec());
    let (a, b) = (x(&[4, 3]), x(&[4, 2]));
    check_error(losses::mse(&a, &b), line!(), &["mse", "(4, 3)", "(4, 2)"]);
    check_error(losses::huber(&a, &b), line!(), &["huber", "(4, 3)", "(4, 2)"]);
    check_error(losses::hinge(&a, &b), line!(), &["hinge", "(4, 3)", "(4, 2)"]);
    check_error(losses::binary_crossentropy(&a, &b), line!(), &["binary_crossentropy", "(4, 3)", "(4, 2)"]);
    check_error(CategoricalCrossentropy::new().losses(&a, &b), line!(), &["categorical", "(4, 3)", "(4, 2)"]);
    check_error(losses::sparse_categorical_crossentropy(&x(&[5]), &b), line!(), &["sparse", "(5,)", "(4, 2)"]);
    check_error(mean_loss(&losses::mse, &a, &b, None), line!(), &["mse", "(4, 3)", "(4, 2)"]);
    check_error(mean_loss(&Huber::new(), &a, &b, None), line!(), &["huber", "(4, 3)", "(4, 2)"]);
    check_error(mean_loss(&losses::mse, &a, &a, Some(&x(&[3]))), line!(), &["weights", "(3,)", "(4,)"]);
    // An error that the prediction brings along is that of its own line.
    let (line, broken) = (line!(), a.reshape([5]));
    check_error(mean_loss(&losses::mse, &a, &broken, None), line, &["reshape"]);
}

#[test]
fn a_trace_compares_the_sizes_that_it_knows() {
    let step = function(|truth: Tensor, prediction: Tensor| losses::mse(&truth, &prediction));
    let zeros = |size: usize| tancho_core::zeros(DType::F32, [4, size]);
    let error = step.call((&zeros(3), &zeros(2))).map(|_| ()).expect_err("the shapes do not fit").to_string();
    assert!(error.contains("3)") && error.contains("2)") && error.contains("losses.rs"), "{error}");
}
