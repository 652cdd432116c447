//! Factors, triangular systems and random bits.

use tancho_ir::ops::{LinalgOp, RandomAlgorithm, RandomOp};
use tancho_ir::{Dims, TensorType, Value};

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn cholesky(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 1] = self.operands_of(site)?;
        let lower = self.boolean_or(site, "lower", false)?;
        let value = self.emit(site, LinalgOp::Cholesky { lower }, &operands)?;
        self.one(value)
    }

    pub(super) fn triangular_solve(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 2] = self.operands_of(site)?;
        let transpose = match self.enumeration(site, "transpose_a")? {
            "NO_TRANSPOSE" => false,
            // Of real numbers the adjoint is the transpose.
            "TRANSPOSE" | "ADJOINT" => true,
            other => {
                let message = format!("expected NO_TRANSPOSE, TRANSPOSE or ADJOINT as transpose_a, found {other}");
                return Err(self.malformed(site, message));
            }
        };
        let op = LinalgOp::TriangularSolve {
            left_side: self.boolean_or(site, "left_side", false)?,
            lower: self.boolean_or(site, "lower", false)?,
            unit_diagonal: self.boolean_or(site, "unit_diagonal", false)?,
            transpose,
        };
        let value = self.emit(site, op, &operands)?;
        self.one(value)
    }

    pub(super) fn rng_bit_generator(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 1)?;
        let (_, dims) = self.known_result(site, 1)?;
        self.random_bits(site, dims)
    }

    /// The custom call that stands for `rng_bit_generator` with a shape that is an operand.
    pub(super) fn dynamic_rng_bit_generator(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 2)?;
        let dims = self.operand_dims(site, 1)?;
        self.random_bits(site, dims)
    }

    fn random_bits(&mut self, site: &Site<'m>, dims: Dims) -> Imports<Vec<Binding>> {
        let state = self.operand(site, 0)?;
        let algorithm = match self.enumeration(site, "rng_algorithm")? {
            "THREE_FRY" => RandomAlgorithm::Threefry,
            // What the default is, the implementation says: it is Philox on XLA's CPU, too.
            "PHILOX" | "DEFAULT" => RandomAlgorithm::Philox,
            other => return Err(self.malformed(site, format_args!("expected an rng_algorithm, found {other}"))),
        };
        let bits = TensorType { dtype: self.stated_result(site, 1)?.dtype, dims };
        let values = self.emit_all(site, RandomOp { algorithm, bits }, &[state])?;
        self.all(values)
    }
}
