//! Gradient tapes and gradients of functions, eagerly and within traced functions.

use tancho_core::Transform;
use tancho_core::{GradientTape, Result, Tensor, Variable, function, grad, tensor, value_and_grad};

#[track_caller]
fn check(found: &Tensor, expected: &[f32]) {
    assert_eq!(found.to_vec::<f32>().unwrap(), expected);
}

#[test]
fn the_gradient_of_the_guide() -> Result<()> {
    let x = Variable::new(1.0f32);
    let f = |x: &Variable| x.square() + 2.0 * x - 5.0;
    let gradient = || {
        let tape = GradientTape::new();
        let y = f(&x);
        (y.clone(), tape.gradient(&y, &x))
    };
    let (y, slope) = gradient();
    check(&y, &[-2.0]);
    check(&slope, &[4.0]);
    let (y, slope) = function(gradient).call(())?;
    check(&y, &[-2.0]);
    check(&slope, &[4.0]);
    Ok(())
}

#[test]
fn tensors_are_watched_where_a_tape_is_told_so() -> Result<()> {
    let gradient = |x: Tensor, y: Tensor| {
        let tape = GradientTape::persistent();
        tape.watch(&x);
        let z = &x * &y + x.square();
        let w = z.exp().log();
        (tape.gradient(&w, &x), tape.gradient_or_zeros(&w, &y), tape.gradient(&w, &z))
    };
    let check_all = |(x, y, z): (Tensor, Tensor, Tensor)| {
        check(&x, &[7.0]);
        check(&y, &[0.0]);
        check(&z, &[1.0]);
    };
    check_all(gradient(tensor(2.0f32), tensor(3.0f32)));
    check_all(function(gradient).call((tensor(2.0f32), tensor(3.0f32)))?);
    Ok(())
}

#[test]
fn a_captured_tensor_is_a_source_like_others() -> Result<()> {
    // The literal in the closure has the same bits as the tensor.
    let x = tensor(3.0f32);
    let gradient = || {
        let tape = GradientTape::new();
        tape.watch(&x);
        let y = 3.0 * &x;
        tape.gradient(&y, &x)
    };
    check(&gradient(), &[3.0]);
    check(&function(gradient).call(())?, &[3.0]);
    Ok(())
}

#[test]
fn nested_tapes_give_higher_orders() -> Result<()> {
    let cube = |x: Tensor| {
        let outer = GradientTape::new();
        outer.watch(&x);
        let inner = GradientTape::new();
        inner.watch(&x);
        let y = x.square() * &x;
        let first = inner.gradient(&y, &x);
        (first.clone(), outer.gradient(&first, &x))
    };
    let check_both = |(first, second): (Tensor, Tensor)| {
        check(&first, &[12.0]);
        check(&second, &[12.0]);
    };
    check_both(cube(tensor(2.0f32)));
    check_both(function(cube).call(tensor(2.0f32))?);
    Ok(())
}

#[test]
fn variables_that_share_memory_are_two_sources() -> Result<()> {
    let start = tensor([1.0f32, 2.0]);
    let (x, y) = (Variable::new(&start), Variable::new(&start));
    let gradient = || {
        let tape = GradientTape::new();
        let z = (&x * 2.0 + &y * 3.0).sum(..);
        let [x, y] = tape.gradient(&z, [&x, &y]);
        (x, y)
    };
    let check_both = |(x, y): (Tensor, Tensor)| {
        check(&x, &[2.0, 2.0]);
        check(&y, &[3.0, 3.0]);
    };
    check_both(gradient());
    check_both(function(gradient).call(())?);
    Ok(())
}

#[test]
fn gradients_do_not_flow_through_assignments() -> Result<()> {
    let x = Variable::new(2.0f32);
    let step = || {
        let tape = GradientTape::new();
        let before = x.square();
        x.assign(&x * 5.0)?;
        let y = before + x.square();
        Ok(tape.gradient(&y, &x))
    };
    // 2·2 before, and 2·10 after the assignment.
    check(&step()?, &[24.0]);
    x.assign(2.0)?;
    check(&function(step).call(())?, &[24.0]);
    Ok(())
}

