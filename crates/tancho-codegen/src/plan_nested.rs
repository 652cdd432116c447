//! The planning of launches that are no kernels: procedures, loops, branches, calls of the host.
//!
//! A loop's state has two places for each value, the result's own and one in the arena; a run of the body reads one and
//! writes the other, and both change parts. Where the body may write a value over its argument (as a donated one, see
//! `donate`), there is only the first place, and the body works in it.

use std::sync::Arc;

use tancho_ir::{Bindings, Dim, TensorType};
use tancho_tensor::{ALIGNMENT, Shape};

use crate::compiled::Compiled;
use crate::donate::may_replace;
use crate::kernel::Form;
use crate::plan::{PlanError, Planner, ResultSource, shape_of};
use crate::program::{
    BufferId, CaseLaunch, HostLaunch, Launch, Memory, ProcedureLaunch, Program, TypedBuffer, WhileLaunch,
};
use crate::step::{
    Base, BoundKernel, CaseStep, CopyStep, HostStep, LoopStep, NestedPlan, Pointer, StateValue, Step, Tiles, WhileStep,
};

/// Lets what an output begins as a copy of be made in the output's memory, where nothing needs it any more after that: the
/// last launches first, so that a chain of updates works in one place.
pub(crate) fn begin_in_outputs(
    program: &Program,
    bytes: &[usize],
    last_use: &[Option<usize>],
    places: &mut [Option<Pointer>],
) {
    for (index, launch) in program.launches.iter().enumerate().rev() {
        let Launch::Procedure(launch) = launch else { continue };
        for &(written, source) in &launch.initial {
            let is_temporary = matches!(program.buffers[source.index()].memory, Memory::Temporary);
            let is_read = launch.operands.contains(&(source, false));
            let copies = launch.initial.iter().filter(|initial| initial.1 == source).count();
            if let Some(place @ Pointer { base: Base::Output(_), .. }) = places[written.index()]
                && is_temporary
                && !is_read
                && copies == 1
                && last_use[source.index()] == Some(index)
                && places[source.index()].is_none()
                && bytes[written.index()] == bytes[source.index()]
            {
                places[source.index()] = Some(place);
            }
        }
    }
}

