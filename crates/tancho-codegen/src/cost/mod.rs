//! What a program costs at known sizes: floating-point operations, bytes and memory, for each step of a plan.
//!
//! **FLOP.** An addition, subtraction, multiplication, division, square root, minimum, maximum or rounding of floats is
//! one, a fused multiply-add two; an element that a reduction folds is one. A product is 2·m·n·k, whatever its dtype;
//! other arithmetic of integers counts nothing, and neither do comparisons, selections, conversions and changes of the
//! sign. Elementary functions count as the operations that they are expanded into: an exponential is about twenty.
//! What does not depend on the inner loop is counted once for each time that the loop begins.
//!
//! **Bytes.** What a step touches in memory, each element once, however often it is read: what would have to be moved if
//! caches were large. What lies in registers or scratch memory counts nothing.
//!
//! **What is not counted out** makes a figure an [estimate](StepCost::is_estimate). A loop is counted as one trip, a branch
//! as the dearest, functions of the host as the bytes of their operands and results. In procedures, loops whose ends are
//! computed from data are one trip, and those whose ends depend on the place in a loop around them are taken at that loop's
//! middle.

mod kernel;
mod procedure;
mod table;

use tancho_ir::Span;

use crate::kernel::{Form, Kernel};
use crate::plan::Plan;
use crate::program::{BufferId, Launch, Memory, ProcedureLaunch, ProductLaunch, ProductLhs, ProductOutput};
use crate::step::{FoldStep, LhsOperand, LoopStep, MatrixOperand, NestedPlan, PackStep, ProductStep, Step};

use kernel::{Traffic, kernel_work};
use procedure::procedure_work;
use table::bytes_text;
pub(crate) use table::{Table, number_text, source_text};

/// What a call costs, in all and by its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// The name of the program.
    pub program: String,
    /// Floating-point operations.
    pub flops: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// The most bytes that a call holds: its arguments, its results and its arena. Arguments that are given away make it
    /// less by the results that take their place.
    pub peak_memory: u64,
    /// What the peak consists of, and what the program holds between calls.
    pub memory: MemoryCost,
    /// In the order of execution.
    pub steps: Vec<StepCost>,
}

/// The memory of a call, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryCost {
    pub arguments: u64,
    /// The results that the call allocates: what is an argument or a constant takes no memory again.
    pub results: u64,
    /// The temporaries in the arena, which take turns in its places.
    pub temporaries: u64,
    /// The scratch memory of all threads.
    pub scratch: u64,
    /// Constants, as they are and packed for matrix kernels. All calls share them, and they are no part of the peak.
    pub constants: u64,
}

/// What one step of a plan costs.
#[derive(Clone, Debug, PartialEq)]
pub struct StepCost {
    pub kind: StepKind,
    /// What it does, in a few words.
    pub description: String,
    /// The number of the launch that it is a part of, in the program that a dump of the kernels shows.
    pub launch: usize,
    pub flops: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// Whether the figures are not counted out: mostly because the data decides how much is done.
    pub is_estimate: bool,
    /// The number of parts that threads can share.
    pub tiles: usize,
    /// The distinct source lines of the operations that it computes, the root's first.
    pub spans: Vec<Span>,
    /// The programs that the step runs: a loop's condition and body, the branches of a case.
    pub nested: Vec<NestedCost>,
}

/// What a program that a step runs costs each time.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedCost {
    /// `condition`, `body`, `branch 0` …
    pub name: String,
    pub steps: Vec<StepCost>,
}

/// The kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// A kernel of this form.
    Kernel(Form),
    /// The blocks of a reduction that is split over threads.
    Blocks,
    /// A right operand is brought into the layout of the matrix kernel.
    Pack,
    Product,
    Convolution,
    Procedure,
    Copy,
    While,
    Case,
    /// A function of the host, or an effect.
    Host,
}

