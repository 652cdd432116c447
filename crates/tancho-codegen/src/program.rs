//! A compiled graph in terms of sizes that are not known yet: buffers, and the launches that fill them in order.

use std::fmt;
use std::sync::Arc;

use tancho_ir::{Dim, DimList, Dims, TensorType};
use tancho_tensor::{Array, DType};

use crate::kernel::{AccessMap, Kernel};

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

/// A kernel over buffers, or a matrix product.
#[derive(Clone, Debug)]
pub enum Launch {
    Loop(LoopLaunch),
    Product(Box<ProductLaunch>),
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
    pub lhs: MatrixView,
    pub rhs: MatrixView,
    pub output: ProductOutput,
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
                let mut reads = vec![product.lhs.operand.buffer, product.rhs.operand.buffer];
                if let ProductOutput::Epilogue(epilogue) = &product.output {
                    reads.extend(epilogue.reads());
                }
                reads
            }
        }
    }

    /// The buffers that the launch writes.
    pub fn writes(&self) -> Vec<BufferId> {
        match self {
            Launch::Loop(launch) => launch.writes(),
            Launch::Product(product) => match &product.output {
                ProductOutput::Buffer(buffer) => vec![*buffer],
                ProductOutput::Epilogue(epilogue) => epilogue.writes(),
            },
        }
    }

    /// The kernel that the launch runs, if it has one.
    pub fn kernel(&self) -> Option<&Arc<Kernel>> {
        match self {
            Launch::Loop(launch) => Some(&launch.kernel),
            Launch::Product(product) => match &product.output {
                ProductOutput::Buffer(_) => None,
                ProductOutput::Epilogue(epilogue) => Some(&epilogue.kernel),
            },
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

/// The stage `kernels` of a dump: buffers, then each launch with its kernel.
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
        for launch in &self.launches {
            match launch {
                Launch::Loop(launch) => write_loop(f, "launch", launch)?,
                Launch::Product(product) => write_product(f, product)?,
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
    for (name, view) in [("lhs", &product.lhs), ("rhs", &product.rhs)] {
        write!(f, "    {name} b{}", view.operand.buffer.0)?;
        if view.operand.offset != Dim::ZERO {
            write!(f, " + {}", view.operand.offset)?;
        }
        let (batch, row, column) = (DimList(&view.batch_strides), &view.row_stride, &view.column_stride);
        writeln!(f, " strides batch={batch} row={row} column={column}")?;
    }
    match &product.output {
        ProductOutput::Buffer(buffer) => writeln!(f, "    into b{}", buffer.0),
        ProductOutput::Epilogue(epilogue) => write_loop(f, "  epilogue", epilogue),
    }
}
