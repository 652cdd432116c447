//! Products over contracted axes.

use tancho_ir::Value;
use tancho_ir::ops::{BinaryOp, Comparison, DotOp};
use tancho_tensor::DType;

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn dot_general(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.operands_of(site)?;
        let fields = self.fields(site, "dot_dimension_numbers")?;
        let axes = |name: &str| self.field_axes(site, fields, name);
        let op = DotOp {
            lhs_batch: axes("lhs_batching_dimensions")?,
            rhs_batch: axes("rhs_batching_dimensions")?,
            lhs_contract: axes("lhs_contracting_dimensions")?,
            rhs_contract: axes("rhs_contracting_dimensions")?,
        };
        let value = self.stated_dot(site, op, lhs, rhs)?;
        self.one(value)
    }

    /// The former op `dot`: of vectors and matrices, the last axis with the first.
    pub(super) fn dot(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.operands_of(site)?;
        let rank = self.rank_of(lhs);
        self.expect(site, rank > 0, || "expected a vector or a matrix, found a scalar".into())?;
        let op = DotOp { lhs_contract: vec![rank - 1], rhs_contract: vec![0], ..DotOp::default() };
        let value = self.stated_dot(site, op, lhs, rhs)?;
        self.one(value)
    }

    /// A product whose result has the dtype that the op states.
    fn stated_dot(&mut self, site: &Site<'_>, op: DotOp, lhs: Value, rhs: Value) -> Imports<Value> {
        let dtype = self.stated_result(site, 0)?.dtype;
        self.product(site, op, lhs, rhs, dtype)
    }

    /// A product that computes in the wider one of the dtypes of operands and result. Of `bool`, the sum is *or* and the
    /// product *and*.
    pub(super) fn product(
        &mut self,
        site: &Site<'_>,
        op: DotOp,
        lhs: Value,
        rhs: Value,
        dtype: DType,
    ) -> Imports<Value> {
        if dtype == DType::Bool && self.dtype_of(lhs) == dtype && self.dtype_of(rhs) == dtype {
            let (lhs, rhs) = (self.converted(site, lhs, DType::I32)?, self.converted(site, rhs, DType::I32)?);
            let count = self.emit(site, op, &[lhs, rhs])?;
            let zero = self.filled_like(site, count, 0.0)?;
            return self.compare_values(site, Comparison::Ne, count, zero);
        }
        let (lhs, rhs) = (self.promoted(site, lhs, dtype)?, self.promoted(site, rhs, dtype)?);
        let value = self.emit(site, op, &[lhs, rhs])?;
        self.converted(site, value, dtype)
    }

    /// `x·x`.
    pub(super) fn square(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let value = self.apply(site, BinaryOp::Multiply, operand, operand)?;
        self.one(value)
    }
}