impl StepKind {
    pub fn name(self) -> &'static str {
        match self {
            StepKind::Kernel(form) => form.name(),
            StepKind::Blocks => "blocks",
            StepKind::Pack => "pack",
            StepKind::Product => "product",
            StepKind::Convolution => "convolution",
            StepKind::Procedure => "procedure",
            StepKind::Copy => "copy",
            StepKind::While => "while",
            StepKind::Case => "case",
            StepKind::Host => "host",
        }
    }
}

impl Cost {
    /// The bytes read and written.
    pub fn bytes(&self) -> u64 {
        self.bytes_read.saturating_add(self.bytes_written)
    }
}

impl StepCost {
    /// The bytes read and written.
    pub fn bytes(&self) -> u64 {
        self.bytes_read.saturating_add(self.bytes_written)
    }
}

/// FLOP and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub flops: u64,
    pub read: u64,
    pub written: u64,
    pub is_estimate: bool,
}

impl Work {
    fn plus(self, other: Work) -> Work {
        Work {
            flops: self.flops.saturating_add(other.flops),
            read: self.read.saturating_add(other.read),
            written: self.written.saturating_add(other.written),
            is_estimate: self.is_estimate || other.is_estimate,
        }
    }

    fn of_steps(steps: &[StepCost]) -> Work {
        steps.iter().fold(Work::default(), |sum, step| {
            let StepCost { flops, bytes_read: read, bytes_written: written, is_estimate, .. } = *step;
            sum.plus(Work { flops, read, written, is_estimate })
        })
    }
}

impl Plan {
    /// What a call of the plan on so many threads costs.
    pub fn cost(&self, threads: usize) -> Cost {
        let steps = self.step_costs();
        let Work { flops, read, written, .. } = Work::of_steps(&steps);
        let memory = self.memory_cost(threads);
        let MemoryCost { arguments, results, temporaries, scratch, constants: _ } = memory;
        Cost {
            program: self.compiled.program().name.clone(),
            flops,
            bytes_read: read,
            bytes_written: written,
            peak_memory: arguments + results + temporaries + scratch,
            memory,
            steps,
        }
    }

    fn memory_cost(&self, threads: usize) -> MemoryCost {
        let constants = self.compiled.program().buffers.iter().filter_map(|buffer| match &buffer.memory {
            Memory::Constant(array) => Some(array.buffer().len()),
            Memory::Argument(_) | Memory::Output(_) | Memory::Temporary => None,
        });
        let packed = self.packed.iter().map(|buffer| buffer.len());
        let own: usize = constants.chain(packed).sum();
        let nested = self.steps.iter().flat_map(nested_plans).map(|nested| nested.plan.memory_cost(1).constants);
        MemoryCost {
            arguments: self.parameters.iter().map(|parameter| parameter.1 as u64).sum(),
            results: self.output_bytes.iter().sum::<usize>() as u64,
            temporaries: self.temporary_bytes as u64,
            scratch: (if self.parallel { threads.max(1) } else { 1 } * self.scratch_bytes) as u64,
            constants: own as u64 + nested.sum::<u64>(),
        }
    }

    fn step_costs(&self) -> Vec<StepCost> {
        (0..self.steps.len()).map(|number| self.step_cost(number)).collect()
    }

