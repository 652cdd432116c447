//! Training by `compile` and `fit`.

extern crate tancho_nn as tancho;

use std::sync::{Arc, Mutex};
use tancho_core::{GradientTape, Result, Tensor, function, linspace, random, random::Key, relu, tensor};

use tancho_nn::SaveWeights;
use tancho_nn::fit::Callback;
use tancho_nn::fit::callbacks::{
    CsvLogger, EarlyStopping, LambdaCallback, LearningRateScheduler, ModelCheckpoint, ReduceLROnPlateau, TensorBoard,
    TerminateOnNaN,
};
use tancho_nn::{Compile, Dense, Evaluate, Fit, History, Layer, Metric, Mode, Module, Optimizer, Sgd, losses};

#[derive(Module)]
struct Model {
    dense1: Dense,
    dense2: Dense,
}

impl Model {
    fn new(units: usize) -> Self {
        Model {
            dense1: Dense::new(units).activation(relu).kernel_init(tancho_nn::init::glorot_uniform().seed(1)),
            dense2: Dense::new(1).kernel_init(tancho_nn::init::glorot_uniform().seed(2)),
        }
    }
}

impl Layer for Model {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let x = x.expand_dims(-1);
        self.dense2.call(&self.dense1.call(&x, mode), mode).squeeze(1)
    }
}

fn curve() -> (Tensor, Tensor) {
    let x = linspace(-2.0f32, 2.0, 209);
    let y = x.square() + 2.0 * &x - 5.0 + random::normal([209], Key::new(1));
    (x, y)
}

#[test]
fn the_curve_of_the_guide_is_learned_with_one_trace() -> Result<()> {
    let (x, y) = curve();
    let model = Model::new(64).compile(Sgd::new(0.01), losses::mse);
    let history = model.fit(&x, &y, Fit { epochs: 100, batch_size: 32, seed: Some(1), ..Fit::default() })?;
    assert_eq!(history["loss"].len(), 100);
    assert!(history["loss"][0] > 5.0 && history["loss"][99] < 1.5, "{history}");
    // 209 samples are six batches of 32 and one of 17.
    assert_eq!(model.tracing_count(), 1);
    assert_eq!(model.predict(&x)?.shape(), [209]);
    let names: Vec<String> = model.named_variables().into_iter().map(|named| named.name).collect();
    assert_eq!(
        names,
        [
            "model.dense1.kernel",
            "model.dense1.bias",
            "model.dense2.kernel",
            "model.dense2.bias",
            "optimizer.iteration",
            "optimizer.learning_rate"
        ]
    );
    assert_eq!(model.dense1.parameter_count(), 128);
    Ok(())
}

/// The same layers trained by hand, in the same batches.
#[test]
fn history_is_that_of_a_loop_by_hand_bit_for_bit() -> Result<()> {
    let (x, y) = curve();
    let fitted = Model::new(8).compile(Sgd::new(0.01), losses::mse);
    let history = fitted.fit(&x, &y, Fit { epochs: 3, shuffle: false, ..Fit::default() })?;

    let (model, sgd) = (Model::new(8), Sgd::new(0.01));
    let step = function(|x: Tensor, y: Tensor| {
        let tape = GradientTape::new();
        let loss = losses::mse(&y, &model.call(&x, Mode::Train)).mean(..);
        let variables = model.trainable_variables();
        sgd.apply(&tape.gradient(&loss, &variables), &variables)?;
        Ok(loss)
    });
    step.concrete((
        tancho_core::spec(tancho_core::DType::F32, [tancho_core::Dim::symbol("n")]),
        tancho_core::spec(tancho_core::DType::F32, [tancho_core::Dim::symbol("n")]),
    ))?;
    let mut losses = Vec::new();
    for _ in 0..3 {
        let (mut total, mut count) = (0.0f32, 0.0f32);
        for start in (0..209).step_by(32) {
            let end = (start + 32).min(209);
            let loss = step.call((&x.slice(start..end), &y.slice(start..end)))?.item::<f32>()?;
            total += loss * (end - start) as f32;
            count += (end - start) as f32;
        }
        losses.push(f64::from(total / count));
    }
    assert_eq!(history["loss"], losses);
    for (one, other) in fitted.model().variables().iter().zip(model.variables()) {
        assert!(one.array()?.same_bits(&other.array()?), "{one} {other}");
    }
    Ok(())
}

