//! A plan: a compiled graph made ready for sizes that are known.
//!
//! 1. Every size, stride and offset is evaluated.
//! 2. Temporaries get places in one arena: each is placed when the first launch writes it, in the lowest gap that is free
//!    until the last launch that reads it. Behind them lies the scratch memory of the threads.
//! 3. Each launch becomes steps with pointers relative to a base (an argument, an output, the arena, or fixed memory), an
//!    argument block, and a number of tiles. The tiles depend on the sizes alone, never on the threads.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::{Bindings, Dim};
use tancho_kernels::{ElementType, Isa, Matmul, Windows, WindowsAxis};
use tancho_tensor::{ALIGNMENT, AllocError, Allocation, Array, Buffer, DType, Shape};

use crate::arena::Arena;
use crate::compiled::Compiled;
use crate::emit::EmitError;
use crate::kernel::{AccessMap, Form};
use crate::plan_fold::ENOUGH_TILES;
use crate::program::{
    BufferId, Launch, LoopLaunch, MatrixView, Memory, Operand, ProductLaunch, ProductLhs, ProductOutput, WindowsView,
    WindowsViewAxis,
};
use crate::recipes::{OperandRecipe, SizeId};
use crate::step::{
    Base, BoundKernel, Epilogue, LhsOperand, LoopStep, MatrixOperand, PackStep, Pointer, ProductStep, RhsOperand, Step,
    Tiles,
};

/// Why a plan could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the size {0} cannot be computed or is negative")]
    Size(Dim),
    #[error("a tensor {0} has more elements than memory can hold")]
    TooLarge(Shape),
    #[error(transparent)]
    Alloc(#[from] AllocError),
    /// The code of a reduction that is split over its blocks is made when a plan first wants it.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Steps over memory of known sizes.
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    /// The bytes of each output, in order.
    pub output_bytes: SmallVec<[usize; 2]>,
    pub results: SmallVec<[PlannedResult; 2]>,
    /// Bytes of the arena without the scratch memory.
    pub(crate) temporary_bytes: usize,
    /// Bytes of scratch memory for each thread.
    pub(crate) scratch_bytes: usize,
    /// Arguments whose memory may be taken for an output when nobody else holds it: (argument, output).
    pub donations: SmallVec<[(usize, usize); 2]>,
    /// The dtype and the bytes of each argument.
    pub(crate) parameters: SmallVec<[(DType, usize); 8]>,
    /// Whether a step has several tiles.
    pub(crate) parallel: bool,
    /// Where the temporaries lie in the arena, in the order in which they are written: (buffer, offset, bytes).
    placements: Vec<(BufferId, usize, usize)>,
    /// The launch that each step is a part of.
    pub(crate) launch_of: Vec<u32>,
    /// The bytes of each of the program's buffers.
    pub(crate) buffer_bytes: Vec<usize>,
    /// Keeps code and constants alive while the plan is.
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) packed: Vec<Buffer>,
}

/// Where a result of the graph is found after a run.
#[derive(Clone, Debug)]
pub struct PlannedResult {
    pub source: ResultSource,
    pub dtype: DType,
    pub shape: Shape,
}

#[derive(Clone, Debug)]
pub enum ResultSource {
    Output(usize),
    Argument(usize),
    Constant(Buffer),
}

impl Plan {
    /// The bytes of the arena for a number of threads.
    pub fn arena_bytes(&self, threads: usize) -> usize {
        self.temporary_bytes + threads * self.scratch_bytes
    }

    /// The number of steps.
    pub fn step_count(&self) -> usize {
        self.steps.len()
    }
}

/// The arena and the steps: what a dump of the kernels ends with where the sizes are known.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {{")?;
        writeln!(f, "  arena: {} bytes, and {} bytes for each thread", self.temporary_bytes, self.scratch_bytes)?;
        for (buffer, offset, bytes) in &self.placements {
            writeln!(f, "  b{} at {offset}: {bytes} bytes", buffer.0)?;
        }
        for (argument, output) in &self.donations {
            writeln!(f, "  argument {argument}, if it is given, becomes output {output}")?;
        }
        for step in &self.steps {
            writeln!(f, "  {} in {} tile(s)", step.name(), step.tiles())?;
        }
        f.write_str("}\n")
    }
}

