//! From kernels to Cranelift IR.
//!
//! The function of a kernel handles a range of rows (points of the outer dimensions) and a range of the inner dimension;
//! see [`KernelFunction`]. Its loops follow the kernel's form. The body is evaluated for groups of neighbouring points, held
//! in vectors of 128 bits, several of them in flight; what is left of the inner dimension is done one point at a time by the
//! same instructions as scalars. All instructions are exactly defined, so that both give the same bits.
//!
//! The reading order is `types`, [`legal`], `emitter`, `group`, `access`, `scalar`, `vector`, `call`, `instruction`, and
//! then the forms: `map`, `fold`, `scratch`, `row`, `column`.

mod access;
mod call;
mod column;
mod emitter;
mod fold;
mod group;
mod instruction;
pub mod legal;
mod map;
mod procedure;
mod row;
mod scalar;
mod scratch;
mod types;
mod vector;

pub use fold::identity;
pub(crate) use procedure::build_procedure;

use cranelift_codegen::ir::{AbiParam, Function, InstBuilder, Signature, types::I64};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use tancho_ir::ops::reduce::order::LANES;
use tancho_tensor::DType;

use crate::kernel::{Access, AccessMap, Form, Instruction, Kernel, Place, Scalar, Stride};
use emitter::Emitter;
use types::VECTOR_BYTES;

/// The machine code of a kernel: `(pointers, arguments, scratch, row_begin, row_end, inner_begin, inner_end)`.
///
/// - `pointers`: the address of the first element of each access, loads and then stores. A load and a store may share
///   memory only where each point reads the very element that it writes.
/// - `arguments`: the sizes, strides and body sizes that [`Kernel::argument_count`] counts; strides in elements.
/// - `scratch`: [`Kernel::scratch_bytes`] of memory, aligned to 64 bytes, of the calling thread alone.
/// - rows `row_begin .. row_end` of the linearised outer dimensions; without outer dimensions there is one row.
/// - points `inner_begin .. inner_end` of the inner dimension; for row kernels always all of it.
///
/// Calls with ranges that tile the whole give the same bits as one call.
pub type KernelFunction = unsafe extern "C" fn(
    pointers: *const *mut u8,
    arguments: *const i64,
    scratch: *mut u8,
    row_begin: i64,
    row_end: i64,
    inner_begin: i64,
    inner_end: i64,
);

/// Why a kernel could not be emitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    #[error("the processor is not supported: {0}")]
    Processor(String),
    #[error("kernels of this form are not supported: {0}")]
    Unsupported(String),
    #[error("the code generator failed: {0}")]
    Generator(String),
}

/// The signature of [`KernelFunction`].
pub(crate) fn signature(call_conv: CallConv) -> Signature {
    let mut signature = Signature::new(call_conv);
    signature.params.extend([AbiParam::new(I64); 7]);
    signature
}

/// Writes a kernel's function in Cranelift IR. The function has its signature and nothing else.
pub(crate) fn build_function(
    kernel: &Kernel,
    function: &mut Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
) -> Result<(), EmitError> {
    let places = kernel.places();
    let mut builder = FunctionBuilder::new(function, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let arguments = Emitter::load_arguments(&mut builder, kernel);
    let lanes = choose_lanes(kernel, &places);
    let in_scratch = vec![None; kernel.body.len()];
    let mut emitter = Emitter { kernel, places, builder, arguments, in_scratch, call_slots: None };
    match kernel.form {
        Form::Map => emitter.emit_map(lanes),
        Form::Row => emitter.emit_row(lanes),
        Form::Column | Form::Sequence => emitter.emit_column(lanes)?,
    }
    emitter.builder.ins().return_(&[]);
    emitter.builder.seal_all_blocks();
    emitter.builder.finalize(isa.frontend_config());
    Ok(())
}

/// The lanes of a group: enough that the narrowest elements fill a vector and that a few vectors are in flight. Of a long
/// body the processor overlaps one group with the next, and few lanes make less code and a shorter tail.
fn choose_lanes(kernel: &Kernel, places: &[Place]) -> usize {
    let moving = kernel.accesses().filter(|access| access.moves_along(kernel.inner()));
    let accesses = moving.map(|access| access.dtype.size());
    // Masks are as wide as what was compared.
    let values = kernel.body.iter().filter(|&(value, _, dtype)| {
        let place = places[value.index()];
        (place.per_point || place.per_step) && dtype != DType::Bool
    });
    let reductions = kernel.reductions.iter().map(|reduction| kernel.body.dtype(reduction.value).size());
    let sizes = accesses.chain(values.map(|(_, _, dtype)| dtype.size())).chain(reductions);
    let is_short = weight(kernel, places) <= SHORT;
    if is_short && kernel.form == Form::Row {
        // A group takes all lanes of a reduction, whose partial results so stay in their registers.
        return LANES;
    }
    let per_vector = VECTOR_BYTES / sizes.min().unwrap_or(8);
    if gathers_much(kernel) {
        return per_vector.min(LANES);
    }
    (per_vector * if is_short { 4 } else { 2 }).min(LANES)
}

/// Whether a map kernel has many loads of elements that lie apart: each element is an instruction, so that one
/// vector has as much in flight as others have of several, and the tail is shorter.
fn gathers_much(kernel: &Kernel) -> bool {
    let is_apart = |access: &&Access| match &access.map {
        AccessMap::Strides(strides) => strides.last() == Some(&Stride::Argument),
        AccessMap::Tile => false,
    };
    kernel.form == Form::Map && kernel.loads.iter().filter(is_apart).count() >= 4
}

/// The number of instructions that are made for each point.
fn weight(kernel: &Kernel, places: &[Place]) -> usize {
    let counts = |&(value, instruction, _): &(Scalar, Instruction, DType)| {
        let place = places[value.index()];
        (place.per_point || place.per_step) && !matches!(instruction, Instruction::Load(_) | Instruction::Reduced(_))
    };
    kernel.body.iter().filter(counts).count()
}

/// The most instructions of a body that is evaluated four vectors at a time. Measured: with exponentials, error functions
/// and softmax, two vectors are as fast as four, one is a tenth slower, and each doubling makes compiling a quarter slower.
const SHORT: usize = 8;
