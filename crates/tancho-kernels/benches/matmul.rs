//! Speed of the f32 and f64 products, beside the crate `private-gemm-x86` and the processor's roof.
//!
//! Both run in one process and take turns, and each figure is the median of the turns, so that other load on the machine
//! weighs on both alike. The product's time includes packing rhs (as for one that is no constant), except in lines marked
//! `packed`. Two threads are one worker beside the caller that spins for work, as in a pool; the peer brings its own.
//!
//! `cargo bench -p tancho-kernels [-- FILTER]` prints, for each shape, GFLOP/s, the ratio to the peer, the share of the roof
//! (the rate of a loop of fused multiply-adds in registers, on one thread), and GB/s of rhs for products with few rows.

use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use private_gemm_x86::{Accum, DType, DstKind, IType, InstrSet, gemm};
use tancho_kernels::{Element, ElementType, Isa, Lhs, Matmul, Matrix, Problem, Rhs, matmul};

/// How rhs is given.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Row-major, packed as part of the product if that pays.
    Rows,
    /// The transpose of a row-major matrix.
    Transposed,
    /// Row-major, packed beforehand.
    Packed,
}

const SHAPES: [(usize, usize, usize, Form); 21] = [
    (512, 512, 512, Form::Rows),
    (512, 512, 512, Form::Transposed),
    (1024, 1024, 1024, Form::Rows),
    (1024, 1024, 1024, Form::Transposed),
    (2048, 2048, 2048, Form::Rows),
    (256, 256, 256, Form::Rows),
    (128, 768, 3072, Form::Rows),
    (64, 784, 512, Form::Rows),
    (64, 784, 512, Form::Packed),
    (1000, 784, 128, Form::Rows),
    (1000, 128, 10, Form::Rows),
    (1000, 128, 10, Form::Packed),
    (1000, 512, 1, Form::Rows),
    (1, 784, 512, Form::Rows),
    (1, 784, 512, Form::Packed),
    (1, 4096, 4096, Form::Rows),
    (1, 4096, 4096, Form::Transposed),
    (1, 4096, 4096, Form::Packed),
    (4, 1024, 1024, Form::Rows),
    (16, 1024, 1024, Form::Rows),
    (16, 1024, 1024, Form::Packed),
];

fn main() {
    let filter: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    compare::<f32>("f32", DType::F32, 1.0, &filter);
    compare::<f64>("f64", DType::F64, 1.0, &filter);
}

fn compare<T: Element>(name: &str, dtype: DType, one: T, filter: &[String]) {
    let roof = roof(T::TYPE);
    println!("{name} on {:?}: roof of one thread {roof:.1} GFLOP/s", matmul(T::TYPE, Isa::detect()).isa());
    println!(
        "{:<28} {:>7} {:>9} {:>9} {:>7} {:>6} {:>6}",
        "shape", "threads", "GFLOP/s", "peer", "ratio", "roof", "GB/s"
    );
    for (m, k, n, form) in SHAPES {
        let suffix = match form {
            Form::Rows => "",
            Form::Transposed => " transposed",
            Form::Packed => " packed",
        };
        let label = format!("{m}x{k}x{n}{suffix}");
        if !filter.is_empty() && !filter.iter().any(|word| format!("{name} {label}").contains(word)) {
            continue;
        }
        for n_threads in [1, 2] {
            let (ours, peer) = times(m, k, n, form, n_threads, dtype, one);
            let operations = 2.0 * (m * k * n) as f64;
            let rate = operations / ours / 1e9;
            let bandwidth = match m {
                1..=16 => format!("{:.1}", (k * n * size_of::<T>()) as f64 / ours / 1e9),
                _ => String::new(),
            };
            println!(
                "{label:<28} {n_threads:>7} {rate:>9.1} {:>9.1} {:>7.2} {:>5.0}% {bandwidth:>6}",
                operations / peer / 1e9,
                peer / ours,
                100.0 * rate / roof / n_threads as f64
            );
        }
    }
}

/// Memory aligned to 64 bytes.
struct Buffer<T>(Vec<T>, usize);

impl<T: Element> Buffer<T> {
    fn new(length: usize, value: impl Fn(usize) -> T) -> Self {
        let values: Vec<T> = (0..length + 64 / size_of::<T>()).map(value).collect();
        let offset = values.as_ptr().align_offset(64);
        Self(values, offset)
    }

