//! Loads and stores of groups.

use cranelift_codegen::ir::{InstBuilder, Value};
use smallvec::smallvec;
use tancho_tensor::DType;

use super::emitter::{ByteStride, Emitter, Env};
use super::group::Group;
use super::types::{VECTOR_BYTES, element_type, lanes_per_vector, memory, vector_type};

impl Emitter<'_, '_> {
    /// The elements that an access reads at an env's points.
    pub(super) fn load_access(&mut self, env: &Env, access: usize, dtype: DType) -> Group {
        let stride = *self.arguments.strides[access].last().expect("there is an inner dimension");
        let pointer = env.pointers[access];
        match stride {
            ByteStride::Zero => Group::Scalar(self.load_element(dtype, pointer, 0)),
            ByteStride::Constant(_) => {
                let address = self.advance(pointer, env.inner, stride);
                self.load_group(dtype, address, env.lanes)
            }
            ByteStride::Variable(step) => {
                let mut address = self.advance(pointer, env.inner, stride);
                let mut scalars = vec![self.load_element(dtype, address, 0)];
                while scalars.len() < env.lanes {
                    address = self.builder.ins().iadd(address, step);
                    scalars.push(self.load_element(dtype, address, 0));
                }
                self.build(dtype, &scalars)
            }
        }
    }

    /// Writes a group to an access's elements at an env's points.
    pub(super) fn store_access(&mut self, env: &Env, access: usize, dtype: DType, group: &Group) {
        let stride = *self.arguments.strides[access].last().expect("there is an inner dimension");
        let pointer = env.pointers[access];
        match stride {
            // All points write one element, and the last one stays.
            ByteStride::Zero => {
                let last = self.extract(group, dtype, env.lanes - 1);
                self.builder.ins().store(memory(), last, pointer, 0);
            }
            ByteStride::Constant(_) => {
                let address = self.advance(pointer, env.inner, stride);
                self.store_group(dtype, group, address, env.lanes);
            }
            ByteStride::Variable(step) => {
                let mut address = self.advance(pointer, env.inner, stride);
                for lane in 0..env.lanes {
                    if lane > 0 {
                        address = self.builder.ins().iadd(address, step);
                    }
                    let element = self.extract(group, dtype, lane);
                    self.builder.ins().store(memory(), element, address, 0);
                }
            }
        }
    }

    /// The elements at an env's points of a row in scratch memory.
    pub(super) fn load_scratch(&mut self, env: &Env, dtype: DType, row: Value) -> Group {
        let address = self.advance(row, env.inner, ByteStride::Constant(dtype.size() as i64));
        self.load_group(dtype, address, env.lanes)
    }

    /// Writes a group to a row in scratch memory.
    pub(super) fn store_scratch(&mut self, env: &Env, dtype: DType, row: Value, group: &Group) {
        let address = self.advance(row, env.inner, ByteStride::Constant(dtype.size() as i64));
        self.store_group(dtype, group, address, env.lanes);
    }

    pub(super) fn load_element(&mut self, dtype: DType, address: Value, offset: i32) -> Value {
        self.builder.ins().load(element_type(dtype), memory(), address, offset)
    }

    /// Loads elements that lie side by side.
    pub(super) fn load_group(&mut self, dtype: DType, address: Value, lanes: usize) -> Group {
        if lanes == 1 {
            return Group::Scalar(self.load_element(dtype, address, 0));
        }
        let mut parts = smallvec![];
        for part in 0..lanes / lanes_per_vector(dtype) {
            let offset = (part * VECTOR_BYTES) as i32;
            parts.push(self.builder.ins().load(vector_type(dtype), memory(), address, offset));
        }
        self.group_from_vectors(dtype, parts)
    }

    /// Writes elements side by side.
    pub(super) fn store_group(&mut self, dtype: DType, group: &Group, address: Value, lanes: usize) {
        if lanes == 1 {
            self.builder.ins().store(memory(), group.scalar(), address, 0);
            return;
        }
        for (part, vector) in self.memory_vectors(group, dtype, lanes).into_iter().enumerate() {
            self.builder.ins().store(memory(), vector, address, (part * VECTOR_BYTES) as i32);
        }
    }
}
