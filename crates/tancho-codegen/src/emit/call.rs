//! Calls of functions for the lanes that need them.
//!
//! Whether any lane does is one test. The calls stand in blocks that are laid out behind the function: they write the
//! operands to the stack, go from lane to lane, and read the results back. The address of the function is a constant of the
//! code, which so needs no relocation.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, BlockArg, InstBuilder, Signature, Value, types};
use tancho_kernels::scalar;
use tancho_tensor::DType;

use super::emitter::Emitter;
use super::group::{Group, Parts};
use super::types::{VECTOR_BYTES, element_type, mask_type, memory, signed_dtype};
use crate::kernel::LaneFunction;

/// The most bytes that the lanes of a group take.
const GROUP_BYTES: usize = 128;

/// The address of a function.
fn address_of(function: LaneFunction) -> usize {
    match function {
        LaneFunction::RemainderF32 => scalar::remainder_f32 as *const () as usize,
        LaneFunction::RemainderF64 => scalar::remainder_f64 as *const () as usize,
        LaneFunction::PowerI64 => scalar::power_i64 as *const () as usize,
        LaneFunction::PowerU64 => scalar::power_u64 as *const () as usize,
        LaneFunction::SineF64 => scalar::sine_f64 as *const () as usize,
        LaneFunction::CosineF64 => scalar::cosine_f64 as *const () as usize,
        LaneFunction::TanF64 => scalar::tan_f64 as *const () as usize,
        LaneFunction::SineF32 => scalar::sine_f32 as *const () as usize,
        LaneFunction::CosineF32 => scalar::cosine_f32 as *const () as usize,
        LaneFunction::TanF32 => scalar::tan_f32 as *const () as usize,
    }
}

impl Emitter<'_, '_> {
    /// The results of a function where a condition holds, else other values.
    pub(super) fn call_lanes(
        &mut self,
        function: LaneFunction,
        dtype: DType,
        arguments: [&Group; 2],
        condition: &Group,
        otherwise: &Group,
        lanes: usize,
    ) -> Group {
        let groups = [arguments[0], arguments[1], condition, otherwise];
        if groups.iter().all(|group| group.is_scalar()) {
            let (x, y, condition) = (arguments[0].scalar(), arguments[1].scalar(), condition.scalar());
            let otherwise = otherwise.scalar();
            return Group::Scalar(self.call_scalar(function, dtype, [x, y], condition, otherwise));
        }
        let mask = self.mask(condition, dtype.bits(), lanes);
        let otherwise = self.parts(otherwise, dtype, lanes);
        let any = mask.iter().copied().reduce(|x, y| self.builder.ins().bor(x, y)).expect("a group has a vector");
        let any = self.builder.ins().vany_true(any);
        let (cold, join) = (self.builder.create_block(), self.builder.create_block());
        for &part in &otherwise {
            let ty = self.builder.func.dfg.value_type(part);
            self.builder.append_block_param(join, ty);
        }
        let kept: Vec<BlockArg> = otherwise.iter().map(|&part| part.into()).collect();
        self.builder.ins().brif(any, cold, &[], join, &kept);
        self.builder.set_cold_block(cold);
        self.builder.switch_to_block(cold);
        let [x, y] = arguments.map(|group| self.parts(group, dtype, lanes));
        let results = self.call_each_lane(function, dtype, [&x, &y, &mask, &otherwise]);
        let results: Vec<BlockArg> = results.into_iter().map(BlockArg::from).collect();
        self.builder.ins().jump(join, &results);
        self.builder.switch_to_block(join);
        Group::Vectors(self.builder.block_params(join).iter().copied().collect())
    }

    fn call_scalar(
        &mut self,
        function: LaneFunction,
        dtype: DType,
        arguments: [Value; 2],
        condition: Value,
        otherwise: Value,
    ) -> Value {
        let (cold, join) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(join, element_type(dtype));
        self.builder.ins().brif(condition, cold, &[], join, &[otherwise.into()]);
        self.builder.set_cold_block(cold);
        self.builder.switch_to_block(cold);
        let called = self.call(function, dtype, arguments);
        self.builder.ins().jump(join, &[called.into()]);
        self.builder.switch_to_block(join);
        result
    }

    /// Goes through the lanes in memory: arguments, mask, and results, which begin as what is kept.
    fn call_each_lane(&mut self, function: LaneFunction, dtype: DType, groups: [&Parts; 4]) -> Parts {
        let size = dtype.size() as i64;
        let slots = match self.call_slots {
            Some(slots) => slots,
            None => {
                let slots = [(); 4].map(|()| self.stack_slot(GROUP_BYTES));
                self.call_slots = Some(slots);
                slots
            }
        };
        let addresses = slots.map(|slot| self.stack_address(slot));
        for (parts, &address) in groups.iter().zip(&addresses) {
            for (index, &part) in parts.iter().enumerate() {
                self.builder.ins().store(memory(), part, address, (index * VECTOR_BYTES) as i32);
            }
        }
        let blocks @ [lane, call, next, done] = [(); 4].map(|()| self.builder.create_block());
        for block in blocks {
            self.builder.set_cold_block(block);
        }
        let offset = self.builder.append_block_param(lane, types::I64);
        let zero = self.integer(0);
        self.builder.ins().jump(lane, &[zero.into()]);

        self.builder.switch_to_block(lane);
        let [x, y, mask, result] = addresses.map(|address| self.builder.ins().iadd(address, offset));
        let mask_element = element_type(signed_dtype(mask_type(dtype.bits()).lane_bits() as usize));
        let is_needed = self.builder.ins().load(mask_element, memory(), mask, 0);
        self.builder.ins().brif(is_needed, call, &[], next, &[]);

        self.builder.switch_to_block(call);
        let arguments = [self.load_element(dtype, x, 0), self.load_element(dtype, y, 0)];
        let called = self.call(function, dtype, arguments);
        self.builder.ins().store(memory(), called, result, 0);
        self.builder.ins().jump(next, &[]);

        self.builder.switch_to_block(next);
        let moved = self.builder.ins().iadd_imm_s(offset, size);
        let bytes = (groups[3].len() * VECTOR_BYTES) as i64;
        let more = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, moved, bytes);
        self.builder.ins().brif(more, lane, &[moved.into()], done, &[]);

        self.builder.switch_to_block(done);
        let results = groups[3].iter().enumerate().map(|(index, &part)| {
            let ty = self.builder.func.dfg.value_type(part);
            self.builder.ins().load(ty, memory(), addresses[3], (index * VECTOR_BYTES) as i32)
        });
        results.collect()
    }

    fn call(&mut self, function: LaneFunction, dtype: DType, arguments: [Value; 2]) -> Value {
        let parameter = AbiParam::new(element_type(dtype));
        let mut signature = Signature::new(self.builder.func.signature.call_conv);
        signature.params.extend([parameter, parameter]);
        signature.returns.push(parameter);
        let signature = self.builder.import_signature(signature);
        let address = self.integer(address_of(function) as i64);
        let call = self.builder.ins().call_indirect(signature, address, &arguments);
        self.builder.inst_results(call)[0]
    }
}
