//! Checks of gradients against finite differences.
//!
//! A function `f` of float operands `x` is checked at one point, in `f64`. Cotangents `c` of its results are drawn, and for
//! each operand a direction `t`; then `⟨x̄, t⟩`, with `x̄` as the graph of [`vjp`] gives it, must be the slope of
//! `h ↦ ⟨c, f(x + h·t)⟩` at 0, which the interpreter is asked for at four places ([`check_gradient`]). Gradients in other
//! dtypes are compared with those in `f64` at the same point ([`check_rounding`]), and forward mode with reverse mode
//! ([`check_forward`]).
//!
//! The points come from [`arguments`]: within the domain of the op, and away from where it has no derivative.

mod points;
mod table;
mod widen;

use std::cell::Cell;
use std::fmt;

use tancho_autodiff::{DiffError, jvp, vjp};
use tancho_interp::{Host, interpret_hosted};
use tancho_ir::{Graph, verify};
use tancho_tensor::{Array, DType};

pub use points::{arguments, arguments_of, has_finite_differences, point};
pub use table::{Differentiability, differentiability, gradient_line, table};
pub use widen::{widen, widen_array};

use crate::samples::host_functions;
use crate::values::Generator;

/// Why a gradient is not what it should be.
#[derive(Clone, Debug)]
pub enum GradientError {
    /// An op has no gradient.
    None(DiffError),
    /// Anything else.
    Wrong(String),
}

impl fmt::Display for GradientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GradientError::None(error) => write!(f, "{error}"),
            GradientError::Wrong(text) => f.write_str(text),
        }
    }
}

impl From<DiffError> for GradientError {
    fn from(error: DiffError) -> Self {
        match error {
            DiffError::NotDifferentiable { .. } => GradientError::None(error),
            DiffError::NotBatchable { .. } | DiffError::Rule { .. } => GradientError::Wrong(error.to_string()),
        }
    }
}

type Checked<T = ()> = Result<T, GradientError>;

fn wrong<T>(text: impl Into<String>) -> Checked<T> {
    Err(GradientError::Wrong(text.into()))
}

/// The positions of the float parameters.
pub fn float_parameters(graph: &Graph) -> Vec<usize> {
    let floats = graph.parameter_types().enumerate().filter(|(_, of)| of.dtype.is_float());
    floats.map(|(position, _)| position).collect()
}

/// The graph of [`vjp`] by all float parameters, which the verifier has found to be sound.
///
/// # Errors
/// There is no gradient, or its graph is wrong.
pub fn verified_vjp(graph: &Graph) -> Checked<Graph> {
    let gradient = vjp(graph, &float_parameters(graph))?;
    match verify(&gradient) {
        Ok(()) => Ok(gradient),
        Err(errors) => wrong(format!("the graph of the gradient is wrong: {errors}")),
    }
}

fn evaluate(graph: &Graph, arguments: &[Array]) -> Checked<Vec<Array>> {
    let host = Host { custom_calls: &host_functions, print: &|_| {} };
    interpret_hosted(graph, arguments, &host).or_else(|error| wrong(format!("{error}")))
}

/// A seeded cotangent or direction for an array: numbers between −1 and 1, none of them tiny.
fn direction(like: &Array, generator: &mut Generator) -> Array {
    let mut draw = || {
        let size = 0.25 + 0.75 * generator.unit();
        if generator.below(2) == 0 { size } else { -size }
    };
    let elements: Vec<f64> = (0..like.len()).map(|_| draw()).collect();
    narrow(&Array::new(like.shape().clone(), &elements).expect("memory for a test"), like.dtype())
}

/// An array of `f64` in another float dtype.
fn narrow(array: &Array, dtype: DType) -> Array {
    use tancho_tensor::{bf16, f16};
    let elements = array.to_f64_vec();
    let shape = array.shape().clone();
    let array = match dtype {
        DType::F32 => Array::new(shape, &elements.iter().map(|&x| x as f32).collect::<Vec<_>>()),
        DType::F16 => Array::new(shape, &elements.iter().map(|&x| f16::from_f64(x)).collect::<Vec<_>>()),
        DType::BF16 => Array::new(shape, &elements.iter().map(|&x| bf16::from_f64(x)).collect::<Vec<_>>()),
        _ => Array::new(shape, &elements),
    };
    array.expect("memory for a test")
}

/// A cotangent for each float result.
fn cotangents(results: &[Array], generator: &mut Generator) -> Vec<Array> {
    let floats = results.iter().filter(|result| result.dtype().is_float());
    floats.map(|result| direction(result, generator)).collect()
}

