//! Derivatives of whole programs, written as users write them, against the values that JAX has for them.
//!
//! Each program runs eagerly, with a tape that watches, and within a traced function, in `f64` and in `f32`. The values lie
//! in `tests/gradients`, which says where they come from.

use std::collections::BTreeMap;
use std::path::Path;

use tancho::formats::read_safetensors;
use tancho::prelude::*;
use tancho::{Array, flatten};

/// Tensors by name.
type Tensors = BTreeMap<String, Tensor>;

/// What a file of `tests/gradients` has.
struct Fixture {
    arrays: BTreeMap<String, Array>,
}

impl Fixture {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gradients").join(format!("{name}.safetensors"));
        Fixture { arrays: read_safetensors(path).unwrap_or_else(|error| panic!("{error}")) }
    }

    /// The arrays below a prefix, under their names without it; floats in a dtype.
    fn tensors(&self, prefix: &str, dtype: DType) -> Tensors {
        let below = self.arrays.iter().filter_map(|(name, array)| Some((name.strip_prefix(prefix)?, array)));
        below
            .map(|(name, array)| {
                let tensor = Tensor::from_array(array.clone());
                (name.to_owned(), if tensor.dtype().is_float() { tensor.to(dtype) } else { tensor })
            })
            .collect()
    }

    /// The inputs: floats in a dtype, and integers.
    fn inputs(&self, dtype: DType) -> (Tensors, Tensors) {
        self.tensors("in/", dtype).into_iter().partition(|(_, tensor)| tensor.dtype().is_float())
    }

    #[track_caller]
    fn check(&self, name: &str, found: &Tensor, units: f64) {
        let expected = self.arrays.get(name).unwrap_or_else(|| panic!("the file has no {name}"));
        let (shape, array) = (found.shape(), found.to(DType::F64).to_vec::<f64>());
        let array = array.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(shape.to_string(), Tensor::from_array(expected.clone()).shape().to_string(), "{name}");
        let expected = expected.to_f64_vec();
        let largest = expected.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let distances = array.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
        // A NaN is as far away as can be.
        let distance = distances.fold(0.0, |worst: f64, x| if x.is_nan() { f64::INFINITY } else { worst.max(x) });
        let epsilon = if found.dtype() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
        let found_units = distance / (largest * epsilon);
        assert!(
            found_units <= units,
            "{name} ({}) is {found_units} units away: {array:?}, not {expected:?}",
            found.dtype()
        );
    }

    #[track_caller]
    fn check_all(&self, prefix: &str, found: &Tensors, units: f64) {
        assert_eq!(found.len(), self.arrays.keys().filter(|name| name.starts_with(prefix)).count());
        for (name, tensor) in found {
            self.check(&format!("{prefix}{name}"), tensor, units);
        }
    }
}

/// How far a value may be from JAX's: so many times the distance of 1 and the next number, times the largest element. The
/// programs sum at most a few dozen products, a few layers deep, and each operation rounds once.
const UNITS: f64 = 32.0;

/// By how much more for second derivatives: they are sums of more terms, which cancel.
const SECOND: f64 = 8.0;

fn merged(floats: &Tensors, integers: &Tensors) -> Tensors {
    floats.iter().chain(integers).map(|(name, tensor)| (name.clone(), tensor.clone())).collect()
}

/// The sum of the products of what two trees have.
fn dot(left: &impl Tree, right: &impl Tree) -> Tensor {
    let products = flatten(left).into_iter().zip(flatten(right)).map(|(left, right)| (left * right).sum(..));
    products.reduce(|sum, product| sum + product).unwrap_or_else(|| tensor(0.0f32))
}

/// All derivatives of a program whose value is a scalar, in all ways that there are, eagerly and traced.
#[track_caller]
fn check(name: &str, program: impl Fn(&Tensors) -> Tensor + Send + Sync, units: f64) {
    check_reverse(name, &program, units);
    check_forward(name, &program, units);
    check_second(name, &program, SECOND * units);
}

