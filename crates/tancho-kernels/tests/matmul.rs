//! Every kernel against the definition, bit for bit.
//!
//! One check runs for every element type on every instruction set. It sweeps shapes around the sizes at which a kernel
//! changes its way (registers, slivers, panels, tiles, blocks of k), each with operands of random strides, packed and not,
//! with and without an epilogue, into an output whose rows are longer than they need to be. Memory before and after what
//! a kernel may write is checked to be untouched.

use std::ffi::c_void;

use tancho_kernels::{Element, Epilogue, Isa, Lhs, Matmul, Matrix, Problem, Rhs, matmul, reference_dot};

/// A generator of numbers that look random (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// What the check needs of an element type beyond [`Element`].
trait Sample: Element {
    /// A value from random bits; no NaN.
    fn sample(bits: u64) -> Self;
    fn bits(self) -> u64;
}

macro_rules! sample_float {
    ($($type:ident)*) => {$(
        impl Sample for $type {
            fn sample(bits: u64) -> Self {
                // Full significands and a few magnitudes, so that any other order of additions rounds differently.
                let fraction = (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
                (fraction * [1.0, 1.0, 1e-3, 30.0][(bits % 4) as usize]) as $type
            }

            fn bits(self) -> u64 {
                self.to_bits().into()
            }
        }
    )*};
}

macro_rules! sample_integer {
    ($($type:ident)*) => {$(
        impl Sample for $type {
            fn sample(bits: u64) -> Self {
                bits as $type
            }

            fn bits(self) -> u64 {
                self as u64
            }
        }
    )*};
}

sample_float!(f32 f64);
sample_integer!(i8 i16 i32 i64 u8 u16 u32 u64);

/// A matrix in memory, with one of the forms of strides.
struct Operand<T> {
    values: Vec<T>,
    first: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<T: Sample> Operand<T> {
    fn new(random: &mut Random, rows: usize, columns: usize) -> Self {
        let (m, n) = (rows as isize, columns as isize);
        let (row_stride, column_stride) = match random.below(10) {
            0..=2 => (n, 1),
            3 => (n + 5, 1),
            4..=6 => (1, m),
            7 => (2 * n + 3, 2),
            8 => [(0, 1), (1, 0), (0, 0)][random.below(3)],
            _ => (-n, -1),
        };
        let far_corner = (m - 1).max(0) * row_stride + (n - 1).max(0) * column_stride;
        // The memory ends with the last element, so that a tool that watches memory sees any read beyond it.
        let values = (0..far_corner.unsigned_abs() + 1).map(|_| T::sample(random.next())).collect();
        Self { values, first: (-far_corner).max(0) as usize, row_stride, column_stride }
    }

    fn get(&self, row: usize, column: usize) -> T {
        let offset = row as isize * self.row_stride + column as isize * self.column_stride;
        self.values[self.first.strict_add_signed(offset)]
    }

    fn matrix(&self) -> Matrix {
        let Self { row_stride, column_stride, .. } = *self;
        Matrix { pointer: self.values[self.first..].as_ptr().cast(), row_stride, column_stride }
    }
}

/// Memory for a kernel to write, aligned to 64 bytes, with guards on both sides.
struct Guarded<T> {
    values: Vec<T>,
    first: usize,
    length: usize,
    guard: T,
}

impl<T: Sample> Guarded<T> {
    fn new(length: usize) -> Self {
        let guard = T::sample(0x0123_4567_89ab_cdef);
        let values = vec![guard; length + 3 * 64];
        let first = 64 + values[64..].as_ptr().align_offset(64);
        Self { values, first, length, guard }
    }

    fn pointer(&mut self) -> *mut u8 {
        self.values[self.first..].as_mut_ptr().cast()
    }

    fn values(&self) -> &[T] {
        &self.values[self.first..][..self.length]
    }

    #[track_caller]
    fn check_guards(&self, what: &str) {
        let outside = self.values[..self.first].iter().chain(&self.values[self.first + self.length..]);
        assert!(outside.copied().all(|value| value.bits() == self.guard.bits()), "wrote outside of the {what}");
    }
}

/// The output of a product with an epilogue.
struct Destination<T> {
    out: *mut T,
    row_stride: usize,
}

/// An epilogue that adds each block to the destination, so that a block that comes twice is noticed.
unsafe extern "C" fn add_block<T: Sample>(
    context: *const c_void,
    block: *const u8,
    block_row_stride: usize,
    i0: usize,
    i1: usize,
    j0: usize,
    j1: usize,
) {
    for i in i0..i1 {
        for j in j0..j1 {
            // SAFETY: the context is the destination of this product, and blocks lie within it.
            unsafe {
                let destination = &*context.cast::<Destination<T>>();
                let value = *block.cast::<T>().add((i - i0) * block_row_stride + (j - j0));
                let out = destination.out.add(i * destination.row_stride + j);
                *out = if (*out).bits() == T::sample(0x0123_4567_89ab_cdef).bits() { value } else { T::ZERO };
            }
        }
    }
}

/// One way of asking for a product.
#[derive(Clone, Copy, Debug)]
struct Way {
    packed: bool,
    with_epilogue: bool,
    out_padding: usize,
}

fn product<T: Sample>(
    kernel: &Matmul,
    [m, n, k]: [usize; 3],
    lhs: &Matrix,
    rhs: &Matrix,
    random: &mut Random,
    way: Way,
) -> Vec<T> {
    let row_stride = n + way.out_padding;
    let mut out = Guarded::<T>::new(m * row_stride);
    let mut packed = Guarded::<T>::new(kernel.packed_rhs_len(k, n));
    let mut scratch = Guarded::<T>::new(kernel.scratch_len(m, n, k) / size_of::<T>());
    let destination = Destination { out: out.pointer().cast::<T>(), row_stride };
    let problem = Problem {
        m,
        n,
        k,
        lhs: Lhs::Matrix(*lhs),
        rhs: if way.packed { Rhs::Packed(packed.pointer()) } else { Rhs::Unpacked(*rhs) },
        out: if way.with_epilogue { std::ptr::null_mut() } else { out.pointer() },
        out_row_stride: row_stride,
        epilogue: way
            .with_epilogue
            .then_some(Epilogue { function: add_block::<T>, context: (&raw const destination).cast() }),
    };
    // SAFETY: the buffers are as long as the kernel asks for.
    unsafe {
        if way.packed {
            // In ranges, the last first: the order is of no consequence.
            let n_panels = kernel.rhs_panels(n);
            let boundary = random.below(n_panels + 1);
            kernel.pack_rhs(boundary..n_panels, rhs, k, n, packed.pointer());
            kernel.pack_rhs(0..boundary, rhs, k, n, packed.pointer());
        }
        let n_tiles = kernel.tile_count(m, n, k);
        let first = random.below(n_tiles.max(1));
        for tile in (first..n_tiles).chain(0..first) {
            kernel.run_tile(tile, &problem, scratch.pointer());
        }
    }
    out.check_guards("output");
    packed.check_guards("packed rhs");
    scratch.check_guards("scratch memory");
    for row in out.values().chunks(row_stride.max(1)) {
        assert!(row[n..].iter().all(|value| value.bits() == out.guard.bits()), "wrote beyond a row");
    }
    out.values().chunks(row_stride.max(1)).flat_map(|row| &row[..n]).copied().collect()
}

fn check_shape<T: Sample>(kernel: &Matmul, shape: [usize; 3], random: &mut Random) {
    let [m, n, k] = shape;
    let lhs = Operand::<T>::new(random, m, k);
    let rhs = Operand::<T>::new(random, k, n);
    let expected: Vec<u64> =
        (0..m * n).map(|index| reference_dot(k, |p| lhs.get(index / n, p), |p| rhs.get(p, index % n)).bits()).collect();
    for (packed, with_epilogue) in [(false, false), (false, true), (true, false), (true, true)] {
        let way = Way { packed, with_epilogue, out_padding: random.below(2) * 3 };
        let actual = product::<T>(kernel, shape, &lhs.matrix(), &rhs.matrix(), random, way);
        let wrong = (0..m * n).find(|&index| actual[index].bits() != expected[index]);
        assert!(
            wrong.is_none(),
            "{shape:?} {way:?} {:?} {:?}: element {:?}",
            lhs.matrix(),
            rhs.matrix(),
            wrong.map(|index| (index / n, index % n))
        );
    }
}

/// The sizes at which kernels change their ways, one off on each side, and some primes.
const ROWS: [usize; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 31];
const COLUMNS: [usize; 18] = [0, 1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 47, 49, 64, 97, 131];
const DEPTHS: [usize; 8] = [0, 1, 2, 7, 9, 16, 37, 255];
/// Several blocks of k, or several tiles each way.
const LARGE: [[usize; 3]; 17] = [
    [1, 1, 600],
    [1, 2051, 9],
    [2, 1500, 11],
    [3, 70, 256],
    [5, 20, 257],
    [6, 50, 511],
    [7, 33, 512],
    [9, 10, 513],
    [1, 40, 770],
    [2, 41, 770],
    [40, 1, 515],
    [300, 3, 258],
    [1200, 5, 3],
    [150, 30, 300],
    [290, 17, 20],
    [67, 530, 19],
    [131, 1040, 8],
];

fn check<T: Sample>(isa: Isa) {
    if !Isa::available().contains(&isa) {
        eprintln!("this processor does not run {isa:?}: not checked");
        return;
    }
    let kernel = matmul(T::TYPE, isa);
    assert_eq!(kernel.element(), T::TYPE);
    let mut random = Random(T::TYPE as u64);
    for m in ROWS {
        for n in COLUMNS {
            let k = DEPTHS[random.below(DEPTHS.len())];
            check_shape::<T>(kernel, [m, n, k], &mut random);
        }
    }
    for k in DEPTHS {
        for _ in 0..8 {
            let (m, n) = (ROWS[random.below(ROWS.len())], COLUMNS[random.below(COLUMNS.len())]);
            check_shape::<T>(kernel, [m, n, k], &mut random);
        }
    }
    for shape in LARGE {
        for _ in 0..3 {
            check_shape::<T>(kernel, shape, &mut random);
        }
    }
}

macro_rules! kernel_tests {
    ($($type:ident)*) => {$(
        mod $type {
            use super::*;

            #[test]
            fn portable() {
                check::<$type>(Isa::Portable);
            }

            #[test]
            fn avx2() {
                check::<$type>(Isa::Avx2);
            }

            #[test]
            fn avx512() {
                check::<$type>(Isa::Avx512);
            }
        }
    )*};
}

kernel_tests!(f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);

#[test]
fn a_row_does_not_depend_on_the_number_of_rows() {
    let mut random = Random(7);
    let [m, n, k] = [141, 75, 300];
    let lhs: Vec<f32> = (0..m * k).map(|_| f32::sample(random.next())).collect();
    let rhs: Vec<f32> = (0..k * n).map(|_| f32::sample(random.next())).collect();
    let kernel = matmul(f32::TYPE, Isa::detect());
    let matrix = |values: &[f32], row_stride: usize| Matrix {
        pointer: values.as_ptr().cast(),
        row_stride: row_stride as isize,
        column_stride: 1,
    };
    let way = Way { packed: true, with_epilogue: false, out_padding: 0 };
    let whole = product::<f32>(kernel, [m, n, k], &matrix(&lhs, k), &matrix(&rhs, n), &mut random, way);
    for rows in [1, 2, 3, 6, 7, 40] {
        for (first, expected) in whole.chunks(rows * n).enumerate() {
            let lhs = matrix(&lhs[first * rows * k..], k);
            let way = Way { packed: first % 2 == 0, ..way };
            let shape = [expected.len() / n, n, k];
            let part = product::<f32>(kernel, shape, &lhs, &matrix(&rhs, n), &mut random, way);
            assert!(part.iter().map(|value| value.to_bits()).eq(expected.iter().map(|value| value.to_bits())));
        }
    }
}

#[test]
fn a_product_over_nothing_is_zero_and_signed_zeros_follow_the_definition() {
    assert_eq!(reference_dot(0, |_| 1.0f32, |_| 1.0).to_bits(), 0);
    assert_eq!(reference_dot(1, |_| -0.0f32, |_| 1.0).to_bits(), 0);
}

#[test]
fn blocks_of_the_reference_are_added_in_order() {
    // In one chain the small terms would be lost beside the large one of the first block; as a block of their own they
    // are summed first.
    let k = 2 * f32::K_BLOCK;
    let lhs = |p: usize| {
        if p == 0 {
            16_777_216.0f32
        } else if p < f32::K_BLOCK {
            0.0
        } else {
            0.5
        }
    };
    assert_eq!(reference_dot(k, lhs, |_| 1.0), 16_777_216.0 + 0.5 * f32::K_BLOCK as f32);
}
