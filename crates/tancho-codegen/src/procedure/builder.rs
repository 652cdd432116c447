//! How lowerings write procedures.
//!
//! [`ProcedureBuilder`] collects straight-line instructions into one body for as long as nothing comes between them (a
//! load, a store, a loop); what is needed later is handed on in variables. Constants and sizes are no variables in the
//! code: they stand in each body that names them.

use std::collections::HashMap;
use std::sync::Arc;

use tancho_ir::Dim;
use tancho_ir::ops::{Comparison, ElementwiseOp};
use tancho_tensor::DType;

use super::{Block, Compute, Place, Procedure, Statement, Variable};
use crate::kernel::{Binary, Body, Instruction, Scalar};
use crate::lower::apply;
use crate::math::Halves;
use crate::program::{BufferId, ProcedureLaunch};

/// A procedure under construction, with the buffers and sizes of its launch.
pub struct ProcedureBuilder {
    name: String,
    buffers: Vec<(BufferId, DType, bool)>,
    sizes: Vec<Dim>,
    variables: Vec<DType>,
    /// Variables that stand for an instruction without operands.
    known: HashMap<Variable, Instruction>,
    known_variables: HashMap<(Instruction, DType), Variable>,
    block: Block,
    segment: Segment,
}

/// Code that is given the places along some axes.
type Visit<'c> = Box<dyn FnOnce(&mut ProcedureBuilder, &[Variable]) + 'c>;

/// The instructions since the last statement.
#[derive(Default)]
struct Segment {
    body: Body,
    inputs: Vec<Variable>,
    scalars: HashMap<Variable, Scalar>,
    assigned: Vec<Variable>,
    halves: Halves,
}

impl ProcedureBuilder {
    pub fn new(name: impl Into<String>) -> Self {
        ProcedureBuilder {
            name: name.into(),
            buffers: Vec::new(),
            sizes: Vec::new(),
            variables: vec![DType::I64, DType::I64],
            known: HashMap::new(),
            known_variables: HashMap::new(),
            block: Block::new(),
            segment: Segment::default(),
        }
    }

    /// A buffer that is read only; 16-bit floats are read as their bits, `u16`.
    pub fn reads(&mut self, buffer: BufferId, dtype: DType) -> Place {
        self.add_buffer(buffer, dtype, false)
    }

    /// A buffer that is written, and may be read.
    pub fn writes(&mut self, buffer: BufferId, dtype: DType) -> Place {
        self.add_buffer(buffer, dtype, true)
    }

    fn add_buffer(&mut self, buffer: BufferId, dtype: DType, written: bool) -> Place {
        let dtype = if dtype.is_half() { DType::U16 } else { dtype };
        self.buffers.push((buffer, dtype, written));
        Place(self.buffers.len() as u32 - 1)
    }

    pub fn dtype(&self, variable: Variable) -> DType {
        self.variables[variable.index()]
    }

    /// The dtype of a buffer's elements, as code loads and stores them.
    pub fn element_dtype(&self, buffer: Place) -> DType {
        self.buffers[buffer.index()].1
    }

    pub fn integer(&mut self, value: i64) -> Variable {
        self.constant(value as u64, DType::I64)
    }

    /// A constant by its bits.
    pub fn constant(&mut self, bits: u64, dtype: DType) -> Variable {
        self.known(Instruction::Constant(bits), dtype)
    }

    pub fn bool(&mut self, value: bool) -> Variable {
        self.constant(u64::from(value), DType::Bool)
    }

    /// A size of the launch, as `i64`.
    pub fn size(&mut self, size: &Dim) -> Variable {
        if let Some(known) = size.as_known() {
            return self.integer(known);
        }
        let number = self.sizes.iter().position(|known| known == size).unwrap_or_else(|| {
            self.sizes.push(size.clone());
            self.sizes.len() - 1
        });
        self.known(Instruction::Size(number as u32), DType::I64)
    }

    fn known(&mut self, instruction: Instruction, dtype: DType) -> Variable {
        if let Some(&variable) = self.known_variables.get(&(instruction, dtype)) {
            return variable;
        }
        let variable = self.new_variable(dtype);
        self.known.insert(variable, instruction);
        self.known_variables.insert((instruction, dtype), variable);
        variable
    }

    fn new_variable(&mut self, dtype: DType) -> Variable {
        self.variables.push(dtype);
        Variable(self.variables.len() as u32 - 1)
    }

    /// Straight-line code on the values of variables.
    pub fn compute(&mut self, operands: &[Variable], expand: impl FnOnce(&mut Body, &[Scalar]) -> Scalar) -> Variable {
        let scalars: Vec<Scalar> = operands.iter().map(|&operand| self.scalar(operand)).collect();
        let scalar = expand(&mut self.segment.body, &scalars);
        self.made(scalar)
    }

