//! Metrics over several batches against those of Keras; see `keras/metrics.py`.

use serde_json::Value;
use tancho_core::{DType, Result, Tensor, function, tensor};
use tancho_nn::Module;
use tancho_nn::losses;
use tancho_nn::metrics::{
    Accuracy, Auc, AucCurve, AucSummation, Average, BinaryAccuracy, CategoricalAccuracy, CosineSimilarity, FBetaScore,
    LogCoshError, Mean, MeanAbsoluteError, MeanAbsolutePercentageError, MeanOf, MeanSquaredError,
    MeanSquaredLogarithmicError, Metric, Precision, Recall, RootMeanSquaredError, SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy, accuracy, confusion_matrix, f1_score,
};

fn metric_of(name: &str) -> Box<dyn Metric> {
    let f_beta = |average| Box::new(FBetaScore::new().beta(2.0).threshold(0.4).average(average));
    let auc = |curve, summation| Box::new(Auc::new().curve(curve).summation(summation));
    match name {
        "accuracy" => Box::new(Accuracy::new()),
        "binary_accuracy" => Box::new(BinaryAccuracy::new()),
        "binary_accuracy(0.3)" => Box::new(BinaryAccuracy::new().threshold(0.3)),
        "categorical_accuracy" => Box::new(CategoricalAccuracy::new()),
        "sparse_categorical_accuracy" => Box::new(SparseCategoricalAccuracy::new()),
        "top_k" => Box::new(TopKCategoricalAccuracy::new().k(2)),
        "sparse_top_k" => Box::new(SparseTopKCategoricalAccuracy::new().k(2)),
        "any" => Box::new(accuracy()),
        "mean_absolute_error" => Box::new(MeanAbsoluteError::new()),
        "mean_squared_error" => Box::new(MeanSquaredError::new()),
        "root_mean_squared_error" => Box::new(RootMeanSquaredError::new()),
        "mean_absolute_percentage_error" => Box::new(MeanAbsolutePercentageError::new()),
        "mean_squared_logarithmic_error" => Box::new(MeanSquaredLogarithmicError::new()),
        "logcosh" => Box::new(LogCoshError::new()),
        "cosine_similarity" => Box::new(CosineSimilarity::new()),
        "precision" => Box::new(Precision::new()),
        "precision(thresholds)" => Box::new(Precision::new().thresholds([0.2, 0.7])),
        "precision(top_k)" => Box::new(Precision::new().top_k(2)),
        "precision(class)" => Box::new(Precision::new().class(1)),
        "recall" => Box::new(Recall::new()),
        "recall(thresholds)" => Box::new(Recall::new().thresholds([0.2, 0.7])),
        "recall(top_k)" => Box::new(Recall::new().top_k(2)),
        "recall(class)" => Box::new(Recall::new().class(1)),
        "auc(ROC,interpolation)" => auc(AucCurve::Roc, AucSummation::Interpolation),
        "auc(ROC,minoring)" => auc(AucCurve::Roc, AucSummation::Minoring),
        "auc(ROC,majoring)" => auc(AucCurve::Roc, AucSummation::Majoring),
        "auc(PR,interpolation)" => auc(AucCurve::Pr, AucSummation::Interpolation),
        "auc(PR,minoring)" => auc(AucCurve::Pr, AucSummation::Minoring),
        "auc(PR,majoring)" => auc(AucCurve::Pr, AucSummation::Majoring),
        "auc(few)" => Box::new(Auc::new().num_thresholds(5)),
        "auc(thresholds)" => Box::new(Auc::new().thresholds([0.7, 0.2, 0.35])),
        "auc(logits)" => Box::new(Auc::new().from_logits()),
        "f1" => Box::new(f1_score()),
        "f_beta(micro)" => f_beta(Average::Micro),
        "f_beta(macro)" => f_beta(Average::Macro),
        "f_beta(weighted)" => f_beta(Average::Weighted),
        other => panic!("no metric is called {other}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value["values"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn tensor_of(value: &Value, dtype: DType) -> Tensor {
    let sizes = value["shape"].as_array().unwrap().iter();
    let shape: Vec<usize> = sizes.map(|size| size.as_u64().unwrap() as usize).collect();
    Tensor::from_vec(shape, numbers(value)).to(dtype)
}

#[track_caller]
fn check(what: &str, actual: &Tensor, expected: &Value) {
    let actual = actual.to_vec::<f32>().unwrap_or_else(|error| panic!("{what}: {error}"));
    let expected = numbers(expected);
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (&actual, &expected) in actual.iter().zip(&expected) {
        // Keras computes the reference in f32 too, in another order; an area adds 199 terms.
        let tolerance = if what.starts_with("auc") { 5e-6 } else { 1e-6 };
        let close = (f64::from(actual) - expected).abs() <= tolerance * expected.abs().max(0.1);
        assert!(close, "{what}: {actual} instead of {expected}");
    }
}

fn batches(case: &Value) -> Vec<(Tensor, Tensor, Option<Tensor>, &Value)> {
    let truth_dtype = if case["integer"] == true { DType::I64 } else { DType::F32 };
    let mut batches = Vec::new();
    for batch in case["batches"].as_array().unwrap() {
        let weights = &batch["weights"];
        let weights = (!weights.is_null()).then(|| tensor_of(weights, DType::F32));
        let [truth, prediction] =
            [("truth", truth_dtype), ("prediction", DType::F32)].map(|(key, dtype)| tensor_of(&batch[key], dtype));
        batches.push((truth, prediction, weights, &batch["result"]));
    }
    batches
}

#[test]
fn results_after_each_batch_are_those_of_keras() -> Result<()> {
    let cases: Value = serde_json::from_str(include_str!("keras/metrics.json")).unwrap();
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        let name = case["name"].as_str().unwrap();
        let metric = metric_of(name);
        assert!(case["metric"].as_str().unwrap().starts_with(metric.name()), "{}", metric.name());
        // The second time they must begin anew.
        for _ in 0..2 {
            for (truth, prediction, weights, expected) in batches(case) {
                metric.update(&truth, &prediction, weights.as_ref())?;
                check(&format!("{name}, case {index}"), &metric.result(), expected);
            }
            metric.reset()?;
        }
        assert!(metric.variables().iter().all(|variable| !variable.is_trainable()), "{name}");
    }
    Ok(())
}

#[test]
fn a_traced_update_takes_batches_of_any_size() -> Result<()> {
    let cases: Value = serde_json::from_str(include_str!("keras/metrics.json")).unwrap();
    for (index, case) in cases.as_array().unwrap().iter().enumerate() {
        let name = case["name"].as_str().unwrap();
        let metric = metric_of(name);
        let plain = function(|truth: Tensor, prediction: Tensor| {
            metric.update(&truth, &prediction, None)?;
            Ok(metric.result())
        });
        let weighted = function(|truth: Tensor, prediction: Tensor, weights: Tensor| {
            metric.update(&truth, &prediction, Some(&weights))?;
            Ok(metric.result())
        });
        let (plain, weighted) = (plain.relaxed(), weighted.relaxed());
        for (truth, prediction, weights, expected) in batches(case) {
            let result = match weights {
                None => plain.call((&truth, &prediction))?,
                Some(weights) => weighted.call((&truth, &prediction, &weights))?,
            };
            check(&format!("{name}, case {index}"), &result, expected);
        }
        // The second trace is for every size.
        assert_eq!(plain.tracing_count() + weighted.tracing_count(), 2, "{name}");
    }
    Ok(())
}

#[test]
fn metrics_have_names_and_variables_that_are_saved() {
    let metric = Precision::new().named("found").thresholds([0.1, 0.9]);
    assert_eq!(metric.name(), "found");
    let names: Vec<String> = metric.named_variables().into_iter().map(|named| named.name).collect();
    assert_eq!(names, ["true_positives", "false_positives"]);
    assert_eq!(Mean::new().named("loss").name(), "loss");
    assert_eq!(Auc::new().parameter_count(), 800);
}

#[test]
fn before_the_first_batch_results_are_zero() -> Result<()> {
    for metric in [&Mean::new() as &dyn Metric, &Precision::new(), &Recall::new(), &Auc::new(), &f1_score()] {
        assert_eq!(metric.result().item::<f32>()?, 0.0, "{}", metric.name());
    }
    Ok(())
}

#[test]
fn any_loss_is_a_metric() -> Result<()> {
    let metric = MeanOf::new("hinge", losses::hinge);
    metric.update(&tensor([1.0f32, -1.0]), &tensor([0.5f32, 0.5]), None)?;
    assert_eq!(metric.result().item::<f32>()?, 1.0);
    Ok(())
}

#[test]
fn the_confusion_matrix_counts_or_adds_weights() -> Result<()> {
    let (truth, prediction) = (tensor([0i32, 1, 2, 2, 5]), tensor([0i32, 2, 2, 1, 0]));
    let counts = confusion_matrix(&truth, &prediction, 3, None);
    assert_eq!(counts.to_vec::<i32>()?, [1, 0, 0, 0, 0, 1, 0, 1, 1]);
    let weights = tensor([0.5f32, 1.5, 2.0, 3.0, 9.0]);
    let sums = confusion_matrix(&truth, &prediction, 3, Some(&weights));
    assert_eq!(sums.to_vec::<f32>()?, [0.5, 0.0, 0.0, 0.0, 0.0, 1.5, 0.0, 3.0, 2.0]);
    Ok(())
}

#[test]
fn errors_name_both_sides_and_the_line_and_change_nothing() -> Result<()> {
    #[track_caller]
    fn check_error(result: Result<()>, line: u32, parts: &[&str]) {
        let error = result.expect_err("the shapes do not fit").to_string();
        for part in parts {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        assert!(error.contains(&format!("metrics.rs:{line}")), "line {line} is not in: {error}");
    }
    let x = |shape: &[usize]| tancho_core::zeros(DType::F32, shape.to_vec());
    let (a, b) = (x(&[4, 3]), x(&[4, 2]));
    let metric = MeanSquaredError::new();
    check_error(metric.update(&a, &b, None), line!(), &["mse", "(4, 3)", "(4, 2)"]);
    check_error(metric.update(&a, &a, Some(&x(&[5]))), line!(), &["weights", "(5,)", "(4,)"]);
    check_error(CategoricalAccuracy::new().update(&a, &b, None), line!(), &["(4, 3)", "(4, 2)"]);
    check_error(SparseCategoricalAccuracy::new().update(&x(&[5]), &b, None), line!(), &["(5,)", "(4, 2)"]);
    check_error(accuracy().update(&x(&[5]), &b, None), line!(), &["(5,)", "(4, 2)"]);
    check_error(Precision::new().update(&a, &b, None), line!(), &["precision", "(4, 3)", "(4, 2)"]);
    check_error(Auc::new().update(&a, &b, None), line!(), &["auc", "(4, 3)", "(4, 2)"]);
    check_error(f1_score().update(&x(&[4]), &x(&[4]), None), line!(), &["f1_score", "(4,)"]);
    metric.update(&(&a + 1.0), &a, None)?;
    assert_eq!(metric.result().item::<f32>()?, 1.0);
    Ok(())
}