/// The gradient of a graph at a point, with seeded cotangents.
pub struct Gradient {
    /// The graph of [`vjp`].
    pub graph: Graph,
    /// Its arguments: the point, then the cotangents.
    pub arguments: Vec<Array>,
    /// The cotangents of the float parameters.
    pub cotangents: Vec<Array>,
}

/// Evaluates the gradient by the interpreter.
///
/// # Errors
/// There is no gradient, or its graph is wrong.
pub fn gradient_at(graph: &Graph, arguments: &[Array], seed: u64) -> Checked<Gradient> {
    let gradient = verified_vjp(graph)?;
    let results = evaluate(graph, arguments)?;
    let seeds = cotangents(&results, &mut Generator::new(seed));
    let all = [arguments, &seeds].concat();
    let found = evaluate(&gradient, &all)?;
    if let Some(position) = (0..results.len()).find(|&position| !found[position].same_bits(&results[position])) {
        return wrong(format!(
            "result {position} is {} with the gradient and {} without",
            found[position], results[position]
        ));
    }
    let cotangents = found[results.len()..].to_vec();
    for (position, cotangent) in float_parameters(graph).into_iter().zip(&cotangents) {
        if cotangent.shape() != arguments[position].shape() || cotangent.dtype() != arguments[position].dtype() {
            return wrong(format!("the cotangent of operand {position} is of another type"));
        }
    }
    Ok(Gradient { graph: gradient, arguments: all, cotangents })
}

fn dot(x: &Array, y: &Array) -> f64 {
    x.to_f64_vec().iter().zip(y.to_f64_vec()).map(|(x, y)| x * y).sum()
}

/// The sum of the absolute products, to which a difference is compared.
fn scale(x: &Array, y: &Array) -> f64 {
    x.to_f64_vec().iter().zip(y.to_f64_vec()).map(|(x, y)| (x * y).abs()).sum()
}

/// As it is, but 0 for what is infinite: the maximum of no elements, which does not change.
fn finite(x: &Array) -> Array {
    let elements: Vec<f64> = x.to_f64_vec().iter().map(|&x| if x.is_infinite() { 0.0 } else { x }).collect();
    Array::new(x.shape().clone(), &elements).expect("memory for a test")
}

/// Half of the distance of the two outer places of a difference.
const STEP: f64 = 4e-5;
/// What a fourth-order difference in `f64` may be off, as a part of the size of its terms: the rounding of sums of
/// some thousands of products, divided by the step.
const TOLERANCE: f64 = 2e-7;

/// Compares the gradient of a graph of `f64` with finite differences, operand by operand.
///
/// # Errors
/// There is no gradient, its graph is wrong, or so is its value.
pub fn check_gradient(graph: &Graph, arguments: &[Array], seed: u64) -> Checked {
    let gradient = gradient_at(graph, arguments, seed)?;
    let seeds = &gradient.arguments[arguments.len()..];
    let mut generator = Generator::new(seed ^ 0x5eed);
    for (position, cotangent) in float_parameters(graph).into_iter().zip(&gradient.cotangents) {
        if cotangent.is_empty() {
            continue;
        }
        let direction = direction(&arguments[position], &mut generator);
        let sizes = Cell::new(scale(cotangent, &direction));
        let value_at = |distance: f64| -> Checked<f64> {
            let mut moved = arguments.to_vec();
            moved[position] = shifted(&arguments[position], &direction, distance);
            let results = evaluate(graph, &moved)?;
            let floats = results.iter().filter(|result| result.dtype().is_float()).map(finite);
            let pairs: Vec<(Array, &Array)> = floats.zip(seeds).collect();
            // What a difference loses by rounding grows with the values.
            let size: f64 = pairs.iter().map(|(result, seed)| scale(result, seed)).sum();
            sizes.set(sizes.get().max(size * 1e-3));
            Ok(pairs.iter().map(|(result, seed)| dot(result, seed)).sum())
        };
        let found = dot(cotangent, &direction);
        let mut worst: Option<String> = None;
        // Two of thousands of elements may change places within a step, and hardly within a much smaller one.
        for step in [STEP, STEP / 16.0, STEP / 256.0] {
            let narrow = (value_at(step / 2.0)? - value_at(-step / 2.0)?) / step;
            let wide = (value_at(step)? - value_at(-step)?) / (2.0 * step);
            let expected = narrow + (narrow - wide) / 3.0;
            let error = (found - expected).abs();
            if error <= TOLERANCE * (STEP / step) * (sizes.get() + 1e-3) {
                worst = None;
                break;
            }
            worst.get_or_insert_with(|| {
                format!("the gradient gives the slope {found}, differences {expected} (of {wide} and {narrow})")
            });
        }
        if let Some(worst) = worst {
            return wrong(format!("operand {position}: {worst}, among terms of {}", sizes.get()));
        }
    }
    Ok(())
}