/// `w · x`, from `w = 1`.
fn scale() -> Dense {
    Dense::new(1).without_bias().kernel_init(tancho_nn::init::ones()).build(1)
}

fn column(values: &[f32]) -> Tensor {
    Tensor::from_vec([values.len(), 1], values.to_vec())
}

#[test]
fn validation_takes_the_last_samples_before_shuffling() -> Result<()> {
    let x = column(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 5.0]);
    let y = column(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let model = scale().compile(Sgd::new(0.1), losses::mse);
    let history = model.fit(&x, &y, Fit { validation_split: 0.25, ..Fit::default() })?;
    // The first six are exact, so that nothing changes.
    assert_eq!((history["loss"][0], history["val_loss"][0]), (0.0, (4.0 + 16.0) / 2.0));
    let found =
        scale().compile(Sgd::new(0.1), losses::mse).fit(&x, &y, Fit { validation_split: 1.0, ..Fit::default() });
    assert!(found.unwrap_err().to_string().contains("leaves none"));
    Ok(())
}

/// The loss of an epoch, and the weight after it, of samples that count differently.
#[track_caller]
fn check_weighted(options: Fit, y: &[f32], loss: f64, weight: f32) -> Result<()> {
    let model = scale().compile(Sgd::new(0.1), losses::mse);
    let history = model.fit(&column(&[1.0, 2.0, 3.0]), &column(y), Fit { shuffle: false, ..options })?;
    assert_eq!(history["loss"], [loss]);
    assert!((model.variables()[0].to_vec::<f32>()?[0] - weight).abs() < 1e-6, "{}", model.variables()[0]);
    Ok(())
}

#[test]
fn weights_scale_what_samples_count_and_not_their_number() -> Result<()> {
    // Errors 1, 1, 3: squares 1, 1, 9; the gradient of each is 2 · error · x.
    check_weighted(Fit::default(), &[0.0, 1.0, 0.0], f64::from(11.0f32 / 3.0), 1.0 - 0.1 * (2.0 + 4.0 + 18.0) / 3.0)?;
    let sample_weight = Some(tensor([2.0f32, 1.0, 0.0]));
    check_weighted(Fit { sample_weight, ..Fit::default() }, &[0.0, 1.0, 0.0], 1.0, 1.0 - 0.1 * (4.0 + 4.0) / 3.0)?;
    let class_weight = Some([(0, 0.5)].into());
    check_weighted(Fit { class_weight, ..Fit::default() }, &[0.0, 1.0, 0.0], 2.0, 1.0 - 0.1 * (1.0 + 4.0 + 9.0) / 3.0)
}

#[test]
fn the_same_seed_gives_the_same_bits_on_one_thread_and_on_two() -> Result<()> {
    let (x, y) = curve();
    let mut found: Vec<(History, Vec<Vec<f32>>)> = Vec::new();
    for (threads, seed) in [(1, 7), (2, 7), (2, 8)] {
        tancho_core::set_threads(threads);
        let model = Model::new(16).compile(Sgd::new(0.01), losses::mse);
        let history = model.fit(&x, &y, Fit { epochs: 3, seed: Some(seed), ..Fit::default() })?;
        let values = model.variables().into_iter().take(4).map(|variable| variable.to_vec::<f32>());
        found.push((history, values.collect::<Result<_>>()?));
    }
    assert_eq!(found[0], found[1]);
    assert_ne!(found[1].0["loss"], found[2].0["loss"]);
    Ok(())
}

#[test]
fn batches_may_come_from_a_closure_and_steps_may_be_an_epoch() -> Result<()> {
    let make = || (0..3).map(|_| Ok((column(&[1.0, 2.0]), column(&[2.0, 4.0]))));
    let model = scale().compile(Sgd::new(0.05), losses::mse);
    let history = model.fit_data(make, Fit { epochs: 2, steps_per_epoch: Some(4), ..Fit::default() })?;
    assert_eq!(history.epochs(), [0, 1]);
    // Two epochs of four steps: eight steps, each of which takes a quarter of the error away: 1 − 0.05 · 2 · 2.5.
    let left = 0.75f32.powi(8);
    assert!((model.variables()[0].to_vec::<f32>()?[0] - (2.0 - left)).abs() < 1e-5);
    let none = model.fit_data(std::iter::empty::<Result<(Tensor, Tensor)>>, Fit::default());
    assert!(none.unwrap_err().to_string().contains("no batch"));
    Ok(())
}