impl Compiled {
    /// Makes a plan for the sizes of a call.
    ///
    /// # Errors
    /// A size leaves its range, a tensor is too large, or memory for a packed constant is short.
    pub fn plan(self: &Arc<Self>, bindings: &Bindings) -> Result<Plan, PlanError> {
        let mut planner = Planner::new(self, bindings)?;
        for (index, launch) in self.program.launches.iter().enumerate() {
            if let Launch::Procedure(launch) = launch {
                planner.take_over(index, launch);
            }
            planner.place_temporaries(index);
            match launch {
                Launch::Loop(launch) => planner.plan_loop(index, launch)?,
                Launch::Product(product) => planner.plan_product(index, product)?,
                Launch::Procedure(launch) => planner.plan_procedure(index, launch)?,
                Launch::While(launch) => planner.plan_while(launch)?,
                Launch::Case(launch) => planner.plan_case(launch)?,
                Launch::Host(launch) => planner.plan_host(launch)?,
            }
            planner.free_temporaries(index);
            planner.launch_of.resize(planner.steps.len(), index as u32);
        }
        planner.finish()
    }
}

pub(crate) struct Planner<'c> {
    pub(crate) compiled: &'c Arc<Compiled>,
    pub(crate) bindings: &'c Bindings,
    /// The values of the recipes' sizes, where they have one.
    values: Vec<Option<i64>>,
    pub(crate) buffer_bytes: Vec<usize>,
    /// The place of each buffer, where it has one by now.
    pub(crate) places: Vec<Option<Pointer>>,
    /// Temporaries whose place another took over, so that it is not given back with them.
    pub(crate) taken_over: Vec<BufferId>,
    pub(crate) arena: Arena,
    placements: Vec<(BufferId, usize, usize)>,
    pub(crate) steps: Vec<Step>,
    launch_of: Vec<u32>,
    pub(crate) scratch_bytes: usize,
    /// Whether a nested plan has a step of several tiles.
    pub(crate) parallel: bool,
    packed: Vec<Buffer>,
}

impl<'c> Planner<'c> {
    fn new(compiled: &'c Arc<Compiled>, bindings: &'c Bindings) -> Result<Self, PlanError> {
        let Compiled { program, recipes, .. } = &**compiled;
        let values: Vec<Option<i64>> = recipes.sizes.iter().map(|dim| bindings.evaluate(dim)).collect();
        let mut buffer_bytes = Vec::with_capacity(program.buffers.len());
        let mut places = Vec::with_capacity(program.buffers.len());
        for number in 0..program.buffers.len() {
            let buffer = recipes.buffer(BufferId(number as u32));
            let bytes = buffer.bytes(&values);
            buffer_bytes.push(bytes.map_or_else(|| bytes_of(&program.buffers[number].of, bindings), Ok)?);
            places.push(buffer.place);
        }
        crate::plan_nested::begin_in_outputs(program, &buffer_bytes, &compiled.uses.last, &mut places);
        Ok(Planner {
            compiled,
            bindings,
            values,
            buffer_bytes,
            places,
            taken_over: Vec::new(),
            arena: Arena::default(),
            placements: Vec::new(),
            steps: Vec::with_capacity(program.launches.len()),
            launch_of: Vec::with_capacity(program.launches.len()),
            scratch_bytes: 0,
            parallel: false,
            packed: Vec::new(),
        })
    }

    pub(crate) fn evaluate(&self, dim: &Dim) -> Result<i64, PlanError> {
        self.bindings.evaluate(dim).ok_or_else(|| PlanError::Size(dim.clone()))
    }