/// The value and the gradient by all float inputs.
#[track_caller]
fn check_reverse(name: &str, program: impl Fn(&Tensors) -> Tensor + Send + Sync, units: f64) {
    let fixture = Fixture::read(name);
    for dtype in [DType::F64, DType::F32] {
        let by_tape = |floats: Tensors, integers: Tensors| {
            let tape = GradientTape::new();
            tape.watch(&floats);
            let value = program(&merged(&floats, &integers));
            let grads = tape.gradient(&value, &floats);
            (value, grads)
        };
        let by_function = value_and_grad(|floats: Tensors, integers: Tensors| program(&merged(&floats, &integers)));
        let (floats, integers) = fixture.inputs(dtype);
        let ok = |what: &str, result: Result<(Tensor, Tensors)>| {
            let (value, grads) = result.unwrap_or_else(|error| panic!("{name}, {what}, {dtype}: {error}"));
            assert_eq!(value.dtype(), dtype);
            fixture.check("value", &value, units);
            fixture.check_all("grad/", &grads, units);
        };
        ok("a tape", Ok(by_tape(floats.clone(), integers.clone())));
        ok("a tape, traced", function(by_tape).call((&floats, &integers)));
        ok("value_and_grad", by_function.call((&floats, &integers)));
        ok("value_and_grad, traced", function(by_function).call((&floats, &integers)));
    }
}

/// The derivative of the value in a direction.
#[track_caller]
fn check_forward(name: &str, program: impl Fn(&Tensors) -> Tensor + Send + Sync, units: f64) {
    let fixture = Fixture::read(name);
    for dtype in [DType::F64, DType::F32] {
        let (floats, integers) = fixture.inputs(dtype);
        let directions = fixture.tensors("direction/", dtype);
        let slope = jvp(|floats: Tensors| program(&merged(&floats, &integers)));
        let ok = |what: &str, result: Result<(Tensor, Tensor)>| {
            let (value, tangent) = result.unwrap_or_else(|error| panic!("{name}, {what}, {dtype}: {error}"));
            fixture.check("value", &value, units);
            fixture.check("tangent", &tangent, units);
        };
        ok("jvp", slope.call(((floats.clone(),), (directions.clone(),))));
        ok("jvp, traced", function(slope).call(((floats,), (directions,))));
    }
}

/// The derivative of the gradient in a direction.
#[track_caller]
fn check_second(name: &str, program: impl Fn(&Tensors) -> Tensor + Send + Sync, units: f64) {
    let fixture = Fixture::read(name);
    for dtype in [DType::F64, DType::F32] {
        let (floats, integers) = fixture.inputs(dtype);
        let directions = fixture.tensors("direction/", dtype);
        let loss = |floats: Tensors| program(&merged(&floats, &integers));
        let ok = |what: &str, result: Result<Tensors>| {
            let products = result.unwrap_or_else(|error| panic!("{name}, {what}, {dtype}: {error}"));
            fixture.check_all("product/", &products, units);
        };

        let by_tapes = |floats: Tensors, directions: Tensors| {
            let outer = GradientTape::new();
            outer.watch(&floats);
            let inner = GradientTape::new();
            inner.watch(&floats);
            let grads = inner.gradient(&loss(floats.clone()), &floats);
            outer.gradient_or_zeros(&dot(&grads, &directions), &floats)
        };
        ok("two tapes", Ok(by_tapes(floats.clone(), directions.clone())));
        ok("two tapes, traced", function(by_tapes).call((&floats, &directions)));

        let reverse_twice =
            grad(|floats: Tensors, directions: Tensors| Ok(dot(&grad(loss).call(floats)?, &directions)));
        ok("grad of grad", reverse_twice.call((&floats, &directions)));
        ok("grad of grad, traced", function(reverse_twice).call((&floats, &directions)));

        let forward_over_reverse = |floats: Tensors, directions: Tensors| {
            let (_, products) = jvp(grad(loss)).call(((floats,), (directions,)))?;
            Ok(products)
        };
        ok("jvp of grad", forward_over_reverse(floats.clone(), directions.clone()));
        ok("jvp of grad, traced", function(forward_over_reverse).call((&floats, &directions)));

        let reverse_over_forward =
            grad(|floats: Tensors, directions: Tensors| Ok(jvp(loss).call(((floats,), (directions,)))?.1));
        ok("grad of jvp", reverse_over_forward.call((&floats, &directions)));
        ok("grad of jvp, traced", function(reverse_over_forward).call((&floats, &directions)));
    }
}