    /// An elementwise op on variables, each with the dtype that it has in the graph; a value of a 16-bit float is held as the
    /// `f32` of the same value.
    pub fn elementwise(&mut self, op: &ElementwiseOp, operands: &[(Variable, DType)]) -> Variable {
        let scalars: Vec<(Scalar, DType)> =
            operands.iter().map(|&(operand, dtype)| (self.scalar(operand), dtype)).collect();
        let Segment { body, halves, .. } = &mut self.segment;
        let scalar = apply(body, halves, op, &scalars);
        self.made(scalar)
    }

    /// The value of the bits of a 16-bit float (`u16`), as `f32`.
    pub fn from_half_bits(&mut self, bits: Variable, dtype: DType) -> Variable {
        let bits = self.scalar(bits);
        let scalar = self.segment.halves.from_bits(&mut self.segment.body, bits, dtype);
        self.made(scalar)
    }

    /// The bits (`u16`) of a 16-bit float that is held as `f32`.
    pub fn to_half_bits(&mut self, value: Variable, dtype: DType) -> Variable {
        let value = self.scalar(value);
        let scalar = self.segment.halves.to_bits(&mut self.segment.body, value, dtype);
        self.made(scalar)
    }

    /// The variable of a value that was computed in the segment's body.
    fn made(&mut self, scalar: Scalar) -> Variable {
        let dtype = self.segment.body.dtype(scalar);
        if let instruction @ (Instruction::Constant(_) | Instruction::Size(_)) = self.segment.body.instruction(scalar) {
            return self.known(instruction, dtype);
        }
        let variable = self.new_variable(dtype);
        self.set(variable, scalar);
        variable
    }

    /// The value of a variable in the segment's body.
    fn scalar(&mut self, variable: Variable) -> Scalar {
        if let Some(&scalar) = self.segment.scalars.get(&variable) {
            return scalar;
        }
        let dtype = self.dtype(variable);
        let scalar = match self.known.get(&variable) {
            Some(&instruction) => self.segment.body.push(instruction, dtype),
            None => {
                self.segment.inputs.push(variable);
                self.segment.body.push(Instruction::Load(self.segment.inputs.len() as u32 - 1), dtype)
            }
        };
        self.segment.scalars.insert(variable, scalar);
        scalar
    }

    fn set(&mut self, variable: Variable, scalar: Scalar) {
        self.segment.scalars.insert(variable, scalar);
        if !self.segment.assigned.contains(&variable) {
            self.segment.assigned.push(variable);
        }
    }

    /// A variable that may be assigned, with a first value.
    pub fn variable(&mut self, value: Variable) -> Variable {
        let variable = self.new_variable(self.dtype(value));
        self.assign(variable, value);
        variable
    }

    /// Assigns a variable that [`ProcedureBuilder::variable`] made.
    pub fn assign(&mut self, variable: Variable, value: Variable) {
        debug_assert_eq!(self.dtype(variable), self.dtype(value), "an assignment keeps the dtype");
        let scalar = self.scalar(value);
        self.set(variable, scalar);
    }

    pub fn binary(&mut self, operation: Binary, x: Variable, y: Variable) -> Variable {
        self.compute(&[x, y], |body, operands| body.binary(operation, operands[0], operands[1]))
    }

    pub fn add(&mut self, x: Variable, y: Variable) -> Variable {
        self.compute(&[x, y], |body, operands| body.add(operands[0], operands[1]))
    }

    pub fn subtract(&mut self, x: Variable, y: Variable) -> Variable {
        self.compute(&[x, y], |body, operands| body.subtract(operands[0], operands[1]))
    }

    pub fn multiply(&mut self, x: Variable, y: Variable) -> Variable {
        self.compute(&[x, y], |body, operands| body.multiply(operands[0], operands[1]))
    }

    /// `x · y + z`, of integers with wrapping and of floats with one rounding.
    pub fn multiply_add(&mut self, x: Variable, y: Variable, z: Variable) -> Variable {
        let is_float = self.dtype(x).is_float();
        self.compute(&[x, y, z], |body, operands| {
            if is_float {
                return body.fma(operands[0], operands[1], operands[2]);
            }
            let product = body.multiply(operands[0], operands[1]);
            body.add(product, operands[2])
        })
    }

    /// The quotient and the remainder of integers; both are at least 0, and the divisor is positive.
    pub fn divide(&mut self, x: Variable, y: Variable) -> (Variable, Variable) {
        let quotient = self.binary(Binary::Divide, x, y);
        let product = self.multiply(quotient, y);
        let remainder = self.subtract(x, product);
        (quotient, remainder)
    }