    fn step_cost(&self, number: usize) -> StepCost {
        let step = &self.steps[number];
        let launch = self.launch_of[number] as usize;
        let nested = nested_costs(step);
        let (kind, description, work) = match step {
            Step::Loop(step) => self.loop_cost(number, launch, step),
            Step::Fold(step) => self.fold_cost(launch, step),
            Step::Pack(step) => self.pack_cost(launch, step),
            Step::Product(step) => self.product_cost(launch, step),
            Step::Copy(step) => {
                let bytes = step.bytes as u64;
                let work = Work { read: bytes, written: bytes, ..Work::default() };
                (StepKind::Copy, bytes_text(bytes), work)
            }
            Step::While(step) => {
                let trip = nested.iter().map(|nested| Work::of_steps(&nested.steps)).fold(Work::default(), Work::plus);
                let trips = match step.bound {
                    Some(bound) => format!("one trip of at most {bound}"),
                    None => "one trip".to_owned(),
                };
                (StepKind::While, trips, Work { is_estimate: true, ..trip })
            }
            Step::Case(_) => {
                let branches = nested.iter().map(|nested| Work::of_steps(&nested.steps));
                let dearest = branches.max_by_key(|work| (work.flops, work.read.saturating_add(work.written)));
                let description = format!("the dearest of {} branches", nested.len());
                (StepKind::Case, description, Work { is_estimate: true, ..dearest.unwrap_or_default() })
            }
            Step::Host(step) => {
                let bytes = |places: &[(_, tancho_tensor::DType, tancho_tensor::Shape)]| {
                    places.iter().map(|(_, dtype, shape)| (shape.iter().product::<usize>() * dtype.size()) as u64).sum()
                };
                let (read, written) = (bytes(&step.operands), bytes(&step.results));
                (StepKind::Host, step.action.to_string(), Work { flops: 0, read, written, is_estimate: true })
            }
        };
        StepCost {
            kind,
            description,
            launch,
            flops: work.flops,
            bytes_read: work.read,
            bytes_written: work.written,
            is_estimate: work.is_estimate,
            tiles: step.tiles(),
            spans: self.compiled.program().spans[launch].clone(),
            nested,
        }
    }

    fn buffer_bytes(&self, buffer: BufferId) -> u64 {
        self.buffer_bytes[buffer.index()] as u64
    }

    /// A kernel, the second half of a split one, or a procedure.
    fn loop_cost(&self, number: usize, launch: usize, step: &LoopStep) -> (StepKind, String, Work) {
        let arguments = &step.kernel.arguments;
        match &self.compiled.program().launches[launch] {
            Launch::Procedure(launch) => {
                let work = self.procedure_cost(launch, step);
                (StepKind::Procedure, format!("{} of {}", launch.procedure.name, rows_text(step.tiles.rows)), work)
            }
            Launch::Loop(loop_launch) => {
                let loads = loop_launch.kernel.loads.len();
                let halves = self.halves(launch, &loop_launch.kernel);
                let is_second = number > 0
                    && matches!(self.steps[number - 1], Step::Fold(_))
                    && self.launch_of[number - 1] as usize == launch;
                let (kernel, buffers): (&Kernel, Vec<Option<BufferId>>) = match halves {
                    Some(halves) if is_second => {
                        let partials = loop_launch.kernel.reductions.iter().map(|_| None);
                        let kept = halves.kept_loads.iter().map(|&load| Some(loop_launch.operands[load].buffer));
                        let stores = loop_launch.operands[loads..].iter().map(|operand| Some(operand.buffer));
                        (&halves.sequence, partials.chain(kept).chain(stores).collect())
                    }
                    _ => {
                        (&loop_launch.kernel, loop_launch.operands.iter().map(|operand| Some(operand.buffer)).collect())
                    }
                };
                let work = self.traffic_of(kernel, arguments, &buffers);
                (StepKind::Kernel(kernel.form), kernel_text(kernel, arguments), work)
            }
            Launch::Product(_) | Launch::While(_) | Launch::Case(_) | Launch::Host(_) => {
                unreachable!("these launches have steps of their own")
            }
        }
    }

    fn halves(&self, launch: usize, kernel: &Kernel) -> Option<&crate::split::Split> {
        // A plan that has split a kernel has made its halves.
        self.compiled.split(launch, kernel).ok().flatten().map(|code| &code.split)
    }