#[test]
fn evaluation_weights_batches_by_their_sizes() -> Result<()> {
    let model = scale().compile(Sgd::new(0.1), losses::mse);
    let (x, y) = (column(&[1.0, 2.0, 3.0, 4.0, 5.0]), column(&[0.0; 5]));
    let found = model.evaluate_with(&x, &y, Evaluate { batch_size: 2, ..Evaluate::default() })?;
    assert_eq!(found["loss"], 11.0);
    assert_eq!(model.predict_in(&x, 2)?.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0, 5.0]);
    let weighted = Evaluate { sample_weight: Some(tensor([1.0f32, 0.0, 0.0, 0.0, 2.0])), batch_size: 5 };
    assert_eq!(model.evaluate_with(&x, &y, weighted)?["loss"], f64::from(51.0f32 / 5.0));
    Ok(())
}

/// The sums of what was predicted and of the weights.
#[derive(Module)]
struct Sums {
    predicted: tancho_core::Variable,
}

impl Metric for Sums {
    fn name(&self) -> &str {
        "sum"
    }

    fn update(&self, _: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        match weights {
            Some(weights) => self.predicted.assign_add((prediction.squeeze(1) * weights).sum(..)),
            None => self.predicted.assign_add(prediction.sum(..)),
        }
    }

    fn result(&self) -> Tensor {
        self.predicted.read()
    }

    fn reset(&self) -> Result<()> {
        self.predicted.assign(0.0f32)
    }
}

fn sums() -> Box<dyn Metric> {
    Box::new(Sums { predicted: tancho_core::Variable::new(0.0f32).not_trainable() })
}

#[test]
fn metrics_are_gathered_and_begin_anew_with_each_epoch() -> Result<()> {
    let (x, y) = (column(&[1.0, 2.0, 3.0]), column(&[1.0, 2.0, 3.0]));
    let model = scale().compile(Sgd::new(0.1), losses::mse).metrics([sums()]);
    let history = model.fit(
        &x,
        &y,
        Fit { epochs: 2, batch_size: 2, validation_data: Some((x.clone(), y.clone())), ..Fit::default() },
    )?;
    assert_eq!((&history["sum"], &history["val_sum"]), (&vec![6.0, 6.0], &vec![6.0, 6.0]));
    let model = scale().compile(Sgd::new(0.1), losses::mse).weighted_metrics([sums()]);
    let options = Fit { sample_weight: Some(tensor([1.0f32, 0.0, 2.0])), ..Fit::default() };
    assert_eq!(model.fit(&x, &y, options)?["sum"], [7.0]);
    Ok(())
}

/// Trains `w · x` towards 2 with a callback; the loss is (w − 2)².
fn fit_with(callbacks: Vec<Box<dyn Callback>>, rate: f64, epochs: usize) -> Result<(History, f32)> {
    let model = scale().compile(Sgd::new(rate), losses::mse);
    let history = model.fit(&column(&[1.0]), &column(&[2.0]), Fit { epochs, callbacks, ..Fit::default() })?;
    let weight = model.variables()[0].to_vec::<f32>()?[0];
    Ok((history, weight))
}

#[test]
fn early_stopping_stops_and_restores_the_best_weights() -> Result<()> {
    // With a rate of 1.5 the error doubles in each step: the first epoch is the best, and after it w is 4.
    let shared = Arc::new(Mutex::new(EarlyStopping::new("loss").patience(2).restore_best_weights()));
    let (history, weight) = fit_with(vec![Box::new(shared.clone())], 1.5, 10)?;
    assert_eq!((history["loss"].as_slice(), weight), (&[1.0, 4.0, 16.0][..], 4.0));
    assert_eq!(history.stopped(), Some("loss was best in epoch 1"));
    let callback = shared.lock().unwrap();
    assert_eq!((callback.best(), callback.best_epoch(), callback.stopped_epoch()), (Some(1.0), 0, Some(2)));
    Ok(())
}

