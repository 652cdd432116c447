//! Sizes as values: scalars of `i64` that are computed from the sizes of the arguments, each once in a region.

use tancho_ir::{Atom, Dim, TensorType};
use tancho_tensor::{Array, DType};

use super::ExportError;
use super::exporter::{Exporter, Operand, Site};
use super::text::{dense, i64_array};

impl<'g> Exporter<'g> {
    /// Sizes as a tensor of rank 1.
    pub(super) fn size_vector(&mut self, site: &Site<'_>, dims: &[Dim]) -> Result<Operand, ExportError> {
        let of = TensorType::new(DType::I64, [dims.len()]);
        if let Some(sizes) = super::text::known(dims) {
            return Ok(self.integers(site, &sizes));
        }
        let one = TensorType::new(DType::I64, [1usize]);
        let mut parts = Vec::new();
        for dim in dims {
            let size = self.size(site, dim)?;
            parts.push(self.step(site, "stablehlo.reshape", &[&size], "", one.clone()));
        }
        let parts: Vec<&Operand> = parts.iter().collect();
        Ok(self.step(site, "stablehlo.concatenate", &parts, "dimension = 0 : i64", of))
    }

    /// Numbers as a tensor of rank 1.
    pub(super) fn integers(&mut self, site: &Site<'_>, values: &[i64]) -> Operand {
        let of = TensorType::new(DType::I64, [values.len()]);
        let list: Vec<String> = values.iter().map(i64::to_string).collect();
        let list = if list.is_empty() { String::new() } else { format!("[{}]", list.join(", ")) };
        let attributes = format!("value = dense<{list}> : tensor<{}xi64>", values.len());
        self.step(site, "stablehlo.constant", &[], attributes, of)
    }

    /// A scalar or any other constant.
    pub(super) fn constant(&mut self, site: &Site<'_>, array: &Array) -> Operand {
        self.step(site, "stablehlo.constant", &[], format!("value = {}", dense(array)), TensorType::of(array))
    }

    /// A size of the function as a scalar.
    pub(super) fn size(&mut self, site: &Site<'_>, dim: &Dim) -> Result<Operand, ExportError> {
        if let Some(known) = self.body.sizes.iter().find_map(|sizes| sizes.get(dim)) {
            return Ok(known.clone());
        }
        let value = self.compute(site, dim)?;
        let innermost = self.body.sizes.last_mut().expect("a function that is being written");
        innermost.insert(dim.clone(), value.clone());
        Ok(value)
    }

    fn compute(&mut self, site: &Site<'_>, dim: &Dim) -> Result<Operand, ExportError> {
        let (terms, constant) = dim.parts();
        let mut sum: Option<Operand> = None;
        for (product, coefficient) in terms {
            let mut value = self.atom(site, &product[0])?;
            for atom in &product[1..] {
                let factor = self.atom(site, atom)?;
                value = self.arithmetic(site, "multiply", &value, &factor);
            }
            let subtracted = *coefficient == -1 && sum.is_some();
            if *coefficient != 1 && !subtracted {
                let factor = self.constant(site, &Array::scalar(*coefficient));
                value = self.arithmetic(site, "multiply", &value, &factor);
            }
            sum = Some(match sum {
                None => value,
                Some(sum) if subtracted => self.arithmetic(site, "subtract", &sum, &value),
                Some(sum) => self.arithmetic(site, "add", &sum, &value),
            });
        }
        match sum {
            Some(sum) if constant == 0 => Ok(sum),
            Some(sum) => {
                let constant = self.constant(site, &Array::scalar(constant));
                Ok(self.arithmetic(site, "add", &sum, &constant))
            }
            None => Ok(self.constant(site, &Array::scalar(constant))),
        }
    }

    fn atom(&mut self, site: &Site<'_>, atom: &Atom) -> Result<Operand, ExportError> {
        match atom {
            Atom::Symbol(symbol) => {
                let Some((argument, axis)) = self.body.symbols.get(symbol).cloned() else {
                    return Err(site.error(format!("no argument has the size {symbol}")));
                };
                let as_symbol = Dim::from(symbol.clone());
                if let Some(known) = self.body.sizes.iter().find_map(|sizes| sizes.get(&as_symbol)) {
                    return Ok(known.clone());
                }
                let of = TensorType::scalar(DType::I32);
                let attributes = format!("dimension = {axis} : i64");
                let size = self.step(site, "stablehlo.get_dimension_size", &[&argument], attributes, of);
                Ok(self.step(site, "stablehlo.convert", &[&size], "", TensorType::scalar(DType::I64)))
            }
            Atom::FloorDiv(x, y) => self.floor_div(site, x, y),
            Atom::Mod(x, y) => self.modulo(site, x, y),
            Atom::Min(dims) => self.extremum(site, "minimum", dims),
            Atom::Max(dims) => self.extremum(site, "maximum", dims),
        }
    }