    fn fold_cost(&self, launch: usize, step: &FoldStep) -> (StepKind, String, Work) {
        let Launch::Loop(loop_launch) = &self.compiled.program().launches[launch] else {
            unreachable!("only kernels are split")
        };
        let arguments = &step.kernel.arguments;
        let Some(halves) = self.halves(launch, &loop_launch.kernel) else { unreachable!("the kernel was split") };
        let loads = loop_launch.kernel.loads.len();
        let stores = loop_launch.kernel.reductions.iter().map(|_| None);
        let operands = loop_launch.operands[..loads].iter().map(|operand| Some(operand.buffer));
        let buffers: Vec<Option<BufferId>> = operands.chain(stores).collect();
        let whole = self.traffic_of(&halves.partial, arguments, &buffers);
        // Each block stores its results.
        let work = Work { written: whole.written.saturating_mul(step.blocks as u64), ..whole };
        let text = kernel_text(&halves.partial, arguments);
        (StepKind::Blocks, format!("{} of {text}", step.blocks), work)
    }

    /// The work of a kernel whose accesses reach these buffers; `None` is memory of the step's own.
    fn traffic_of(&self, kernel: &Kernel, arguments: &[i64], buffers: &[Option<BufferId>]) -> Work {
        let (flops, accesses) = kernel_work(kernel, arguments);
        let (mut read, mut written) = (Traffic::default(), Traffic::default());
        for (number, (bytes, buffer)) in accesses.into_iter().zip(buffers).enumerate() {
            let side = if number < kernel.loads.len() { &mut read } else { &mut written };
            side.add(*buffer, bytes);
        }
        let limit = |buffer: BufferId| self.buffer_bytes(buffer);
        Work { flops, read: read.total(limit), written: written.total(limit), is_estimate: false }
    }

    fn procedure_cost(&self, launch: &ProcedureLaunch, step: &LoopStep) -> Work {
        let (counts, is_estimate) = procedure_work(&launch.procedure, &step.kernel.arguments, step.tiles.rows);
        let (mut read, mut written) = (Traffic::default(), Traffic::default());
        for (place, (buffer, _)) in launch.operands.iter().enumerate() {
            read.add(Some(*buffer), counts.read[place]);
            written.add(Some(*buffer), counts.written[place]);
        }
        let limit = |buffer: BufferId| self.buffer_bytes(buffer);
        Work { flops: counts.flops, read: read.total(limit), written: written.total(limit), is_estimate }
    }

    fn product_cost(&self, launch: usize, step: &ProductStep) -> (StepKind, String, Work) {
        let Launch::Product(product) = &self.compiled.program().launches[launch] else {
            unreachable!("a product's steps are of its launch")
        };
        let ProductLaunch { dtype, lhs, rhs, output, .. } = &**product;
        let (m, n, k) = (step.m as u64, step.n as u64, step.k as u64);
        let batches: u64 = step.batch.iter().map(|&size| size as u64).product();
        let size = dtype.size() as u64;
        let mut read = Traffic::default();
        let lhs_bytes = match &step.lhs {
            LhsOperand::Matrix(operand) => matrix_elements(operand, &step.batch, m, k) * size,
            LhsOperand::Windows { .. } => m.saturating_mul(k).saturating_mul(batches).saturating_mul(size),
        };
        read.add(Some(lhs.operand().buffer), lhs_bytes);
        let rhs_batches = product_of_moving(&step.batch, rhs.batch_strides.iter().map(|s| *s != tancho_ir::Dim::ZERO));
        read.add(Some(rhs.operand.buffer), k.saturating_mul(n).saturating_mul(rhs_batches).saturating_mul(size));
        let mut flops = [2, m, n, k, batches].into_iter().fold(1, u64::saturating_mul);
        let mut written = Traffic::default();
        let mut text = format!("{dtype} {m} x {n} over {k}");
        if batches != 1 {
            text = format!("{batches} of {text}");
        }
        match output {
            ProductOutput::Buffer(buffer) | ProductOutput::Strided { buffer, .. } => {
                written.add(Some(*buffer), m.saturating_mul(n).saturating_mul(batches).saturating_mul(size));
            }
            ProductOutput::Epilogue(epilogue) => {
                let arguments = step.epilogue.as_ref().map_or(&[][..], |epilogue| &epilogue.kernel.arguments);
                let (more, accesses) = kernel_work(&epilogue.kernel, arguments);
                flops = flops.saturating_add(more);
                let loads = epilogue.kernel.loads.len();
                for (number, (bytes, operand)) in accesses.into_iter().zip(&epilogue.operands).enumerate() {
                    let side = if number < loads { &mut read } else { &mut written };
                    side.add(Some(operand.buffer), bytes);
                }
                text += &format!(", then {} instructions", epilogue.kernel.body.len());
            }
        }
        let limit = |buffer: BufferId| self.buffer_bytes(buffer);
        let kind = match lhs {
            ProductLhs::Matrix(_) => StepKind::Product,
            ProductLhs::Windows(_) => StepKind::Convolution,
        };
        (kind, text, Work { flops, read: read.total(limit), written: written.total(limit), is_estimate: false })
    }

