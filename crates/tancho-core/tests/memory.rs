//! A call that is short of memory leaves its variables as they were. The limit is the process's: a test of its own.

use tancho_core::{DType, Result, Variable, for_loop, function, tensor, zeros};
use tancho_tensor::pool;

#[test]
fn short_memory_leaves_every_variable_as_it_was() -> Result<()> {
    let (x, y) = (Variable::new(vec![1.0f32; 1000]), Variable::new(vec![2.0f32; 1000]));
    // Both are updated in place, and the loop needs 32 MB.
    let step = function(|n| {
        x.assign_add(1.0)?;
        y.assign_add(&x)?;
        let large = for_loop(&n, zeros(DType::F32, [1000]), |_, row| row.broadcast_to([2000, 1000]).sort(0).sum(0));
        y.assign_add(&large)?;
        Ok(large)
    });
    step.call(tensor(0i32))?;
    pool::trim();
    pool::set_memory_limit(pool::statistics().in_use + 200_000);
    let outcome = step.call(tensor(2i32));
    pool::set_memory_limit(usize::MAX);
    assert!(outcome.unwrap_err().to_string().contains("cannot allocate"));
    assert_eq!(x.to_vec::<f32>()?, [2.0; 1000]);
    assert_eq!(y.to_vec::<f32>()?, [4.0; 1000]);
    step.call(tensor(0i32))?;
    assert_eq!(y.to_vec::<f32>()?, [7.0; 1000]);
    Ok(())
}
