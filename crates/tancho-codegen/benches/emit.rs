//! Measures emitted kernels, of each emitter that the processor runs (those that one does not take are Cranelift's): the time that a call takes, beside the same loop in Rust where there is one, and the time that
//! compiling takes. `cargo bench -p tancho-codegen --bench emit`.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use tancho_codegen::code::{self, Code};
use tancho_codegen::kernel::{
    Access, AccessMap, Binary, Body, Form, Instruction, Kernel, Reduction, Scalar, Store, Stride,
};
use tancho_codegen::math;
use tancho_codegen::wide::Isa;
use tancho_ir::ops::{ReduceKind, UnaryOp};
use tancho_tensor::DType;

fn main() {
    if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") {
        println!("needs AVX2 and FMA");
        return;
    }
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_supported()) {
        println!("-- {}", isa.name());
        ISA.set(isa);
        measure_all();
    }
}

thread_local! {
    /// The emitter at hand.
    static ISA: Cell<Isa> = const { Cell::new(Isa::Cranelift) };
}

fn measure_all() {
    compile_times();
    for n in [4 << 10, 64 << 10, 16 << 20] {
        bench_chain(n);
    }
    for op in [UnaryOp::Exponential, UnaryOp::Tanh, UnaryOp::Log, UnaryOp::Erf, UnaryOp::Logistic, UnaryOp::Sine] {
        bench_unary(op, DType::F32, 4 << 10);
    }
    bench_unary(UnaryOp::Exponential, DType::F64, 4 << 10);
    bench_gelu(64 << 10);
    bench_reduction(Form::Row, ReduceKind::Sum, DType::F32, 4096, 1024);
    bench_reduction(Form::Row, ReduceKind::Max, DType::F32, 4096, 1024);
    bench_reduction(Form::Row, ReduceKind::ArgMax(DType::I64), DType::F32, 4096, 1024);
    bench_reduction(Form::Row, ReduceKind::Sum, DType::F32, 65536, 10);
    bench_reduction(Form::Column, ReduceKind::Sum, DType::F32, 4096, 1024);
    bench_reduction(Form::Column, ReduceKind::Sum, DType::F32, 65536, 10);
    bench_softmax(1024, 1024, false);
    bench_softmax(1024, 1024, true);
}

fn access(dtype: DType, strides: &[Stride]) -> Access {
    Access { dtype, map: AccessMap::Strides(strides.to_vec()) }
}

fn map_kernel(n_loads: usize, dtype: DType, body: Body, value: Scalar) -> Arc<Kernel> {
    let one = access(dtype, &[Stride::One]);
    Arc::new(Kernel {
        form: Form::Map,
        outer: 0,
        loads: vec![one.clone(); n_loads],
        stores: vec![Store { access: access(body.dtype(value), &[Stride::One]), value }],
        body,
        reductions: Vec::new(),
        kept: Vec::new(),
        sizes: 0,
    })
}

fn chain_kernel() -> Arc<Kernel> {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), DType::F32);
    let y = body.push(Instruction::Load(1), DType::F32);
    let product = body.multiply(x, y);
    let half = body.float(0.5, DType::F32);
    let zero = body.float(0.0, DType::F32);
    let sum = body.add(product, half);
    let positive = body.binary(Binary::Maximum, sum, zero);
    let product = body.multiply(positive, y);
    let difference = body.subtract(product, x);
    map_kernel(2, DType::F32, body, difference)
}

fn unary_kernel(op: UnaryOp, dtype: DType) -> Arc<Kernel> {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), dtype);
    let value = math::expand_unary(&mut body, op, x);
    map_kernel(1, dtype, body, value)
}

fn reduction_kernel(form: Form, kind: ReduceKind, dtype: DType) -> Arc<Kernel> {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), dtype);
    let result = kind.result_dtype(dtype);
    let value = body.push(Instruction::Reduced(0), result);
    let (outer, load, store) = match form {
        Form::Column => (0, vec![Stride::Argument, Stride::One], vec![Stride::Zero, Stride::One]),
        _ => (1, vec![Stride::Argument, Stride::One], vec![Stride::Argument, Stride::Zero]),
    };
    Arc::new(Kernel {
        form,
        outer,
        loads: vec![access(dtype, &load)],
        body,
        reductions: vec![Reduction { kind, value: x, dtype: result }],
        stores: vec![Store { access: access(result, &store), value }],
        kept: Vec::new(),
        sizes: 0,
    })
}