    fn extremum(&mut self, site: &Site<'_>, name: &str, dims: &[Dim]) -> Result<Operand, ExportError> {
        let mut value = self.size(site, &dims[0])?;
        for dim in &dims[1..] {
            let other = self.size(site, dim)?;
            value = self.arithmetic(site, name, &value, &other);
        }
        Ok(value)
    }

    /// StableHLO's quotient is truncated: it is one less where the signs differ and a rest is left.
    fn floor_div(&mut self, site: &Site<'_>, x: &Dim, y: &Dim) -> Result<Operand, ExportError> {
        let (left, right) = (self.size(site, x)?, self.size(site, y)?);
        let quotient = self.arithmetic(site, "divide", &left, &right);
        if x.is_never_negative() && y.is_never_negative() {
            return Ok(quotient);
        }
        let scalar = || TensorType::scalar(DType::I64);
        let left_sign = self.step(site, "stablehlo.sign", &[&left], "", scalar());
        let right_sign = self.step(site, "stablehlo.sign", &[&right], "", scalar());
        let differ = self.compare(site, "NE", &left_sign, &right_sign);
        let rest = self.arithmetic(site, "remainder", &left, &right);
        let zero = self.constant(site, &Array::scalar(0i64));
        let rests = self.compare(site, "NE", &rest, &zero);
        let lower = self.step(site, "stablehlo.and", &[&differ, &rests], "", TensorType::scalar(DType::Bool));
        let one = self.constant(site, &Array::scalar(1i64));
        let lowered = self.arithmetic(site, "subtract", &quotient, &one);
        Ok(self.step(site, "stablehlo.select", &[&lower, &lowered, &quotient], "", scalar()))
    }

    /// StableHLO's remainder has the sign of the left operand: the divisor is added where that is another than its own.
    fn modulo(&mut self, site: &Site<'_>, x: &Dim, y: &Dim) -> Result<Operand, ExportError> {
        let (left, right) = (self.size(site, x)?, self.size(site, y)?);
        let rest = self.arithmetic(site, "remainder", &left, &right);
        if x.is_never_negative() && y.is_never_negative() {
            return Ok(rest);
        }
        let zero = self.constant(site, &Array::scalar(0i64));
        let rests = self.compare(site, "NE", &rest, &zero);
        let negative = self.compare(site, "LT", &rest, &zero);
        let divisor_negative = self.compare(site, "LT", &right, &zero);
        let differ = self.compare(site, "NE", &negative, &divisor_negative);
        let raise = self.step(site, "stablehlo.and", &[&differ, &rests], "", TensorType::scalar(DType::Bool));
        let raised = self.arithmetic(site, "add", &rest, &right);
        Ok(self.step(site, "stablehlo.select", &[&raise, &raised, &rest], "", TensorType::scalar(DType::I64)))
    }

    fn arithmetic(&mut self, site: &Site<'_>, name: &str, x: &Operand, y: &Operand) -> Operand {
        self.step(site, &format!("stablehlo.{name}"), &[x, y], "", x.of.clone())
    }

    /// A comparison of two values of one shape.
    pub(super) fn compare(&mut self, site: &Site<'_>, direction: &str, x: &Operand, y: &Operand) -> Operand {
        let attributes = format!("comparison_direction = #stablehlo<comparison_direction {direction}>");
        self.step(site, "stablehlo.compare", &[x, y], attributes, x.of.with_dtype(DType::Bool))
    }

    /// A scalar repeated over a shape.
    pub(super) fn broadcast(
        &mut self,
        site: &Site<'_>,
        scalar: &Operand,
        of: &TensorType,
    ) -> Result<Operand, ExportError> {
        let axes = format!("broadcast_dimensions = {}", i64_array([]));
        if of.known_shape().is_some() {
            return Ok(self.step(site, "stablehlo.broadcast_in_dim", &[scalar], axes, of.clone()));
        }
        let dims = self.size_vector(site, &of.dims)?;
        Ok(self.step(site, "stablehlo.dynamic_broadcast_in_dim", &[scalar, &dims], axes, of.clone()))
    }

    /// The index along an axis.
    pub(super) fn iota(&mut self, site: &Site<'_>, of: &TensorType, axis: usize) -> Result<Operand, ExportError> {
        let attributes = format!("iota_dimension = {axis} : i64");
        if of.known_shape().is_some() {
            return Ok(self.step(site, "stablehlo.iota", &[], attributes, of.clone()));
        }
        let dims = self.size_vector(site, &of.dims)?;
        Ok(self.step(site, "stablehlo.dynamic_iota", &[&dims], attributes, of.clone()))
    }
}