#[test]
fn a_checkpoint_is_written_where_it_is_better() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let best = folder.path().join("best.safetensors");
    let each = folder.path().join("epoch{epoch}.safetensors");
    let callbacks: Vec<Box<dyn Callback>> = vec![
        Box::new(ModelCheckpoint::new(best.to_str().unwrap()).best_only("loss")),
        Box::new(ModelCheckpoint::new(each.to_str().unwrap())),
    ];
    fit_with(callbacks, 1.5, 2)?;
    let loaded = |path| -> Result<f32> {
        let model = scale();
        model.load_weights(path)?;
        Ok(model.variables()[0].to_vec::<f32>()?[0])
    };
    assert_eq!(loaded(best)?, 4.0);
    assert_eq!(loaded(folder.path().join("epoch2.safetensors"))?, -2.0);
    Ok(())
}

#[test]
fn rates_are_scheduled_and_lowered() -> Result<()> {
    let (history, _) = fit_with(
        vec![Box::new(LearningRateScheduler::new(|epoch, rate| if epoch < 2 { rate } else { rate / 2.0 }))],
        0.25,
        4,
    )?;
    assert_eq!(history["learning_rate"], [0.25, 0.25, 0.125, 0.0625]);
    let plateau = ReduceLROnPlateau::new("loss").factor(0.5).patience(1).cooldown(1).min_lr(0.5);
    // The loss is 1 throughout: the error changes its sign with a rate of 1.
    let (history, _) = fit_with(vec![Box::new(plateau)], 1.0, 4)?;
    assert_eq!(history["learning_rate"], [1.0, 1.0, 0.5, 0.5]);
    Ok(())
}

#[test]
fn tables_and_event_files_are_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let csv = folder.path().join("log.csv");
    let callbacks: Vec<Box<dyn Callback>> = vec![
        Box::new(LearningRateScheduler::new(|_, rate| rate)),
        Box::new(CsvLogger::new(&csv)),
        Box::new(TensorBoard::new(folder.path()).every_steps(1)),
    ];
    fit_with(callbacks, 0.25, 2)?;
    assert_eq!(std::fs::read_to_string(&csv)?, "epoch,learning_rate,loss\n0,0.25,1\n1,0.25,0.25\n");
    let files: Vec<_> = std::fs::read_dir(folder.path().join("train"))?.collect::<std::io::Result<_>>()?;
    assert_eq!(files.len(), 1);
    // The records are walked by their lengths: the version, then two numbers for each epoch and one for each step.
    let bytes = std::fs::read(files[0].path())?;
    let (mut at, mut n_records) = (0, 0);
    while at < bytes.len() {
        at += 16 + u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        n_records += 1;
    }
    assert_eq!((at, n_records), (bytes.len(), 7));
    if let Ok(keep) = std::env::var("KEEP_EVENT_FILES") {
        std::fs::copy(files[0].path(), keep)?;
    }
    Ok(())
}

#[test]
fn closures_are_called_in_order() -> Result<()> {
    let calls = Arc::new(Mutex::new(String::new()));
    let note = |text: &'static str| {
        let calls = calls.clone();
        move || calls.lock().unwrap().push_str(text)
    };
    let (begin, end) = (note("("), note(")"));
    let (epoch_begin, epoch_end, batch_end) = (note("["), note("]"), note("."));
    let callback = LambdaCallback::new()
        .on_train_begin(move |_| {
            begin();
            Ok(())
        })
        .on_train_end(move |_| {
            end();
            Ok(())
        })
        .on_epoch_begin(move |_, _| {
            epoch_begin();
            Ok(())
        })
        .on_epoch_end(move |_, _, logs| {
            epoch_end();
            logs.set("more", 7.0);
            Ok(())
        })
        .on_batch_end(move |_, _, _| {
            batch_end();
            Ok(())
        });
    let (history, _) = fit_with(vec![Box::new(callback)], 0.25, 2)?;
    assert_eq!(*calls.lock().unwrap(), "([.][.])");
    assert_eq!(history["more"], [7.0, 7.0]);
    Ok(())
}

#[test]
fn training_stops_when_it_is_told_to() -> Result<()> {
    let model = Arc::new(scale().compile(Sgd::new(0.1), losses::mse));
    let other = model.clone();
    let callback = LambdaCallback::new().on_batch_end(move |run, _, _| {
        if run.steps == 3 {
            other.stop();
        }
        Ok(())
    });
    let x = column(&[1.0; 10]);
    let history =
        model.fit(&x, &x, Fit { epochs: 9, batch_size: 2, callbacks: vec![Box::new(callback)], ..Fit::default() })?;
    assert_eq!((history.epochs(), history.stopped()), (&[0][..], Some("asked to stop")));
    assert_eq!(model.fit(&x, &x, Fit::default())?.stopped(), None);
    Ok(())
}