    pub fn minimum(&mut self, x: Variable, y: Variable) -> Variable {
        self.binary(Binary::Minimum, x, y)
    }

    pub fn maximum(&mut self, x: Variable, y: Variable) -> Variable {
        self.binary(Binary::Maximum, x, y)
    }

    pub fn compare(&mut self, comparison: Comparison, x: Variable, y: Variable) -> Variable {
        self.compute(&[x, y], |body, operands| body.compare(comparison, operands[0], operands[1]))
    }

    pub fn and(&mut self, x: Variable, y: Variable) -> Variable {
        self.binary(Binary::And, x, y)
    }

    pub fn select(&mut self, condition: Variable, x: Variable, y: Variable) -> Variable {
        self.compute(&[condition, x, y], |body, operands| body.select(operands[0], operands[1], operands[2]))
    }

    pub fn convert(&mut self, x: Variable, dtype: DType) -> Variable {
        if self.dtype(x) == dtype {
            return x;
        }
        self.compute(&[x], |body, operands| crate::math::expand_convert(body, operands[0], dtype))
    }

    /// The row-major position of an index in an array of these sizes.
    pub fn position(&mut self, index: &[Variable], sizes: &[Dim]) -> Variable {
        let mut position = self.integer(0);
        for (&index, size) in index.iter().zip(sizes) {
            let size = self.size(size);
            position = self.multiply_add(position, size, index);
        }
        position
    }

    /// The index of a row-major position in an array of these sizes, none of which is 0.
    pub fn split_position(&mut self, position: Variable, sizes: &[Dim]) -> Vec<Variable> {
        let mut index = vec![position; sizes.len()];
        let mut rest = position;
        for axis in (1..sizes.len()).rev() {
            if sizes[axis] == Dim::ONE {
                index[axis] = self.integer(0);
                continue;
            }
            let size = self.size(&sizes[axis]);
            let (quotient, remainder) = self.divide(rest, size);
            index[axis] = remainder;
            rest = quotient;
        }
        if let Some(first) = index.first_mut() {
            *first = rest;
        }
        index
    }

    pub fn load(&mut self, buffer: Place, index: Variable) -> Variable {
        let index = self.held(index);
        self.flush();
        let into = self.new_variable(self.buffers[buffer.index()].1);
        self.block.push(Statement::Load { into, buffer, index });
        into
    }

    pub fn store(&mut self, buffer: Place, index: Variable, value: Variable) {
        debug_assert_eq!(self.buffers[buffer.index()].1, self.dtype(value), "a store keeps the dtype");
        let (index, value) = (self.held(index), self.held(value));
        self.flush();
        self.block.push(Statement::Store { buffer, index, value });
    }

    /// Copies neighbouring elements.
    pub fn copy(&mut self, to: (Place, Variable), from: (Place, Variable), count: Variable) {
        let (to, from) = ((to.0, self.held(to.1)), (from.0, self.held(from.1)));
        let count = self.held(count);
        self.flush();
        self.block.push(Statement::Copy { to, from, count });
    }

    /// Runs code for each index from `begin` to `end`.
    pub fn for_each(&mut self, begin: Variable, end: Variable, code: impl FnOnce(&mut Self, Variable)) {
        let (begin, end) = (self.held(begin), self.held(end));
        let index = self.new_variable(DType::I64);
        let block = self.nested(|builder| code(builder, index));
        self.block.push(Statement::For { index, begin, end, block });
    }

    /// Runs code for each index below a count.
    pub fn repeat(&mut self, count: Variable, code: impl FnOnce(&mut Self, Variable)) {
        let zero = self.integer(0);
        self.for_each(zero, count, code);
    }

    /// Runs code for each row of the call.
    pub fn for_each_row(&mut self, code: impl FnOnce(&mut Self, Variable)) {
        self.for_each(Variable::ROW_BEGIN, Variable::ROW_END, code);
    }

    /// Runs code for each index of an array of these sizes, in row-major order.
    pub fn for_each_index(&mut self, sizes: &[Dim], code: impl FnOnce(&mut Self, &[Variable])) {
        self.nest(sizes, Vec::new(), Box::new(code));
    }

    fn nest(&mut self, sizes: &[Dim], index: Vec<Variable>, code: Visit<'_>) {
        let Some((size, rest)) = sizes.split_first() else { return code(self, &index) };
        if *size == Dim::ONE {
            let zero = self.integer(0);
            return self.nest(rest, [index, vec![zero]].concat(), code);
        }
        let size = self.size(size);
        self.repeat(size, |builder, place| builder.nest(rest, [index, vec![place]].concat(), code));
    }

