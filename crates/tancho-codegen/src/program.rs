//! A compiled graph in terms of sizes that are not known yet: buffers, and the launches that fill them in order.

use std::fmt;
use std::sync::Arc;

use tancho_ir::ops::{CustomCall, EffectOp, WindowAxis};
use tancho_ir::{Dim, DimList, Dims, Span, TensorType};
use tancho_tensor::{Array, DType};

use crate::code::Source;
use crate::compiled::Compiled;
use crate::kernel::{AccessMap, Kernel};
use crate::procedure::Procedure;

/// A piece of memory that a program reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

impl BufferId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A buffer: what it holds, and whose memory it is.
#[derive(Clone, Debug)]
pub struct BufferInfo {
    pub of: TensorType,
    pub memory: Memory,
}

/// Whose memory a buffer is.
#[derive(Clone, Debug)]
pub enum Memory {
    /// The argument of this position.
    Argument(usize),
    /// Memory that a call allocates and gives to its caller: the output of this number.
    Output(usize),
    Constant(Array),
    /// A place in the arena.
    Temporary,
}

/// What fills buffers: a kernel, a procedure, a matrix product, or what runs other programs.
#[derive(Clone, Debug)]
pub enum Launch {
    Loop(LoopLaunch),
    Product(Box<ProductLaunch>),
    Procedure(ProcedureLaunch),
    While(Box<WhileLaunch>),
    Case(Box<CaseLaunch>),
    Host(Box<HostLaunch>),
}

/// A procedure with its buffers and sizes.
#[derive(Clone, Debug)]
pub struct ProcedureLaunch {
    pub procedure: Arc<Procedure>,
    /// One for each buffer of the procedure, and whether it is written.
    pub operands: Vec<(BufferId, bool)>,
    pub sizes: Vec<Dim>,
    /// The rows that threads share, and about how many instructions one takes.
    pub rows: Dim,
    pub work: Dim,
    /// Buffers that are written and begin as copies of others: (written, source). Where the source is not needed any more,
    /// its memory is taken instead.
    pub initial: Vec<(BufferId, BufferId)>,
}

/// A loop over compiled graphs.
#[derive(Clone)]
pub struct WhileLaunch {
    pub condition: Arc<Compiled>,
    pub body: Arc<Compiled>,
    /// The state, then what does not change.
    pub operands: Vec<TypedBuffer>,
    /// The last state.
    pub results: Vec<BufferId>,
    /// What the program promises of the number of trips.
    pub bound: Option<Dim>,
}

/// A choice between compiled graphs.
#[derive(Clone)]
pub struct CaseLaunch {
    pub index: BufferId,
    pub branches: Vec<Arc<Compiled>>,
    pub operands: Vec<TypedBuffer>,
    pub results: Vec<BufferId>,
}

/// What is done outside of compiled code.
#[derive(Clone, Debug)]
pub struct HostLaunch {
    pub action: HostAction,
    pub span: Span,
    pub operands: Vec<TypedBuffer>,
    pub results: Vec<BufferId>,
}

/// What the host does in a program.
#[derive(Clone, Debug)]
pub enum HostAction {
    /// Calls a function that is registered by name.
    Call(CustomCall),
    /// Prints, or checks an assertion.
    Effect(EffectOp),
}

/// `"name"`, `print`
impl fmt::Display for HostAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostAction::Call(call) => write!(f, "{:?}", call.target),
            HostAction::Effect(op) => f.write_str(op.name()),
        }
    }
}

/// A buffer as the value that is read from it: its sizes may be others than those with which it was made.
#[derive(Clone, Debug)]
pub struct TypedBuffer {
    pub buffer: BufferId,
    pub of: TensorType,
}

fn buffers_of(operands: &[TypedBuffer]) -> Vec<BufferId> {
    operands.iter().map(|operand| operand.buffer).collect()
}

impl fmt::Debug for WhileLaunch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhileLaunch").field("operands", &self.operands).field("results", &self.results).finish()
    }
}

impl fmt::Debug for CaseLaunch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseLaunch").field("operands", &self.operands).field("results", &self.results).finish()
    }
}

/// A buffer as an access of a kernel reaches it.
#[derive(Clone, Debug)]
pub struct Operand {
    pub buffer: BufferId,
    /// The element at the origin of the kernel's dimensions.
    pub offset: Dim,
}

