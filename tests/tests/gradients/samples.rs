//! The samples of every op.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tancho_ir::Op;
use tancho_ir::ops::{ControlOp, ElementwiseOp, ShapeOp};
use tancho_tensor::DType;
use tancho_testing::gradcheck::{
    GradientError, arguments, check_forward, check_gradient, check_rounding, float_parameters, gradient_at,
    has_finite_differences, units_apart, verified_vjp, widen,
};
use tancho_testing::samples::{Sample, samples};

use crate::compiled::{compile, interpret, run};

fn is_sweep() -> bool {
    std::env::var_os("TANCHO_SWEEP").is_some()
}

/// Samples with a float among the operands: all, or a few small ones of each op and kind of attributes.
fn float_samples(of_dtype: impl Fn(DType) -> bool) -> Vec<Sample> {
    let is_wanted = |sample: &Sample| {
        let mut floats = sample.operands.iter().map(|of| of.dtype).filter(|dtype| dtype.is_float());
        floats.next().is_some_and(&of_dtype) && sample.elements() <= if is_sweep() { 20_000 } else { 400 }
    };
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut few = |sample: &Sample| {
        // Elementwise ops do the same to every shape; a kernel or a window does not.
        let limit = match sample.op {
            Op::Elementwise(_) => 1,
            Op::Shape(_) | Op::Reduce(_) | Op::Dot(_) | Op::Random(_) | Op::Effect(_) => 6,
            Op::Conv(_) | Op::Fold(_) | Op::Index(_) | Op::Linalg(_) | Op::Control(_) => usize::MAX,
        };
        let dtypes: Vec<&str> = sample.operands.iter().map(|of| of.dtype.name()).collect();
        let count = taken.entry(format!("{} {dtypes:?}", name_of(&sample.op))).or_default();
        *count += usize::from(sample.elements() > 1);
        sample.elements() > 1 && *count <= limit
    };
    samples().into_iter().filter(is_wanted).filter(|sample| is_sweep() || few(sample)).collect()
}

/// The name of an op, with the attributes that make another function of it.
fn name_of(op: &Op) -> String {
    match op {
        Op::Elementwise(op) => format!("{op:?}"),
        _ => op.name().to_owned(),
    }
}

/// Runs a check on samples, and reports all that fail. That an op has no gradient is no failure here: the table of ops has
/// the reason.
#[track_caller]
fn check_all(samples: &[Sample], check: impl Fn(&Sample, u64) -> Result<(), GradientError>) {
    let (mut failures, mut checked) = (Vec::new(), 0);
    for (number, sample) in samples.iter().enumerate() {
        match catch_unwind(AssertUnwindSafe(|| check(sample, number as u64))) {
            Ok(Ok(())) => checked += 1,
            Ok(Err(GradientError::None(_))) => {}
            Ok(Err(GradientError::Wrong(text))) => failures.push(format!("{sample}: {text}")),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                failures.push(format!("{sample}: {}", text.unwrap_or("a panic")));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), samples.len(), failures.join("\n"));
    assert!(checked * 2 > samples.len(), "only {checked} of {} samples have a gradient", samples.len());
}

/// Whether there is a graph in `f64` for an op: not for one of the bits of other floats, or of the host.
fn has_wide_form(op: &Op) -> bool {
    !matches!(op, Op::Shape(ShapeOp::BitcastConvert { .. }) | Op::Control(ControlOp::CustomCall(_)))
}

/// Samples in `f64`, each once.
fn wide_samples() -> Vec<(Sample, tancho_ir::Graph)> {
    let mut seen = HashSet::new();
    float_samples(|dtype| matches!(dtype, DType::F32 | DType::F64))
        .into_iter()
        .filter(|sample| has_wide_form(&sample.op))
        .map(|sample| (widen(&sample.graph()), sample))
        .filter(|(graph, _)| seen.insert(graph.to_string()))
        .map(|(graph, sample)| (sample, graph))
        .collect()
}