// -- Networks ------------------------------------------------------------------------------------

fn attention(p: &Tensors) -> Tensor {
    let shape = p["x"].shape();
    let (batch, length) = (&shape[0], &shape[1]);
    let heads = [batch, length, &2.into(), &4.into()];
    let split = |matrix: &Tensor| p["x"].matmul(matrix).reshape(heads).transpose([0, 2, 1, 3]);
    let (query, key, value) = (split(&p["wq"]), split(&p["wk"]), split(&p["wv"]));
    let scores = query.matmul(key.swap_axes(-1, -2)) / 2.0;
    let seen = iota(DType::I32, [length, length], 0).ge(iota(DType::I32, [length, length], 1));
    let weights = softmax(select(seen, scores, f64::NEG_INFINITY), -1);
    let mixed = weights.matmul(value).transpose([0, 2, 1, 3]).reshape(&shape);
    (mixed.matmul(&p["wo"]) - &p["y"]).square().mean(..)
}

#[test]
fn attention_of_two_heads() {
    check("attention", attention, UNITS);
}

#[test]
fn attention_that_is_computed_again() {
    let again = |p: &Tensors| checkpoint(|p: Tensors| attention(&p)).call(p).unwrap_or_else(Tensor::from_error);
    check("attention", again, UNITS);
}

#[test]
fn a_convolutional_network() {
    let options = ConvOptions { padding: Padding::Same, ..ConvOptions::default() };
    let network = |p: &Tensors| {
        let x = relu(p["x"].conv(&p["kernel"], &options) + &p["bias"]);
        let x = x.max_pool([2, 2], [2, 2], Padding::Valid);
        let logits = x.reshape([4, 27]).matmul(&p["w"]) + &p["b"];
        -log_softmax(logits, -1).take_along_axis(p["labels"].expand_dims(1), 1).mean(..)
    };
    check("convolutional", network, UNITS);
}

fn lstm_cell(p: &Tensors, (h, c): (Tensor, Tensor), x: Tensor) -> (Tensor, Tensor) {
    let gates = x.matmul(&p["wx"]) + h.matmul(&p["wh"]) + &p["b"];
    let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gates.slice((.., 4 * gate..4 * gate + 4)));
    let c = f.sigmoid() * c + i.sigmoid() * g.tanh();
    (o.sigmoid() * c.tanh(), c)
}

fn lstm_loss(p: &Tensors, hs: Tensor, (h, c): (Tensor, Tensor)) -> Tensor {
    (hs - &p["ys"]).square().mean(..) + (h * c).sum(..)
}

fn lstm_by_scan(p: &Tensors) -> Tensor {
    let state = (p["h"].clone(), p["c"].clone());
    let (state, hs) = scan(state, p["xs"].clone(), |state, x| {
        let (h, c) = lstm_cell(p, state, x);
        ((h.clone(), c), h)
    });
    lstm_loss(p, hs, state)
}

#[test]
fn an_lstm_by_scan() {
    check("lstm", lstm_by_scan, UNITS);
}

