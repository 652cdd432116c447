//! Variables: eagerly, captured by traced functions, and what a call that fails leaves behind.

use std::sync::OnceLock;

use tancho_core::{Error, GradientTape, Result, Tensor, Variable, function, tensor};

#[track_caller]
fn check(variable: &Variable, expected: &[f32]) {
    assert_eq!(variable.to_vec::<f32>().unwrap(), expected);
}

#[track_caller]
fn check_error<T: std::fmt::Debug>(result: Result<T>, expected: &str) {
    let text = result.unwrap_err().to_string();
    assert!(text.contains(expected), "{text}");
    assert!(text.contains(file!()), "{text}");
}

#[test]
fn a_variable_stands_where_a_tensor_does() -> Result<()> {
    let x = Variable::new([1.0f32, 2.0, 3.0]);
    assert_eq!((x.square() + 2.0 * &x - 5.0).to_vec::<f32>()?, [-2.0, 3.0, 10.0]);
    assert_eq!((&x * &x).to_vec::<f32>()?, [1.0, 4.0, 9.0]);
    assert_eq!((tensor(1.0f32) - &x).to_vec::<f32>()?, [0.0, -1.0, -2.0]);
    assert_eq!(x.shape().to_string(), "(3,)");
    Ok(())
}

#[test]
fn assignments_change_the_variable_and_nothing_that_was_read() -> Result<()> {
    let x = Variable::new([0.0f32, 0.0, 0.0]);
    let before = x.read();
    x.assign([1.0f32, 2.0, 3.0])?;
    x.assign_add([1.0f32, 1.0, 1.0])?;
    check(&x, &[2.0, 3.0, 4.0]);
    x.assign_sub(1)?;
    check(&x, &[1.0, 2.0, 3.0]);
    x.assign_slice(1.., [7.0f32, 8.0])?;
    check(&x, &[1.0, 7.0, 8.0]);
    x.scatter_nd_add(tensor([[0], [0], [2]]), [1.0f32, 2.0, 3.0])?;
    check(&x, &[4.0, 7.0, 11.0]);
    let alias = x.clone();
    alias.assign_add(&x)?;
    check(&x, &[8.0, 14.0, 22.0]);
    assert_eq!(before.to_vec::<f32>()?, [0.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn updates_are_made_in_place() -> Result<()> {
    let x = Variable::new([0.0f32; 1000]);
    let address = |x: &Variable| x.array().unwrap().buffer().as_ptr();
    let first = address(&x);
    x.assign_add(1.0)?;
    assert_eq!(address(&x), first);
    let step = function({
        let x = x.clone();
        move |by: Tensor| x.assign_add(by)
    });
    step.call(tensor(2.0f32))?;
    assert_eq!(address(&x), first);
    let held = x.read();
    step.call(tensor(2.0f32))?;
    assert_ne!(address(&x), first);
    assert_eq!((held.to_vec::<f32>()?[0], x.to_vec::<f32>()?[0]), (3.0, 5.0));
    Ok(())
}

#[test]
fn what_does_not_fit_is_an_error_and_changes_nothing() {
    let x = Variable::new([1.0f32, 2.0]).named("x");
    check_error(x.assign([1.0f32]), "assign: the variable x is f32[2], but f32[1] is assigned");
    check_error(x.assign([1, 2]), "assign: the variable x is f32[2], but i32[2] is assigned");
    check_error(x.assign_add([1.0f32, 2.0, 3.0]), "assign_add: shapes do not broadcast: f32[2] and f32[3]");
    check_error(x.assign_add([[1.0f32], [1.0]]), "assign_add: the variable x is f32[2], but f32[2, 2] is assigned");
    check_error(Variable::new([1]).assign_add(1.5), "the float 1.5 does not fit elements of i32");
    check(&x, &[1.0, 2.0]);
}

#[test]
fn traced_functions_read_and_write_in_program_order() -> Result<()> {
    let counter = Variable::new(0);
    let tick = {
        let counter = counter.clone();
        function(move || {
            let before = counter.read();
            counter.assign_add(1)?;
            let after = counter.read();
            counter.assign_add(&counter)?;
            Ok((before, after, counter.read()))
        })
    };
    let values = |(x, y, z): (Tensor, Tensor, Tensor)| -> Result<[i32; 3]> { Ok([x.item()?, y.item()?, z.item()?]) };
    assert_eq!(values(tick.call(())?)?, [0, 1, 2]);
    assert_eq!(values(tick.call(())?)?, [2, 3, 6]);
    counter.assign(10)?;
    assert_eq!(values(tick.call(())?)?, [10, 11, 22]);
    assert_eq!(tick.tracing_count(), 1);
    Ok(())
}

#[test]
fn functions_that_call_functions_share_variables() -> Result<()> {
    let x = Variable::new(1.0f32);
    let double = {
        let x = x.clone();
        function(move || x.assign(&x * 2.0))
    };
    let twice = {
        let x = x.clone();
        function(move || {
            double.call(())?;
            let middle = x.read();
            double.call(())?;
            Ok(middle + &x)
        })
    };
    assert_eq!(twice.call(())?.item::<f32>()?, 6.0);
    assert_eq!(x.item::<f32>()?, 4.0);
    Ok(())
}

#[test]
fn variables_are_made_in_the_first_trace_only() -> Result<()> {
    let kept: OnceLock<Variable> = OnceLock::new();
    let scaled = function(|x: Tensor| kept.get_or_init(|| Variable::new(tensor(2.0f32).square() + 1.0)) * x);
    assert_eq!(scaled.call(tensor([1.0f32]))?.to_vec::<f32>()?, [5.0]);
    assert_eq!(scaled.call(tensor([1.0f32, 2.0]))?.to_vec::<f32>()?, [5.0, 10.0]);

    let kept = std::sync::Mutex::new(Vec::new());
    let late = function(|x: Tensor| {
        let variable = Variable::new(1.0f32);
        kept.lock().unwrap().push(variable.clone());
        &variable * x
    });
    assert!(late.call(tensor([1.0f32])).is_ok());
    check_error(late.call(tensor([1.0f32, 2.0])), "a variable is made while the function is traced again");

    let lost = function(|x: Tensor| &Variable::new(1.0f32) * x);
    check_error(lost.call(tensor(1.0f32)), "a variable that the trace made is dropped at its end");
    let dependent = function(|x: Tensor| &Variable::new(&x) * &x);
    check_error(dependent.call(tensor(1.0f32)), "the first value of a variable depends on arg0");
    Ok(())
}

#[test]
fn a_call_that_fails_leaves_every_variable_as_it_was() -> Result<()> {
    let (x, y) = (Variable::new([1.0f32, 2.0]), Variable::new(0));
    let fails = {
        let (x, y) = (x.clone(), y.clone());
        function(move |by: Tensor| {
            y.assign_add(1)?;
            x.assign_add(by.matmul(tensor([[1.0f32]])))
        })
    };
    assert!(fails.call(tensor([[1.0f32, 2.0]])).is_err());
    check(&x, &[1.0, 2.0]);
    assert_eq!(y.item::<i32>()?, 0);
    Ok(())
}

#[test]
fn a_dropped_variable_is_freed_and_named() -> Result<()> {
    let x = Variable::new(1.0f32).named("weight");
    let held: std::sync::Mutex<Option<Variable>> = Some(x).into();
    let read = function(|| match &*held.lock().unwrap() {
        Some(x) => Ok(x * 2.0),
        None => Err(Error::new("none")),
    });
    assert_eq!(read.call(())?.item::<f32>()?, 2.0);
    *held.lock().unwrap() = None;
    check_error(read.call(()), "the variable weight, which the trace uses, was dropped");
    Ok(())
}

#[test]
fn calls_that_share_variables_do_not_wait_for_each_other() -> Result<()> {
    let (x, y) = (Variable::new(0i64), Variable::new(0i64));
    let swap = |x: &Variable, y: &Variable| {
        let (x, y) = (x.clone(), y.clone());
        function(move || {
            let old = x.read() + 1;
            x.assign(&y + 1)?;
            y.assign(old)
        })
    };
    let (one, other) = (swap(&x, &y), swap(&y, &x));
    std::thread::scope(|threads| {
        for number in 0..4 {
            let step = if number % 2 == 0 { &one } else { &other };
            threads.spawn(move || (0..500).for_each(|_| step.call(()).unwrap()));
        }
    });
    assert_eq!(x.item::<i64>()? + y.item::<i64>()?, 4 * 500 * 2);
    Ok(())
}

#[test]
fn updates_of_variables_by_variables_do_not_wait_for_each_other() -> Result<()> {
    let own = Variable::new([[0i32], [1], [0]]);
    own.scatter_nd_add(&own, [10])?;
    assert_eq!(own.to_vec::<i32>()?, [20, 11, 0]);
    let (x, y) = (Variable::new([[0i32]]), Variable::new([[0i32]]));
    std::thread::scope(|threads| {
        for (changed, read) in [(&x, &y), (&y, &x)] {
            threads.spawn(move || (0..500).for_each(|_| changed.scatter_nd_update(read, [0]).unwrap()));
        }
    });
    Ok(())
}

#[test]
fn a_training_step_updates_its_parameters_in_place() -> Result<()> {
    let sizes = [(1, 64), (64, 1)];
    let parameters: Vec<Variable> = sizes
        .iter()
        .flat_map(|&(inputs, units)| {
            let kernel = (0..inputs * units).map(|place| ((place * 37 % 19) as f32 - 9.0) / 20.0).collect();
            [Variable::new(Tensor::from_vec([inputs, units], kernel)), Variable::new(vec![0.1f32; units])]
        })
        .collect();
    let step = {
        let parameters = parameters.clone();
        function(move |x: Tensor, y: Tensor| {
            let tape = GradientTape::new();
            let hidden = (x.matmul(&parameters[0]) + &parameters[1]).relu();
            let loss = (y - hidden.matmul(&parameters[2]) - &parameters[3]).square().mean(..);
            for (parameter, gradient) in parameters.iter().zip(tape.gradient(&loss, &parameters)) {
                parameter.assign_sub(gradient * 0.01)?;
            }
            Ok(loss)
        })
    };
    let x = Tensor::from_vec([209, 1], (0..209).map(|place| place as f32 / 52.0 - 2.0).collect());
    let y = x.square() + 2.0 * &x - 5.0;
    let addresses = || -> Vec<usize> {
        parameters.iter().map(|parameter| parameter.array().unwrap().buffer().as_ptr() as usize).collect()
    };
    let (before, first) = (addresses(), step.call((&x, &y))?.item::<f32>()?);
    let mut last = first;
    for _ in 0..20 {
        last = step.call((&x, &y))?.item::<f32>()?;
    }
    assert!(last < 0.5 * first, "{first} {last}");
    assert_eq!(addresses(), before);
    Ok(())
}
