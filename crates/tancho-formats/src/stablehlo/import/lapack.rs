//! Calls of LAPACK, which JAX writes for its CPU: factors and triangular systems, as the ops for them.
//!
//! The options are letters in the configuration, as numbers of ASCII: `uplo = 76` is `L`.

use tancho_ir::ops::{Comparison, LinalgOp};
use tancho_tensor::DType;

use super::super::attribute::Attribute;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    /// `potrf`: the factor, and whether there is none as an `i32`: 0 where all is well.
    ///
    /// The triangle that is not asked for, which LAPACK leaves as it was, is 0.
    pub(super) fn lapack_cholesky(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let lower = self.letter(site, "uplo")? == 'L';
        let factor = self.emit(site, LinalgOp::Cholesky { lower }, &[operand])?;
        // A bad pivot makes the factor NaN from its row on, and thereby the sum of its elements.
        let rank = self.rank_of(factor);
        let total = self.sum(site, factor, vec![rank - 2, rank - 1])?;
        let failed = self.compare_values(site, Comparison::Ne, total, total)?;
        let info = self.converted(site, failed, DType::I32)?;
        self.all(vec![factor, info])
    }

    /// `trsm`: `op(A)·X = B` or `X·op(A) = B`.
    pub(super) fn lapack_triangular_solve(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [_; 2] = self.operands_of(site)?;
        let op = LinalgOp::TriangularSolve {
            left_side: self.letter(site, "side")? == 'L',
            lower: self.letter(site, "uplo")? == 'L',
            unit_diagonal: self.letter(site, "diag")? == 'U',
            transpose: self.letter(site, "trans_x")? != 'N',
        };
        let value = self.emit(site, op, &operands)?;
        self.one(value)
    }

    fn letter(&self, site: &Site<'_>, name: &str) -> Imports<char> {
        let config = site.op.attribute("mhlo.backend_config").or_else(|| site.op.attribute("backend_config"));
        let number = config.and_then(Attribute::as_dictionary).and_then(|config| config.integer(name));
        let letter = number.and_then(|number| u8::try_from(number).ok()).map(char::from);
        letter.ok_or_else(|| self.malformed(site, format_args!("expected the option {name} as a letter")))
    }
}