    fn pack_cost(&self, launch: usize, step: &PackStep) -> (StepKind, String, Work) {
        let Launch::Product(product) = &self.compiled.program().launches[launch] else {
            unreachable!("operands are packed for products")
        };
        let matrices: u64 = step.batch.iter().map(|&size| size as u64).product();
        let (n, k) = (step.n as u64, step.k as u64);
        let read = [n, k, matrices, product.dtype.size() as u64].into_iter().fold(1, u64::saturating_mul);
        let written = matrices.saturating_mul(step.matrix_bytes as u64);
        let text = if matrices == 1 { format!("{k} x {n}") } else { format!("{matrices} of {k} x {n}") };
        (StepKind::Pack, text, Work { read, written, ..Work::default() })
    }
}

/// The distinct elements of a batch of matrices.
fn matrix_elements(operand: &MatrixOperand, batch: &[usize], rows: u64, columns: u64) -> u64 {
    let batches = product_of_moving(batch, operand.batch_strides.iter().map(|&stride| stride != 0));
    let rows = if operand.row_stride == 0 { rows.min(1) } else { rows };
    let columns = if operand.column_stride == 0 { columns.min(1) } else { columns };
    batches.saturating_mul(rows).saturating_mul(columns)
}

fn product_of_moving(sizes: &[usize], moves: impl Iterator<Item = bool>) -> u64 {
    sizes.iter().zip(moves).filter(|(_, moves)| *moves).map(|(&size, _)| size as u64).product()
}

fn rows_text(rows: i64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// `[4, 8] of 12 instructions, 1 reduction`
fn kernel_text(kernel: &Kernel, arguments: &[i64]) -> String {
    let sizes: Vec<String> = arguments[..kernel.rank()].iter().map(i64::to_string).collect();
    let reductions = match kernel.reductions.len() {
        0 => String::new(),
        1 => ", 1 reduction".to_owned(),
        count => format!(", {count} reductions"),
    };
    format!("[{}] of {} instructions{reductions}", sizes.join(", "), kernel.body.len())
}

/// The plans that a step runs, as [`Watch::enter`](crate::watch::Watch::enter) numbers them.
pub(crate) fn nested_plans(step: &Step) -> Vec<&NestedPlan> {
    match step {
        Step::While(step) => vec![&step.condition, &step.body],
        Step::Case(step) => step.branches.iter().collect(),
        Step::Loop(_) | Step::Fold(_) | Step::Pack(_) | Step::Product(_) | Step::Copy(_) | Step::Host(_) => Vec::new(),
    }
}

fn nested_costs(step: &Step) -> Vec<NestedCost> {
    let name = |number: usize| match step {
        Step::While(_) => ["condition", "body"][number].to_owned(),
        _ => format!("branch {number}"),
    };
    let plans = nested_plans(step);
    let cost =
        |(number, nested): (usize, &&NestedPlan)| NestedCost { name: name(number), steps: nested.plan.step_costs() };
    plans.iter().enumerate().map(cost).collect()
}
