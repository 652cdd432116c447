//! Elementwise ops.

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, ShapeOp, UnaryOp};
use tancho_ir::{Dims, Value};
use tancho_tensor::DType;

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn unary(&mut self, site: &Site<'m>, op: UnaryOp) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let value = self.apply_unary(site, op, operand)?;
        self.one(value)
    }

    pub(super) fn apply_unary(&mut self, site: &Site<'_>, op: UnaryOp, operand: Value) -> Imports<Value> {
        self.emit(site, ElementwiseOp::Unary(op), &[operand])
    }

    pub(super) fn binary(&mut self, site: &Site<'m>, op: BinaryOp) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.operands_of(site)?;
        let value = self.apply(site, op, lhs, rhs)?;
        self.one(value)
    }

    pub(super) fn apply(&mut self, site: &Site<'_>, op: BinaryOp, lhs: Value, rhs: Value) -> Imports<Value> {
        self.emit(site, ElementwiseOp::Binary(op), &[lhs, rhs])
    }

    /// An op of a value and a number.
    pub(super) fn apply_number(&mut self, site: &Site<'_>, op: BinaryOp, lhs: Value, rhs: f64) -> Imports<Value> {
        let rhs = self.filled_like(site, lhs, rhs)?;
        self.apply(site, op, lhs, rhs)
    }

    pub(super) fn compare_values(
        &mut self,
        site: &Site<'_>,
        comparison: Comparison,
        lhs: Value,
        rhs: Value,
    ) -> Imports<Value> {
        self.emit(site, ElementwiseOp::Compare(comparison), &[lhs, rhs])
    }

    pub(super) fn choose(&mut self, site: &Site<'_>, when: Value, then: Value, other: Value) -> Imports<Value> {
        self.emit(site, ElementwiseOp::Select, &[when, then, other])
    }

    /// The value with elements of another dtype; the value itself where it has them.
    pub(super) fn converted(&mut self, site: &Site<'_>, value: Value, dtype: DType) -> Imports<Value> {
        if self.dtype_of(value) == dtype {
            return Ok(value);
        }
        self.emit(site, ElementwiseOp::Convert(dtype), &[value])
    }

    /// `abs` is the operand where that is unsigned.
    pub(super) fn abs(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let dtype = self.dtype_of(operand);
        let value = match dtype.is_integer() && !dtype.is_signed() {
            true => operand,
            false => self.apply_unary(site, UnaryOp::Abs, operand)?,
        };
        self.one(value)
    }

    /// `sign` is 0 or 1 where the operand is unsigned.
    pub(super) fn sign(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let dtype = self.dtype_of(operand);
        let value = match dtype.is_integer() && !dtype.is_signed() {
            true => self.apply_number(site, BinaryOp::Minimum, operand, 1.0)?,
            false => self.apply_unary(site, UnaryOp::Sign, operand)?,
        };
        self.one(value)
    }

    pub(super) fn compare(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.operands_of(site)?;
        let value = self.comparison(site, lhs, rhs)?;
        self.one(value)
    }

    /// The comparison that the attributes of an op say.
    pub(super) fn comparison(&mut self, site: &Site<'m>, lhs: Value, rhs: Value) -> Imports<Value> {
        let direction = self.enumeration(site, "comparison_direction")?;
        let Some(comparison) = comparison_of(direction) else {
            return Err(self.malformed(site, format_args!("expected a comparison_direction, found {direction}")));
        };
        let kind = match site.op.attribute("compare_type") {
            Some(_) => self.enumeration(site, "compare_type")?,
            None => "NOTYPE",
        };
        let (mut lhs, mut rhs) = (lhs, rhs);
        if kind == "TOTALORDER" && self.dtype_of(lhs).is_float() && self.dtype_of(rhs).is_float() {
            (lhs, rhs) = (self.total_order_key(site, lhs)?, self.total_order_key(site, rhs)?);
        }
        self.compare_values(site, comparison, lhs, rhs)
    }

    /// Integers that are ordered as floats in total order: −NaN < −∞ < … < −0 < +0 < … < ∞ < NaN.
    ///
    /// The bits of a float that is not negative are ordered as it is. Of a negative one all bits but the sign are turned
    /// around.
    fn total_order_key(&mut self, site: &Site<'_>, value: Value) -> Imports<Value> {
        let dtype = self.dtype_of(value);
        let bits_dtype = match dtype.size() {
            2 => DType::I16,
            4 => DType::I32,
            _ => DType::I64,
        };
        let bits = self.emit(site, ShapeOp::BitcastConvert { dtype: bits_dtype }, &[value])?;
        let sign = self.apply_number(site, BinaryOp::ShiftRightArithmetic, bits, (dtype.bits() - 1) as f64)?;
        let mask = self.apply_number(site, BinaryOp::ShiftRightLogical, sign, 1.0)?;
        self.apply(site, BinaryOp::Xor, bits, mask)
    }

    pub(super) fn select(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [predicate, on_true, on_false] = self.operands_of(site)?;
        let value = self.choose(site, predicate, on_true, on_false)?;
        self.one(value)
    }

    pub(super) fn clamp(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 3] = self.operands_of(site)?;
        let value = self.emit(site, ElementwiseOp::Clamp, &operands)?;
        self.one(value)
    }

    pub(super) fn convert(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let dtype = self.stated_result(site, 0)?.dtype;
        let value = self.converted(site, operand, dtype)?;
        self.one(value)
    }

    pub(super) fn reduce_precision(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let bits = |name: &str| {
            let bits = self.integer(site, name)?;
            u32::try_from(bits).map_err(|_| self.malformed(site, format_args!("{name} is {bits}")))
        };
        let (exponent_bits, mantissa_bits) = (bits("exponent_bits")?, bits("mantissa_bits")?);
        let value = self.emit(site, ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits }, &[operand])?;
        self.one(value)
    }

    /// The real part of a real tensor, and other ops that are the operand.
    pub(super) fn same(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        self.one(operand)
    }

    /// The imaginary part of a real tensor.
    pub(super) fn imag(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let value = self.filled_like(site, operand, 0.0)?;
        self.one(value)
    }

    /// Both operands in the shape that they have together: an axis of size 1, or one that is missing, is repeated.
    ///
    /// `broadcast_dimensions` says which axes of the result are those of the operand of lower rank; the last ones, where it
    /// is not given.
    pub(super) fn broadcast_together(
        &mut self,
        site: &Site<'_>,
        values: &[Value],
        dimensions: Option<&[usize]>,
    ) -> Imports<Vec<Value>> {
        let rank = values.iter().map(|&value| self.rank_of(value)).max().unwrap_or(0);
        let axes_of = |rank_of_value: usize| match dimensions {
            Some(axes) if rank_of_value < rank => axes.to_vec(),
            _ => (rank - rank_of_value..rank).collect(),
        };
        let mut dims: Dims = vec![tancho_ir::Dim::ONE; rank].into_iter().collect();
        for &value in values {
            let of = self.type_of(value).clone();
            let axes: Vec<usize> = axes_of(of.rank());
            let fits = axes.len() == of.rank() && axes.iter().all(|&axis| axis < rank);
            self.expect(site, fits, || format!("broadcast_dimensions {axes:?} do not fit {of}"))?;
            for (size, &axis) in of.dims.iter().zip(&axes) {
                // A size that is known wins over a symbol, which then has to be equal to it.
                let known = |dim: &tancho_ir::Dim| dim.as_known().is_some();
                if dims[axis] == tancho_ir::Dim::ONE
                    || (known(size) && !known(&dims[axis]) && *size != tancho_ir::Dim::ONE)
                {
                    dims[axis] = size.clone();
                }
            }
        }
        values
            .iter()
            .map(|&value| {
                let axes = axes_of(self.rank_of(value));
                self.broadcast(site, value, &dims, axes)
            })
            .collect()
    }
}

pub(super) fn comparison_of(direction: &str) -> Option<Comparison> {
    Some(match direction {
        "EQ" => Comparison::Eq,
        "NE" => Comparison::Ne,
        "GE" => Comparison::Ge,
        "GT" => Comparison::Gt,
        "LE" => Comparison::Le,
        "LT" => Comparison::Lt,
        _ => return None,
    })
}
