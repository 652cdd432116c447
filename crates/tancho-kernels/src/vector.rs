//! What a kernel needs of a vector register, as a trait, and its portable implementation.
//!
//! Kernels are written once over [`Vector`]. The methods are `#[inline(always)]`, so that they become instructions of the
//! function with `#[target_feature]` into which they are inlined.

use crate::element::Element;

/// A register of `LANES` elements.
///
/// # Safety
/// The processor must run the instruction set of the implementation, for all methods. Pointers need no alignment beyond
/// that of an element.
pub(crate) trait Vector: Copy {
    type Element: Element;
    const LANES: usize;
    /// The side of the square that [`Vector::transpose_square`] transposes; divides `LANES`.
    const SIDE: usize;

    unsafe fn splat(value: Self::Element) -> Self;

    /// Reads `LANES` elements.
    unsafe fn load(source: *const Self::Element) -> Self;

    /// Writes `LANES` elements.
    unsafe fn store(self, target: *mut Self::Element);

    /// [`Element::mul_add`] in each lane.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// [`Element::add`] in each lane.
    unsafe fn add(self, addend: Self) -> Self;

    /// Transposes a square: reads `n_runs <= SIDE` runs of `SIDE` consecutive elements, which begin `source_stride` apart,
    /// and writes `SIDE` rows of `SIDE` elements, which begin `target_stride` apart, in ascending order. The elements of a
    /// row for which there is no run are written as zero.
    ///
    /// Rows are written whole and in order so that a `target_stride` below `SIDE` makes rows overlap usefully: each row
    /// overwrites the surplus of the row before it.
    unsafe fn transpose_square(
        source: *const Self::Element,
        source_stride: isize,
        n_runs: usize,
        target: *mut Self::Element,
        target_stride: usize,
    );
}

/// Reads lane by lane through [`Element`]; the compiler turns the loops into whatever vectors the target has.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<T, const LANES: usize>([T; LANES]);

const PORTABLE_SIDE: usize = 4;

impl<T: Element, const LANES: usize> Vector for Lanes<T, LANES> {
    type Element = T;
    const LANES: usize = LANES;
    const SIDE: usize = PORTABLE_SIDE;

    #[inline(always)]
    unsafe fn splat(value: T) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(source: *const T) -> Self {
        // SAFETY: the caller gives LANES readable elements; arrays of T have T's alignment.
        Self(unsafe { source.cast::<[T; LANES]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, target: *mut T) {
        // SAFETY: as for `load`, writable.
        unsafe { target.cast::<[T; LANES]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
    }

    #[inline(always)]
    unsafe fn add(self, addend: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane].add(addend.0[lane])))
    }

    #[inline(always)]
    unsafe fn transpose_square(
        source: *const T,
        source_stride: isize,
        n_runs: usize,
        target: *mut T,
        target_stride: usize,
    ) {
        let mut square = [[T::ZERO; PORTABLE_SIDE]; PORTABLE_SIDE];
        for run in 0..n_runs {
            // SAFETY: the caller gives `n_runs` readable runs of SIDE elements.
            let values = unsafe { source.offset(run as isize * source_stride).cast::<[T; PORTABLE_SIDE]>().read() };
            for (row, value) in square.iter_mut().zip(values) {
                row[run] = value;
            }
        }
        for (index, row) in square.into_iter().enumerate() {
            // SAFETY: the caller gives SIDE writable rows.
            unsafe { target.add(index * target_stride).cast::<[T; PORTABLE_SIDE]>().write(row) };
        }
    }
}