    fn pointer(&self) -> *mut u8 {
        self.0[self.1..].as_ptr().cast_mut().cast()
    }
}

/// The state of one product that threads share.
struct Job<'a> {
    kernel: &'a Matmul,
    problem: Problem<'static>,
    /// A row-major or transposed rhs to be packed first, and where to.
    unpacked: Option<(Matrix, *mut u8)>,
    next_panel: AtomicUsize,
    n_packed: AtomicUsize,
    next_tile: AtomicUsize,
    n_done: AtomicUsize,
}

// SAFETY: the kernels write disjoint parts of the memory behind the pointers.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    fn run(&self, scratch: *mut u8) {
        const PANELS: usize = 4;
        let Problem { m, n, k, .. } = self.problem;
        if let Some((rhs, target)) = &self.unpacked {
            let n_panels = self.kernel.rhs_panels(n);
            loop {
                let first = self.next_panel.fetch_add(PANELS, Ordering::Relaxed);
                if first >= n_panels {
                    break;
                }
                let end = n_panels.min(first + PANELS);
                // SAFETY: the buffers are as long as the kernel asks for; each panel is taken once.
                unsafe { self.kernel.pack_rhs(first..end, rhs, k, n, *target) };
                self.n_packed.fetch_add(end - first, Ordering::Release);
            }
            wait_until(|| self.n_packed.load(Ordering::Acquire) >= n_panels);
        }
        let n_tiles = self.kernel.tile_count(m, n, k);
        loop {
            let tile = self.next_tile.fetch_add(1, Ordering::Relaxed);
            if tile >= n_tiles {
                break;
            }
            // SAFETY: as above; each tile is taken once.
            unsafe { self.kernel.run_tile(tile, &self.problem, scratch) };
            self.n_done.fetch_add(1, Ordering::Release);
        }
        wait_until(|| self.n_done.load(Ordering::Acquire) >= n_tiles);
    }
}