    /// The value of a size that a recipe names.
    fn value(&self, size: SizeId) -> Result<i64, PlanError> {
        let value = self.values[size as usize];
        value.ok_or_else(|| PlanError::Size(self.compiled.recipes.sizes[size as usize].clone()))
    }

    fn size(&self, dim: &Dim) -> Result<usize, PlanError> {
        usize::try_from(self.evaluate(dim)?).map_err(|_| PlanError::Size(dim.clone()))
    }

    pub(crate) fn bytes_of(&self, buffer: BufferId) -> usize {
        self.buffer_bytes[buffer.index()]
    }

    fn place_temporaries(&mut self, index: usize) {
        for &buffer in self.compiled.uses.writes.of(index) {
            if self.places[buffer.index()].is_none() {
                let bytes = self.bytes_of(buffer);
                let offset = self.arena.take(bytes);
                self.placements.push((buffer, offset, bytes));
                self.places[buffer.index()] = Some(Pointer::arena(offset));
            }
        }
    }

    fn free_temporaries(&mut self, index: usize) {
        for &buffer in self.compiled.uses.ends.of(index) {
            // A temporary may lie in an output.
            if let Some(Pointer { base: Base::Arena, offset }) = self.places[buffer.index()]
                && !self.taken_over.contains(&buffer)
            {
                self.arena.give_back(offset as usize, self.bytes_of(buffer));
            }
        }
    }

    /// Where a buffer lies, which has a place by now.
    pub(crate) fn place(&self, buffer: BufferId) -> Pointer {
        self.places[buffer.index()].expect("launches write buffers before they read them")
    }

    fn pointer(&self, operand: &Operand, dtype: DType) -> Result<Pointer, PlanError> {
        let place = self.places[operand.buffer.index()].expect("launches write buffers before they read them");
        let offset = self.evaluate(&operand.offset)? as isize;
        Ok(place.advanced(offset.wrapping_mul(dtype.size() as isize)))
    }

    /// The kernel of a launch with its code; a tile's pointer is null and its stride 0.
    fn bind_kernel(&self, index: usize) -> Result<BoundKernel, PlanError> {
        let (operands, arguments) = self.compiled.recipes.kernel(index);
        let mut pointers = Vec::with_capacity(operands.len());
        for operand in operands {
            pointers.push(match *operand {
                OperandRecipe::Tile => Pointer::fixed(std::ptr::null()),
                OperandRecipe::Buffer { buffer, offset, element_size } => {
                    let offset = self.value(offset)? as isize;
                    self.place(buffer).advanced(offset.wrapping_mul(element_size as isize))
                }
            });
        }
        let mut values = Vec::with_capacity(arguments.len());
        for &size in arguments {
            values.push(self.value(size)?);
        }
        let arguments = values.into();
        let code = self.compiled.codes[index].as_ref().expect("a launch with a kernel has code");
        Ok(BoundKernel { function: code.function(), pointers: pointers.into(), arguments })
    }

    fn plan_loop(&mut self, index: usize, launch: &LoopLaunch) -> Result<(), PlanError> {
        let kernel = &launch.kernel;
        let bound = self.bind_kernel(index)?;
        let arguments = &bound.arguments;
        let rows: i64 = arguments[..kernel.outer].iter().product();
        let inner = arguments[kernel.inner()];
        let steps = if kernel.form == Form::Column { arguments[kernel.outer] } else { 1 };
        let writes_empty_rows = kernel.form == Form::Row && rows > 0;
        if rows <= 0 || (inner <= 0 && !writes_empty_rows) {
            return Ok(());
        }
        let work = (kernel.body.len() as i64).max(4).saturating_mul(steps.max(1));
        let tiles = Tiles::of_loop(kernel.form, rows, inner, work);
        let work_of_result = if kernel.form == Form::Row { work.saturating_mul(inner) } else { work };
        if self.plan_fold(index, launch, &bound, tiles, work_of_result)? {
            return Ok(());
        }
        let tiles = if tiles.count < ENOUGH_TILES { Tiles::narrow(kernel.form, rows, inner, work) } else { tiles };
        let scratch = kernel.scratch_bytes(tiles.inner_per_tile.max(0) as usize);
        self.scratch_bytes = self.scratch_bytes.max(scratch.next_multiple_of(ALIGNMENT));
        self.steps.push(Step::Loop(LoopStep { kernel: bound, tiles }));
        Ok(())
    }