/// A kernel with its buffers and the sizes, strides and numbers of its argument block.
#[derive(Clone, Debug)]
pub struct LoopLaunch {
    pub kernel: Arc<Kernel>,
    /// One for each access of the kernel, in order.
    pub operands: Vec<Operand>,
    pub arguments: Vec<Dim>,
}

/// `out[b, i, j] = Σ lhs[b, i, k] · rhs[b, k, j]`, and what is computed on each block of it.
#[derive(Clone, Debug)]
pub struct ProductLaunch {
    pub dtype: DType,
    /// The sizes of the batch axes.
    pub batch: Dims,
    pub m: Dim,
    pub n: Dim,
    pub k: Dim,
    pub lhs: ProductLhs,
    pub rhs: MatrixView,
    pub output: ProductOutput,
}

/// The left operand of a product.
#[derive(Clone, Debug)]
pub enum ProductLhs {
    Matrix(MatrixView),
    Windows(WindowsView),
}

impl ProductLhs {
    pub fn operand(&self) -> &Operand {
        match self {
            ProductLhs::Matrix(view) => &view.operand,
            ProductLhs::Windows(view) => &view.operand,
        }
    }
}

/// A buffer as the matrix of a convolution's windows: a row for each place of the window in each batch, a column for each
/// of its elements. Strides are in elements.
#[derive(Clone, Debug)]
pub struct WindowsView {
    pub operand: Operand,
    /// From one matrix of the product's batch, a group, to the next.
    pub group_stride: Dim,
    pub batch_stride: Dim,
    pub features: Dim,
    pub feature_stride: Dim,
    pub axes: Vec<WindowsViewAxis>,
}

/// One spatial axis of a [`WindowsView`].
#[derive(Clone, Debug)]
pub struct WindowsViewAxis {
    pub size: Dim,
    pub element_stride: Dim,
    pub positions: Dim,
    pub window: WindowAxis,
}

/// A buffer as a batch of matrices; strides are in elements.
#[derive(Clone, Debug)]
pub struct MatrixView {
    pub operand: Operand,
    /// One for each batch axis.
    pub batch_strides: Dims,
    pub row_stride: Dim,
    pub column_stride: Dim,
}

/// Where the blocks of a matrix product go.
#[derive(Clone, Debug)]
pub enum ProductOutput {
    /// Dense into a buffer.
    Buffer(BufferId),
    /// Into a buffer with rows and matrices that are so many elements apart.
    Strided { buffer: BufferId, batch_stride: Dim, row_stride: Dim },
    /// To a map kernel that reads the block through its `tile` access.
    Epilogue(LoopLaunch),
}

/// A graph cut into launches.
#[derive(Clone, Debug)]
pub struct Program {
    pub name: String,
    pub parameters: Vec<TensorType>,
    pub buffers: Vec<BufferInfo>,
    pub launches: Vec<Launch>,
    /// For each launch, where the operations that it computes come from: each span once, the root's first.
    pub spans: Vec<Vec<Span>>,
    /// For each result of the graph, the buffer that holds it, and its type (whose sizes may differ from the buffer's).
    pub results: Vec<(BufferId, TensorType)>,
    pub outputs: usize,
}

impl Launch {
    /// The buffers that the launch reads.
    pub fn reads(&self) -> Vec<BufferId> {
        match self {
            Launch::Loop(launch) => launch.reads(),
            Launch::Product(product) => {
                let mut reads = vec![product.lhs.operand().buffer, product.rhs.operand.buffer];
                if let ProductOutput::Epilogue(epilogue) = &product.output {
                    reads.extend(epilogue.reads());
                }
                reads
            }
            Launch::Procedure(launch) => {
                let read = launch.operands.iter().filter(|operand| !operand.1).map(|operand| operand.0);
                read.chain(launch.initial.iter().map(|initial| initial.1)).collect()
            }
            Launch::While(launch) => buffers_of(&launch.operands),
            Launch::Case(launch) => [vec![launch.index], buffers_of(&launch.operands)].concat(),
            Launch::Host(launch) => buffers_of(&launch.operands),
        }
    }

