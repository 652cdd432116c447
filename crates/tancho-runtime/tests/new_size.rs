//! A size that is new to an executable costs a plan, and no code. The counter is that of the whole process, so that this test
//! has a process of its own.

use tancho_ir::parse;
use tancho_runtime::{Argument, CompileOptions, Executable, compiled_kernels};
use tancho_tensor::Array;

#[test]
fn a_new_size_needs_no_new_code() {
    let text = "func @f(%x: f32[?n, ?m]) -> f32[?n] {
        %0 = exponential %x : f32[?n, ?m]
        %1 = reduce_sum %0, axes=[1] : f32[?n]
        return %1 }";
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let executable = Executable::compile(graph, &CompileOptions::default()).unwrap();
    assert_eq!(compiled_kernels(), 1);
    for (rows, columns) in [(1, 1), (3, 17), (0, 5), (5, 0), (100, 1000)] {
        let x = Array::new([rows, columns], &vec![0.0f32; rows * columns]).unwrap();
        let results = executable.call(&mut [Argument::Lend(&x)]).unwrap();
        assert_eq!(results[0].elements::<f32>().unwrap(), vec![columns as f32; rows]);
        assert_eq!(compiled_kernels(), 1, "code was made for {rows} x {columns}");
    }
    // One row of many elements is split over its blocks: the kernel itself computes them, and one more, which is made once,
    // takes them together.
    for columns in [1_000_000, 1_500_000] {
        let x = Array::new([1, columns], &vec![0.0f32; columns]).unwrap();
        let results = executable.call(&mut [Argument::Lend(&x)]).unwrap();
        assert_eq!(results[0].elements::<f32>().unwrap(), [columns as f32]);
        assert_eq!(compiled_kernels(), 2);
    }
}
