//! Loops, branches, calls, and what only passes values on.

use std::rc::Rc;

use tancho_ir::ops::{ControlOp, ShapeOp};
use tancho_ir::{TensorType, Value};
use tancho_tensor::{Array, DType};

use super::builder::{Binding, Importer, LevelKind};
use super::error::Imports;
use super::region::Regions;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn while_loop(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_regions(site, 2)?;
        let mut operands = self.tensors(site, 0)?;
        let state: Vec<TensorType> = operands.iter().map(|&operand| self.type_of(operand).clone()).collect();
        let mut regions = Regions::new(LevelKind::Flow);
        self.add_region(site, &mut regions, 0, &state, Self::values_of)?;
        self.add_region(site, &mut regions, 1, &state, Self::values_of)?;
        operands.extend(&regions.captured);
        let has_effects = regions.has_effects;
        let [condition, body] =
            regions.finish(self).try_into().map_err(|_| self.malformed(site, "expected 2 regions"))?;
        let node = self.emit_node(site, ControlOp::While { condition, body, bound: None }.into(), &operands)?;
        if has_effects {
            self.order_effect(node);
        }
        self.with_tokens(site, self.results_of(node))
    }

    pub(super) fn case(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let positions: Vec<usize> = (0..site.op.regions.len()).collect();
        self.branches(site, &positions)
    }

    /// A `case` on a truth value, whose first branch is that of false.
    pub(super) fn if_else(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_regions(site, 2)?;
        self.branches(site, &[1, 0])
    }

    fn branches(&mut self, site: &Site<'m>, positions: &[usize]) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 1)?;
        let index = self.operand(site, 0)?;
        let mut regions = Regions::new(LevelKind::Flow);
        for &position in positions {
            self.add_region(site, &mut regions, position, &[], Self::values_of)?;
        }
        let operands: Vec<Value> = [index].into_iter().chain(regions.captured.iter().copied()).collect();
        let has_effects = regions.has_effects;
        let branches = regions.finish(self);
        let node = self.emit_node(site, ControlOp::Case { branches }.into(), &operands)?;
        if has_effects {
            self.order_effect(node);
        }
        self.with_tokens(site, self.results_of(node))
    }

    /// The tensors among what a region returns.
    fn values_of(&mut self, site: &Site<'m>, results: Vec<Binding>) -> Imports<Vec<Value>> {
        let tensors = results.iter().filter(|binding| !matches!(binding, Binding::Token));
        tensors.map(|binding| self.tensor(site, binding)).collect()
    }

    /// The tensors among the operands from a position on.
    pub(super) fn tensors(&mut self, site: &Site<'m>, first: usize) -> Imports<Vec<Value>> {
        let mut values = Vec::new();
        for position in first..site.op.operands.len() {
            match self.operand_binding(site, position)? {
                Binding::Token => {}
                binding => values.push(self.tensor(site, &binding)?),
            }
        }
        Ok(values)
    }

    fn operand_bindings(&self, site: &Site<'_>) -> Imports<Vec<Binding>> {
        (0..site.op.operands.len()).map(|position| self.operand_binding(site, position)).collect()
    }

    pub(super) fn call_function(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.call_by(site, "callee")
    }

    /// A composite is what its decomposition says.
    pub(super) fn composite(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.call_by(site, "decomposition")
    }

    fn call_by(&mut self, site: &Site<'m>, attribute: &str) -> Imports<Vec<Binding>> {
        let name = site.op.attribute(attribute).and_then(|value| value.as_symbol());
        let name = name.ok_or_else(|| self.malformed(site, format_args!("expected a function as {attribute}")))?;
        let function = self.function(site, name)?;
        let arguments = self.operand_bindings(site)?;
        self.call(site, function, arguments)
    }

    pub(super) fn optimization_barrier(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.tensors(site, 0)?;
        if operands.is_empty() {
            return self.with_tokens(site, Vec::new());
        }
        let values = self.emit_all(site, ControlOp::OptimizationBarrier, &operands)?;
        self.with_tokens(site, values)
    }

    // Tuples and tokens are resolved here and do not reach the graph.

    pub(super) fn tuple(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let elements: Rc<[Binding]> = self.operand_bindings(site)?.into();
        Ok(vec![Binding::Tuple(elements)])
    }

    pub(super) fn get_tuple_element(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 1)?;
        let index = self.axis(site, "index")?;
        let Binding::Tuple(elements) = self.operand_binding(site, 0)? else {
            return Err(self.malformed(site, "expected a tuple"));
        };
        let element = elements.get(index).cloned();
        let element = element.ok_or_else(|| {
            self.malformed(site, format_args!("the tuple has {} elements, and no element {index}", elements.len()))
        })?;
        Ok(vec![element])
    }

    pub(super) fn token(&mut self, _: &Site<'m>) -> Imports<Vec<Binding>> {
        Ok(vec![Binding::Token])
    }

    /// The number of this device among several: there is one.
    pub(super) fn device_number(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let zero = match self.stated_result(site, 0)?.dtype {
            DType::U32 => Array::scalar(0u32),
            other => return Err(self.malformed(site, format_args!("expected a result of u32, found {other}"))),
        };
        let value = self.emit(site, ShapeOp::Constant(zero), &[])?;
        self.one(value)
    }

    /// The operands, as they are.
    pub(super) fn pass_through(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.operand_bindings(site)
    }
}
