//! Optimisers and schedules against Keras (`keras/optimizers.py`), step by step; traced against eager; what they report.

use std::collections::BTreeMap;
use std::panic::Location;

use serde_json::Value;
use tancho_core::{DType, Result, Stage, Tensor, Variable, function, tensor};
use tancho_nn::schedules::{self, Schedule};
use tancho_nn::{
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, LearningRate, Lion, Module, Nadam, Optimizer, RmsProp,
    Sgd, clip_by_global_norm, clip_by_norm, clip_by_value,
};

const SHAPES: [&[usize]; 2] = [&[2, 3], &[4]];
const STEPS: usize = 10;

fn values(which: usize, of: impl Fn(usize) -> f32) -> Tensor {
    Tensor::from_vec(SHAPES[which], (0..SHAPES[which].iter().product()).map(of).collect::<Vec<f32>>())
}

/// The variables as the script begins with them.
fn variables() -> Vec<Variable> {
    let initial =
        |which: usize| values(which, |place| ((place * 5 + which * 3) % 13) as f32 / 8.0 - 5.0 / 8.0 + 1.0 / 16.0);
    (0..2).map(|which| Variable::new(initial(which)).named(&format!("w{which}"))).collect()
}

/// The gradients of the script at a step.
fn gradients(step: usize) -> Vec<Tensor> {
    let gradient =
        |which: usize| values(which, |place| ((place * 7 + step * 3 + which * 2) % 11) as f32 / 8.0 - 5.0 / 8.0);
    (0..2).map(gradient).collect()
}

fn fixtures(kind: &str) -> BTreeMap<String, Value> {
    let all: Value = serde_json::from_str(include_str!("keras/optimizers.json")).expect("the script writes JSON");
    all[kind].as_object().expect("an object").clone().into_iter().collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

#[track_caller]
fn check_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        // Near 0 a number is a small difference of others, of which the largest is about 1.
        let allowed = tolerance * expected.abs().max(0.1);
        let distance = (f64::from(*found) - expected).abs();
        assert!(
            distance <= allowed,
            "{what}: {found} rather than {expected}, {:.1e} apart",
            distance / allowed * tolerance
        );
    }
}

fn held(variables: &[Variable]) -> Result<Vec<Vec<f32>>> {
    variables.iter().map(|variable| variable.to_vec()).collect()
}

/// The optimisers of the script by their names.
fn optimizer(name: &str) -> Box<dyn Optimizer> {
    match name {
        "sgd" => Box::new(Sgd::default()),
        "sgd_momentum" => Box::new(Sgd::new(0.05).momentum(0.9)),
        "sgd_nesterov" => Box::new(Sgd::new(0.05).momentum(0.9).nesterov()),
        "sgd_weight_decay" => Box::new(Sgd::new(0.05).weight_decay(0.1)),
        "sgd_clipvalue" => Box::new(Sgd::new(0.05).clipvalue(0.3)),
        "sgd_clipnorm" => Box::new(Sgd::new(0.05).clipnorm(0.7)),
        "sgd_global_clipnorm" => Box::new(Sgd::new(0.05).global_clipnorm(0.9)),
        "sgd_global_clipnorm_above" => Box::new(Sgd::new(0.05).global_clipnorm(9.0)),
        "sgd_schedule" => Box::new(Sgd::new(schedules::exponential_decay(0.1, 5, 0.5))),
        "sgd_ema" => Box::new(Sgd::new(0.05).momentum(0.5).use_ema(0.8).ema_overwrite_frequency(3)),
        "adam" => Box::new(Adam::default()),
        "adam_options" => Box::new(Adam::new(0.01).beta_1(0.8).beta_2(0.95).epsilon(1e-3)),
        "adam_amsgrad" => Box::new(Adam::new(0.01).beta_2(0.9).amsgrad()),
        "adam_ema" => Box::new(Adam::new(0.01).beta_2(0.95).amsgrad().ema_overwrite_frequency(4)),
        "adamw" => Box::new(AdamW::default()),
        "adamw_options" => Box::new(AdamW::new(0.01).weight_decay(0.1).clipnorm(0.5)),
        "rmsprop" => Box::new(RmsProp::default()),
        "rmsprop_momentum" => Box::new(RmsProp::new(0.01).rho(0.8).momentum(0.5)),
        "rmsprop_centered" => Box::new(RmsProp::new(0.001).centered().epsilon(1e-3)),
        "rmsprop_all" => Box::new(RmsProp::new(0.001).momentum(0.9).centered().epsilon(1e-3).weight_decay(0.01)),
        "adagrad" => Box::new(Adagrad::default()),
        "adagrad_options" => Box::new(Adagrad::new(0.1).initial_accumulator_value(0.5).epsilon(1e-2)),
        "adadelta" => Box::new(Adadelta::default()),
        "adadelta_options" => Box::new(Adadelta::new(1.0).rho(0.9).epsilon(1e-3)),
        "adamax" => Box::new(Adamax::default()),
        "adamax_options" => Box::new(Adamax::new(0.01).beta_1(0.8).beta_2(0.9).epsilon(1e-2)),
        "nadam" => Box::new(Nadam::default()),
        "nadam_options" => Box::new(Nadam::new(0.01).beta_1(0.8).beta_2(0.95).epsilon(1e-3)),
        "lion" => Box::new(Lion::default()),
        "lion_options" => Box::new(Lion::new(0.01).beta_1(0.7).beta_2(0.8).weight_decay(0.1)),
        "adafactor" => Box::new(Adafactor::default()),
        "adafactor_options" => Box::new(Adafactor::new(0.1).beta_2_decay(-0.6).epsilon_2(0.1).clip_threshold(0.5)),
        "adafactor_absolute" => Box::new(Adafactor::new(0.5).without_relative_step()),
        "ftrl" => Box::new(Ftrl::default()),
        "ftrl_options" => Box::new(
            Ftrl::new(0.1)
                .learning_rate_power(-0.4)
                .initial_accumulator_value(0.2)
                .l1_regularization_strength(0.05)
                .l2_regularization_strength(0.1)
                .l2_shrinkage_regularization_strength(0.02)
                .beta(0.3),
        ),
        other => unreachable!("no optimiser is called {other}"),
    }
}