#[test]
fn an_lstm_by_a_loop_of_rust() {
    let program = |p: &Tensors| {
        let mut state = (p["h"].clone(), p["c"].clone());
        let mut hs = Vec::new();
        for time in 0..6 {
            state = lstm_cell(p, state, p["xs"].slice(time));
            hs.push(state.0.clone());
        }
        lstm_loss(p, stack(&hs, 0), state)
    };
    check("lstm", program, UNITS);
}

fn batch_norm(p: &Tensors) -> Tensor {
    let axes = || keep([0, 1, 2]);
    let (mean, variance) = (p["x"].mean(axes()), p["x"].var(axes()));
    let y = (&p["x"] - mean) * (variance + 1e-3).rsqrt() * &p["gamma"] + &p["beta"];
    (y.tanh() * &p["weights"]).sum(..)
}

#[test]
fn batch_norm_of_a_batch() {
    check("batch_norm", batch_norm, UNITS);
}

/// Scale and shift, and the averages that a layer keeps while it is trained.
struct BatchNorm {
    gamma: Variable,
    beta: Variable,
    moving_mean: Variable,
    moving_variance: Variable,
}

impl BatchNorm {
    fn new(gamma: &Tensor, beta: &Tensor) -> Self {
        let zeros = zeros(gamma.dtype(), gamma.shape());
        BatchNorm {
            gamma: Variable::new(gamma),
            beta: Variable::new(beta),
            moving_mean: Variable::new(&zeros).not_trainable(),
            moving_variance: Variable::new(zeros + 1.0).not_trainable(),
        }
    }

    fn call(&self, x: &Tensor) -> Result<Tensor> {
        let (mean, variance) = (x.mean([0, 1, 2]), x.var([0, 1, 2]));
        self.moving_mean.assign_add(0.25 * (&mean - &self.moving_mean))?;
        self.moving_variance.assign_add(0.25 * (&variance - &self.moving_variance))?;
        Ok((x - mean) * (variance + 1e-3).rsqrt() * &self.gamma + &self.beta)
    }
}

#[test]
fn batch_norm_with_variables() -> Result<()> {
    let fixture = Fixture::read("batch_norm");
    for dtype in [DType::F64, DType::F32] {
        let (p, _) = fixture.inputs(dtype);
        let new = || BatchNorm::new(&p["gamma"], &p["beta"]);
        let step = |layer: &BatchNorm, x: &Tensor| {
            let tape = GradientTape::new();
            let value = (layer.call(x)?.tanh() * &p["weights"]).sum(..);
            let grads = tape.gradient(&value, [&layer.gamma, &layer.beta]);
            Ok::<_, Error>((value, grads))
        };
        let check = |layer: &BatchNorm, (value, [gamma, beta]): (Tensor, [Tensor; 2])| {
            fixture.check("value", &value, UNITS);
            fixture.check("grad/gamma", &gamma, UNITS);
            fixture.check("grad/beta", &beta, UNITS);
            fixture.check("moving_mean", &layer.moving_mean, UNITS);
            fixture.check("moving_variance", &layer.moving_variance, UNITS);
        };
        let layer = new();
        check(&layer, step(&layer, &p["x"])?);
        let layer = new();
        let traced = function(|x: Tensor| step(&layer, &x));
        check(&layer, traced.call(&p["x"])?);
    }
    Ok(())
}

fn mlp(p: &Tensors) -> Tensor {
    let x = p["x"].matmul(&p["w1"]) + &p["b1"];
    let x = gelu(layer_norm(x, &p["gamma"], &p["beta"], 1e-5));
    (x.matmul(&p["w2"]) + &p["b2"] - &p["y"]).square().mean(..)
}

#[test]
fn a_perceptron_with_layer_norm() {
    check("mlp", mlp, UNITS);
}