    fn plan_product(&mut self, index: usize, product: &ProductLaunch) -> Result<(), PlanError> {
        let (m, n, k) = (self.size(&product.m)?, self.size(&product.n)?, self.size(&product.k)?);
        let mut batch: SmallVec<[usize; 2]> = SmallVec::new();
        for size in &product.batch {
            batch.push(self.size(size)?);
        }
        let batches: usize = batch.iter().product();
        if m == 0 || n == 0 || batches == 0 {
            return Ok(());
        }
        let matmul = tancho_kernels::matmul(element_type(product.dtype), Isa::detect());
        let (lhs, scratch) = match &product.lhs {
            ProductLhs::Matrix(view) => {
                (LhsOperand::Matrix(self.matrix(view, product.dtype)?), matmul.scratch_len(m, n, k))
            }
            ProductLhs::Windows(view) => (self.windows(view, product.dtype)?, matmul.scratch_len_of_windows(m, n, k)),
        };
        let rhs = self.matrix(&product.rhs, product.dtype)?;
        let (rhs, packed) = self.plan_rhs(index, product, matmul, rhs, [m, n, k], &batch)?;
        let (mut output_batch_stride, mut output_row_stride) = (m * n, n);
        let (output, epilogue) = match &product.output {
            ProductOutput::Buffer(buffer) => (self.place(*buffer), None),
            ProductOutput::Strided { buffer, batch_stride, row_stride } => {
                (output_batch_stride, output_row_stride) = (self.size(batch_stride)?, self.size(row_stride)?);
                (self.place(*buffer), None)
            }
            ProductOutput::Epilogue(launch) => {
                let kernel = &launch.kernel;
                let tile =
                    kernel.loads.iter().position(|load| load.map == AccessMap::Tile).expect("an epilogue has a tile");
                let before = kernel.loads[..tile].iter().map(|load| load.argument_count()).sum::<usize>();
                let epilogue = Epilogue {
                    kernel: self.bind_kernel(index)?,
                    tile,
                    tile_argument: kernel.rank() + before,
                    element_size: product.dtype.size(),
                };
                (Pointer::fixed(std::ptr::null()), Some(epilogue))
            }
        };
        self.scratch_bytes = self.scratch_bytes.max(scratch.next_multiple_of(ALIGNMENT));
        self.steps.push(Step::Product(ProductStep {
            matmul,
            m,
            n,
            k,
            batch,
            lhs,
            rhs,
            output,
            output_batch_bytes: output_batch_stride * product.dtype.size(),
            output_row_stride,
            epilogue,
            tiles_per_batch: matmul.tile_count(m, n, k),
            tiles: matmul.tile_count(m, n, k) * batches,
        }));
        if let Some(Reserved { offset, bytes }) = packed {
            self.arena.give_back(offset, bytes);
        }
        Ok(())
    }

    fn windows(&self, view: &WindowsView, dtype: DType) -> Result<LhsOperand, PlanError> {
        let mut axes = Vec::new();
        for WindowsViewAxis { size, element_stride, positions, window } in &view.axes {
            axes.push(WindowsAxis {
                size: self.place_size(size)? as usize,
                element_stride: self.place_size(element_stride)? as isize,
                positions: self.size(positions)?,
                stride: window.stride as usize,
                window: self.place_size(&window.size)? as usize,
                dilation: window.dilation as usize,
                low: self.place_size(&window.low)? as isize,
                base_dilation: window.base_dilation as usize,
            });
        }
        let windows = Windows {
            axes,
            batch_stride: self.evaluate(&view.batch_stride)? as isize,
            features: self.size(&view.features)?,
            feature_stride: self.evaluate(&view.feature_stride)? as isize,
        };
        let group_stride = self.evaluate(&view.group_stride)? as isize * dtype.size() as isize;
        let pointer = self.pointer(&view.operand, dtype)?;
        Ok(LhsOperand::Windows { windows: Box::new(windows), pointer, group_stride })
    }

