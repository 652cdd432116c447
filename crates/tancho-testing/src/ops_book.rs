//! Writes `docs/ops.md`, the list of all ops, from the doc comments of `tancho-ir`'s `ops/*.rs`.
//!
//! The comments are read as text: a `///` block belongs to the `enum`, `struct`, `mod` or `const` behind it, or within an
//! enum to the variant behind it. What the ops accept and how they look comes from the samples, so that both are true.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use tancho_ir::ops::{BinaryOp, ElementwiseOp, IndexOp, ReduceOp, ShapeOp, UnaryOp};
use tancho_ir::{Op, PrintOptions, infer, print};
use tancho_tensor::DType;

use crate::gradcheck::gradient_line;
use crate::samples::{Sample, prototypes, samples};

/// A family: the name of its file, its title, and the documented items that stand before its ops and behind them.
struct Family {
    file: &'static str,
    title: &'static str,
    before: &'static [&'static str],
    behind: &'static [&'static str],
}

const FAMILIES: [Family; 12] = [
    Family { file: "elementwise", title: "Elementwise", before: &["ElementwiseOp"], behind: &[] },
    Family { file: "shape", title: "Constants and the movement of data", before: &["ShapeOp"], behind: &[] },
    Family { file: "reduce", title: "Reductions", before: &["ReduceOp"], behind: &["order"] },
    Family { file: "dot", title: "Products", before: &[], behind: &[] },
    Family { file: "window", title: "Windows", before: &["WindowAxis"], behind: &[] },
    Family { file: "conv", title: "Convolutions", before: &[], behind: &[] },
    Family { file: "fold", title: "Folds with a body", before: &["FoldOp"], behind: &[] },
    Family { file: "index", title: "Computed places", before: &["IndexOp"], behind: &[] },
    Family { file: "random", title: "Random bits", before: &[], behind: &[] },
    Family { file: "linalg", title: "Linear algebra", before: &["LinalgOp"], behind: &[] },
    Family { file: "control", title: "Control", before: &["ControlOp"], behind: &[] },
    Family { file: "effect", title: "Effects", before: &["EffectOp"], behind: &[] },
];

/// The text of `docs/ops.md`, from the folder that holds the ops' sources.
///
/// # Errors
/// A source cannot be read.
pub fn write_ops_book(sources: &Path) -> io::Result<String> {
    let mut out = String::from(
        "# Operations\n\nThis file is generated from the doc comments in `crates/tancho-ir/src/ops`: `UPDATE=1 cargo test \
         -p tancho-tests` writes it anew.\n\n",
    );
    let overview = fs::read_to_string(sources.join("mod.rs"))?;
    write_docs(&mut out, &module_docs(&overview));
    let samples = samples();
    for family in &FAMILIES {
        let source = fs::read_to_string(sources.join(family.file).with_extension("rs"))?;
        let docs = documented_items(&source);
        let _ = writeln!(out, "## {}\n", family.title);
        for item in family.before {
            write_docs(&mut out, docs.get(*item).map_or("", String::as_str));
        }
        for op in distinct_ops(family.file) {
            let _ = writeln!(out, "### `{}`\n", op.name());
            write_docs(&mut out, docs.get(&documented_name(&op)).map_or("", String::as_str));
            write_facts(&mut out, &op, &samples);
        }
        for item in family.behind {
            write_docs(&mut out, docs.get(*item).map_or("", String::as_str));
        }
    }
    Ok(out.trim_end().to_owned() + "\n")
}

fn family_of(op: &Op) -> &'static str {
    match op {
        Op::Elementwise(_) => "elementwise",
        Op::Shape(_) => "shape",
        Op::Reduce(_) => "reduce",
        Op::Dot(_) => "dot",
        Op::Conv(_) => "conv",
        Op::Fold(_) => "fold",
        Op::Index(_) => "index",
        Op::Random(_) => "random",
        Op::Linalg(_) => "linalg",
        Op::Control(_) => "control",
        Op::Effect(_) => "effect",
    }
}

/// The ops of a family, one for each name.
fn distinct_ops(family: &str) -> Vec<Op> {
    let mut ops: Vec<Op> = prototypes().into_iter().filter(|op| family_of(op) == family).collect();
    ops.dedup_by_key(|op| op.name());
    ops
}

