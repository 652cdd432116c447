//! The wide emitter: kernels as x86-64 code with vectors of 256 bits (AVX2 and FMA) or 512 bits (AVX-512).
//!
//! One emitter serves both classes of registers; what differs is in `codes`. It does the same exactly defined instructions
//! as the Cranelift emitter, and gives the same bits. It takes map and row kernels whose values are of 4 or of 8 bytes, or
//! of both (`bool`s as masks between them), whose accesses are side by side along the inner dimension or constant, and whose
//! instructions are one or a few of the processor's for vectors. [`listing`] gives `None` for the others, which Cranelift
//! compiles: those with `bool`s and narrower values in memory, functions called for some lanes, divisions of integers,
//! floats to integers of 8 bytes or to unsigned ones of their own width, and folds of `bool`s or to the place of an extreme.
//!
//! The way of a kernel: `lower`, `operations`, `arithmetic` and `convert` make operations on whole vectors of its body (`program`), one
//! list for a row and one for a vector of points; `map` and `row` write the loops, with several vectors in flight where the
//! body is short; `allocate` gives registers and writes the instructions; `assembler` encodes them. The tail of a row, less
//! than a vector, is the same instructions with masked loads and stores.
//!
//! The AVX-512 code is encoded in every test of the AVX2 code, and run where the processor has it; it has not been run yet.

mod allocate;
mod arithmetic;
mod assembler;
mod codes;
mod convert;
mod isa;
mod lower;
mod map;
mod operations;
mod program;
mod row;

pub use isa::Isa;

use crate::emit::EmitError;
use crate::kernel::{Form, Kernel};
use codes::Class;

/// The code of a kernel's function, aligned to [`ALIGNMENT`], with its constants behind it.
pub(crate) struct WideCode {
    pub(crate) bytes: Vec<u8>,
    /// The instructions as text, if they were asked for.
    pub(crate) listing: String,
}

/// The alignment of the code, for the constants.
pub(crate) const ALIGNMENT: u64 = 64;

/// The longest body: compiling takes the time of its square where many values are alive.
const MOST_INSTRUCTIONS: usize = 2000;

/// The code of a kernel as text, whatever this processor is; `None` if the wide emitter does not take the kernel.
///
/// # Errors
/// The assembler fails.
pub fn listing(kernel: &Kernel, isa: Isa) -> Option<Result<String, EmitError>> {
    emit(kernel, isa, true).map(|code| code.map(|code| code.listing))
}

/// The code of a kernel; `None` if another emitter has to make it.
pub(crate) fn emit(kernel: &Kernel, isa: Isa, with_listing: bool) -> Option<Result<WideCode, EmitError>> {
    let is_zmm = match isa {
        Isa::Cranelift => return None,
        Isa::Avx2 => false,
        Isa::Avx512 => true,
    };
    if kernel.body.len() > MOST_INSTRUCTIONS {
        return None;
    }
    let class = Class { is_zmm, lane_bytes: lower::lane_bytes(kernel)? };
    let emitted = match kernel.form {
        Form::Map => {
            let mut slots = lower::TAIL_SLOTS;
            let lowered = lower::lower_map(kernel, class, &mut slots)?;
            map::emit_map(kernel, class, &lowered, slots, with_listing)?
        }
        Form::Row => row::emit_row(kernel, class, with_listing)?,
        Form::Column | Form::Sequence => return None,
    };
    Some(emitted.map(|(bytes, listing)| {
        let listing = if with_listing { format!("; emitted by wide {}\n{listing}", isa.name()) } else { listing };
        WideCode { bytes, listing }
    }))
}
