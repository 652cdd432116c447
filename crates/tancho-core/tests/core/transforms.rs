//! Functions made of functions: batches, directional derivatives, gradients of the user's.

use tancho_core::{
    GradientTape, Result, Tensor, Transform, Variable, checkpoint, custom_gradient, function, grad, hessian, jacobian,
    jvp, tensor, vjp, vmap,
};

#[track_caller]
fn check(found: &Tensor, expected: &[f32]) {
    assert_eq!(found.to_vec::<f32>().unwrap(), expected);
}

#[track_caller]
fn check_error<T>(result: Result<T>, expected: &str) {
    let text = result.err().unwrap().to_string();
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_batch_does_for_each_element_what_the_function_does_for_one() -> Result<()> {
    let x = tensor([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    let w = tensor([1.0f32, 10.0]);
    let dots = || vmap(|x: Tensor, y: Tensor| (x * y).sum(..)).axes(&[Some(0), None]);
    check(&dots().call((&x, &w))?, &[21.0, 43.0, 65.0]);
    check(&function(dots()).call((&x, &w))?, &[21.0, 43.0, 65.0]);
    let columns = vmap(|x: Tensor| x.sum(..)).axes(&[Some(-1)]);
    check(&columns.call(&x)?, &[9.0, 12.0]);
    check(&vmap(vmap(|x: Tensor| x.square())).call(&x)?, &[1.0, 4.0, 9.0, 16.0, 25.0, 36.0]);
    check_error(dots().axes(&[None, None]).call((&x, &w)), "vmap: no argument has a batch");
    check_error(
        vmap(|x: Tensor, y: Tensor| x + y.sum(..)).call((&x, &w)),
        "vmap: the sizes of the batch differ: 3 and 2",
    );
    Ok(())
}

#[test]
fn batches_capture_what_is_around_them() -> Result<()> {
    let scale = Variable::new(2.0f32);
    let scaled = vmap(|x: Tensor| x * &scale);
    check(&scaled.call(tensor([1.0f32, 2.0]))?, &[2.0, 4.0]);
    scale.assign(3.0)?;
    check(&scaled.call(tensor([1.0f32, 2.0]))?, &[3.0, 6.0]);
    let outer = function(|x: Tensor, y: Tensor| vmap(|x: Tensor| x * &y * &scale).call(x));
    check(&outer.call((tensor([1.0f32, 2.0]), tensor(10.0f32)))?, &[30.0, 60.0]);
    Ok(())
}

#[test]
fn gradients_of_each_example_and_of_a_batch() -> Result<()> {
    let loss = |w: Tensor, x: Tensor| (w * x).sum(..).square();
    let each = vmap(grad(loss)).axes(&[None, Some(0)]);
    let (w, x) = (tensor([1.0f32, 2.0]), tensor([[1.0f32, 0.0], [0.0, 1.0], [1.0, 1.0]]));
    check(&each.call((&w, &x))?, &[2.0, 0.0, 0.0, 4.0, 6.0, 6.0]);
    let sum = grad(|w: Tensor, x: Tensor| vmap(loss).axes(&[None, Some(0)]).call((w, x)).unwrap().sum(..));
    check(&sum.call((&w, &x))?, &[8.0, 10.0]);
    check(&function(sum).call((&w, &x))?, &[8.0, 10.0]);
    Ok(())
}

#[test]
fn tangents_go_forward() -> Result<()> {
    let f = |x: Tensor, n: Tensor| (x.square() * 3.0, n + 1);
    let check_all = |((y, n), (dy, dn)): ((Tensor, Tensor), (Tensor, Tensor))| {
        check(&y, &[12.0]);
        check(&dy, &[6.0]);
        assert_eq!((n.item::<i32>().unwrap(), dn.item::<i32>().unwrap()), (8, 0));
    };
    let arguments = || ((tensor(2.0f32), tensor(7)), (tensor(0.5f32), tensor(0)));
    check_all(jvp(f).call(arguments())?);
    check_all(function(jvp(f)).call(arguments())?);
    check_error(
        jvp(f).call(((tensor(2.0f32), tensor(7)), (tensor(0.5f64), tensor(0)))),
        "jvp: the tangents have not the structure and the types of the arguments",
    );
    Ok(())
}

#[test]
fn a_pullback_takes_any_number_of_weights() -> Result<()> {
    let pull = |x: Tensor| {
        let (y, pullback) = vjp(&|x: Tensor| x.square(), (x,))?;
        let (one,) = pullback.call(&tensor([1.0f32, 0.0]))?;
        let (other,) = pullback.call(&tensor([0.0f32, 1.0]))?;
        Ok((y, one, other))
    };
    let check_all = |(y, one, other): (Tensor, Tensor, Tensor)| {
        check(&y, &[1.0, 4.0]);
        check(&one, &[2.0, 0.0]);
        check(&other, &[0.0, 4.0]);
    };
    check_all(pull(tensor([1.0f32, 2.0]))?);
    check_all(function(pull).call(tensor([1.0f32, 2.0]))?);
    Ok(())
}

#[test]
fn matrices_of_derivatives() -> Result<()> {
    let x = tensor([1.0f32, 2.0]);
    let cube = |x: Tensor| (x.square() * &x).sum(..);
    check(&hessian(cube).call(&x)?, &[6.0, 0.0, 0.0, 12.0]);
    check(&function(hessian(cube)).call(&x)?, &[6.0, 0.0, 0.0, 12.0]);
    let product = |x: Tensor, w: Tensor| x.matmul(w);
    let w = tensor([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    check(&jacobian(product).call((&x, &w))?, &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    Ok(())
}

#[test]
fn a_checkpoint_has_the_same_gradient() -> Result<()> {
    let f = |x: Tensor| x.sin().exp().square().sum(..);
    let x = tensor([0.5f32, 1.0, -2.0]);
    let plain = grad(f).call(&x)?.to_vec::<f32>()?;
    assert_eq!(grad(checkpoint(f)).call(&x)?.to_vec::<f32>()?, plain);
    let traced = function(grad(f)).call(&x)?.to_vec::<f32>()?;
    assert_eq!(function(grad(checkpoint(f))).call(&x)?.to_vec::<f32>()?, traced);
    Ok(())
}

#[test]
fn a_gradient_of_the_users_own() -> Result<()> {
    let doubled = || {
        custom_gradient(
            |x: Tensor, y: Tensor| x * y,
            |(x, y): (Tensor, Tensor), weights: Tensor| (2.0 * &y * &weights, 10.0 * x * weights),
        )
    };
    let (x, y) = (tensor(3.0f32), tensor(5.0f32));
    check(&doubled().call((&x, &y))?, &[15.0]);
    check(&grad(doubled()).call((&x, &y))?, &[10.0]);
    check(&function(grad(doubled())).call((&x, &y))?, &[10.0]);
    let tape = GradientTape::new();
    tape.watch((&x, &y));
    let z = doubled().call((&x, &y))? * 2.0;
    let (dx, dy) = tape.gradient(&z, (&x, &y));
    check(&dx, &[20.0]);
    check(&dy, &[60.0]);
    let w = Variable::new(1.0f32);
    let captures = custom_gradient(|x: Tensor| x * &w, |(x,): (Tensor,), _: Tensor| (x,));
    check_error(captures.call(&x), "the function uses what is around it; pass it as an argument");
    Ok(())
}

#[test]
fn nothing_flows_through_what_is_stopped() -> Result<()> {
    let f = |x: Tensor| x.square() * x.stop_gradient();
    check(&grad(f).call(tensor(3.0f32))?, &[18.0]);
    check(&function(grad(f)).call(tensor(3.0f32))?, &[18.0]);
    Ok(())
}