fn softmax_kernel(keep: bool) -> Arc<Kernel> {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), DType::F32);
    let max = body.push(Instruction::Reduced(0), DType::F32);
    let shifted = body.subtract(x, max);
    let exponential = math::expand_unary(&mut body, UnaryOp::Exponential, shifted);
    let sum = body.push(Instruction::Reduced(1), DType::F32);
    let quotient = body.divide(exponential, sum);
    let row = access(DType::F32, &[Stride::Argument, Stride::One]);
    Arc::new(Kernel {
        form: Form::Row,
        outer: 1,
        loads: vec![row.clone()],
        body,
        reductions: vec![
            Reduction { kind: ReduceKind::Max, value: x, dtype: DType::F32 },
            Reduction { kind: ReduceKind::Sum, value: exponential, dtype: DType::F32 },
        ],
        stores: vec![Store { access: row, value: quotient }],
        kept: if keep { vec![exponential] } else { Vec::new() },
        sizes: 0,
    })
}

/// Kernels that differ in a constant, so that none is found in the cache.
fn compile_times() {
    let variant = |kernel: &Arc<Kernel>, variant: usize| {
        let mut kernel = (**kernel).clone();
        let extra = kernel.body.float(1000.0 + variant as f64, DType::F32);
        let last = kernel.stores[0].value;
        let last = kernel.body.convert(last, DType::F32);
        kernel.stores[0].value = kernel.body.add(last, extra);
        kernel.stores[0].access.dtype = DType::F32;
        Arc::new(kernel)
    };
    for (name, kernel) in [
        ("chain", chain_kernel()),
        ("exp f32", unary_kernel(UnaryOp::Exponential, DType::F32)),
        ("erf f32", unary_kernel(UnaryOp::Erf, DType::F32)),
        ("sine f32", unary_kernel(UnaryOp::Sine, DType::F32)),
        ("row sum", reduction_kernel(Form::Row, ReduceKind::Sum, DType::F32)),
        ("column sum", reduction_kernel(Form::Column, ReduceKind::Sum, DType::F32)),
        ("softmax", softmax_kernel(true)),
    ] {
        let kernels: Vec<_> = (0..100).map(|index| variant(&kernel, index)).collect();
        let mut each = f64::INFINITY;
        for batch in kernels.chunks(5) {
            let start = Instant::now();
            code::compile_for(ISA.get(), batch).expect("compiles");
            each = each.min(start.elapsed().as_secs_f64() * 1e6 / batch.len() as f64);
        }
        let start = Instant::now();
        code::compile_for(ISA.get(), &kernels).expect("is in the cache");
        let found = start.elapsed().as_secs_f64() * 1e6 / kernels.len() as f64;
        println!("compile {name:11} {:3} instructions: {each:7.1} us, from the cache {found:.1} us", kernel.body.len());
    }
}

struct Call {
    code: Arc<Code>,
    arguments: Vec<i64>,
    rows: i64,
    inner: i64,
    scratch: Vec<u64>,
}

impl Call {
    fn new(kernel: Arc<Kernel>, arguments: Vec<i64>, rows: i64, inner: i64) -> Call {
        assert_eq!(arguments.len(), kernel.argument_count());
        let scratch = vec![0; kernel.scratch_bytes(inner as usize) / 8 + 8];
        let code = code::compile_for(ISA.get(), &[kernel]).expect("compiles").remove(0);
        Call { code, arguments, rows, inner, scratch }
    }

    fn run(&mut self, pointers: &[*mut u8]) {
        let start = self.scratch.as_ptr().align_offset(64);
        // SAFETY: the buffers have the sizes that the arguments say.
        unsafe {
            self.code.function()(
                pointers.as_ptr(),
                self.arguments.as_ptr(),
                self.scratch[start..].as_mut_ptr().cast(),
                0,
                self.rows,
                0,
                self.inner,
            );
        }
    }
}

/// The least time of a run, in nanoseconds: of many short series, so that one of them is undisturbed.
fn measure(elements: usize, mut run: impl FnMut()) -> f64 {
    let repetitions = ((1 << 19) / elements).max(1);
    let mut best = f64::INFINITY;
    for _ in 0..((1 << 25) / (repetitions * elements)).clamp(12, 100) {
        let start = Instant::now();
        for _ in 0..repetitions {
            run();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / repetitions as f64);
    }
    best
}

fn bench_chain(n: usize) {
    let mut x: Vec<f32> = (0..n).map(|i| (i % 1000) as f32 * 1e-2 - 3.0).collect();
    let mut y: Vec<f32> = (0..n).map(|i| (i % 777) as f32 * 1e-2 - 4.0).collect();
    let (mut emitted, mut native) = (vec![0f32; n], vec![0f32; n]);
    let mut call = Call::new(chain_kernel(), vec![n as i64], 1, n as i64);
    let pointers = [x.as_mut_ptr().cast(), y.as_mut_ptr().cast(), emitted.as_mut_ptr().cast()];
    let emitted_time = measure(n, || call.run(&pointers));
    // SAFETY: the features are detected.
    let native_time = measure(n, || unsafe { native_chain(&x, &y, black_box(&mut native)) });
    assert_eq!(emitted, native);
    let rate = |time: f64| n as f64 / time;
    println!("chain, {n} f32: emitted {:.2} elements/ns, native {:.2}", rate(emitted_time), rate(native_time));
}

