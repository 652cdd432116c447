//! One instruction of a body at an env's points.

use cranelift_codegen::ir::{InstBuilder, Value};
use smallvec::SmallVec;
use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::emitter::{Emitter, Env};
use super::group::Group;
use super::legal::{self, Legal};
use super::types::{element_type, vector_type};
use crate::kernel::{Binary, Instruction, Scalar, Unary};

impl Emitter<'_, '_> {
    /// Computes a value whose operands the env has.
    pub(super) fn evaluate_instruction(&mut self, env: &mut Env, value: Scalar) -> Group {
        let dtype = self.kernel.body.dtype(value);
        match self.kernel.body.instruction(value) {
            Instruction::Constant(bits) => Group::Scalar(self.scalar_constant(bits, dtype)),
            Instruction::Load(access) => self.load_access(env, access as usize, dtype),
            Instruction::Reduced(reduction) => unreachable!("reduction {reduction} is known where it is used"),
            Instruction::Index(dimension) if dimension as usize == self.kernel.inner() => {
                self.iota(env.inner, DType::I64, env.lanes)
            }
            Instruction::Index(dimension) => Group::Scalar(env.indices[dimension as usize]),
            Instruction::Size(size) => Group::Scalar(self.arguments.body_sizes[size as usize]),
            Instruction::Unary(operation, x) => {
                let x = operand(env, x);
                self.unary(operation, dtype, &x, env.lanes)
            }
            Instruction::Binary(operation, left, right) => self.binary(env, operation, dtype, left, right),
            Instruction::Fma(x, y, z) => {
                let (x, y, z) = (operand(env, x), operand(env, y), operand(env, z));
                if let (Group::Scalar(x), Group::Scalar(y), Group::Scalar(z)) = (&x, &y, &z) {
                    return Group::Scalar(self.builder.ins().fma(*x, *y, *z));
                }
                let lanes = env.lanes;
                let (x, y, z) =
                    (self.parts(&x, dtype, lanes), self.parts(&y, dtype, lanes), self.parts(&z, dtype, lanes));
                let parts = x.iter().zip(&y).zip(&z).map(|((&x, &y), &z)| self.builder.ins().fma(x, y, z)).collect();
                Group::Vectors(parts)
            }
            Instruction::Compare(comparison, x, y) => self.compare_values(env, comparison, x, y),
            Instruction::Select(condition, x, y) => self.select(env, dtype, condition, x, y),
            Instruction::Convert(x) => {
                let from = self.kernel.body.dtype(x);
                let x = operand(env, x);
                self.convert(from, dtype, &x, env.lanes)
            }
            Instruction::Bitcast(x) => match operand(env, x) {
                Group::Scalar(x) => Group::Scalar(self.bitcast(element_type(dtype), x)),
                Group::Vectors(parts) => {
                    Group::Vectors(self.map_parts(&parts, |emitter, x| emitter.bitcast(vector_type(dtype), x)))
                }
                mask @ Group::Mask(..) => mask,
            },
            Instruction::Call { function, arguments: [x, y], condition, otherwise } => {
                let (x, y) = (operand(env, x), operand(env, y));
                let (condition, otherwise) = (operand(env, condition), operand(env, otherwise));
                self.call_lanes(function, dtype, [&x, &y], &condition, &otherwise, env.lanes)
            }
        }
    }

    fn unary(&mut self, operation: Unary, dtype: DType, x: &Group, lanes: usize) -> Group {
        match x {
            Group::Scalar(x) => Group::Scalar(self.scalar_unary(operation, dtype, *x)),
            Group::Mask(bits, parts) => {
                Group::Mask(*bits, self.map_parts(parts, |emitter, x| emitter.builder.ins().bnot(x)))
            }
            Group::Vectors(parts) => match legal::unary(operation, dtype).unwrap_or(Legal::PerLane) {
                Legal::Vector | Legal::Expansion => {
                    Group::Vectors(self.map_parts(parts, |emitter, x| emitter.plain_unary(operation, dtype, x)))
                }
                Legal::PerLane => self.per_lane(dtype, &[(x, dtype)], lanes, |emitter, operands| {
                    emitter.scalar_unary(operation, dtype, operands[0])
                }),
            },
        }
    }

    fn binary(&mut self, env: &mut Env, operation: Binary, dtype: DType, left: Scalar, right: Scalar) -> Group {
        let lanes = env.lanes;
        let (x, y) = (operand(env, left), operand(env, right));
        if let (Group::Scalar(x), Group::Scalar(y)) = (&x, &y) {
            return Group::Scalar(self.scalar_binary(operation, dtype, *x, *y));
        }
        if dtype == DType::Bool {
            return self.mask_binary(operation, &x, &y, lanes);
        }
        if dtype.is_float() && matches!(operation, Binary::Minimum | Binary::Maximum) {
            let body = &self.kernel.body;
            let bound = body.as_constant(right).map(|bits| (&x, bits));
            let bound = bound.or_else(|| body.as_constant(left).map(|bits| (&y, bits)));
            if let Some((group, bits)) = bound {
                let parts = self.parts(group, dtype, lanes);
                if let Some(parts) = self.bound(operation, dtype, &parts, bits) {
                    return Group::Vectors(parts);
                }
            }
        }
        match legal::binary(operation, dtype, y.is_scalar()).unwrap_or(Legal::PerLane) {
            Legal::Vector | Legal::Expansion => match (operation, &y) {
                (
                    Binary::ShiftLeft | Binary::ShiftRightArithmetic | Binary::ShiftRightLogical,
                    Group::Scalar(amount),
                ) => {
                    let x = self.parts(&x, dtype, lanes);
                    Group::Vectors(self.vector_shift(operation, dtype, &x, *amount))
                }
                _ => {
                    let (x, y) = (self.splat(env, left), self.splat(env, right));
                    let (x, y) = (self.parts(&x, dtype, lanes), self.parts(&y, dtype, lanes));
                    Group::Vectors(self.vector_binary(operation, dtype, &x, &y))
                }
            },
            Legal::PerLane => self.per_lane(dtype, &[(&x, dtype), (&y, dtype)], lanes, |emitter, operands| {
                emitter.scalar_binary(operation, dtype, operands[0], operands[1])
            }),
        }
    }