#[test]
fn what_is_not_recorded_has_no_gradient() -> Result<()> {
    let x = Variable::new(2.0f32);
    let gradient = || {
        let tape = GradientTape::new();
        let factor = tape.stop_recording(|| x.square());
        tape.gradient(&(&x * &factor), &x)
    };
    check(&gradient(), &[4.0]);
    check(&function(gradient).call(())?, &[4.0]);

    let tape = GradientTape::new();
    let y = tensor(1.0f32) * 2.0;
    let error = tape.gradient(&y, &x).check().unwrap_err().to_string();
    assert!(error.contains("the target does not depend on source 0") && error.contains(file!()), "{error}");
    let again = tape.gradient(&y, &x).check().unwrap_err().to_string();
    assert!(again.contains("a tape that is not persistent gives one gradient"), "{again}");
    Ok(())
}

#[test]
fn a_traced_function_is_one_step_of_a_tape() -> Result<()> {
    let w = Variable::new([[1.0f32, 2.0], [3.0, 4.0]]);
    let layer = {
        let w = w.clone();
        function(move |x: Tensor| x.matmul(&w).square().sum(..))
    };
    let tape = GradientTape::new();
    let x = tensor([[1.0f32, -1.0]]);
    tape.watch(&x);
    let y = layer.call(&x)? * 0.5;
    let (dx, dw) = tape.gradient(&y, (&x, &w));
    check(&dx, &[-6.0, -14.0]);
    check(&dw, &[-2.0, -2.0, 2.0, 2.0]);
    Ok(())
}

#[test]
fn functions_have_gradients_as_functions() -> Result<()> {
    let cube = |x: Tensor| x.square() * &x;
    check(&grad(cube).call(tensor(2.0f32))?, &[12.0]);
    check(&grad(grad(cube)).call(tensor(2.0f32))?, &[12.0]);
    check(&grad(grad(grad(cube))).call(tensor(2.0f32))?, &[6.0]);
    check(&function(grad(grad(cube))).call(tensor(2.0f32))?, &[12.0]);
    let product = value_and_grad(|(x, y): (Tensor, Tensor), z: Tensor| &x * &y * &z);
    let same = tensor(3.0f32);
    let (value, (dx, dy)) = product.call(((same.clone(), same.clone()), &same))?;
    check(&value, &[27.0]);
    check(&dx, &[9.0]);
    check(&dy, &[9.0]);
    Ok(())
}

#[test]
fn the_jacobian_has_a_row_for_each_element() -> Result<()> {
    let jacobian = |x: Tensor| {
        let tape = GradientTape::new();
        tape.watch(&x);
        let y = x.square() * tensor([1.0f32, 2.0, 3.0]);
        tape.jacobian(&y, &x)
    };
    let expected = [2.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 18.0];
    let x = tensor([1.0f32, 2.0, 3.0]);
    check(&jacobian(x.clone()), &expected);
    check(&function(jacobian).call(&x)?, &expected);
    Ok(())
}

#[test]
fn sources_are_lent_in_any_structure() {
    let variables = [Variable::new([1.0f32, 2.0]), Variable::new([3.0f32, 4.0])];
    let [v, w] = &variables;
    let tape = GradientTape::persistent();
    let loss = (v * w).sum(..);
    let check_both = |grads: &[Tensor]| {
        check(&grads[0], &[3.0, 4.0]);
        check(&grads[1], &[1.0, 2.0]);
    };
    check_both(&tape.gradient(&loss, [v, w]));
    check_both(&tape.gradient(&loss, &variables));
    check_both(&tape.gradient(&loss, &variables[..]));
    check_both(&tape.gradient(&loss, &variables.to_vec()));
    check_both(&tape.gradient(&loss, &vec![v, w]));
    check_both(&tape.gradient(&loss, &tancho_core::variables(&(v.clone(), [w.clone(), v.clone()]))));
}

#[test]
fn what_a_function_takes_from_outside_has_gradients() -> Result<()> {
    let slope = |w: Tensor| {
        let tape = GradientTape::new();
        tape.watch(&w);
        let v = w.square();
        let each = tancho_core::vmap(|x: Tensor| x * &w * &v).call(tensor([1.0f32, 2.0]))?;
        let again = tancho_core::checkpoint(|x: Tensor| x * &w).call(tensor(4.0f32))?;
        let (_, tangent) =
            tancho_core::jvp(|x: Tensor| x.square() * &w).call(((tensor(5.0f32),), (tensor(1.0f32),)))?;
        let y = &w * 8.0 + each.sum(..) + again + tangent;
        Ok::<_, tancho_core::Error>(tape.gradient(&y, &w))
    };
    // 3w³ + 4w + 10w + 8w.
    check(&slope(tensor(2.0f32))?, &[58.0]);
    check(&function(slope).call(tensor(2.0f32))?, &[58.0]);

    let w = tensor([2.0f32, 3.0]);
    let bias = Variable::new(1.0f32);
    let power = function(|x: Tensor| tancho_core::for_loop(12, x, |_, x| x * &w + &bias).sum(..));
    let by_w = |x: Tensor| {
        let tape = GradientTape::new();
        tape.watch(&w);
        let y = power.call(&x)?;
        Ok::<_, tancho_core::Error>(tape.gradient(&y, (&w, &bias)))
    };
    let (dw, db) = by_w(tensor([1.0f32, 0.0]))?;
    let (dw_unrolled, db_unrolled) = {
        let tape = GradientTape::new();
        tape.watch(&w);
        let y = (0..12).fold(tensor([1.0f32, 0.0]), |x, _| x * &w + &bias).sum(..);
        tape.gradient(&y, (&w, &bias))
    };
    check(&dw, &dw_unrolled.to_vec::<f32>()?);
    check(&db, &db_unrolled.to_vec::<f32>()?);
    Ok(())
}

