//! [`Vector`] for the registers of x86-64: AVX2 (256 bits) and AVX-512 (512 bits).
//!
//! Both transpose squares with 256-bit instructions: a square of f32 has 8 rows, one of f64 has 4. A square's runs are
//! loaded by 128-bit halves such that run `i` and run `i + SIDE / 2` share a register; what remains to be transposed lies
//! within 128-bit lanes, and no instruction has to cross them.

use std::arch::x86_64::*;

use crate::vector::Vector;

macro_rules! vector {
    (
        $name:ident($register:ty) of $lanes:literal $element:ty, side $side:literal by $transpose:ident:
        $splat:ident, $load:ident, $store:ident, $mul_add:ident, $add:ident
    ) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        // SAFETY (for each block below): the caller's contract, that of `Vector`: the processor has the instructions, and
        // the pointers are valid for the elements that each method names. Loads and stores are unaligned ones.
        impl Vector for $name {
            type Element = $element;
            const LANES: usize = $lanes;
            const SIDE: usize = $side;

            #[inline(always)]
            unsafe fn splat(value: $element) -> Self {
                // SAFETY: see above.
                Self(unsafe { $splat(value) })
            }

            #[inline(always)]
            unsafe fn load(source: *const $element) -> Self {
                // SAFETY: see above.
                Self(unsafe { $load(source) })
            }

            #[inline(always)]
            unsafe fn store(self, target: *mut $element) {
                // SAFETY: see above.
                unsafe { $store(target, self.0) }
            }

            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: see above.
                Self(unsafe { $mul_add(self.0, factor.0, addend.0) })
            }

            #[inline(always)]
            unsafe fn add(self, addend: Self) -> Self {
                // SAFETY: see above.
                Self(unsafe { $add(self.0, addend.0) })
            }

            #[inline(always)]
            unsafe fn transpose_square(
                source: *const $element,
                source_stride: isize,
                n_runs: usize,
                target: *mut $element,
                target_stride: usize,
            ) {
                // SAFETY: see above.
                unsafe { $transpose(source, source_stride, n_runs, target, target_stride) }
            }
        }
    };
}

vector!(F32x8(__m256) of 8 f32, side 8 by transpose_f32:
    _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_add_ps);
vector!(F64x4(__m256d) of 4 f64, side 4 by transpose_f64:
    _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd, _mm256_add_pd);
vector!(F32x16(__m512) of 16 f32, side 8 by transpose_f32:
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps, _mm512_add_ps);
vector!(F64x8(__m512d) of 8 f64, side 4 by transpose_f64:
    _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd, _mm512_add_pd);

/// [`Vector::transpose_square`] for f32.
///
/// # Safety
/// As [`Vector::transpose_square`]; the processor has AVX.
#[inline(always)]
unsafe fn transpose_f32(source: *const f32, stride: isize, n_runs: usize, target: *mut f32, target_stride: usize) {
    // SAFETY: the caller gives `n_runs` readable runs of 8 elements and 8 writable rows of 8 elements.
    unsafe {
        for half in 0..2 {
            let quarter = |run: usize| match run < n_runs {
                true => _mm_loadu_ps(source.offset(run as isize * stride).add(half * 4)),
                false => _mm_setzero_ps(),
            };
            let pair = |run: usize| _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(quarter(run)), quarter(run + 4));
            let (runs_0, runs_1, runs_2, runs_3) = (pair(0), pair(1), pair(2), pair(3));
            let low_01 = _mm256_castps_pd(_mm256_unpacklo_ps(runs_0, runs_1));
            let low_23 = _mm256_castps_pd(_mm256_unpacklo_ps(runs_2, runs_3));
            let high_01 = _mm256_castps_pd(_mm256_unpackhi_ps(runs_0, runs_1));
            let high_23 = _mm256_castps_pd(_mm256_unpackhi_ps(runs_2, runs_3));
            let rows = [
                _mm256_unpacklo_pd(low_01, low_23),
                _mm256_unpackhi_pd(low_01, low_23),
                _mm256_unpacklo_pd(high_01, high_23),
                _mm256_unpackhi_pd(high_01, high_23),
            ];
            for (index, row) in rows.into_iter().enumerate() {
                _mm256_storeu_ps(target.add((half * 4 + index) * target_stride), _mm256_castpd_ps(row));
            }
        }
    }
}

/// [`Vector::transpose_square`] for f64.
///
/// # Safety
/// As [`Vector::transpose_square`]; the processor has AVX.
#[inline(always)]
unsafe fn transpose_f64(source: *const f64, stride: isize, n_runs: usize, target: *mut f64, target_stride: usize) {
    // SAFETY: the caller gives `n_runs` readable runs of 4 elements and 4 writable rows of 4 elements.
    unsafe {
        for half in 0..2 {
            let quarter = |run: usize| match run < n_runs {
                true => _mm_loadu_pd(source.offset(run as isize * stride).add(half * 2)),
                false => _mm_setzero_pd(),
            };
            let pair = |run: usize| _mm256_insertf128_pd::<1>(_mm256_castpd128_pd256(quarter(run)), quarter(run + 2));
            let (runs_0, runs_1) = (pair(0), pair(1));
            _mm256_storeu_pd(target.add(half * 2 * target_stride), _mm256_unpacklo_pd(runs_0, runs_1));
            _mm256_storeu_pd(target.add((half * 2 + 1) * target_stride), _mm256_unpackhi_pd(runs_0, runs_1));
        }
    }
}