/// One trace for all sizes of some axes of some inputs. It is made when the second size comes, which is that of the file.
#[track_caller]
fn check_relaxed(name: &str, program: impl Fn(&Tensors) -> Tensor + Send + Sync, axes: &[(&str, usize)], units: f64) {
    let fixture = Fixture::read(name);
    let (floats, _) = fixture.inputs(DType::F64);
    let function = function(value_and_grad(|p: Tensors| program(&p))).relaxed();
    let call = |size: Option<i64>| {
        let mut floats = floats.clone();
        for (name, axis) in axes {
            let tensor = floats.get_mut(*name).unwrap_or_else(|| panic!("no {name}"));
            *tensor = match (size, axis) {
                (None, _) => tensor.clone(),
                (Some(size), 0) => tensor.slice(..size),
                (Some(size), _) => tensor.slice((.., ..size)),
            };
        }
        function.call(floats).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    call(Some(1));
    let (value, grads) = call(None);
    fixture.check("value", &value, units);
    fixture.check_all("grad/", &grads, units);
    call(Some(2));
    assert_eq!(function.tracing_count(), 2);
}

#[test]
fn derivatives_where_sizes_vary() {
    check_relaxed("mlp", mlp, &[("x", 0), ("y", 0)], UNITS);
    check_relaxed("attention", attention, &[("x", 0), ("y", 0)], UNITS);
    check_relaxed("attention", attention, &[("x", 1), ("y", 1)], UNITS);
    check_relaxed("lstm", lstm_by_scan, &[("xs", 0), ("ys", 0)], UNITS);
    check_relaxed("lstm", lstm_by_scan, &[("xs", 1), ("ys", 1), ("h", 0), ("c", 0)], UNITS);
    check_relaxed("batch_norm", batch_norm, &[("x", 0), ("weights", 0)], UNITS);
    check_relaxed("gaussian", gaussian, &[("x", 0), ("y", 0)], 2.0 * UNITS);
}

// -- The same programs, put together otherwise ---------------------------------------------------

/// The same tensors, some of them replaced.
fn with<const N: usize>(p: &Tensors, parts: [(&str, Tensor); N]) -> Tensors {
    let mut p = p.clone();
    p.extend(parts.map(|(name, tensor)| (name.to_owned(), tensor)));
    p
}

#[test]
fn attention_of_each_example() {
    let one =
        |x: Tensor, y: Tensor, p: Tensors| attention(&with(&p, [("x", x.expand_dims(0)), ("y", y.expand_dims(0))]));
    let each = vmap(one).axes(&[Some(0), Some(0), None]);
    let program = |p: &Tensors| each.call((&p["x"], &p["y"], p)).unwrap_or_else(Tensor::from_error).mean(..);
    check("attention", program, UNITS);
}

#[test]
fn an_lstm_of_each_sequence() {
    let one = |xs: Tensor, ys: Tensor, h: Tensor, c: Tensor, p: Tensors| {
        let sequences = [("xs", xs.expand_dims(1)), ("ys", ys.expand_dims(1))];
        lstm_by_scan(&with(&with(&p, sequences), [("h", h.expand_dims(0)), ("c", c.expand_dims(0))]))
    };
    let each = vmap(one).axes(&[Some(1), Some(1), Some(0), Some(0), None]);
    let last_products = |p: &Tensors| {
        let state = (p["h"].clone(), p["c"].clone());
        let ((h, c), ()) = scan(state, p["xs"].clone(), |state, x| (lstm_cell(p, state, x), ()));
        (h * c).sum(..)
    };
    let program = |p: &Tensors| {
        let losses = each.call((&p["xs"], &p["ys"], &p["h"], &p["c"], p)).unwrap_or_else(Tensor::from_error);
        // The loss has a mean over the sequences, of which the mean is right, and a sum, of which half is missing.
        losses.mean(..) + last_products(p) / 2.0
    };
    check("lstm", program, UNITS);
}

#[test]
fn an_lstm_whose_cells_are_computed_again() {
    let cell = checkpoint(|p: Tensors, state: (Tensor, Tensor), x: Tensor| lstm_cell(&p, state, x));
    let program = |p: &Tensors| {
        let state = (p["h"].clone(), p["c"].clone());
        let scanned = scan(state, p["xs"].clone(), |state, x| {
            let (h, c) = cell.call((p, state, x))?;
            Ok::<_, Error>(((h.clone(), c), h))
        });
        scanned.map_or_else(Tensor::from_error, |(state, hs)| lstm_loss(p, hs, state))
    };
    check("lstm", program, UNITS);
}

#[test]
fn a_perceptron_whose_gelu_has_a_gradient_of_its_own() {
    let gelu = custom_gradient(gelu, |(x,): (Tensor,), weights: Tensor| {
        let density = (-x.square() / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let distribution = ((&x / std::f64::consts::SQRT_2).erf() + 1.0) / 2.0;
        (weights * (distribution + x * density),)
    });
    let program = |p: &Tensors| {
        let x = layer_norm(p["x"].matmul(&p["w1"]) + &p["b1"], &p["gamma"], &p["beta"], 1e-5);
        let x = gelu.call(x).unwrap_or_else(Tensor::from_error);
        (x.matmul(&p["w2"]) + &p["b2"] - &p["y"]).square().mean(..)
    };
    check("mlp", program, UNITS);
}

#[test]
fn a_perceptron_of_traced_functions() {
    let dense = function(|x: Tensor, w: Tensor, b: Tensor| x.matmul(w) + b);
    let hidden = function(|x: Tensor, p: Tensors| gelu(layer_norm(x, &p["gamma"], &p["beta"], 1e-5)));
    let program = |p: &Tensors| {
        let parts = || {
            let x = hidden.call((dense.call((&p["x"], &p["w1"], &p["b1"]))?, p))?;
            Ok((dense.call((x, &p["w2"], &p["b2"]))? - &p["y"]).square().mean(..))
        };
        parts().unwrap_or_else(Tensor::from_error)
    };
    check("mlp", program, UNITS);
}

/// The perceptron's parameters as variables, by name.
#[test]
fn a_perceptron_of_variables() -> Result<()> {
    let fixture = Fixture::read("mlp");
    for dtype in [DType::F64, DType::F32] {
        let (p, _) = fixture.inputs(dtype);
        let new = || -> BTreeMap<String, Variable> {
            p.iter().map(|(name, value)| (name.clone(), Variable::new(value).named(name))).collect()
        };
        let step = |variables: &BTreeMap<String, Variable>| {
            let tape = GradientTape::new();
            let loss = mlp(&variables.iter().map(|(name, variable)| (name.clone(), variable.read())).collect());
            let grads = tape.gradient(&loss, variables);
            for (name, variable) in variables {
                variable.assign_sub(0.125 * &grads[name])?;
            }
            Ok::<_, Error>((loss, grads))
        };
        let (eager, compiled) = (new(), new());
        let traced = function(|| step(&compiled));
        for number in 0..3 {
            let (loss, grads) = step(&eager)?;
            let (loss_compiled, grads_compiled) = traced.call(())?;
            if number == 0 {
                for (loss, grads) in [(&loss, &grads), (&loss_compiled, &grads_compiled)] {
                    fixture.check("value", loss, UNITS);
                    fixture.check_all("grad/", grads, UNITS);
                }
            }
            let far = (loss - loss_compiled).abs().to(DType::F64).item::<f64>()?;
            assert!(far < 1e-5, "step {number} is {far} away");
        }
        assert_eq!(traced.tracing_count(), 1);
    }
    Ok(())
}

// -- Linear algebra ------------------------------------------------------------------------------

fn gaussian(p: &Tensors) -> Tensor {
    let (x, n) = (&p["x"], &p["x"].shape()[0]);
    let distances = x.expand_dims(1) - x.expand_dims(0);
    let covariance = p["scale"].square() * (-(distances / &p["length"]).square() / 2.0).exp();
    let identity = eye(x.dtype(), n);
    let factor = (covariance + p["noise"].square() * &identity).cholesky();
    let whitened = factor.triangular_solve(p["y"].expand_dims(1), TriangularOptions::default());
    let half_determinant = (factor * identity).sum(-1).log().sum(..);
    let normalisation = ones(x.dtype(), ()) * n * (0.5 * (2.0 * std::f64::consts::PI).ln());
    -(whitened.square().sum(..) / 2.0 + half_determinant + normalisation)
}

#[test]
fn the_likelihood_of_a_gaussian_process() {
    // A covariance whose eigenvalues are as small as the noise's square multiplies errors.
    check("gaussian", gaussian, 2.0 * UNITS);
}

// -- Loops ---------------------------------------------------------------------------------------

fn roots(p: &Tensors) -> (impl FnMut(Tensor) -> Tensor, impl FnMut(Tensor) -> Tensor) {
    let a = &p["a"];
    let is_off = move |x: Tensor| ((x.square() - a).abs()).gt(0.05 * a).any(..);
    (is_off, move |x: Tensor| 0.5 * (&x + a / &x))
}

#[test]
fn roots_by_a_bounded_loop() {
    let program = |p: &Tensors| {
        let (is_off, step) = roots(p);
        (while_loop_bounded(20, p["start"].clone(), is_off, step) * &p["weights"]).sum(..)
    };
    // A step's derivative by what it begins with is the difference of two numbers that are nearly the same.
    check("newton", program, 2.0 * UNITS);
}

#[test]
fn tangents_of_roots_by_a_loop_without_a_bound() {
    let program = |p: &Tensors| {
        let (is_off, step) = roots(p);
        (while_loop(p["start"].clone(), is_off, step) * &p["weights"]).sum(..)
    };
    check_forward("newton", program, UNITS);
}

fn doubling(p: &Tensors, bound: Option<i64>) -> Tensor {
    let goes_on = |(x, _): (Tensor, Tensor)| x.sum(..).lt(100.0);
    let body = |(x, n): (Tensor, Tensor)| {
        let next = cond((&n % 2).eq(0), || &x * 1.5 + &p["a"], || x.square() * 0.25 + 1.0);
        (next, n + 1)
    };
    let init = (p["x"].clone(), tensor(0));
    let (x, _) = match bound {
        Some(bound) => while_loop_bounded(bound, init, goes_on, body),
        None => while_loop(init, goes_on, body),
    };
    (x * 0.125).sin().sum(..)
}

/// Each element of a batch goes round as often as it has to.
#[test]
fn roots_of_each_element() -> Result<()> {
    let root = |a: Tensor| {
        let is_off = |x: Tensor| (x.square() - &a).abs().gt(0.05 * &a);
        while_loop_bounded(20, a.clone(), is_off, |x| 0.5 * (&x + &a / &x))
    };
    let numbers = [0.25f64, 1.0, 2.0, 30.0, 1000.0];
    let each = vmap(value_and_grad(root));
    let a = tensor(numbers);
    for (values, slopes) in [each.call(&a)?, function(each).call(&a)?] {
        let (values, slopes) = (values.to_vec::<f64>()?, slopes.to_vec::<f64>()?);
        for (number, (value, slope)) in numbers.iter().zip(values.into_iter().zip(slopes)) {
            let (alone, slope_alone) = value_and_grad(root).call(tensor(*number))?;
            assert_eq!(value, alone.item::<f64>()?, "{number}");
            let far = (slope / slope_alone.item::<f64>()? - 1.0).abs();
            assert!(far < 32.0 * f64::EPSILON, "{number}: {far}");
        }
    }
    Ok(())
}

#[test]
fn a_loop_with_a_branch() {
    // The sine of a large number multiplies the number's error by the number.
    check("doubling", |p| doubling(p, Some(30)), 16.0 * UNITS);
    check_forward("doubling", |p| doubling(p, None), 16.0 * UNITS);
}

#[test]
fn the_power_method_by_loops() {
    let step = |p: &Tensors, v: Tensor| {
        let v = p["a"].matmul(v);
        &v / v.square().sum(..).sqrt()
    };
    let quotient = |p: &Tensors, v: Tensor| v.matmul(&p["a"]).matmul(&v);
    check("power_iteration", |p| quotient(p, for_loop(8, p["v"].clone(), |_, v| step(p, v))), UNITS);
    let by_while = |p: &Tensors| {
        let state = (p["v"].clone(), tensor(0));
        let (v, _) = while_loop_bounded(12, state, |(_, n)| n.lt(8), |(v, n)| (step(p, v), n + 1));
        quotient(p, v)
    };
    check("power_iteration", by_while, UNITS);
}

// -- Matrices of derivatives, and batches --------------------------------------------------------

fn polar(x: Tensor) -> Tensor {
    let r = x.square().sum(..).sqrt();
    let [a, b, c] = [0, 1, 2].map(|place| x.slice(place));
    stack([r.clone(), b.atan2(&a), &c / r, (a * b).exp() * c], 0)
}

fn rosenbrock(x: Tensor) -> Tensor {
    let (front, back) = (x.slice(..3), x.slice(1..));
    ((back - front.square()).square() * 100.0 + (front - 1.0).square()).sum(..)
}

#[test]
fn jacobian_and_hessian_matrices() -> Result<()> {
    let fixture = Fixture::read("matrices");
    for dtype in [DType::F64, DType::F32] {
        let (p, _) = fixture.inputs(dtype);
        let (x, y) = (&p["x"], &p["y"]);
        fixture.check("polar", &polar(x.clone()), UNITS);
        fixture.check("jacobian", &jacobian(polar).call(x)?, UNITS);
        fixture.check("jacobian", &function(jacobian(polar)).call(x)?, UNITS);
        let by_tape = |x: Tensor| {
            let tape = GradientTape::new();
            tape.watch(&x);
            tape.jacobian(&polar(x.clone()), &x)
        };
        fixture.check("jacobian", &by_tape(x.clone()), UNITS);
        fixture.check("jacobian", &function(by_tape).call(x)?, UNITS);
        fixture.check("value", &rosenbrock(y.clone()), UNITS);
        fixture.check("gradient", &grad(rosenbrock).call(y)?, UNITS);
        fixture.check("hessian", &hessian(rosenbrock).call(y)?, UNITS);
        fixture.check("hessian", &function(hessian(rosenbrock)).call(y)?, UNITS);
    }
    Ok(())
}

#[test]
fn gradients_of_each_example() -> Result<()> {
    let fixture = Fixture::read("per_example");
    let loss =
        |(w, b): (Tensor, Tensor), x: Tensor, label: Tensor| -log_softmax((x.matmul(w) + b).tanh(), -1).take(label, 0);
    for dtype in [DType::F64, DType::F32] {
        let (p, integers) = fixture.inputs(dtype);
        let weights = || (p["w"].clone(), p["b"].clone());
        let check = |(w, b): (Tensor, Tensor)| {
            let norms = (w.square().sum([1, 2]) + b.square().sum(1)).sqrt();
            fixture.check("grads/w", &w, UNITS);
            fixture.check("grads/b", &b, UNITS);
            fixture.check("norms", &norms, UNITS);
        };
        let each = vmap(grad(loss)).axes(&[None, Some(0), Some(0)]);
        check(each.call((weights(), &p["x"], &integers["labels"]))?);
        check(function(each).call((weights(), &p["x"], &integers["labels"]))?);
        // The same by a loop over the examples.
        let one_by_one = |weights: (Tensor, Tensor), xs: Tensor, labels: Tensor| {
            map((xs, labels), |(x, label)| grad(loss).call((weights.clone(), x, label)))
        };
        check(one_by_one(weights(), p["x"].clone(), integers["labels"].clone())?);
        check(function(one_by_one).call((weights(), &p["x"], &integers["labels"]))?);
    }
    Ok(())
}
