//! Structs with variables as models: traced methods, code that instances share, memory that goes with them, gradients in
//! the structure of parameters.

use tancho::compiled_kernels;
use tancho::prelude::*;

#[derive(Tree)]
struct Model {
    kernel: Variable,
    bias: Variable,
    calls: Variable,
}

impl Model {
    fn new(scale: f32, n: usize) -> Self {
        Model {
            kernel: Variable::new(full(scale, [n, n])).named("kernel"),
            bias: Variable::new(zeros(DType::F32, [n])),
            calls: Variable::new(0).not_trainable(),
        }
    }

    #[function]
    fn apply(&self, x: Tensor) -> Result<Tensor> {
        self.calls.assign_add(1)?;
        Ok(x.matmul(&self.kernel) + &self.bias)
    }
}

// One test, since the counts of kernels and of memory are the process's.
#[test]
fn instances_share_code_and_take_their_memory_with_them() -> Result<()> {
    let n = 512;
    let x = ones(DType::F32, [3, n]);
    let first = Model::new(1.0, n);
    assert_eq!(first.apply(&x)?.to_vec::<f32>()?, vec![n as f32; 3 * n]);
    let kernels = compiled_kernels();

    let second = Model::new(2.0, n);
    assert_eq!(second.apply(&x)?.to_vec::<f32>()?, vec![2.0 * n as f32; 3 * n]);
    assert_eq!(compiled_kernels(), kernels, "the second instance runs the code of the first");
    second.apply(&x)?;
    assert_eq!((first.calls.item::<i32>()?, second.calls.item::<i32>()?), (1, 2));

    let before = tancho_tensor::pool::statistics().in_use;
    drop(second);
    let freed = before - tancho_tensor::pool::statistics().in_use;
    assert!(freed >= n * n * 4, "{freed} bytes are freed, caches or not");
    assert_eq!(first.apply(&x)?.to_vec::<f32>()?, vec![n as f32; 3 * n]);

    // A thousand models do not fill a cache with what is gone.
    for scale in 0..1000 {
        Model::new(scale as f32, 4).apply(ones(DType::F32, [1, 4]))?;
    }
    first.apply(&x)?;
    assert_eq!(first.calls.item::<i32>()?, 3);
    Ok(())
}

#[derive(Tree, Clone)]
struct Parameters {
    w: Tensor,
    b: Vec<Tensor>,
}

#[test]
fn gradients_have_the_structure_of_their_sources() -> Result<()> {
    let parameters = Parameters { w: tensor(2.0f32), b: vec![tensor(1.0f32), tensor(3.0f32)] };
    let tape = GradientTape::new();
    tape.watch(&parameters);
    let y = &parameters.w * &parameters.b[0] * &parameters.b[1];
    let grads: Parameters = tape.gradient(&y, &parameters);
    assert_eq!(grads.w.item::<f32>()?, 3.0);
    assert_eq!((grads.b[0].item::<f32>()?, grads.b[1].item::<f32>()?), (6.0, 2.0));

    let loss = |p: Parameters, x: Tensor| p.w.square() * x + &p.b[1];
    let grads = grad(loss).call((&parameters, tensor(10.0f32)))?;
    assert_eq!(grads.w.item::<f32>()?, 40.0);
    assert_eq!((grads.b[0].item::<f32>()?, grads.b[1].item::<f32>()?), (0.0, 1.0));
    Ok(())
}