    /// The buffers that the launch writes.
    pub fn writes(&self) -> Vec<BufferId> {
        match self {
            Launch::Loop(launch) => launch.writes(),
            Launch::Product(product) => match &product.output {
                ProductOutput::Buffer(buffer) | ProductOutput::Strided { buffer, .. } => vec![*buffer],
                ProductOutput::Epilogue(epilogue) => epilogue.writes(),
            },
            Launch::Procedure(launch) => {
                launch.operands.iter().filter(|operand| operand.1).map(|operand| operand.0).collect()
            }
            Launch::While(launch) => launch.results.clone(),
            Launch::Case(launch) => launch.results.clone(),
            Launch::Host(launch) => launch.results.clone(),
        }
    }

    /// What the launch's machine code is made of, if it has some of its own.
    pub fn source(&self) -> Option<Source> {
        match self {
            Launch::Procedure(launch) => Some(Source::Procedure(launch.procedure.clone())),
            _ => self.kernel().cloned().map(Source::Kernel),
        }
    }

    /// The programs that the launch runs.
    pub fn nested(&self) -> Vec<&Arc<Compiled>> {
        match self {
            Launch::Loop(_) | Launch::Product(_) | Launch::Procedure(_) | Launch::Host(_) => Vec::new(),
            Launch::While(launch) => vec![&launch.condition, &launch.body],
            Launch::Case(launch) => launch.branches.iter().collect(),
        }
    }

    /// The kernel that the launch runs, if it has one.
    pub fn kernel(&self) -> Option<&Arc<Kernel>> {
        match self {
            Launch::Loop(launch) => Some(&launch.kernel),
            Launch::Product(product) => match &product.output {
                ProductOutput::Buffer(_) | ProductOutput::Strided { .. } => None,
                ProductOutput::Epilogue(epilogue) => Some(&epilogue.kernel),
            },
            Launch::Procedure(_) | Launch::While(_) | Launch::Case(_) | Launch::Host(_) => None,
        }
    }
}

impl LoopLaunch {
    /// A tile is no buffer: its operand's buffer is meaningless.
    fn reads(&self) -> Vec<BufferId> {
        let loads = self.kernel.loads.iter().zip(&self.operands);
        loads.filter(|(access, _)| access.map != AccessMap::Tile).map(|(_, operand)| operand.buffer).collect()
    }

    fn writes(&self) -> Vec<BufferId> {
        self.operands[self.kernel.loads.len()..].iter().map(|operand| operand.buffer).collect()
    }
}

/// The stage `kernels` of a dump: buffers, then each launch with the source lines that it comes from and its kernel.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program @{} {{", self.name)?;
        for (index, buffer) in self.buffers.iter().enumerate() {
            write!(f, "  b{index}: {} = ", buffer.of)?;
            match &buffer.memory {
                Memory::Argument(position) => writeln!(f, "argument {position}")?,
                Memory::Output(position) => writeln!(f, "output {position}")?,
                Memory::Constant(array) => writeln!(f, "constant of {} bytes", array.buffer().len())?,
                Memory::Temporary => writeln!(f, "temporary")?,
            }
        }
        for (launch, spans) in self.launches.iter().zip(&self.spans) {
            spans.iter().try_for_each(|span| writeln!(f, "  ; {span}"))?;
            match launch {
                Launch::Loop(launch) => write_loop(f, "launch", launch)?,
                Launch::Product(product) => write_product(f, product)?,
                Launch::Procedure(launch) => write_procedure(f, launch)?,
                Launch::While(launch) => {
                    let (operands, results) = (buffers_of(&launch.operands), &launch.results);
                    writeln!(f, "  while {} -> {}", Buffers(&operands), Buffers(results))?;
                    write_nested(f, "condition", &launch.condition)?;
                    write_nested(f, "body", &launch.body)?;
                }
                Launch::Case(launch) => {
                    let (operands, results) = (buffers_of(&launch.operands), Buffers(&launch.results));
                    writeln!(f, "  case b{} {} -> {results}", launch.index.0, Buffers(&operands))?;
                    launch.branches.iter().try_for_each(|branch| write_nested(f, "branch", branch))?;
                }
                Launch::Host(launch) => {
                    let (operands, results) = (buffers_of(&launch.operands), Buffers(&launch.results));
                    writeln!(f, "  host {} {} -> {results}", launch.action, Buffers(&operands))?;
                }
            }
        }
        for (buffer, of) in &self.results {
            writeln!(f, "  return b{}: {of}", buffer.0)?;
        }
        f.write_str("}\n")
    }
}