/// The logarithm of what a layer makes.
#[derive(Module)]
struct Logarithm {
    scale: Dense,
}

impl Layer for Logarithm {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let y = self.scale.call(x, mode);
        y.log()
    }
}

#[test]
fn what_is_not_finite_is_found_with_its_line() -> Result<()> {
    let (x, y) = (column(&[1.0, -1.0]), column(&[0.0, 0.0]));
    let model = Logarithm { scale: scale() }.compile(Sgd::new(0.1), losses::mse);
    let error = model.fit(&x, &y, Fit { check_finite: true, ..Fit::default() }).unwrap_err().to_string();
    let line = line!() - 9;
    assert!(error.contains("the loss is NaN at step 0 of epoch 0"), "{error}");
    assert!(error.contains(&format!("log f32[2, 1] at {}:{line}:", file!())), "{error}");
    // Nothing has changed.
    assert_eq!(model.variables()[0].to_vec::<f32>()?, [1.0]);
    let error =
        model.fit(&column(&[f32::NAN, 1.0]), &y, Fit { check_finite: true, ..Fit::default() }).unwrap_err().to_string();
    assert!(error.contains("the samples x"), "{error}");

    let history = model.fit(&x, &y, Fit { epochs: 5, callbacks: vec![Box::new(TerminateOnNaN)], ..Fit::default() })?;
    assert_eq!(history.stopped(), Some("the loss is NaN at step 0 of epoch 0"));
    Ok(())
}

#[test]
fn contradictions_are_errors() {
    let x = column(&[1.0, 2.0]);
    let check = |options: Fit, y: &Tensor, expected: &str| {
        let error = scale().compile(Sgd::new(0.1), losses::mse).fit(&x, y, options).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("fit.rs"), "{error}");
    };
    check(Fit::default(), &column(&[1.0]), "x has 2 samples, but y has 1");
    check(Fit { batch_size: 0, ..Fit::default() }, &x, "batch_size is 0");
    let both =
        Fit { class_weight: Some([(0, 2.0)].into()), sample_weight: Some(tensor([1.0f32, 1.0])), ..Fit::default() };
    check(both, &x, "class_weight and sample_weight");
}

#[test]
fn histories_are_those_of_keras() -> Result<()> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keras/fit.json"))?;
    let fixture: serde_json::Value = serde_json::from_str(&text).unwrap();
    let n: Vec<f32> = (0..11u8).map(f32::from).collect();
    let x = Tensor::from_vec([11, 2], n.iter().flat_map(|n| [n.sin(), n.cos()]).collect());
    let y = column(&n.iter().map(|n| n % 3.0).collect::<Vec<_>>());
    let split = || Fit { validation_split: 0.3, ..Fit::default() };
    let sample_weight = Some(Tensor::from_vec([11], n.iter().map(|n| n / 5.0).collect()));
    let class_weight = Some([(0, 0.5), (1, 1.0), (2, 2.0)].into());
    let cases = [
        ("plain", Fit::default()),
        ("split", split()),
        ("sample_weight", Fit { sample_weight, ..split() }),
        ("class_weight", Fit { class_weight, ..Fit::default() }),
    ];
    for (name, options) in cases {
        let kernel = tancho_nn::Initializer::new(|_, _, _| column(&[1.0, -0.5]));
        let model = Dense::new(1).kernel_init(kernel).kernel_regularizer(tancho_nn::regularizers::l2(0.01));
        let model = model.compile(Sgd::new(0.05), losses::mse);
        let history = model.fit(&x, &y, Fit { epochs: 3, batch_size: 4, shuffle: false, ..options })?;
        let expected = fixture["cases"][name].as_object().unwrap();
        for (key, values) in expected {
            let expected: Vec<f64> = values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
            let found = match key.as_str() {
                "kernel" => model.variables()[0].to_vec::<f32>()?.into_iter().map(f64::from).collect(),
                key => history[key].clone(),
            };
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                // Sums in another order: a few units in the last place of f32.
                assert!((found - expected).abs() < 2e-6 * (1.0 + expected.abs()), "{name} {key}: {found} {expected}");
            }
        }
    }
    Ok(())
}