#[target_feature(enable = "avx2,fma")]
fn native_chain(x: &[f32], y: &[f32], result: &mut [f32]) {
    for ((x, y), result) in x.iter().zip(y).zip(result) {
        let sum = x * y + 0.5;
        let positive = if sum > 0.0 { sum } else { 0.0 };
        *result = positive * y - x;
    }
}

fn bench_unary(op: UnaryOp, dtype: DType, n: usize) {
    let elements = |index: usize| (index % 1000) as f64 * 1e-2 + 1e-3;
    let mut x: Vec<u8> = match dtype {
        DType::F32 => (0..n).flat_map(|index| (elements(index) as f32).to_le_bytes()).collect(),
        _ => (0..n).flat_map(|index| elements(index).to_le_bytes()).collect(),
    };
    let mut result = vec![0u8; x.len()];
    let mut call = Call::new(unary_kernel(op, dtype), vec![n as i64], 1, n as i64);
    let pointers = [x.as_mut_ptr(), result.as_mut_ptr()];
    let time = measure(n * 8, || call.run(&pointers));
    println!("{}, {n} {dtype}: {:.2} elements/ns", op.name(), n as f64 / time);
}

fn bench_gelu(n: usize) {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), DType::F32);
    let scale = body.float(std::f64::consts::FRAC_1_SQRT_2, DType::F32);
    let scaled = body.multiply(x, scale);
    let error = math::expand_unary(&mut body, UnaryOp::Erf, scaled);
    let (one, half) = (body.float(1.0, DType::F32), body.float(0.5, DType::F32));
    let sum = body.add(error, one);
    let halved = body.multiply(x, half);
    let value = body.multiply(halved, sum);
    let mut x: Vec<f32> = (0..n).map(|i| (i % 1000) as f32 * 1e-2 - 5.0).collect();
    let mut result = vec![0f32; n];
    let mut call = Call::new(map_kernel(1, DType::F32, body, value), vec![n as i64], 1, n as i64);
    let pointers = [x.as_mut_ptr().cast(), result.as_mut_ptr().cast()];
    let time = measure(n, || call.run(&pointers));
    println!("gelu, {n} f32: {:.1} us, {:.2} elements/ns", time / 1e3, n as f64 / time);
}

fn bench_reduction(form: Form, kind: ReduceKind, dtype: DType, n_rows: usize, n_columns: usize) {
    let kernel = reduction_kernel(form, kind, dtype);
    let mut x: Vec<f32> = (0..n_rows * n_columns).map(|i| (i % 1000) as f32 * 1e-2 - 3.0).collect();
    let mut result = vec![0u64; n_rows.max(n_columns)];
    let pointers = [x.as_mut_ptr().cast(), result.as_mut_ptr().cast()];
    let sizes = [n_rows as i64, n_columns as i64];
    let rows = if form == Form::Column { 1 } else { n_rows as i64 };
    let mut arguments = vec![sizes[0], sizes[1], n_columns as i64];
    if form == Form::Row {
        arguments.push(1);
    }
    let mut call = Call::new(kernel, arguments, rows, n_columns as i64);
    let time = measure(x.len(), || call.run(&pointers));
    println!(
        "{} {kind:?}, {n_rows}x{n_columns} {dtype}: {:.1} us, {:.2} elements/ns",
        form.name(),
        time / 1e3,
        x.len() as f64 / time
    );
}

fn bench_softmax(n_rows: usize, n_columns: usize, keep: bool) {
    let mut x: Vec<f32> = (0..n_rows * n_columns).map(|i| (i % 1000) as f32 * 1e-2 - 3.0).collect();
    let mut result = vec![0f32; x.len()];
    let pointers = [x.as_mut_ptr().cast(), result.as_mut_ptr().cast()];
    let arguments = vec![n_rows as i64, n_columns as i64, n_columns as i64, n_columns as i64];
    let mut call = Call::new(softmax_kernel(keep), arguments, n_rows as i64, n_columns as i64);
    let time = measure(x.len(), || call.run(&pointers));
    println!(
        "softmax (keep: {keep}), {n_rows}x{n_columns}: {:.1} us, {:.2} elements/ns",
        time / 1e3,
        x.len() as f64 / time
    );
}