    fn matrix(&self, view: &MatrixView, dtype: DType) -> Result<MatrixOperand, PlanError> {
        let mut batch_strides = SmallVec::new();
        for stride in &view.batch_strides {
            batch_strides.push(self.evaluate(stride)? as isize * dtype.size() as isize);
        }
        Ok(MatrixOperand {
            pointer: self.pointer(&view.operand, dtype)?,
            batch_strides,
            row_stride: self.evaluate(&view.row_stride)? as isize,
            column_stride: self.evaluate(&view.column_stride)? as isize,
        })
    }

    /// How the product reads its right operand: packed once if it is constant, packed in a step before, or as it is.
    fn plan_rhs(
        &mut self,
        index: usize,
        product: &ProductLaunch,
        matmul: &'static Matmul,
        rhs: MatrixOperand,
        [m, n, k]: [usize; 3],
        batch: &[usize],
    ) -> Result<(RhsOperand, Option<Reserved>), PlanError> {
        let shared = rhs.batch_strides.iter().all(|&stride| stride == 0);
        let batches: usize = batch.iter().product();
        let matrices = if shared { 1 } else { batches };
        let matrix_bytes = (matmul.packed_rhs_len(k, n) * product.dtype.size()).next_multiple_of(ALIGNMENT);
        let bytes = matrix_bytes * matrices;
        let step = |target: Pointer| PackStep {
            matmul,
            n,
            k,
            batch: if shared { SmallVec::new() } else { SmallVec::from_slice(batch) },
            rhs: rhs.clone(),
            target,
            matrix_bytes,
            panels: matmul.rhs_panels(n),
            tiles: matmul.rhs_panels(n) * matrices,
        };
        let packed_stride = if shared { 0 } else { matrix_bytes };
        let memory = &self.compiled.program.buffers[product.rhs.operand.buffer.index()].memory;
        if let Memory::Constant(_) = memory {
            let pack = || step(Pointer::fixed(std::ptr::null())).pack_now(bytes);
            // Sizes that vary (a number repeated along them) make another operand for each plan.
            let buffer = match has_known_rhs(product) {
                true => self.compiled.packed[index].get_or_init(pack).clone()?,
                false => pack()?,
            };
            let pointer = Pointer::fixed(buffer.as_ptr());
            self.packed.push(buffer);
            return Ok((RhsOperand::Packed { pointer, matrix_bytes: packed_stride }, None));
        }
        let matrix = tancho_kernels::Matrix {
            pointer: std::ptr::null(),
            row_stride: rhs.row_stride,
            column_stride: rhs.column_stride,
        };
        if matmul.prefers_unpacked(m, n, k, &matrix) {
            return Ok((RhsOperand::Unpacked(rhs), None));
        }
        let offset = self.arena.take(bytes);
        let pointer = Pointer::arena(offset);
        self.steps.push(Step::Pack(step(pointer)));
        Ok((RhsOperand::Packed { pointer, matrix_bytes: packed_stride }, Some(Reserved { offset, bytes })))
    }