#[test]
fn each_optimizer_steps_as_in_keras() -> Result<()> {
    let cases = fixtures("optimizers");
    assert!(cases.len() >= 35);
    for (name, steps) in cases {
        let (optimizer, variables) = (optimizer(&name), variables());
        let steps = steps.as_array().expect("a list of steps");
        assert_eq!(steps.len(), STEPS);
        for (step, expected) in steps.iter().enumerate() {
            optimizer.apply(&gradients(step), &variables)?;
            for (place, found) in held(&variables)?.iter().enumerate() {
                check_close(&format!("{name}, step {step}, w{place}"), found, &numbers(&expected[place]), 1e-6);
            }
        }
    }
    Ok(())
}

#[test]
fn a_traced_step_gives_the_same_bits() -> Result<()> {
    for name in fixtures("optimizers").keys() {
        let (eager, traced) = (optimizer(name), optimizer(name));
        let (mine, theirs) = (variables(), variables());
        let step = function(|first: Tensor, second: Tensor| {
            traced.apply(&[first, second], &theirs)?;
            Ok(tensor(0i32))
        });
        for number in 0..STEPS {
            let gradients = gradients(number);
            eager.apply(&gradients, &mine)?;
            step.call((&gradients[0], &gradients[1]))?;
            assert_eq!(held(&mine)?, held(&theirs)?, "{name}, step {number}");
        }
        assert_eq!(step.tracing_count(), 1);
        let states = |optimizer: &dyn Optimizer| -> Result<Vec<(String, Vec<f64>)>> {
            let named = optimizer.named_variables();
            named.into_iter().map(|named| Ok((named.name, named.variable.to(DType::F64).to_vec()?))).collect()
        };
        assert_eq!(states(&*eager)?, states(&*traced)?, "{name}");
    }
    Ok(())
}

