//! Programs as pictures: the text that Graphviz's `dot` draws.

use std::fmt::Write as _;

use crate::kernel::Kernel;
use crate::program::{BufferInfo, Launch, LoopLaunch, Memory, ProductLaunch, ProductOutput, Program};
use tancho_ir::DimList;

/// A program in Graphviz's language: a box for each launch, a rounded one for each buffer, and an edge for each buffer that
/// a launch reads or writes. A launch's box has its source lines, and ends with what `code` gives for its number.
pub fn to_dot(program: &Program, code: impl Fn(usize) -> Option<String>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "digraph {} {{", quoted(&program.name));
    let _ = writeln!(out, "  rankdir=TB;");
    let _ = writeln!(out, "  node [shape=box, fontname=\"monospace\", fontsize=10];");
    for (index, buffer) in program.buffers.iter().enumerate() {
        let _ = writeln!(out, "  b{index} [label={}, style=rounded];", quoted(&buffer_label(index, buffer)));
    }
    for (index, launch) in program.launches.iter().enumerate() {
        let label = match launch {
            Launch::Loop(launch) => loop_label(launch),
            Launch::Product(product) => product_label(product),
            Launch::Procedure(launch) => {
                format!("{} {}\nrows={}", launch.procedure.name, DimList(&launch.sizes), launch.rows)
            }
            Launch::While(launch) => {
                format!("while\n{} and {}", launch.condition.program.name, launch.body.program.name)
            }
            Launch::Case(launch) => format!("case of {}", launch.branches.len()),
            Launch::Host(launch) => format!("host {}", launch.action),
        };
        let code = code(index).map_or(String::new(), |code| format!("\n\n{code}"));
        let lines: String = program.spans[index].iter().map(|span| format!("\n{span}")).collect();
        let label = quoted(&format!("launch {index}: {label}{lines}{code}"));
        // Lines of code begin at the left.
        let label = if code.is_empty() { label } else { label.replace("\\n", "\\l") };
        let _ = writeln!(out, "  l{index} [label={label}];");
        let (mut reads, mut writes) = (launch.reads(), launch.writes());
        for buffers in [&mut reads, &mut writes] {
            buffers.sort_unstable();
            buffers.dedup();
        }
        for buffer in reads {
            let _ = writeln!(out, "  b{} -> l{index};", buffer.index());
        }
        for buffer in writes {
            let _ = writeln!(out, "  l{index} -> b{};", buffer.index());
        }
    }
    for (position, (buffer, of)) in program.results.iter().enumerate() {
        let _ =
            writeln!(out, "  r{position} [label={}, shape=plaintext];", quoted(&format!("result {position}\n{of}")));
        let _ = writeln!(out, "  b{} -> r{position};", buffer.index());
    }
    out.push_str("}\n");
    out
}

fn buffer_label(index: usize, buffer: &BufferInfo) -> String {
    let memory = match &buffer.memory {
        Memory::Argument(position) => format!("argument {position}"),
        Memory::Output(number) => format!("output {number}"),
        Memory::Constant(array) => format!("constant of {} bytes", array.buffer().len()),
        Memory::Temporary => "temporary".to_owned(),
    };
    format!("b{index}: {}\n{memory}", buffer.of)
}

fn loop_label(launch: &LoopLaunch) -> String {
    let sizes = &launch.arguments[..launch.kernel.rank()];
    format!("{} {}\n{}", launch.kernel.form.name(), DimList(sizes), contents(&launch.kernel))
}

fn product_label(product: &ProductLaunch) -> String {
    let ProductLaunch { dtype, batch, m, n, k, output, .. } = product;
    let label = format!("product {dtype}\nbatch={} m={m} n={n} k={k}", DimList(batch));
    match output {
        ProductOutput::Buffer(_) | ProductOutput::Strided { .. } => label,
        ProductOutput::Epilogue(epilogue) => format!("{label}\nepilogue: {}", contents(&epilogue.kernel)),
    }
}

/// How much a kernel does at each point.
fn contents(kernel: &Kernel) -> String {
    let reductions = match kernel.reductions.len() {
        0 => String::new(),
        1 => ", 1 reduction".to_owned(),
        count => format!(", {count} reductions"),
    };
    format!("{} instructions{reductions}", kernel.body.len())
}

/// A string of Graphviz, lines separated by `\n`.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
