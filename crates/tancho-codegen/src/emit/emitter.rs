//! The state of one emission: the function's arguments, loops, and the points at which a body is evaluated.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, StackSlot, StackSlotData, StackSlotKind, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::group::Group;
use super::types::argument_memory;
use crate::kernel::{AccessMap, Kernel, Place, Scalar, Stride};

/// What is at hand while a kernel is emitted.
pub(super) struct Emitter<'k, 'f> {
    pub(super) kernel: &'k Kernel,
    pub(super) places: Vec<Place>,
    pub(super) builder: FunctionBuilder<'f>,
    pub(super) arguments: Arguments,
    /// Values that are loaded from scratch memory where they are needed, not computed from their operands.
    pub(super) in_scratch: Vec<Option<Value>>,
    /// The stack slots that calls of lanes use, made when first needed.
    pub(super) call_slots: Option<[StackSlot; 4]>,
}

/// The arguments of the function.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    /// The address of each access's first element.
    pub(super) pointers: Vec<Value>,
    /// The size of each dimension.
    pub(super) sizes: Vec<Value>,
    /// The strides of each access along each dimension, in bytes.
    pub(super) strides: Vec<Vec<ByteStride>>,
    /// The sizes that the body names.
    pub(super) body_sizes: Vec<Value>,
    pub(super) scratch: Value,
    pub(super) row_begin: Value,
    pub(super) row_end: Value,
    pub(super) inner_begin: Value,
    pub(super) inner_end: Value,
}

/// A stride in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum ByteStride {
    Zero,
    Constant(i64),
    Variable(Value),
}

/// Where a body is evaluated, and what is known there: the values of the row, or of neighbouring points.
#[derive(Clone, Debug)]
pub(super) struct Env {
    /// The number of neighbouring points.
    pub(super) lanes: usize,
    /// The address of each access's element at the start of the inner dimension.
    pub(super) pointers: Vec<Value>,
    /// The index along each dimension but the inner one.
    pub(super) indices: Vec<Value>,
    /// The first of the points.
    pub(super) inner: Value,
    /// What has been computed.
    pub(super) groups: Vec<Option<Group>>,
    /// Scalars of `groups` that have been made vectors.
    pub(super) splats: Vec<Option<Group>>,
}

impl Env {
    /// The env of neighbouring points of this one's row.
    pub(super) fn at(&self, inner: Value, lanes: usize) -> Env {
        Env { lanes, inner, ..self.clone() }
    }
}