#[test]
fn a_tape_within_a_region_watches_what_is_around_it() -> Result<()> {
    let w = tensor(3.0f32);
    let slope = |x: &Tensor, watches: bool| {
        let tape = GradientTape::new();
        if watches {
            tape.watch((x, &w));
        }
        let y = x * x * &w;
        let (by_x, by_w) = tape.gradient_or_none(&y, (x, &w));
        by_x.unwrap_or(tensor(-1.0f32)) + by_w.unwrap_or(tensor(-1.0f32))
    };
    for (watches, expected) in [(true, 16.0f32), (false, -2.0)] {
        let branch = |x: Tensor| {
            let inner = || tancho_core::cond(x.gt(1.0), || slope(&x, watches), || x.clone());
            tancho_core::cond(x.gt(0.0), inner, || x.clone())
        };
        let body = |x: Tensor| tancho_core::for_loop(20, tensor(0.0f32), |_, _| slope(&x, watches));
        let rows = |x: Tensor| tancho_core::map(tancho_core::arange(0, 20, 1), |_: Tensor| slope(&x, watches)).slice(7);
        let batch = |x: Tensor| {
            let each = tancho_core::vmap(|y: Tensor| y + slope(&x, watches));
            Ok::<_, tancho_core::Error>(each.call(tancho_core::zeros(tancho_core::DType::F32, [2]))?.slice(1))
        };
        let x = tensor(2.0f32);
        check(&branch(x.clone()), &[expected]);
        check(&function(branch).call(&x)?, &[expected]);
        check(&function(body).call(&x)?, &[expected]);
        check(&function(rows).call(&x)?, &[expected]);
        check(&function(batch).call(&x)?, &[expected]);
    }
    Ok(())
}

#[test]
fn mistakes_name_the_line_where_they_are_made() {
    let check = |tensor: Result<Tensor>, expected: &str| {
        let text = tensor.and_then(|tensor| tensor.check()).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
        assert!(text.contains(file!()) && !text.contains("src/"), "{text}");
    };
    let vector = tensor([1.0f32, 2.0]);
    check(grad(|x: Tensor| x.square()).call(&vector), "grad: the function gives f32[2], not a float scalar");
    check(function(grad(|x: Tensor| x.square())).call(&vector), "grad: the function gives f32[2], not a float scalar");
    let misfit = tancho_core::jvp(|x: Tensor| x.square());
    check(
        misfit.call(((vector.clone(),), (tensor(1.0f32),))).map(|(x, _)| x),
        "jvp: the tangents have not the structure",
    );
    let number = Variable::new([1, 2]);
    let tape = GradientTape::new();
    check(Ok(tape.gradient(&number.sum(..), &number)), "gradient: source 0 is i32[2], and gradients are by floats");
}

#[test]
fn a_loop_compiles_its_gradient_once() -> Result<()> {
    let x = Variable::new([1.0f32, 2.0]);
    let step = || {
        let tape = GradientTape::new();
        let loss = (x.square() * 3.0).sum(..);
        x.assign_sub(0.1 * tape.gradient(&loss, &x))
    };
    step()?;
    // Other tests compile at the same time; what a step would compile, every round would.
    let compiles = |_| -> Result<bool> {
        let compiled = tancho_core::compiled_kernels();
        step()?;
        Ok(tancho_core::compiled_kernels() > compiled)
    };
    let rounds = (0..50).map(compiles).collect::<Result<Vec<bool>>>()?;
    assert!(rounds.iter().any(|compiled| !compiled));
    Ok(())
}
