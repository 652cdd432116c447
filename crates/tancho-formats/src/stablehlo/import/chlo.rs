//! CHLO: elementwise ops whose operands are broadcast, and tests of infinities.

use tancho_ir::Value;
use tancho_ir::ops::{BinaryOp, Comparison, UnaryOp};

use super::super::attribute::Attribute;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn broadcast_binary(&mut self, site: &Site<'m>, op: BinaryOp) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.broadcast_operands(site)?;
        let value = self.apply(site, op, lhs, rhs)?;
        self.one(value)
    }

    pub(super) fn broadcast_compare(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.broadcast_operands(site)?;
        let value = self.comparison(site, lhs, rhs)?;
        self.one(value)
    }

    pub(super) fn broadcast_select(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 3] = self.operands_of(site)?;
        let operands = self.broadcast_together(site, &operands, None)?;
        let [predicate, on_true, on_false] =
            operands.try_into().map_err(|_| self.malformed(site, "expected 3 operands"))?;
        let value = self.choose(site, predicate, on_true, on_false)?;
        self.one(value)
    }

    pub(super) fn broadcast_operands(&mut self, site: &Site<'m>) -> Imports<[Value; 2]> {
        let operands: [Value; 2] = self.operands_of(site)?;
        let axes = match site.op.attribute("broadcast_dimensions") {
            Some(_) => Some(self.axes(site, "broadcast_dimensions")?),
            None => None,
        };
        let operands = self.broadcast_together(site, &operands, axes.as_deref())?;
        operands.try_into().map_err(|_| self.malformed(site, "expected 2 operands"))
    }

    pub(super) fn is_inf(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let size = self.apply_unary(site, UnaryOp::Abs, operand)?;
        self.equals_number(site, size, f64::INFINITY)
    }

    pub(super) fn is_pos_inf(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        self.equals_number(site, operand, f64::INFINITY)
    }

    pub(super) fn is_neg_inf(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        self.equals_number(site, operand, f64::NEG_INFINITY)
    }

    fn equals_number(&mut self, site: &Site<'m>, value: Value, number: f64) -> Imports<Vec<Binding>> {
        let dtype = self.dtype_of(value);
        self.expect(site, dtype.is_float(), || format!("does not take elements of {dtype}"))?;
        let number = self.filled_like(site, value, number)?;
        let value = self.compare_values(site, Comparison::Eq, value, number)?;
        self.one(value)
    }

    /// A number at each place of the operand's shape.
    pub(super) fn constant_like(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let dims = self.type_of(operand).dims.clone();
        if let Some(Attribute::Dense(dense)) = site.op.attribute("value") {
            let scalar = self.constant_of(site, dense)?;
            let value = self.broadcast(site, scalar, &dims, Vec::new())?;
            return self.one(value);
        }
        let dtype = self.stated_result(site, 0)?.dtype;
        let value = match site.op.attribute("value") {
            Some(Attribute::Bool(value)) => f64::from(u8::from(*value)),
            // Integers beyond 2⁵³ would be rounded on the way.
            Some(Attribute::Integer { value, .. }) if value.unsigned_abs() > 1 << 53 => {
                return Err(self.unsupported(site, format_args!("the value {value}")));
            }
            _ => self.float(site, "value")?,
        };
        let value = self.filled(site, dtype, value, &dims)?;
        self.one(value)
    }
}