#[test]
fn schedules_are_those_of_keras() -> Result<()> {
    let named: Vec<(&str, LearningRate)> = vec![
        ("exponential", schedules::exponential_decay(0.1, 20, 0.9).into()),
        ("exponential_staircase", schedules::exponential_decay(0.1, 7, 0.5).staircase().into()),
        ("piecewise", schedules::piecewise_constant(&[10, 25], &[1.0, 0.5, 0.1]).into()),
        ("polynomial", schedules::polynomial_decay(0.1, 30).into()),
        ("polynomial_power", schedules::polynomial_decay(0.1, 30).end(0.01).power(2.0).into()),
        ("polynomial_cycle", schedules::polynomial_decay(0.1, 12).end(0.01).power(0.5).cycle().into()),
        ("inverse_time", schedules::inverse_time_decay(0.1, 10, 0.5).into()),
        ("inverse_time_staircase", schedules::inverse_time_decay(0.1, 10, 0.5).staircase().into()),
        ("cosine", schedules::cosine_decay(0.1, 40).into()),
        ("cosine_warmup", schedules::cosine_decay(0.01, 30).alpha(0.1).warmup(0.2, 10).into()),
        ("restarts", schedules::cosine_decay_restarts(0.1, 7).into()),
        ("restarts_even", schedules::cosine_decay_restarts(0.1, 11).t_mul(1.0).m_mul(0.8).alpha(0.05).into()),
        ("restarts_options", schedules::cosine_decay_restarts(0.1, 5).t_mul(1.5).m_mul(0.9).alpha(0.1).into()),
    ];
    let cases = fixtures("schedules");
    assert_eq!(named.len(), cases.len());
    for (name, schedule) in named {
        let traced = function(|step: Tensor| schedule.at(&step));
        let mut rates = Vec::new();
        for step in 0..50i64 {
            let rate = schedule.at(&tensor(step)).item::<f32>()?;
            assert_eq!(traced.call(tensor(step))?.item::<f32>()?, rate, "{name}, step {step}");
            rates.push(rate);
        }
        check_close(name, &rates, &numbers(&cases[name]), 1e-6);
    }
    Ok(())
}

#[test]
fn a_closure_is_a_schedule() -> Result<()> {
    let variables = [Variable::new([1.0f32])];
    let sgd = Sgd::new(|step: &Tensor| 1f32 / (step.to(DType::F32) + 1.0));
    sgd.apply(&[tensor([1.0f32])], &variables)?;
    sgd.apply(&[tensor([1.0f32])], &variables)?;
    assert_eq!(variables[0].item::<f32>()?, -0.5);
    Ok(())
}

#[test]
fn a_traced_step_takes_a_new_rate() -> Result<()> {
    let (variables, sgd) = ([Variable::new([1.0f32])], Sgd::new(0.5));
    let step = function(|gradient: Tensor| {
        sgd.apply(&[gradient], &variables)?;
        Ok(variables[0].read())
    });
    assert_eq!(step.call(tensor([1.0f32]))?.item::<f32>()?, 0.5);
    sgd.learning_rate().set(0.25)?;
    assert_eq!(step.call(tensor([1.0f32]))?.item::<f32>()?, 0.25);
    assert_eq!(step.tracing_count(), 1);
    Ok(())
}

#[test]
fn what_is_remembered_survives_a_restart() -> Result<()> {
    for name in ["sgd_momentum", "adam_amsgrad", "adam_ema", "nadam", "adafactor", "ftrl"] {
        let (first, model) = (optimizer(name), variables());
        for step in 0..3 {
            first.apply(&gradients(step), &model)?;
        }
        // A new process: new variables, which take their values by their names.
        let (second, restored) = (optimizer(name), variables());
        second.build(&restored);
        for (old, new) in first.named_variables().into_iter().zip(second.named_variables()) {
            assert_eq!(old.name, new.name);
            new.variable.assign(&old.variable)?;
        }
        for (old, new) in model.iter().zip(&restored) {
            new.assign(old)?;
        }
        for step in 3..6 {
            first.apply(&gradients(step), &model)?;
            second.apply(&gradients(step), &restored)?;
        }
        assert_eq!(held(&model)?, held(&restored)?, "{name}");
    }
    Ok(())
}

#[track_caller]
fn check_names(optimizer: &dyn Optimizer, expected: &[&str]) {
    optimizer.build(&variables());
    let names: Vec<String> = optimizer.named_variables().into_iter().map(|named| named.name).collect();
    assert_eq!(names, expected);
    assert!(optimizer.trainable_variables().is_empty());
}

#[test]
fn slots_have_names_that_last() {
    check_names(&Sgd::new(0.1), &["iteration", "learning_rate"]);
    check_names(&Sgd::new(schedules::cosine_decay(0.1, 10)), &["iteration"]);
    let adam = ["iteration", "learning_rate", "momentum[0]", "velocity[0]", "momentum[1]", "velocity[1]"];
    check_names(&Adam::default(), &adam);
    check_names(&Adafactor::default(), &["iteration", "learning_rate", "row[0]", "column[0]", "velocity[1]"]);
    let nadam = ["iteration", "learning_rate", "momentum_product"];
    check_names(&Nadam::default(), &[&nadam[..], &adam[2..]].concat());
}

