//! Functions of the host that use variables of the call that runs them; alone in its process, whose sink for lines it takes.

use tancho_core::{Result, Tensor, Variable, function};

#[test]
fn a_function_of_the_host_does_not_wait_for_the_call_that_runs_it() -> Result<()> {
    let x = Variable::new(1.0f32);
    let errors = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (inner, found) = (x.clone(), errors.clone());
    let read = function(|x: Tensor| x * 2.0);
    let sink = tancho_core::set_print_sink(Some(std::sync::Arc::new(move |_: &str| {
        let tried = [inner.read().check(), inner.assign(5.0), inner.assign_add(5.0), read.call(&inner).map(drop)];
        found.lock().unwrap().extend(tried.into_iter().map(|result| result.unwrap_err().to_string()));
    })));
    let step = {
        let x = x.clone();
        function(move || {
            x.assign_add(1.0)?;
            tancho_core::print("{}", &x);
            Ok(x.read())
        })
    };
    let result = step.call(());
    tancho_core::set_print_sink(sink);
    assert_eq!(result?.item::<f32>()?, 2.0);
    let errors = errors.lock().unwrap();
    assert!(errors.len() >= 4);
    for error in errors.iter() {
        assert!(error.contains("is assigned by the call that runs this function of the host"), "{error}");
    }
    x.assign(7.0)
}
