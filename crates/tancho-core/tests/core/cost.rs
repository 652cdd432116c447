//! Costs and profiles of concrete functions and programs, with the lines of the closure.

use tancho_core::*;

#[test]
fn a_fixed_signature_has_one_cost() -> Result<()> {
    let line = line!() + 1;
    let f = function(|x: Tensor, w: Tensor| x.matmul(&w).relu());
    let (x, w) = (ones(DType::F32, [4, 8]), ones(DType::F32, [8, 2]));
    let concrete = f.concrete((&x, &w))?;
    let cost = concrete.cost()?;
    // 2·m·n·k and a maximum for each element.
    assert_eq!(cost.flops, 2 * 4 * 8 * 2 + 8, "{cost}");
    assert_eq!((cost.memory.arguments, cost.memory.results), (4 * (32 + 16), 4 * 8), "{cost}");
    assert!(cost.to_string().contains(&format!("cost.rs:{line}:")), "{cost}");
    assert_eq!(concrete.cost_for((&x, &w))?, cost);
    for stage in [Stage::Traced, Stage::Optimized, Stage::Kernels, Stage::Clif, Stage::Asm] {
        let text = concrete.dump(stage);
        assert!(text.contains(&format!("cost.rs\":{line}:")) || text.contains(&format!("cost.rs:{line}:")), "{text}");
    }
    Ok(())
}

#[test]
fn a_varying_size_has_a_cost_for_arguments() -> Result<()> {
    let f = function(|x: Tensor| x.square() + 1.0).with_signature([spec(DType::F32, [Dim::symbol("n")])])?;
    let x = ones(DType::F32, [10]);
    let concrete = f.concrete(&x)?;
    let error = concrete.cost().unwrap_err().to_string();
    assert!(error.contains("the cost depends on the sizes of f32[?"), "{error}");
    assert_eq!(concrete.cost_for(&x)?.flops, 20);
    assert_eq!(concrete.cost_for(ones(DType::F32, [3]))?.flops, 6);
    assert_eq!(concrete.cost_for(spec(DType::F32, [5]))?.flops, 10);
    assert!(concrete.cost_for(spec(DType::F32, [None])).is_err());
    assert!(concrete.cost_for(ones(DType::F64, [3])).is_err());
    Ok(())
}

#[test]
fn a_profile_runs_and_changes_nothing() -> Result<()> {
    let total = Variable::new(1.0f32);
    let f = {
        let total = total.clone();
        function(move |x: Tensor| {
            total.assign_add(x.sum(..)).ok();
            x * &total
        })
    };
    let x = tensor([1.0f32, 2.0]);
    let profile = f.concrete(&x)?.profile(&x, 3)?;
    assert_eq!(profile.repetitions, 3);
    assert!(!profile.steps.is_empty() && profile.steps.iter().all(|step| step.runs == 1), "{profile}");
    assert!(profile.to_string().contains("cost.rs:"), "{profile}");
    assert_eq!(total.read().item::<f32>()?, 1.0);
    assert_eq!(f.call(&x)?.to_vec::<f32>()?, [4.0, 8.0]);
    Ok(())
}

#[test]
fn programs_too() -> Result<()> {
    let f = function(|x: Tensor| x.exp().sum(0));
    let x = ones(DType::F32, [4, 4]);
    let program = Program::from_graph(f.concrete(&x)?.graph().clone())?;
    let cost = program.cost()?;
    assert_eq!(program.cost_for(std::slice::from_ref(&x))?, cost);
    let profile = program.profile(&[x], 2)?;
    assert_eq!(profile.steps.iter().map(|step| step.flops).sum::<u64>(), cost.flops);
    assert!(program.profile(&[ones(DType::F32, [3])], 2).is_err());
    Ok(())
}
