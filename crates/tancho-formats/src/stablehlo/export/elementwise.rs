//! Elementwise ops, each of which has one of its own.

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};

use super::exporter::{Exporter, Operand, Site};

impl<'g> Exporter<'g> {
    pub(super) fn elementwise(&mut self, site: &Site<'_>, op: ElementwiseOp) -> Vec<Operand> {
        let attributes = match op {
            ElementwiseOp::Compare(comparison) => {
                format!("comparison_direction = #stablehlo<comparison_direction {}>", direction(comparison))
            }
            ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits } => {
                format!("exponent_bits = {exponent_bits} : i32, mantissa_bits = {mantissa_bits} : i32")
            }
            ElementwiseOp::Unary(_)
            | ElementwiseOp::Binary(_)
            | ElementwiseOp::Select
            | ElementwiseOp::Convert(_)
            | ElementwiseOp::Clamp => String::new(),
        };
        self.finish(site, &format!("{}.{}", dialect(op), op.name()), &site.operands, attributes)
    }
}

fn direction(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Eq => "EQ",
        Comparison::Ne => "NE",
        Comparison::Ge => "GE",
        Comparison::Gt => "GT",
        Comparison::Le => "LE",
        Comparison::Lt => "LT",
    }
}

/// The dialect that has the op, under the same name.
pub(super) fn dialect(op: ElementwiseOp) -> &'static str {
    match op {
        ElementwiseOp::Unary(op) => unary_dialect(op),
        ElementwiseOp::Binary(op) => binary_dialect(op),
        ElementwiseOp::Compare(_)
        | ElementwiseOp::Select
        | ElementwiseOp::Convert(_)
        | ElementwiseOp::ReducePrecision { .. }
        | ElementwiseOp::Clamp => "stablehlo",
    }
}

fn unary_dialect(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Acos
        | UnaryOp::Acosh
        | UnaryOp::Asin
        | UnaryOp::Asinh
        | UnaryOp::Atan
        | UnaryOp::Atanh
        | UnaryOp::BesselI1e
        | UnaryOp::Cosh
        | UnaryOp::Digamma
        | UnaryOp::Erf
        | UnaryOp::ErfInv
        | UnaryOp::Erfc
        | UnaryOp::Lgamma
        | UnaryOp::Sinh => "chlo",
        UnaryOp::Abs
        | UnaryOp::Cbrt
        | UnaryOp::Ceil
        | UnaryOp::Cosine
        | UnaryOp::CountLeadingZeros
        | UnaryOp::Exponential
        | UnaryOp::ExponentialMinusOne
        | UnaryOp::Floor
        | UnaryOp::IsFinite
        | UnaryOp::Log
        | UnaryOp::LogPlusOne
        | UnaryOp::Logistic
        | UnaryOp::Negate
        | UnaryOp::Not
        | UnaryOp::Popcnt
        | UnaryOp::RoundNearestAfz
        | UnaryOp::RoundNearestEven
        | UnaryOp::Rsqrt
        | UnaryOp::Sign
        | UnaryOp::Sine
        | UnaryOp::Sqrt
        | UnaryOp::Tan
        | UnaryOp::Tanh => "stablehlo",
    }
}

fn binary_dialect(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::NextAfter => "chlo",
        BinaryOp::Add
        | BinaryOp::And
        | BinaryOp::Atan2
        | BinaryOp::Divide
        | BinaryOp::Maximum
        | BinaryOp::Minimum
        | BinaryOp::Multiply
        | BinaryOp::Or
        | BinaryOp::Power
        | BinaryOp::Remainder
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRightArithmetic
        | BinaryOp::ShiftRightLogical
        | BinaryOp::Subtract
        | BinaryOp::Xor => "stablehlo",
    }
}
