//! Procedures: structured code, one scalar at a time.
//!
//! The variables are Cranelift's own, which it brings into SSA form. A straight-line body is emitted by the same code that
//! emits a kernel's body for one lane.

use std::mem::take;

use cranelift_codegen::ir::{AbiParam, Function, InstBuilder, Signature, Value, condcodes::IntCC, types::I64};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable as Slot};

use super::emitter::{Arguments, Emitter, Env};
use super::group::Group;
use super::types::{argument_memory, element_type, memory};
use crate::kernel::{self, Body, Form, Instruction, Kernel};
use crate::procedure::{Block, Compute, Place, Procedure, Statement, Variable};

/// Writes a procedure's function in Cranelift IR. The function has its signature and nothing else.
pub(crate) fn build_procedure(
    procedure: &Procedure,
    function: &mut Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
) {
    let mut builder = FunctionBuilder::new(function, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let parameters = builder.block_params(entry).to_vec();
    let [pointers, values, scratch, row_begin, row_end, inner_begin, inner_end] = parameters[..] else {
        unreachable!("the signature has seven parameters")
    };
    let mut table = |base: Value, count: usize| -> Vec<Value> {
        (0..count).map(|place| builder.ins().load(I64, argument_memory(), base, 8 * place as i32)).collect()
    };
    let pointers = table(pointers, procedure.buffers.len());
    let body_sizes = table(values, procedure.sizes);
    let arguments = Arguments {
        pointers: Vec::new(),
        sizes: Vec::new(),
        strides: Vec::new(),
        body_sizes,
        scratch,
        row_begin,
        row_end,
        inner_begin,
        inner_end,
    };
    let slots: Vec<Slot> = procedure.variables.iter().map(|&dtype| builder.declare_var(element_type(dtype))).collect();
    builder.def_var(slots[Variable::ROW_BEGIN.index()], row_begin);
    builder.def_var(slots[Variable::ROW_END.index()], row_end);
    let mut emitter = ProcedureEmitter { procedure, builder: Some(builder), pointers, arguments, slots };
    emitter.emit_block(&procedure.block);
    let mut builder = emitter.builder.expect("it is put back after each body");
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
}

struct ProcedureEmitter<'p, 'f> {
    procedure: &'p Procedure,
    /// Taken while a body is emitted.
    builder: Option<FunctionBuilder<'f>>,
    pointers: Vec<Value>,
    arguments: Arguments,
    slots: Vec<Slot>,
}

impl<'f> ProcedureEmitter<'_, 'f> {
    fn builder(&mut self) -> &mut FunctionBuilder<'f> {
        self.builder.as_mut().expect("it is put back after each body")
    }

    fn value(&mut self, variable: Variable) -> Value {
        let slot = self.slots[variable.index()];
        self.builder().use_var(slot)
    }

    fn assign(&mut self, variable: Variable, value: Value) {
        let slot = self.slots[variable.index()];
        self.builder().def_var(slot, value);
    }

    fn emit_block(&mut self, block: &Block) {
        for statement in block {
            match statement {
                Statement::Compute(compute) => self.emit_compute(compute),
                Statement::Load { into, buffer, index } => {
                    let address = self.address(*buffer, *index);
                    let ty = element_type(self.procedure.variables[into.index()]);
                    let value = self.builder().ins().load(ty, memory(), address, 0);
                    self.assign(*into, value);
                }
                Statement::Store { buffer, index, value } => {
                    let address = self.address(*buffer, *index);
                    let value = self.value(*value);
                    self.builder().ins().store(memory(), value, address, 0);
                }
                Statement::Copy { to, from, count } => self.emit_copy(*to, *from, *count),
                Statement::For { index, begin, end, block } => self.emit_for(*index, *begin, *end, block),
                Statement::While { head, condition, block } => self.emit_while(head, *condition, block),
                Statement::If { condition, then, otherwise } => self.emit_if(*condition, then, otherwise),
            }
        }
    }

    fn address(&mut self, buffer: Place, index: Variable) -> Value {
        let size = self.procedure.buffers[buffer.index()].size();
        let index = self.value(index);
        let pointer = self.pointers[buffer.index()];
        let builder = self.builder();
        let offset = match size {
            1 => index,
            size => builder.ins().ishl_imm_u(index, i64::from(size.trailing_zeros())),
        };
        builder.ins().iadd(pointer, offset)
    }

    fn emit_compute(&mut self, compute: &Compute) {
        let kernel = kernel_of(&compute.body, self.procedure.sizes);
        let inputs: Vec<Value> = compute.inputs.iter().map(|&input| self.value(input)).collect();
        let length = compute.body.len();
        let place = kernel::Place { per_point: false, per_step: false, stage: 0 };
        let mut emitter = Emitter {
            kernel: &kernel,
            places: vec![place; length],
            builder: take(&mut self.builder).expect("bodies do not nest"),
            arguments: self.arguments.clone(),
            in_scratch: vec![None; length],
            call_slots: None,
        };
        let nothing = vec![None; length];
        let mut env = Env {
            lanes: 1,
            pointers: Vec::new(),
            indices: Vec::new(),
            inner: self.arguments.row_begin,
            groups: nothing.clone(),
            splats: nothing,
        };
        for (value, instruction, _) in compute.body.iter() {
            if let Instruction::Load(input) = instruction {
                env.groups[value.index()] = Some(Group::Scalar(inputs[input as usize]));
            }
        }
        let needed = emitter.needed(&env, compute.results.iter().map(|result| result.1));
        emitter.evaluate(&mut env, &needed, |_| true);
        self.builder = Some(emitter.builder);
        for &(variable, scalar) in &compute.results {
            let group = env.groups[scalar.index()].as_ref().expect("what is needed has been computed");
            let value = group.scalar();
            self.assign(variable, value);
        }
    }

    fn emit_copy(&mut self, to: (Place, Variable), from: (Place, Variable), count: Variable) {
        let size = self.procedure.buffers[to.0.index()].size();
        let (to, from) = (self.address(to.0, to.1), self.address(from.0, from.1));
        let count = self.value(count);
        let builder = self.builder();
        let bytes = builder.ins().ishl_imm_u(count, i64::from(size.trailing_zeros()));
        let mut signature = Signature::new(builder.func.signature.call_conv);
        signature.params.extend([AbiParam::new(I64); 3]);
        let signature = builder.import_signature(signature);
        let function = tancho_kernels::scalar::copy_bytes as *const () as usize;
        let function = builder.ins().iconst(I64, function as i64);
        builder.ins().call_indirect(signature, function, &[to, from, bytes]);
    }

    fn emit_for(&mut self, index: Variable, begin: Variable, end: Variable, block: &Block) {
        let (begin, end) = (self.value(begin), self.value(end));
        let builder = self.builder();
        let (inside, exit) = (builder.create_block(), builder.create_block());
        self.assign(index, begin);
        let builder = self.builder();
        let any = builder.ins().icmp(IntCC::SignedLessThan, begin, end);
        builder.ins().brif(any, inside, &[], exit, &[]);
        builder.switch_to_block(inside);
        self.emit_block(block);
        let at = self.value(index);
        let builder = self.builder();
        let next = builder.ins().iadd_imm_s(at, 1);
        self.assign(index, next);
        let builder = self.builder();
        let more = builder.ins().icmp(IntCC::SignedLessThan, next, end);
        builder.ins().brif(more, inside, &[], exit, &[]);
        builder.switch_to_block(exit);
    }

    fn emit_while(&mut self, head: &Block, condition: Variable, block: &Block) {
        let builder = self.builder();
        let (test, inside, exit) = (builder.create_block(), builder.create_block(), builder.create_block());
        builder.ins().jump(test, &[]);
        builder.switch_to_block(test);
        self.emit_block(head);
        let holds = self.value(condition);
        let builder = self.builder();
        builder.ins().brif(holds, inside, &[], exit, &[]);
        builder.switch_to_block(inside);
        self.emit_block(block);
        let builder = self.builder();
        builder.ins().jump(test, &[]);
        builder.switch_to_block(exit);
    }

    fn emit_if(&mut self, condition: Variable, then: &Block, otherwise: &Block) {
        let condition = self.value(condition);
        let builder = self.builder();
        let (first, second, join) = (builder.create_block(), builder.create_block(), builder.create_block());
        builder.ins().brif(condition, first, &[], second, &[]);
        for (block, code) in [(first, then), (second, otherwise)] {
            self.builder().switch_to_block(block);
            self.emit_block(code);
            self.builder().ins().jump(join, &[]);
        }
        self.builder().switch_to_block(join);
    }
}

/// A kernel that has a body and nothing else, for the code that emits bodies.
fn kernel_of(body: &Body, sizes: usize) -> Kernel {
    Kernel {
        form: Form::Map,
        outer: 0,
        loads: Vec::new(),
        body: body.clone(),
        reductions: Vec::new(),
        stores: Vec::new(),
        kept: Vec::new(),
        sizes,
    }
}