#[test]
fn variables_may_come_later_and_in_another_order() -> Result<()> {
    let (together, apart) = (variables(), variables());
    let (one, other) = (Adagrad::new(0.1), Adagrad::new(0.1));
    for step in 0..3 {
        let gradients = gradients(step);
        one.apply(&gradients, &together)?;
        let places = if step == 1 { [0, 1] } else { [1, 0] };
        for place in places {
            other.apply(&gradients[place..=place], &apart[place..=place])?;
        }
    }
    assert_eq!(held(&together)?, held(&apart)?);
    let names: Vec<String> = other.named_variables().into_iter().map(|named| named.name).collect();
    assert_eq!(names, ["iteration", "learning_rate", "accumulator[0]", "accumulator[1]"]);
    Ok(())
}

#[test]
fn finalize_puts_averages_in_place() -> Result<()> {
    let (variables, sgd) = ([Variable::new([0.0f32])], Sgd::new(1.0).use_ema(0.5));
    sgd.apply(&[tensor([-1.0f32])], &variables)?;
    sgd.apply(&[tensor([-1.0f32])], &variables)?;
    assert_eq!(variables[0].item::<f32>()?, 2.0);
    sgd.finalize(&variables)?;
    assert_eq!(variables[0].item::<f32>()?, 1.5);
    Ok(())
}

#[test]
fn names_keep_variables_out_of_the_decay() -> Result<()> {
    let variables = ["kernel", "bias"].map(|name| Variable::new([1.0f32]).named(name));
    let sgd = Sgd::new(0.5).weight_decay(0.5).exclude_from_weight_decay(&["bias"]);
    sgd.apply(&[tensor([0.0f32]), tensor([0.0f32])], &variables)?;
    assert_eq!(held(&variables)?, [[0.75], [1.0]]);
    Ok(())
}

#[test]
fn other_floats_and_gradients_of_another_float() -> Result<()> {
    let wide = Variable::new([1.0f64, 2.0]);
    let narrow = Variable::new(tensor([1.0f32, 2.0]).to(DType::BF16));
    let adam = Adam::new(0.1);
    adam.apply(&[tensor([1.0f32, -1.0]), tensor([1.0f32, -1.0])], &[wide.clone(), narrow.clone()])?;
    // After one step the averages are those parts of the gradient that are new; the rate is an f32.
    let spread = (1.0 - 0.999f64).sqrt();
    let distance = f64::from(0.1f32) * spread / (spread + 1e-7);
    for (found, expected) in wide.to_vec::<f64>()?.into_iter().zip([1.0 - distance, 2.0 + distance]) {
        assert!((found - expected).abs() < 1e-12, "{found} rather than {expected}");
    }
    assert_eq!(narrow.dtype(), DType::BF16);
    Ok(())
}

/// What `apply` reports, at the line of the caller, and that nothing is changed.
#[track_caller]
fn check_error(optimizer: &dyn Optimizer, gradients: &[Tensor], variables: &[Variable], expected: &str) {
    let before = held(variables).expect("the variables hold numbers");
    let error = optimizer.apply(gradients, variables).expect_err("it cannot be applied").to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(held(variables).expect("the variables hold numbers"), before);
    let steps = optimizer.named_variables().into_iter().find(|named| named.name == "iteration");
    assert_eq!(steps.map(|steps| steps.variable.item::<i64>().expect("a number")), Some(0));
}

#[test]
fn errors_say_what_does_not_fit() {
    let variables = variables();
    let good = gradients(0);
    let adam = Adam::default();
    check_error(&adam, &good[..1], &variables, "adam: the variables are 2, but the gradients are 1");
    let swapped = [good[0].clone(), tensor([1.0f32, 2.0])];
    check_error(&adam, &swapped, &variables, "adam: gradient 1 is f32[2], but the variable w1 is f32[4]");
    let integers = [good[0].clone(), tensor([1, 2, 3, 4])];
    check_error(&adam, &integers, &variables, "but the variable w1 is f32[4]; both must be floats");
    let broken = [good[0].clone(), good[0].matmul(&good[1])];
    check_error(&adam, &broken, &variables, "matmul");
    let zero = Sgd::new(schedules::cosine_decay(0.1, 0));
    check_error(&zero, &good, &variables, "decays over 0 steps");
    let uneven = Sgd::new(schedules::piecewise_constant(&[1], &[0.1]));
    check_error(&uneven, &good, &variables, "has 1 values for 1 boundaries, not one more");
    let twice = Sgd::new(0.1).clipnorm(1.0).clipvalue(1.0);
    check_error(&twice, &good, &variables, "sgd: only one of clipvalue, clipnorm and global_clipnorm can be set");
    check_error(&Sgd::new(0.1).momentum(1.5), &good, &variables, "sgd: the momentum is between 0 and 1");
    assert!(Sgd::new(schedules::cosine_decay(0.1, 5)).learning_rate().set(0.1).is_err());
}