    fn compare_values(&mut self, env: &mut Env, comparison: Comparison, left: Scalar, right: Scalar) -> Group {
        let dtype = self.kernel.body.dtype(left);
        let (x, y) = (operand(env, left), operand(env, right));
        if let (Group::Scalar(x), Group::Scalar(y)) = (&x, &y) {
            return Group::Scalar(self.compare(comparison, dtype, *x, *y));
        }
        if dtype == DType::Bool {
            return self.mask_compare(comparison, &x, &y, env.lanes);
        }
        let (x, y) = (self.splat(env, left), self.splat(env, right));
        let (x, y) = (self.parts(&x, dtype, env.lanes), self.parts(&y, dtype, env.lanes));
        let parts = self.zip_parts(&x, &y, |emitter, x, y| emitter.compare(comparison, dtype, x, y));
        Group::Mask(dtype.bits(), parts)
    }

    fn select(&mut self, env: &mut Env, dtype: DType, condition: Scalar, left: Scalar, right: Scalar) -> Group {
        let mask = operand(env, condition);
        if let Group::Scalar(condition) = mask {
            let (x, y) = (operand(env, left), operand(env, right));
            if let (Group::Scalar(x), Group::Scalar(y)) = (&x, &y) {
                return Group::Scalar(self.builder.ins().select(condition, *x, *y));
            }
        }
        if dtype.is_float() && self.is_extreme(condition, left, right) {
            // The processor's minimum or maximum does just this comparison and choice, which Cranelift recognises.
            let mask = self.mask(&mask, dtype.bits(), env.lanes);
            let (x, y) = (self.splat(env, left), self.splat(env, right));
            let (x, y) = (self.parts(&x, dtype, env.lanes), self.parts(&y, dtype, env.lanes));
            let mut parts = SmallVec::new();
            for ((&mask, &x), &y) in mask.iter().zip(&x).zip(&y) {
                let mask = self.bitcast(vector_type(dtype), mask);
                parts.push(self.builder.ins().bitselect(mask, x, y));
            }
            return Group::Vectors(parts);
        }
        let (x, y) = if dtype == DType::Bool {
            (operand(env, left), operand(env, right))
        } else {
            (self.splat(env, left), self.splat(env, right))
        };
        self.select_groups(&mask, dtype, &x, &y, env.lanes)
    }

    /// Whether a condition is whether one of two values is less than the other.
    fn is_extreme(&self, condition: Scalar, left: Scalar, right: Scalar) -> bool {
        match self.kernel.body.instruction(condition) {
            Instruction::Compare(Comparison::Lt | Comparison::Gt, x, y) => (x, y) == (left, right),
            _ => false,
        }
    }

    fn convert(&mut self, from: DType, to: DType, x: &Group, lanes: usize) -> Group {
        if let Group::Scalar(x) = x {
            return Group::Scalar(self.scalar_convert(from, to, *x));
        }
        if from == to {
            return x.clone();
        }
        match legal::convert(from, to) {
            Legal::Vector | Legal::Expansion => self.vector_convert(from, to, x, lanes),
            Legal::PerLane => self
                .per_lane(to, &[(x, from)], lanes, |emitter, operands| emitter.scalar_convert(from, to, operands[0])),
        }
    }

    /// A function of the scalars of each lane, put together to a group of a dtype.
    fn per_lane(
        &mut self,
        dtype: DType,
        operands: &[(&Group, DType)],
        lanes: usize,
        function: impl Fn(&mut Self, &[Value]) -> Value,
    ) -> Group {
        let mut results: SmallVec<[Value; 16]> = SmallVec::new();
        for lane in 0..lanes {
            let scalars: SmallVec<[Value; 2]> =
                operands.iter().map(|&(group, dtype)| self.extract(group, dtype, lane)).collect();
            results.push(function(self, &scalars));
        }
        self.build(dtype, &results)
    }

    /// A value as vectors; one that is the same for all lanes is spread once. Not for `bool`s.
    fn splat(&mut self, env: &mut Env, value: Scalar) -> Group {
        let group = operand(env, value);
        if !group.is_scalar() {
            return group;
        }
        if let Some(splat) = &env.splats[value.index()] {
            return splat.clone();
        }
        let splat = Group::Vectors(self.parts(&group, self.kernel.body.dtype(value), env.lanes));
        env.splats[value.index()] = Some(splat.clone());
        splat
    }
}

fn operand(env: &Env, value: Scalar) -> Group {
    env.groups[value.index()].clone().expect("operands come before what uses them")
}