impl Emitter<'_, '_> {
    /// Loads the arguments. The builder stands in the entry block, whose parameters are the function's.
    pub(super) fn load_arguments(builder: &mut FunctionBuilder<'_>, kernel: &Kernel) -> Arguments {
        let entry = builder.current_block().expect("the entry block is current");
        let parameters = builder.block_params(entry).to_vec();
        let [pointers, values, scratch, row_begin, row_end, inner_begin, inner_end] = parameters[..] else {
            unreachable!("the signature has seven parameters")
        };
        let mut count = 0;
        let mut next = |builder: &mut FunctionBuilder<'_>| {
            count += 1;
            builder.ins().load(types::I64, argument_memory(), values, 8 * (count - 1))
        };
        let sizes = (0..kernel.rank()).map(|_| next(builder)).collect();
        let mut strides = Vec::new();
        for access in kernel.accesses() {
            let size = access.dtype.size() as i64;
            let mut bytes = |builder: &mut FunctionBuilder<'_>| {
                let stride = next(builder);
                ByteStride::Variable(builder.ins().imul_imm_s(stride, size))
            };
            strides.push(match &access.map {
                AccessMap::Strides(strides) => strides
                    .iter()
                    .map(|stride| match stride {
                        Stride::Zero => ByteStride::Zero,
                        Stride::One => ByteStride::Constant(size),
                        Stride::Argument => bytes(builder),
                    })
                    .collect(),
                // The stride between rows, and that along the inner dimension.
                AccessMap::Tile => vec![bytes(builder), ByteStride::Constant(size)],
            });
        }
        let body_sizes = (0..kernel.sizes).map(|_| next(builder)).collect();
        let pointers = (0..kernel.accesses().count())
            .map(|access| builder.ins().load(types::I64, argument_memory(), pointers, 8 * access as i32))
            .collect();
        Arguments { pointers, sizes, strides, body_sizes, scratch, row_begin, row_end, inner_begin, inner_end }
    }

    pub(super) fn integer(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(types::I64, value)
    }

    /// An address that lies an index times a stride behind another.
    pub(super) fn advance(&mut self, address: Value, index: Value, stride: ByteStride) -> Value {
        let offset = match stride {
            ByteStride::Zero => return address,
            ByteStride::Constant(1) => index,
            ByteStride::Constant(size) => self.builder.ins().ishl_imm_u(index, i64::from(size.trailing_zeros())),
            ByteStride::Variable(stride) => self.builder.ins().imul(index, stride),
        };
        self.builder.ins().iadd(address, offset)
    }

    /// Runs a body for `begin`, `begin + step`, … while less than `end`, and gives what the last run carried on.
    pub(super) fn for_loop(
        &mut self,
        begin: Value,
        end: Value,
        step: i64,
        carried: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let types: Vec<Type> = carried.iter().map(|&value| self.builder.func.dfg.value_type(value)).collect();
        let (inside, exit) = (self.builder.create_block(), self.builder.create_block());
        self.builder.append_block_param(inside, types::I64);
        for &ty in &types {
            self.builder.append_block_param(inside, ty);
            self.builder.append_block_param(exit, ty);
        }
        self.branch_loop(begin, end, carried, inside, exit);
        self.builder.switch_to_block(inside);
        let parameters = self.builder.block_params(inside).to_vec();
        let carried = body(self, parameters[0], &parameters[1..]);
        let next = self.builder.ins().iadd_imm_s(parameters[0], step);
        self.branch_loop(next, end, &carried, inside, exit);
        self.builder.switch_to_block(exit);
        self.builder.block_params(exit).to_vec()
    }

    /// Goes to a loop's body if there is a run left, else to its exit.
    fn branch_loop(
        &mut self,
        index: Value,
        end: Value,
        carried: &[Value],
        inside: cranelift_codegen::ir::Block,
        exit: cranelift_codegen::ir::Block,
    ) {
        let carried: Vec<BlockArg> = carried.iter().map(|&value| value.into()).collect();
        let mut with_index = vec![BlockArg::from(index)];
        with_index.extend(&carried);
        let more = self.builder.ins().icmp(IntCC::SignedLessThan, index, end);
        self.builder.ins().brif(more, inside, &with_index, exit, &carried);
    }

    /// Runs a body if a condition holds; the values that it gives replace `otherwise`.
    pub(super) fn if_then(
        &mut self,
        condition: Value,
        otherwise: &[Value],
        body: impl FnOnce(&mut Self) -> Vec<Value>,
    ) -> Vec<Value> {
        let (inside, join) = (self.builder.create_block(), self.builder.create_block());
        for &value in otherwise {
            let ty = self.builder.func.dfg.value_type(value);
            self.builder.append_block_param(join, ty);
        }
        let otherwise: Vec<BlockArg> = otherwise.iter().map(|&value| value.into()).collect();
        self.builder.ins().brif(condition, inside, &[], join, &otherwise);
        self.builder.switch_to_block(inside);
        let values: Vec<BlockArg> = body(self).into_iter().map(BlockArg::from).collect();
        self.builder.ins().jump(join, &values);
        self.builder.switch_to_block(join);
        self.builder.block_params(join).to_vec()
    }

    /// The end of the part of a range that whole groups of lanes (a power of two) cover.
    pub(super) fn whole_groups(&mut self, begin: Value, end: Value, lanes: usize) -> Value {
        if lanes == 1 {
            return end;
        }
        let length = self.builder.ins().isub(end, begin);
        let zero = self.integer(0);
        let length = self.builder.ins().smax(length, zero);
        let whole = self.builder.ins().band_imm_s(length, -(lanes as i64));
        self.builder.ins().iadd(begin, whole)
    }

    /// Runs a body for each row, with the env of the row.
    pub(super) fn for_each_row(&mut self, body: impl FnOnce(&mut Self, Env)) {
        let (begin, end) = (self.arguments.row_begin, self.arguments.row_end);
        let outer = self.kernel.outer;
        let first = if outer >= 2 { self.split_row(begin) } else { Vec::new() };
        self.for_loop(begin, end, 1, &first, |emitter, row, carried| {
            let indices = if outer == 1 { vec![row] } else { carried.to_vec() };
            let env = emitter.row_env(row, indices.clone());
            body(emitter, env);
            if outer >= 2 { emitter.next_row(&indices) } else { Vec::new() }
        });
    }

    /// The indices of the outer dimensions at a row.
    fn split_row(&mut self, row: Value) -> Vec<Value> {
        let mut indices = vec![row; self.kernel.outer];
        let mut rest = row;
        for dimension in (1..self.kernel.outer).rev() {
            // Of an empty dimension there is no row, but the division is made.
            let one = self.integer(1);
            let size = self.builder.ins().umax(self.arguments.sizes[dimension], one);
            indices[dimension] = self.builder.ins().urem(rest, size);
            rest = self.builder.ins().udiv(rest, size);
        }
        indices[0] = rest;
        indices
    }

    /// The indices of the row after one: those of an odometer.
    fn next_row(&mut self, indices: &[Value]) -> Vec<Value> {
        let zero = self.integer(0);
        let mut next = indices.to_vec();
        let mut carry = None;
        for dimension in (0..indices.len()).rev() {
            let moved = self.builder.ins().iadd_imm_s(indices[dimension], 1);
            let moved = match carry {
                None => moved,
                Some(carry) => self.builder.ins().select(carry, moved, indices[dimension]),
            };
            if dimension == 0 {
                next[0] = moved;
                break;
            }
            let is_over = self.builder.ins().icmp(IntCC::Equal, moved, self.arguments.sizes[dimension]);
            next[dimension] = self.builder.ins().select(is_over, zero, moved);
            carry = Some(is_over);
        }
        next
    }

    /// What is known at the start of a row: the addresses.
    fn row_env(&mut self, row: Value, indices: Vec<Value>) -> Env {
        let mut pointers = self.arguments.pointers.clone();
        for (access, pointer) in pointers.iter_mut().enumerate() {
            let strides = self.arguments.strides[access].clone();
            let is_tile = self.kernel.accesses().nth(access).is_some_and(|access| access.map == AccessMap::Tile);
            if is_tile {
                *pointer = self.advance(*pointer, row, strides[0]);
                continue;
            }
            for (&index, stride) in indices.iter().zip(strides) {
                *pointer = self.advance(*pointer, index, stride);
            }
        }
        let inner = self.arguments.inner_begin;
        let nothing = vec![None; self.kernel.body.len()];
        Env { lanes: 1, pointers, indices, inner, groups: nothing.clone(), splats: nothing }
    }

    /// A stack slot of so many bytes, aligned for vectors.
    pub(super) fn stack_slot(&mut self, bytes: usize) -> StackSlot {
        self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes as u32, 4))
    }

    pub(super) fn stack_address(&mut self, slot: StackSlot) -> Value {
        self.builder.ins().stack_addr(types::I64, slot, 0)
    }

    /// Which values must be computed to know some, where an env has those of its groups.
    pub(super) fn needed(&self, env: &Env, roots: impl IntoIterator<Item = Scalar>) -> Vec<bool> {
        let mut needed = vec![false; self.kernel.body.len()];
        for root in roots {
            needed[root.index()] = true;
        }
        for (value, instruction, _) in self.kernel.body.iter().rev() {
            if needed[value.index()] && env.groups[value.index()].is_none() && self.in_scratch[value.index()].is_none()
            {
                for operand in instruction.operands() {
                    needed[operand.index()] = true;
                }
            }
        }
        needed
    }

    /// Computes those of the needed values that an env lacks and whose place is accepted, in the body's order.
    pub(super) fn evaluate(&mut self, env: &mut Env, needed: &[bool], accept: impl Fn(Place) -> bool) {
        for (index, &is_needed) in needed.iter().enumerate() {
            if is_needed && env.groups[index].is_none() && accept(self.places[index]) {
                let value = Scalar(index as u32);
                let group = match self.in_scratch[index] {
                    Some(address) => self.load_scratch(env, self.kernel.body.dtype(value), address),
                    None => self.evaluate_instruction(env, value),
                };
                env.groups[index] = Some(group);
            }
        }
    }
}