fn write_loop(f: &mut fmt::Formatter<'_>, what: &str, launch: &LoopLaunch) -> fmt::Result {
    write!(f, "  {what} (")?;
    for (place, (operand, access)) in launch.operands.iter().zip(launch.kernel.accesses()).enumerate() {
        let separator = if place > 0 { ", " } else { "" };
        match (&access.map, operand.offset == Dim::ZERO) {
            (AccessMap::Tile, _) => write!(f, "{separator}tile")?,
            (AccessMap::Strides(_), true) => write!(f, "{separator}b{}", operand.buffer.0)?,
            (AccessMap::Strides(_), false) => write!(f, "{separator}b{} + {}", operand.buffer.0, operand.offset)?,
        }
    }
    writeln!(f, ") {}", DimList(&launch.arguments))?;
    launch.kernel.to_string().lines().try_for_each(|line| writeln!(f, "    {line}"))
}

/// Buffers as a list: `(b0, b3)`.
struct Buffers<'a>(&'a [BufferId]);

impl fmt::Display for Buffers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|buffer| format!("b{}", buffer.0)).collect();
        write!(f, "({})", names.join(", "))
    }
}

fn write_procedure(f: &mut fmt::Formatter<'_>, launch: &ProcedureLaunch) -> fmt::Result {
    let operands: Vec<BufferId> = launch.operands.iter().map(|operand| operand.0).collect();
    write!(f, "  launch {} {} rows={}", Buffers(&operands), DimList(&launch.sizes), launch.rows)?;
    for (written, source) in &launch.initial {
        write!(f, " b{} begins as b{}", written.0, source.0)?;
    }
    writeln!(f)?;
    launch.procedure.to_string().lines().try_for_each(|line| writeln!(f, "    {line}"))
}

fn write_nested(f: &mut fmt::Formatter<'_>, what: &str, compiled: &Compiled) -> fmt::Result {
    writeln!(f, "  {what}")?;
    compiled.program.to_string().lines().try_for_each(|line| writeln!(f, "    {line}"))
}

fn write_matrix(f: &mut fmt::Formatter<'_>, name: &str, view: &MatrixView) -> fmt::Result {
    write!(f, "    {name} b{}", view.operand.buffer.0)?;
    if view.operand.offset != Dim::ZERO {
        write!(f, " + {}", view.operand.offset)?;
    }
    let (batch, row, column) = (DimList(&view.batch_strides), &view.row_stride, &view.column_stride);
    writeln!(f, " strides batch={batch} row={row} column={column}")
}

fn write_product(f: &mut fmt::Formatter<'_>, product: &ProductLaunch) -> fmt::Result {
    writeln!(
        f,
        "  product {} batch={} m={} n={} k={}",
        product.dtype,
        DimList(&product.batch),
        product.m,
        product.n,
        product.k
    )?;
    match &product.lhs {
        ProductLhs::Matrix(view) => write_matrix(f, "lhs", view)?,
        ProductLhs::Windows(view) => {
            write!(f, "    lhs windows of b{}", view.operand.buffer.0)?;
            writeln!(f, " features={} stride={} batch={}", view.features, view.feature_stride, view.batch_stride)?;
            for axis in &view.axes {
                let WindowAxis { size, stride, low, high: _, base_dilation, dilation } = &axis.window;
                write!(f, "      axis of {} stride={} places={}", axis.size, axis.element_stride, axis.positions)?;
                writeln!(f, ": {size} by {stride} from {low} dilated by {base_dilation} and {dilation}")?;
            }
        }
    }
    write_matrix(f, "rhs", &product.rhs)?;
    match &product.output {
        ProductOutput::Buffer(buffer) => writeln!(f, "    into b{}", buffer.0),
        ProductOutput::Strided { buffer, batch_stride, row_stride } => {
            writeln!(f, "    into b{} strides batch={batch_stride} row={row_stride}", buffer.0)
        }
        ProductOutput::Epilogue(epilogue) => write_loop(f, "  epilogue", epilogue),
    }
}