impl Planner<'_> {
    /// Lets a result that begins as a copy take the place of its source, where nothing needs that any more.
    pub(crate) fn take_over(&mut self, index: usize, launch: &ProcedureLaunch) {
        let buffers = &self.compiled.program.buffers;
        for &(written, source) in &launch.initial {
            let temporary = |buffer: BufferId| matches!(buffers[buffer.index()].memory, Memory::Temporary);
            let others = launch.operands.iter().filter(|operand| !operand.1 && operand.0 == source).count();
            if let Some(place @ Pointer { base: Base::Arena, .. }) = self.places[source.index()]
                && self.compiled.uses.last[source.index()] == Some(index)
                && !self.taken_over.contains(&source)
                && temporary(written)
                && temporary(source)
                && others == 0
                && launch.initial.iter().filter(|initial| initial.1 == source).count() == 1
                && self.places[written.index()].is_none()
                && self.bytes_of(written) == self.bytes_of(source)
            {
                self.places[written.index()] = Some(place);
                self.taken_over.push(source);
            }
        }
    }

    pub(crate) fn plan_procedure(&mut self, index: usize, launch: &ProcedureLaunch) -> Result<(), PlanError> {
        for &(written, source) in &launch.initial {
            let (to, from) = (self.place(written), self.place(source));
            if to != from {
                self.push_copy(to, from, self.bytes_of(source));
            }
        }
        let rows = self.evaluate(&launch.rows)?;
        if rows <= 0 {
            return Ok(());
        }
        let work = self.evaluate(&launch.work)?.max(1);
        let pointers = launch.operands.iter().map(|operand| self.place(operand.0)).collect();
        let arguments = launch.sizes.iter().map(|dim| self.place_size(dim)).collect::<Result<_, _>>()?;
        let code = self.compiled.codes[index].as_ref().expect("a procedure has code");
        let kernel = BoundKernel { function: code.function(), pointers, arguments };
        self.steps.push(Step::Loop(LoopStep { kernel, tiles: Tiles::of_loop(Form::Map, rows, 1, work) }));
        Ok(())
    }

    /// A size with which code computes places: small enough that sums and products with window sizes do not overflow.
    pub(crate) fn place_size(&self, dim: &Dim) -> Result<i64, PlanError> {
        const LARGEST: u64 = 1 << 48;
        let size = self.evaluate(dim)?;
        if size.unsigned_abs() > LARGEST { Err(PlanError::Size(dim.clone())) } else { Ok(size) }
    }

    fn push_copy(&mut self, to: Pointer, from: Pointer, bytes: usize) {
        if bytes > 0 {
            self.steps.push(Step::Copy(CopyStep { to, from, bytes }));
        }
    }

    /// The plan of a nested program for operands of these buffers.
    fn nested(&mut self, compiled: &Arc<Compiled>, operands: &[TypedBuffer]) -> Result<NestedPlan, PlanError> {
        let shapes = operands.iter().map(|operand| shape_of(&operand.of, self.bindings));
        let shapes = shapes.collect::<Result<Vec<Shape>, PlanError>>()?;
        let bindings = bind_shapes(&compiled.program.parameters, &shapes);
        let plan = Arc::new(compiled.plan(&bindings)?);
        self.scratch_bytes = self.scratch_bytes.max(plan.scratch_bytes);
        self.parallel |= plan.parallel;
        let temporary_bytes = plan.temporary_bytes;
        let arena = self.arena.take(temporary_bytes);
        let result_bytes =
            plan.results.iter().map(|result| result.shape.iter().product::<usize>() * result.dtype.size());
        let result_bytes = result_bytes.collect();
        Ok(NestedPlan { plan, arena: Pointer::arena(arena), result_bytes, temporary_bytes })
    }

    fn free_nested(&mut self, nested: &NestedPlan) {
        self.arena.give_back(nested.arena.offset as usize, nested.temporary_bytes);
    }

    pub(crate) fn plan_while(&mut self, launch: &WhileLaunch) -> Result<(), PlanError> {
        let condition = self.nested(&launch.condition, &launch.operands)?;
        let body = self.nested(&launch.body, &launch.operands)?;
        let mut state = Vec::new();
        let mut taken = Vec::new();
        for (position, &result) in launch.results.iter().enumerate() {
            let bytes = self.bytes_of(result);
            let source = &body.plan.results[position].source;
            let stays = matches!(source, ResultSource::Argument(argument) if *argument == position);
            let in_place = !stays && may_replace(&body.plan, position, position);
            let other = if in_place || stays {
                None
            } else {
                let offset = self.arena.take(bytes);
                taken.push((offset, bytes));
                Some(Pointer::arena(offset))
            };
            state.push(StateValue { first: self.place(result), other, stays, bytes });
        }
        let flag = self.arena.take(ALIGNMENT);
        let operands = launch.operands.iter().map(|operand| self.place(operand.buffer)).collect();
        self.free_nested(&condition);
        self.free_nested(&body);
        self.arena.give_back(flag, ALIGNMENT);
        taken.into_iter().for_each(|(offset, bytes)| self.arena.give_back(offset, bytes));
        let flag = Pointer::arena(flag);
        let bound = launch.bound.as_ref().and_then(|bound| self.bindings.evaluate(bound));
        self.steps.push(Step::While(Box::new(WhileStep { condition, body, operands, state, flag, bound })));
        Ok(())
    }

    pub(crate) fn plan_case(&mut self, launch: &CaseLaunch) -> Result<(), PlanError> {
        let mut branches = Vec::new();
        for branch in &launch.branches {
            // One branch runs at a time, so that all may use the same memory.
            let nested = self.nested(branch, &launch.operands)?;
            self.free_nested(&nested);
            branches.push(nested);
        }
        let is_bool = self.compiled.program.buffers[launch.index.index()].of.dtype == tancho_tensor::DType::Bool;
        let operands = launch.operands.iter().map(|operand| self.place(operand.buffer)).collect();
        let results = launch.results.iter().map(|&result| self.place(result)).collect();
        let index = self.place(launch.index);
        self.steps.push(Step::Case(Box::new(CaseStep { index, is_bool, branches, operands, results })));
        Ok(())
    }

    pub(crate) fn plan_host(&mut self, launch: &HostLaunch) -> Result<(), PlanError> {
        let operand = |operand: &TypedBuffer| {
            Ok((self.place(operand.buffer), operand.of.dtype, shape_of(&operand.of, self.bindings)?))
        };
        let operands = launch.operands.iter().map(operand).collect::<Result<_, PlanError>>()?;
        let result = |buffer: &BufferId| {
            let of = &self.compiled.program.buffers[buffer.index()].of;
            Ok((self.place(*buffer), of.dtype, shape_of(of, self.bindings)?))
        };
        let results = launch.results.iter().map(result).collect::<Result<_, PlanError>>()?;
        let (action, span) = (launch.action.clone(), launch.span.clone());
        self.steps.push(Step::Host(Box::new(HostStep { action, span, operands, results })));
        Ok(())
    }
}

/// The values of a nested program's symbols, from the sizes of its operands. The verifier has checked that they fit.
fn bind_shapes(parameters: &[TensorType], shapes: &[Shape]) -> Bindings {
    let mut bindings = Bindings::default();
    for (of, shape) in parameters.iter().zip(shapes) {
        for (dim, &size) in of.dims.iter().zip(shape.iter()) {
            if let Some(symbol) = dim.as_symbol()
                && bindings.value_of(symbol).is_none()
            {
                bindings.insert(symbol.clone(), size as i64);
            }
        }
    }
    bindings
}
