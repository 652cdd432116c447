use std::panic::{AssertUnwindSafe, catch_unwind};
use tancho_testing::gradcheck::*;
use tancho_testing::samples::samples;
use tancho_tensor::DType;
#[test]
fn all() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let mode = std::env::var("MODE").unwrap_or("fd".into());
    let mut seen = std::collections::HashSet::new();
    let (mut ok, mut none) = (0, std::collections::BTreeMap::<String, usize>::new());
    let mut bad = vec![];
    std::panic::set_hook(Box::new(|_| {}));
    for (n, s) in samples().into_iter().enumerate() {
        if !only.is_empty() && !only.split(',').any(|o| o == s.op.name()) { continue }
        if !s.operands.iter().any(|o| matches!(o.dtype, DType::F32 | DType::F64)) || s.elements() > 500 { continue }
        if !has_finite_differences(&s.op) { continue }
        let r = catch_unwind(AssertUnwindSafe(|| {
            let g = widen(&s.graph());
            if mode != "round" && !seen.insert(g.to_string()) { return Ok(()) }
            let a0 = arguments(&s, n as u64);
            let a: Vec<_> = a0.iter().map(widen_array).collect();
            match mode.as_str() {
                "fd" => check_gradient(&g, &a, n as u64),
                "fwd" => check_forward(&g, &a, n as u64),
                "round" => check_rounding(&s.graph(), &a0, n as u64, 64.0),
                _ => { let v = gradient_at(&g, &a, n as u64)?; check_gradient(&v.graph, &v.arguments, n as u64) }
            }
        }));
        match r {
            Ok(Ok(())) => ok += 1,
            Ok(Err(GradientError::None(e))) => *none.entry(e.to_string()).or_default() += 1,
            Ok(Err(GradientError::Wrong(t))) => bad.push(format!("{s}: {t}")),
            Err(p) => bad.push(format!("{s}: PANIC {}", p.downcast_ref::<String>().cloned().unwrap_or_default())),
        }
    }
    println!("ok {ok}, bad {}, none {none:#?}", bad.len());
    for b in bad.iter().take(40) { println!("{}", b.chars().take(900).collect::<String>()); }
}