#[test]
fn errors_name_the_line_of_the_caller() {
    let line = Location::caller().line() + 1;
    let error = Adam::default().apply(&[], &variables()).expect_err("gradients are missing").to_string();
    assert!(error.contains(&format!("tests/optimizers.rs:{line}")), "{error}");
    let line = Location::caller().line() + 1;
    let sgd = Sgd::new(0.1).clipnorm(-1.0);
    let error = sgd.apply(&gradients(0), &variables()).expect_err("a norm is not negative").to_string();
    assert!(error.contains(&format!("tests/optimizers.rs:{line}")), "{error}");
}

#[test]
fn clipping() -> Result<()> {
    let x = tensor([3.0f32, -4.0]);
    assert_eq!(clip_by_value(&x, -1.0, 2.0).to_vec::<f32>()?, [2.0, -1.0]);
    assert_eq!(clip_by_norm(&x, 2.5).to_vec::<f32>()?, [1.5, -2.0]);
    assert_eq!(clip_by_norm(&x, 6.0).to_vec::<f32>()?, [3.0, -4.0]);
    assert_eq!(clip_by_norm(&tensor([0.0f32, 0.0]), 1.0).to_vec::<f32>()?, [0.0, 0.0]);
    let (clipped, norm) = clip_by_global_norm(&[tensor([6.0f32]), tensor([[0.0f64, -8.0]])], 5.0);
    assert_eq!(norm.item::<f32>()?, 10.0);
    assert_eq!(clipped[0].to_vec::<f32>()?, [3.0]);
    assert_eq!(clipped[1].to_vec::<f64>()?, [0.0, -4.0]);
    let (zeros, norm) = clip_by_global_norm(&[tensor([0.0f32])], 5.0);
    assert_eq!((zeros[0].item::<f32>()?, norm.item::<f32>()?), (0.0, 0.0));
    let (endless, norm) = clip_by_global_norm(&[tensor([f32::INFINITY, 1.0])], 5.0);
    assert!(endless[0].is_nan().all(..).item::<bool>()? && norm.item::<f32>()?.is_infinite());
    assert_eq!(clip_by_global_norm(&[], 1.0).1.item::<f32>()?, 0.0);
    Ok(())
}

#[test]
fn a_schedule_may_be_asked() -> Result<()> {
    assert_eq!(schedules::inverse_time_decay(1.0, 2, 0.5).at(&tensor(4i64)).item::<f32>()?, 0.5);
    Ok(())
}

/// A traced step has so many kernels for a variable, beside those of single numbers, and needs memory for those only.
#[track_caller]
fn check_kernels(name: &str, expected: usize) -> Result<()> {
    let optimizer = optimizer(name);
    let variables = [0, 1].map(|_| Variable::new(tancho_core::ones(DType::F32, [64, 8])));
    let step = function(|first: Tensor, second: Tensor| {
        optimizer.apply(&[first, second], &variables)?;
        Ok(tensor(0i32))
    });
    let ones = tancho_core::ones(DType::F32, [64, 8]);
    let kernels = step.concrete((&ones, &ones))?.dump(Stage::Kernels);
    let launches = kernels.lines().filter(|line| line.contains("launch (") && line.ends_with("[512]")).count();
    assert_eq!(launches, expected * variables.len(), "{kernels}");
    let large = |line: &&str| line.contains("temporary") && line.contains("[64, 8]");
    assert_eq!(kernels.lines().find(large), None, "{kernels}");
    Ok(())
}

#[test]
fn a_traced_step_has_a_kernel_for_each_result() -> Result<()> {
    check_kernels("sgd", 1)?;
    check_kernels("sgd_weight_decay", 1)?;
    check_kernels("sgd_momentum", 2)?;
    check_kernels("adam", 3)?;
    check_kernels("nadam", 3)?;
    check_kernels("lion", 2)
}