/// The item whose comment documents an op: `UnaryOp::Abs`, `DotOp`.
fn documented_name(op: &Op) -> String {
    // The debug form of a variant begins with its name.
    let variant = |text: String| text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("").to_owned();
    match op {
        Op::Elementwise(op) => match op {
            ElementwiseOp::Unary(unary) => format!("UnaryOp::{unary:?}"),
            ElementwiseOp::Binary(binary) => format!("BinaryOp::{binary:?}"),
            ElementwiseOp::Compare(_)
            | ElementwiseOp::Select
            | ElementwiseOp::Convert(_)
            | ElementwiseOp::ReducePrecision { .. }
            | ElementwiseOp::Clamp => {
                format!("ElementwiseOp::{}", variant(format!("{op:?}")))
            }
        },
        Op::Shape(op) => format!("ShapeOp::{}", variant(format!("{op:?}"))),
        Op::Reduce(op) => format!("ReduceKind::{}", variant(format!("{:?}", op.kind))),
        Op::Dot(_) => "DotOp".into(),
        Op::Conv(_) => "ConvOp".into(),
        Op::Fold(op) => format!("FoldOp::{}", variant(format!("{op:?}"))),
        Op::Index(op) => format!("IndexOp::{}", variant(format!("{op:?}"))),
        Op::Random(_) => "RandomOp".into(),
        Op::Linalg(op) => format!("LinalgOp::{}", variant(format!("{op:?}"))),
        Op::Control(op) => format!("ControlOp::{}", variant(format!("{op:?}"))),
        Op::Effect(op) => format!("EffectOp::{}", variant(format!("{op:?}"))),
    }
}

fn write_facts(out: &mut String, op: &Op, samples: &[Sample]) {
    let accepted = accepted_dtypes(op);
    if !accepted.is_empty() {
        let names: Vec<&str> = accepted.iter().map(|dtype| dtype.name()).collect();
        let _ = writeln!(
            out,
            "- Elements: {}",
            if names.len() == DType::ALL.len() { "all".into() } else { names.join(", ") }
        );
    }
    let _ = writeln!(out, "- Gradient: {}", gradient_line(op, samples));
    if let Some(line) = example(op, samples) {
        let _ = writeln!(out, "- Text: `{line}`");
    }
    out.push('\n');
}

/// The dtypes of the elements that an op takes, or makes where it takes none.
fn accepted_dtypes(op: &Op) -> Vec<DType> {
    let accepts = |dtype: DType| match op {
        Op::Elementwise(op) => match op {
            ElementwiseOp::Unary(unary) => UnaryOp::accepts(*unary, dtype),
            ElementwiseOp::Binary(binary) => BinaryOp::accepts(*binary, dtype),
            ElementwiseOp::ReducePrecision { .. } => dtype.is_float(),
            ElementwiseOp::Compare(_) | ElementwiseOp::Select | ElementwiseOp::Convert(_) | ElementwiseOp::Clamp => {
                true
            }
        },
        Op::Shape(op) => match op {
            ShapeOp::Iota { dims, axis, .. } => makes(ShapeOp::Iota { dtype, dims: dims.clone(), axis: *axis }),
            ShapeOp::DimensionSize { dim, .. } => makes(ShapeOp::DimensionSize { dim: dim.clone(), dtype }),
            ShapeOp::Constant(_)
            | ShapeOp::BroadcastInDim { .. }
            | ShapeOp::Reshape { .. }
            | ShapeOp::Transpose { .. }
            | ShapeOp::Slice { .. }
            | ShapeOp::Concatenate { .. }
            | ShapeOp::Pad { .. }
            | ShapeOp::Reverse { .. } => true,
            ShapeOp::BitcastConvert { .. } => dtype != DType::Bool,
        },
        Op::Reduce(ReduceOp { kind, .. }) => kind.accepts(dtype),
        Op::Dot(_) => {
            let matrix = tancho_ir::TensorType::new(dtype, [2usize, 2]);
            infer(op, &[matrix.clone(), matrix], &mut Vec::new()).is_ok()
        }
        Op::Conv(op) => {
            let image = tancho_ir::TensorType::new(dtype, vec![2usize; op.lhs.rank()]);
            infer(&Op::Conv(op.clone()), &[image.clone(), image], &mut Vec::new()).is_ok()
        }
        Op::Index(op) => match op {
            IndexOp::Gather(_) | IndexOp::DynamicSlice { .. } | IndexOp::DynamicUpdateSlice | IndexOp::TopK { .. } => {
                true
            }
            // These take what their graphs take.
            IndexOp::Scatter(_) | IndexOp::Sort { .. } => false,
        },
        Op::Random(_) => dtype != DType::Bool,
        Op::Linalg(_) => dtype.is_float(),
        // A call takes what its graph takes.
        Op::Fold(_) | Op::Control(_) | Op::Effect(_) => false,
    };
    DType::ALL.into_iter().filter(|&dtype| accepts(dtype)).collect()
}