    /// Runs code while a condition, which is computed each time before, holds.
    pub fn while_loop(&mut self, condition: impl FnOnce(&mut Self) -> Variable, code: impl FnOnce(&mut Self)) {
        let mut holds = Variable::ROW_BEGIN;
        let head = self.nested(|builder| {
            let condition = condition(builder);
            holds = builder.held(condition);
        });
        let block = self.nested(code);
        self.block.push(Statement::While { head, condition: holds, block });
    }

    pub fn if_then(&mut self, condition: Variable, code: impl FnOnce(&mut Self)) {
        self.if_else(condition, code, |_| {});
    }

    pub fn if_else(&mut self, condition: Variable, then: impl FnOnce(&mut Self), otherwise: impl FnOnce(&mut Self)) {
        let condition = self.held(condition);
        let then = self.nested(then);
        let otherwise = self.nested(otherwise);
        self.block.push(Statement::If { condition, then, otherwise });
    }

    /// The statements of some code; what stood before is finished first.
    fn nested(&mut self, code: impl FnOnce(&mut Self)) -> Block {
        self.flush();
        let outside = std::mem::take(&mut self.block);
        code(self);
        self.flush();
        std::mem::replace(&mut self.block, outside)
    }

    /// A variable that the code has: constants and sizes get one.
    fn held(&mut self, variable: Variable) -> Variable {
        if !self.known.contains_key(&variable) {
            return variable;
        }
        let held = self.new_variable(self.dtype(variable));
        let scalar = self.scalar(variable);
        self.set(held, scalar);
        held
    }

    /// Ends the straight-line code.
    fn flush(&mut self) {
        let Segment { body, inputs, scalars, assigned, halves: _ } = std::mem::take(&mut self.segment);
        let results: Vec<(Variable, Scalar)> =
            assigned.into_iter().map(|variable| (variable, scalars[&variable])).collect();
        if !results.is_empty() {
            self.block.push(Statement::Compute(Compute { body, inputs, results }));
        }
    }

    /// The launch: `rows` rows of about `work` instructions each. `initial` are buffers that begin as copies of others:
    /// (written, source).
    pub fn finish(mut self, rows: Dim, work: Dim, initial: Vec<(BufferId, BufferId)>) -> ProcedureLaunch {
        self.flush();
        let mut block = self.block;
        remove_unused(&mut block, self.variables.len());
        let procedure = Procedure {
            name: self.name,
            buffers: self.buffers.iter().map(|buffer| buffer.1).collect(),
            sizes: self.sizes.len(),
            variables: self.variables,
            block,
        };
        ProcedureLaunch {
            procedure: Arc::new(procedure),
            operands: self.buffers.iter().map(|buffer| (buffer.0, buffer.2)).collect(),
            sizes: self.sizes,
            rows,
            work,
            initial,
        }
    }
}

/// Takes out results that nothing reads.
fn remove_unused(block: &mut Block, variables: usize) {
    let mut used = vec![false; variables];
    mark(block, &mut used);
    sweep(block, &used);
}

fn mark(block: &Block, used: &mut [bool]) {
    for statement in block {
        let variables: &[Variable] = match statement {
            Statement::Compute(compute) => &compute.inputs,
            Statement::Load { into: _, buffer: _, index } => &[*index],
            Statement::Store { buffer: _, index, value } => &[*index, *value],
            Statement::Copy { to, from, count } => &[to.1, from.1, *count],
            Statement::For { index: _, begin, end, block } => {
                mark(block, used);
                &[*begin, *end]
            }
            Statement::While { head, condition, block } => {
                mark(head, used);
                mark(block, used);
                &[*condition]
            }
            Statement::If { condition, then, otherwise } => {
                mark(then, used);
                mark(otherwise, used);
                &[*condition]
            }
        };
        variables.iter().for_each(|variable| used[variable.index()] = true);
    }
}

fn sweep(block: &mut Block, used: &[bool]) {
    for statement in block.iter_mut() {
        match statement {
            Statement::Compute(compute) => compute.results.retain(|(variable, _)| used[variable.index()]),
            Statement::Load { .. } | Statement::Store { .. } | Statement::Copy { .. } => {}
            Statement::For { block, .. } => sweep(block, used),
            Statement::While { head, block, .. } => {
                sweep(head, used);
                sweep(block, used);
            }
            Statement::If { then, otherwise, .. } => {
                sweep(then, used);
                sweep(otherwise, used);
            }
        }
    }
    block.retain(|statement| !matches!(statement, Statement::Compute(compute) if compute.results.is_empty()));
}
