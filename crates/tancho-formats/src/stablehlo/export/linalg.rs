//! Factors, triangular systems, and random bits.

use tancho_ir::ops::{LinalgOp, RandomAlgorithm, RandomOp};
use tancho_tensor::{Array, DType, with_element};

use super::ExportError;
use super::exporter::{Exporter, Operand, Site};

impl<'g> Exporter<'g> {
    pub(super) fn linalg(&mut self, site: &Site<'_>, op: LinalgOp) -> Result<Operand, ExportError> {
        match op {
            LinalgOp::Cholesky { lower } => {
                let of = &site.types[0];
                let operands = [&site.operands[0]];
                let factor = self.step(site, "stablehlo.cholesky", &operands, format!("lower = {lower}"), of.clone());
                // StableHLO leaves open what the other triangle is; Tancho's is zero.
                let index = of.with_dtype(DType::I64);
                let row = self.iota(site, &index, of.rank() - 2)?;
                let column = self.iota(site, &index, of.rank() - 1)?;
                let mask = self.compare(site, if lower { "GE" } else { "LE" }, &row, &column);
                let zero = self.constant(site, &with_element!(of.dtype, T => Array::scalar(T::default())));
                let zeros = self.broadcast(site, &zero, of)?;
                Ok(self.finish_one(site, "stablehlo.select", &[mask, factor, zeros], ""))
            }
            LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose } => {
                let transpose = if transpose { "TRANSPOSE" } else { "NO_TRANSPOSE" };
                let attributes = format!(
                    "left_side = {left_side}, lower = {lower}, unit_diagonal = {unit_diagonal}, \
                     transpose_a = #stablehlo<transpose {transpose}>"
                );
                Ok(self.finish_one(site, "stablehlo.triangular_solve", &site.operands, attributes))
            }
        }
    }

    pub(super) fn random(&mut self, site: &Site<'_>, op: &RandomOp) -> Result<Vec<Operand>, ExportError> {
        if site.types[1].known_shape().is_none() {
            return Err(site.error(format!("bits of type {} have no dynamic form", site.types[1])));
        }
        let algorithm = match op.algorithm {
            RandomAlgorithm::Threefry => "THREE_FRY",
            RandomAlgorithm::Philox => "PHILOX",
        };
        let attributes = format!("rng_algorithm = #stablehlo<rng_algorithm {algorithm}>");
        let bits = &site.types[1];
        let unsigned = match bits.dtype.size() {
            1 => DType::U8,
            2 => DType::U16,
            4 => DType::U32,
            _ => DType::U64,
        };
        if bits.dtype == unsigned {
            return Ok(self.finish(site, "stablehlo.rng_bit_generator", &site.operands, attributes));
        }
        // XLA makes unsigned integers and nothing else.
        let types = [site.types[0].clone(), bits.with_dtype(unsigned)];
        let mut results =
            self.write(site, site.name, "stablehlo.rng_bit_generator", &site.operands, attributes, &types);
        results[1] = self.step(site, "stablehlo.bitcast_convert", &[&results[1]], "", bits.clone());
        Ok(results)
    }
}