fn makes(op: ShapeOp) -> bool {
    infer(&Op::Shape(op), &[], &mut Vec::new()).is_ok()
}

/// The line of the text form of a small sample, a matrix where there is one.
fn example(op: &Op, samples: &[Sample]) -> Option<String> {
    let rank = |sample: &&Sample| sample.operands.iter().map(|of| of.rank()).max().unwrap_or(0);
    let small = |sample: &&Sample| (2..60).contains(&sample.elements()) && line_of(sample).len() < 110;
    let of_op = || samples.iter().filter(|sample| sample.op.name() == op.name());
    let matrix = of_op().filter(small).find(|sample| rank(sample) == 2);
    matrix.or_else(|| of_op().find(small)).or_else(|| of_op().nth(1)).map(line_of)
}

fn line_of(sample: &Sample) -> String {
    let options = PrintOptions { spans: false, elide_above: Some(16) };
    let text = print(&sample.graph(), &options);
    text.lines().rev().nth(2).unwrap_or("").trim().to_owned()
}

/// The `//!` comment of a file.
fn module_docs(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The comments of a file's items, by name; those of an enum's variants as `Enum::Variant`.
fn documented_items(source: &str) -> HashMap<String, String> {
    let mut items = HashMap::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut enclosing: Option<&str> = None;
    for line in source.lines() {
        let code = line.trim_start();
        if let Some(text) = code.strip_prefix("///") {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
            continue;
        }
        if code.starts_with("#[") {
            continue;
        }
        let word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_owned();
        let indented = line.starts_with(' ');
        let public =
            ["pub enum ", "pub struct ", "pub mod ", "pub const "].iter().find_map(|start| code.strip_prefix(start));
        match (public, enclosing) {
            (Some(rest), _) => {
                items.insert(word(rest), comment.join("\n"));
                if let Some(rest) = code.strip_prefix("pub enum ") {
                    enclosing = rest.split([' ', '{']).next();
                }
            }
            (None, Some(parent))
                if line.starts_with("    ") && !line.starts_with("     ") && !word(code).is_empty() =>
            {
                items.insert(format!("{parent}::{}", word(code)), comment.join("\n"));
            }
            (None, _) if !indented && code.starts_with('}') => enclosing = None,
            (None, _) => {}
        }
        comment.clear();
    }
    items
}

/// Writes a comment as Markdown: links to items become code, headings become bold words.
fn write_docs(out: &mut String, docs: &str) {
    for line in docs.lines() {
        match line.trim_start().strip_prefix("# ") {
            Some(heading) => {
                let _ = writeln!(out, "*{heading}.*");
            }
            None => {
                let _ = writeln!(out, "{}", without_links(line));
            }
        }
    }
    if !docs.is_empty() {
        out.push('\n');
    }
}

/// `` [`x`](y) `` and `` [`x`] `` become `` `x` ``.
fn without_links(line: &str) -> String {
    let mut result = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("[`") {
        let Some(end) = rest[start..].find("`]").map(|end| start + end + 1) else { break };
        result.push_str(&rest[..start]);
        result.push_str(&rest[start + 1..end]);
        rest = &rest[end + 1..];
        if rest.starts_with('(') {
            rest = rest.find(')').map_or(rest, |close| &rest[close + 1..]);
        }
    }
    result + rest
}