/// As [`check_all`], over graphs in `f64`.
#[track_caller]
fn check_wide(
    is_wanted: impl Fn(&Sample) -> bool,
    check: impl Fn(&Sample, &tancho_ir::Graph, &[tancho_tensor::Array], u64) -> Result<(), GradientError>,
) {
    let (samples, graphs): (Vec<Sample>, Vec<tancho_ir::Graph>) =
        wide_samples().into_iter().filter(|(sample, _)| is_wanted(sample)).unzip();
    check_all(&samples, |sample, number| {
        let point: Vec<_> = arguments(sample, number).iter().map(tancho_testing::gradcheck::widen_array).collect();
        check(sample, &graphs[number as usize], &point, number)
    });
}

#[test]
fn gradients_are_the_slopes_of_differences() {
    check_wide(|sample| has_finite_differences(&sample.op), |_, graph, point, seed| check_gradient(graph, point, seed));
}

#[test]
fn gradients_are_those_of_f64_but_for_rounding() {
    let samples = float_samples(|_| true);
    let samples: Vec<Sample> = samples.into_iter().filter(|sample| has_wide_form(&sample.op)).collect();
    check_all(&samples, |sample, seed| {
        let point = arguments(sample, seed);
        // Sums of some hundreds of rounded terms, and the conditions of divisions and logarithms.
        check_rounding(&sample.graph(), &point, seed, 16.0 + (sample.elements() as f64).sqrt())
    });
}

#[test]
fn forward_mode_is_reverse_mode_transposed() {
    check_wide(|_| true, |_, graph, point, seed| check_forward(graph, point, seed));
}

#[test]
fn gradients_of_gradients_are_the_slopes_of_differences() {
    let is_wanted = |sample: &Sample| has_finite_differences(&sample.op) && sample.elements() < 200;
    check_wide(is_wanted, |_, graph, point, seed| {
        let gradient = gradient_at(graph, point, seed)?;
        if float_parameters(&gradient.graph).is_empty() {
            return Ok(());
        }
        check_gradient(&gradient.graph, &gradient.arguments, seed)
    });
}

#[test]
fn compiled_gradients_give_what_the_interpreter_gives() {
    let samples = float_samples(|dtype| is_sweep() || matches!(dtype, DType::F32 | DType::F64));
    check_all(&samples, |sample, seed| {
        let point = arguments(sample, seed);
        let gradient = gradient_at(&sample.graph(), &point, seed)?;
        let expected = interpret(&gradient.graph, &gradient.arguments).expect("it was interpreted before");
        let found = run(&compile(&gradient.graph, true), &gradient.arguments);
        for (found, expected) in found.iter().zip(&expected) {
            // Elementary functions differ by a few units in the last place, and what follows makes more of it.
            let units = if found.dtype().is_float() {
                units_apart(found, expected, found.dtype())
            } else if found.same_bits(expected) {
                0.0
            } else {
                f64::INFINITY
            };
            if units > 32.0 {
                return Err(GradientError::Wrong(format!("{units} units apart:\n{found}\n{expected}")));
            }
        }
        Ok(())
    });
}

#[test]
fn gradients_of_unknown_sizes_are_sound() {
    let mut failures = Vec::new();
    for sample in tancho_testing::samples::symbolic_samples() {
        let graph = sample.graph();
        // Some samples have a symbol that only an attribute has.
        if tancho_ir::verify(&graph).is_err() || float_parameters(&graph).is_empty() {
            continue;
        }
        if let Err(GradientError::Wrong(text)) = verified_vjp(&graph) {
            failures.push(format!("{sample}: {text}"));
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

/// What an elementwise op is called here is what makes it another function.
#[test]
fn every_elementwise_op_is_checked() {
    let checked: HashSet<String> =
        float_samples(|dtype| dtype == DType::F32).iter().map(|sample| name_of(&sample.op)).collect();
    for op in tancho_ir::ops::UnaryOp::ALL {
        let name = format!("{:?}", ElementwiseOp::Unary(op));
        assert!(checked.contains(&name) || !op.accepts(DType::F32), "{name}");
    }
}