fn shifted(x: &Array, direction: &Array, distance: f64) -> Array {
    let elements: Vec<f64> = x.to_f64_vec().iter().zip(direction.to_f64_vec()).map(|(x, t)| x + distance * t).collect();
    Array::new(x.shape().clone(), &elements).expect("memory for a test")
}

/// The distance from 1 to the next number.
pub fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => f64::from(tancho_tensor::f16::EPSILON),
        DType::BF16 => f64::from(tancho_tensor::bf16::EPSILON),
        DType::F32 => f64::from(f32::EPSILON),
        _ => f64::EPSILON,
    }
}

/// The largest difference of two arrays, in units of the dtype's epsilon times the size of the largest element (or 1).
pub fn units_apart(found: &Array, expected: &Array, dtype: DType) -> f64 {
    let (found, expected) = (found.to_f64_vec(), expected.to_f64_vec());
    let size = expected.iter().fold(1.0f64, |size, x| size.max(x.abs()));
    let units = found.iter().zip(&expected).map(|(found, expected)| {
        let same = found == expected || (found.is_nan() && expected.is_nan());
        if same { 0.0 } else { (found - expected).abs() / (size * epsilon(dtype)) }
    });
    units.fold(0.0, |worst, units| if units.is_nan() { f64::INFINITY } else { worst.max(units) })
}

/// Compares the gradient of a graph with that of the same graph in `f64` at the same point, in units of [`units_apart`].
///
/// # Errors
/// There is no gradient, its graph is wrong, or it is further away than `tolerance`.
pub fn check_rounding(graph: &Graph, arguments: &[Array], seed: u64, tolerance: f64) -> Checked {
    let gradient = gradient_at(graph, arguments, seed)?;
    let wide = verified_vjp(&widen(graph))?;
    let wide_arguments: Vec<Array> = gradient.arguments.iter().map(widen_array).collect();
    let results = graph.results().len();
    let expected = evaluate(&wide, &wide_arguments)?;
    let pairs = gradient.cotangents.iter().zip(&expected[results..]);
    for (position, (found, expected)) in float_parameters(graph).into_iter().zip(pairs) {
        let units = units_apart(found, expected, found.dtype());
        if units > tolerance {
            return wrong(format!("operand {position}: {units} units from the gradient in f64:\n{found}\n{expected}"));
        }
    }
    Ok(())
}

/// Compares forward mode with reverse mode: `⟨jvp t, c⟩ = ⟨t, vjp c⟩`.
///
/// # Errors
/// There is no gradient, its graph is wrong, or the two differ.
pub fn check_forward(graph: &Graph, arguments: &[Array], seed: u64) -> Checked {
    let gradient = gradient_at(graph, arguments, seed)?;
    let floats = float_parameters(graph);
    let forward = jvp(graph, &floats)?;
    if let Err(errors) = verify(&forward) {
        return wrong(format!("the graph of forward mode is wrong: {errors}"));
    }
    let mut generator = Generator::new(seed ^ 0xf0);
    let directions: Vec<Array> =
        floats.iter().map(|&position| direction(&arguments[position], &mut generator)).collect();
    let results = graph.results().len();
    let found = evaluate(&forward, &[arguments, &directions].concat())?;
    let (tangents, seeds) = (&found[results..], &gradient.arguments[arguments.len()..]);
    let left: f64 = tangents.iter().zip(seeds).map(|(x, y)| dot(x, y)).sum();
    let right: f64 = gradient.cotangents.iter().zip(&directions).map(|(x, y)| dot(x, y)).sum();
    let sizes: f64 = tangents.iter().zip(seeds).map(|(x, y)| scale(x, y)).sum::<f64>()
        + gradient.cotangents.iter().zip(&directions).map(|(x, y)| scale(x, y)).sum::<f64>();
    let error = (left - right).abs();
    if error.is_nan() || error > 1e-9 * (sizes + 1e-3) {
        return wrong(format!("forward mode gives {left}, reverse mode {right}"));
    }
    Ok(())
}