/// Spins, and lets others run when that takes long: the machine may have no core to spare for the other thread.
fn wait_until(condition: impl Fn() -> bool) {
    for n_spins in 0.. {
        if condition() {
            return;
        }
        if n_spins > 10_000 { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

/// The median times of a product, ours and the peer's, in seconds.
fn times<T: Element>(m: usize, k: usize, n: usize, form: Form, n_threads: usize, dtype: DType, one: T) -> (f64, f64) {
    let kernel = matmul(T::TYPE, Isa::detect());
    let lhs = Buffer::new(m * k, |_| one);
    let rhs = Buffer::new(k * n, |_| one);
    let out = Buffer::new(m * n, |_| one);
    let packed = Buffer::new(kernel.packed_rhs_len(k, n), |_| one);
    let scratch: Vec<Buffer<T>> =
        (0..2).map(|_| Buffer::new(kernel.scratch_len(m, n, k) / size_of::<T>(), |_| one)).collect();
    let (row_stride, column_stride) = match form {
        Form::Transposed => (1, k as isize),
        Form::Rows | Form::Packed => (n as isize, 1),
    };
    let matrix = Matrix { pointer: rhs.pointer(), row_stride, column_stride };
    let pack = form != Form::Packed && !kernel.prefers_unpacked(m, n, k, &matrix);
    let job = || Job {
        kernel,
        problem: Problem {
            m,
            n,
            k,
            lhs: Lhs::Matrix(Matrix { pointer: lhs.pointer(), row_stride: k as isize, column_stride: 1 }),
            rhs: if pack || form == Form::Packed { Rhs::Packed(packed.pointer()) } else { Rhs::Unpacked(matrix) },
            out: out.pointer(),
            out_row_stride: n,
            epilogue: None,
        },
        unpacked: pack.then_some((matrix, packed.pointer())),
        next_panel: AtomicUsize::new(0),
        n_packed: AtomicUsize::new(0),
        next_tile: AtomicUsize::new(0),
        n_done: AtomicUsize::new(0),
    };
    if form == Form::Packed {
        // SAFETY: the buffers are as long as the kernel asks for.
        unsafe { kernel.pack_rhs(0..kernel.rhs_panels(n), &matrix, k, n, packed.pointer()) };
    }
    let repetitions = ((6e7 / (m * k * n) as f64) as usize).clamp(1, 200);
    // SAFETY: operands and output are as large as the sizes and strides say.
    let peer = || unsafe {
        let instructions = if Isa::detect() == Isa::Avx512 { InstrSet::Avx512 } else { InstrSet::Avx256 };
        gemm(
            dtype,
            IType::U64,
            instructions,
            m,
            n,
            k,
            out.pointer().cast(),
            n as isize,
            1,
            null(),
            null(),
            DstKind::Full,
            Accum::Replace,
            lhs.pointer().cast(),
            k as isize,
            1,
            false,
            null(),
            0,
            rhs.pointer().cast(),
            row_stride,
            column_stride,
            false,
            (&raw const one).cast(),
            n_threads,
        )
    };
    let time = |run: &dyn Fn()| {
        let start = Instant::now();
        for _ in 0..repetitions {
            run();
        }
        start.elapsed().as_secs_f64() / repetitions as f64
    };
    // The worker takes the job of each generation once, and acknowledges it so that the next may replace it.
    let current = std::sync::atomic::AtomicPtr::<Job>::new(null_mut());
    let stop = AtomicBool::new(false);
    let worker_scratch = scratch[1].pointer().addr();
    let (mut ours_times, mut peer_times) = (Vec::new(), Vec::new());
    for turn in 0..15 {
        let ours = std::thread::scope(|scope| {
            stop.store(false, Ordering::Release);
            if n_threads == 2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Acquire) {
                        let job = current.load(Ordering::Acquire);
                        if job.is_null() {
                            std::hint::spin_loop();
                            continue;
                        }
                        // SAFETY: the caller keeps the job until it is taken back, which is after this `run`.
                        unsafe { (*job).run(std::ptr::with_exposed_provenance_mut(worker_scratch)) };
                        current.store(null_mut(), Ordering::Release);
                    }
                });
            }
            let ours = time(&|| {
                let mut job = job();
                if n_threads == 2 {
                    current.store(&raw mut job, Ordering::Release);
                }
                job.run(scratch[0].pointer());
                wait_until(|| current.load(Ordering::Acquire).is_null());
            });
            stop.store(true, Ordering::Release);
            ours
        });
        let peer = time(&peer);
        // The first turns warm caches and threads up.
        if turn >= 2 {
            ours_times.push(ours);
            peer_times.push(peer);
        }
    }
    (median(ours_times), median(peer_times))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// GFLOP/s of fused multiply-adds on registers, as many at once as hide their latency.
fn roof(element: ElementType) -> f64 {
    const STEPS: usize = 4_000_000;
    const CHAINS: usize = 12;
    let rate = |lanes: usize, seconds: f64| (2 * STEPS * CHAINS * lanes) as f64 / seconds / 1e9;
    let lanes = 32 / element.size();
    let best = |run: unsafe fn()| {
        let times = (0..7).map(|_| {
            let start = Instant::now();
            // SAFETY: called for an instruction set that the processor has.
            unsafe { run() };
            start.elapsed().as_secs_f64()
        });
        times.fold(f64::INFINITY, f64::min)
    };
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2() {
            let mut sums = [_mm256_setzero_ps(); CHAINS];
            let factor = std::hint::black_box(_mm256_set1_ps(0.5));
            for _ in 0..STEPS {
                sums.iter_mut().for_each(|sum| *sum = _mm256_fmadd_ps(*sum, factor, factor));
            }
            std::hint::black_box(sums);
        }
        #[target_feature(enable = "avx512f")]
        unsafe fn avx512() {
            let mut sums = [_mm512_setzero_ps(); CHAINS];
            let factor = std::hint::black_box(_mm512_set1_ps(0.5));
            for _ in 0..STEPS {
                sums.iter_mut().for_each(|sum| *sum = _mm512_fmadd_ps(*sum, factor, factor));
            }
            std::hint::black_box(sums);
        }
        // A register of doubles takes as long as one of floats.
        match Isa::detect() {
            Isa::Avx512 => rate(2 * lanes, best(avx512)),
            Isa::Avx2 => rate(lanes, best(avx2)),
            Isa::Portable => f64::NAN,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    f64::NAN
}