    fn finish(self) -> Result<Plan, PlanError> {
        let program = &self.compiled.program;
        let mut output_bytes: SmallVec<[usize; 2]> = SmallVec::from_elem(0, program.outputs);
        for (index, buffer) in program.buffers.iter().enumerate() {
            if let Memory::Output(position) = buffer.memory {
                output_bytes[position] = self.bytes_of(BufferId(index as u32));
            }
        }
        let mut results = SmallVec::new();
        for (buffer, of) in &program.results {
            let shape = shape_of(of, self.bindings)?;
            let source = match &program.buffers[buffer.index()].memory {
                Memory::Output(position) => ResultSource::Output(*position),
                Memory::Argument(position) => ResultSource::Argument(*position),
                Memory::Constant(array) => ResultSource::Constant(Array::buffer(array).clone()),
                Memory::Temporary => unreachable!("results are outputs"),
            };
            results.push(PlannedResult { source, dtype: of.dtype, shape });
        }
        let donations = crate::donate::agreed_donations(&self.compiled.uses, &self.buffer_bytes);
        let mut parameters = SmallVec::new();
        for parameter in &program.parameters {
            parameters.push((parameter.dtype, bytes_of(parameter, self.bindings)?));
        }
        let parallel = self.parallel || self.steps.iter().any(|step| step.tiles() > 1);
        Ok(Plan {
            steps: self.steps,
            parameters,
            parallel,
            placements: self.placements,
            output_bytes,
            results,
            temporary_bytes: self.arena.bytes(),
            scratch_bytes: self.scratch_bytes,
            donations,
            launch_of: self.launch_of,
            buffer_bytes: self.buffer_bytes,
            compiled: self.compiled.clone(),
            packed: self.packed,
        })
    }
}

/// Whether the right operand is read in the same way by every plan.
fn has_known_rhs(product: &ProductLaunch) -> bool {
    let MatrixView { operand, batch_strides, row_stride, column_stride } = &product.rhs;
    let is_known = |dim: &Dim| dim.as_known().is_some();
    // A matrix that all batches share is packed once, however many there are.
    let shared = batch_strides.iter().all(|stride| *stride == Dim::ZERO);
    [&product.n, &product.k, &operand.offset, row_stride, column_stride].into_iter().all(is_known)
        && (shared || product.batch.iter().chain(batch_strides).all(is_known))
}

pub(crate) fn shape_of(of: &tancho_ir::TensorType, bindings: &Bindings) -> Result<Shape, PlanError> {
    let mut sizes: SmallVec<[usize; 6]> = SmallVec::new();
    for dim in &of.dims {
        let size = bindings.evaluate(dim).and_then(|size| usize::try_from(size).ok());
        sizes.push(size.ok_or_else(|| PlanError::Size(dim.clone()))?);
    }
    let shape = Shape::new(&sizes);
    match shape.elements() {
        Some(_) => Ok(shape),
        None => Err(PlanError::TooLarge(shape)),
    }
}

/// The bytes of an array of a type.
fn bytes_of(of: &tancho_ir::TensorType, bindings: &Bindings) -> Result<usize, PlanError> {
    Ok(shape_of(of, bindings)?.iter().product::<usize>() * of.dtype.size())
}

/// # Panics
/// The dtype is `bool`, which products do not take.
fn element_type(dtype: DType) -> ElementType {
    match dtype {
        DType::F32 => ElementType::F32,
        DType::F64 => ElementType::F64,
        DType::I8 => ElementType::I8,
        DType::I16 => ElementType::I16,
        DType::I32 => ElementType::I32,
        DType::I64 => ElementType::I64,
        DType::U8 => ElementType::U8,
        DType::U16 => ElementType::U16,
        DType::U32 => ElementType::U32,
        DType::U64 => ElementType::U64,
        DType::Bool => panic!("products of bool have no type"),
        DType::F16 | DType::BF16 => panic!("products of {dtype} are made in f32"),
    }
}

/// A place in the arena that a product takes for its packed operand.
struct Reserved {
    offset: usize,
    bytes: usize,
}

/// Memory of its own for a constant that is packed once.
impl PackStep {
    fn pack_now(&self, bytes: usize) -> Result<Buffer, AllocError> {
        let target = Allocation::zeroed(bytes)?;
        crate::execute::pack_into(self, &target);
        Ok(crate::execute::freeze(target))
    }
}
