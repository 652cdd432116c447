//! The text form of procedures: the key under which their code is cached, and what `dump --stage kernels` shows.
//!
//! ```text
//! procedure gather sizes=1 {
//!   p0: f32, p1: i32, p2: f32
//!   for x2 in x0 .. x1 {
//!     x3: i32 = load p1[x2]
//!     compute x3 {
//!       v0 = load a : i32
//!       …
//!       x4: i64 = v3
//!     }
//!     store p2[x2] = x5
//!   }
//! }
//! ```

use std::fmt;

use super::{Block, Procedure, Statement, Variable};

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}", self.0)
    }
}

impl fmt::Display for Procedure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "procedure {}", self.name)?;
        if self.sizes > 0 {
            write!(f, " sizes={}", self.sizes)?;
        }
        write!(f, " {{\n ")?;
        for (place, dtype) in self.buffers.iter().enumerate() {
            let separator = if place > 0 { "," } else { "" };
            write!(f, "{separator} p{place}: {dtype}")?;
        }
        writeln!(f)?;
        self.write_block(f, &self.block, 1)?;
        write!(f, "}}")
    }
}

impl Procedure {
    fn write_block(&self, f: &mut fmt::Formatter<'_>, block: &Block, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        let typed = |variable: Variable| format!("{variable}: {}", self.variables[variable.index()]);
        for statement in block {
            match statement {
                Statement::Compute(compute) => {
                    write!(f, "{indent}compute")?;
                    for (place, input) in compute.inputs.iter().enumerate() {
                        write!(f, "{} {input}", if place > 0 { "," } else { "" })?;
                    }
                    writeln!(f, " {{")?;
                    compute.body.write_lines(f, &format!("{indent}  "))?;
                    for (variable, scalar) in &compute.results {
                        writeln!(f, "{indent}  {} = v{}", typed(*variable), scalar.0)?;
                    }
                    writeln!(f, "{indent}}}")?;
                }
                Statement::Load { into, buffer, index } => {
                    writeln!(f, "{indent}{} = load p{}[{index}]", typed(*into), buffer.0)?;
                }
                Statement::Store { buffer, index, value } => {
                    writeln!(f, "{indent}store p{}[{index}] = {value}", buffer.0)?;
                }
                Statement::Copy { to, from, count } => {
                    writeln!(f, "{indent}copy p{}[{}] = p{}[{}] times {count}", to.0.0, to.1, from.0.0, from.1)?;
                }
                Statement::For { index, begin, end, block } => {
                    writeln!(f, "{indent}for {index} in {begin} .. {end} {{")?;
                    self.write_block(f, block, depth + 1)?;
                    writeln!(f, "{indent}}}")?;
                }
                Statement::While { head, condition, block } => {
                    writeln!(f, "{indent}while {{")?;
                    self.write_block(f, head, depth + 1)?;
                    writeln!(f, "{indent}}} {condition} {{")?;
                    self.write_block(f, block, depth + 1)?;
                    writeln!(f, "{indent}}}")?;
                }
                Statement::If { condition, then, otherwise } => {
                    writeln!(f, "{indent}if {condition} {{")?;
                    self.write_block(f, then, depth + 1)?;
                    if !otherwise.is_empty() {
                        writeln!(f, "{indent}}} else {{")?;
                        self.write_block(f, otherwise, depth + 1)?;
                    }
                    writeln!(f, "{indent}}}")?;
                }
            }
        }
        Ok(())
    }
}
