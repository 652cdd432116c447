//! The op set: a closed enum of families, one file each.
//!
//! An op that StableHLO has takes its name and its meaning from the StableHLO specification, with one restriction that
//! the specification leaves open: every op is *total*. Integer `x / 0` is −1 (all ones), `x % 0` is `x`, `MIN / −1` is
//! `MIN`, `MIN % −1` is 0; a shift by the width or more gives 0 (or the sign); a float becomes an integer by truncation
//! that saturates, NaN becomes 0. So no program can trap.
//!
//! Each family file holds the ops' definitions, [`infer`] (the checks and the result types) and the attributes' text.
//! The other *columns* — interpreter, compiler, importers, samples — have a file of the same name for the family, and
//! each is an exhaustive `match`, so that whoever adds an op is walked through the list by the compiler.
//!
//! Constraints are labelled as in the StableHLO specification, `(C2)`, in the op's doc and where they are checked.

pub mod elementwise;
pub mod shape;
pub mod reduce;
pub mod dot;
pub mod window;
pub mod conv;
pub mod fold;
pub mod index;
pub mod random;
pub mod linalg;
pub mod control;
pub mod effect;

use std::sync::Arc;

use smallvec::SmallVec;

pub use control::{CallGradient, ControlOp, CustomCall};
pub use conv::{ConvAxes, ConvOp};
pub use dot::DotOp;
pub use effect::EffectOp;
pub use elementwise::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};
pub use fold::FoldOp;
pub use index::{GatherOp, IndexOp, ScatterOp};
pub use linalg::LinalgOp;
pub use random::{RandomAlgorithm, RandomOp};
pub use reduce::{ReduceKind, ReduceOp};
pub use shape::ShapeOp;
pub use window::WindowAxis;

use crate::{Dim, Graph, Relation, TensorType};

/// An operation, without its operands.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The same function of every element.
    Elementwise(ElementwiseOp),
    /// Constants and the movement of data.
    Shape(ShapeOp),
    /// Folds along axes.
    Reduce(ReduceOp),
    /// Products over contracted axes.
    Dot(DotOp),
    /// Convolutions.
    Conv(ConvOp),
    /// Folds with a function of their own, windows among them.
    Fold(FoldOp),
    /// Reading and writing at computed places; sorting.
    Index(IndexOp),
    /// Random bits.
    Random(RandomOp),
    /// Factors of matrices and triangular systems.
    Linalg(LinalgOp),
    /// Calls, loops, branches.
    Control(ControlOp),
    /// What a program does beside computing.
    Effect(EffectOp),
}

impl Op {
    /// The name in the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Elementwise(op) => op.name(),
            Op::Shape(op) => op.name(),
            Op::Reduce(op) => op.name(),
            Op::Dot(op) => op.name(),
            Op::Conv(op) => op.name(),
            Op::Fold(op) => op.name(),
            Op::Index(op) => op.name(),
            Op::Random(op) => op.name(),
            Op::Linalg(op) => op.name(),
            Op::Control(op) => op.name(),
            Op::Effect(op) => op.name(),
        }
    }

    /// How many operands the op takes; `None` where any number will do.
    pub fn arity(&self) -> Option<usize> {
        match self {
            Op::Elementwise(op) => Some(op.arity()),
            Op::Shape(op) => op.arity(),
            Op::Reduce(_) => Some(1),
            Op::Dot(_) | Op::Conv(_) => Some(2),
            Op::Fold(op) => op.arity(),
            Op::Index(op) => op.arity(),
            Op::Random(_) => Some(1),
            Op::Linalg(op) => Some(op.arity()),
            Op::Control(op) => op.arity(),
            Op::Effect(_) => None,
        }
    }

    /// The graphs that the op holds, under the names of their attributes.
    pub fn regions(&self) -> Vec<(&'static str, &Arc<Graph>)> {
        match self {
            Op::Fold(op) => op.regions(),
            Op::Index(op) => op.regions(),
            Op::Control(op) => op.regions(),
            Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Reduce(_)
            | Op::Dot(_)
            | Op::Conv(_)
            | Op::Random(_)
            | Op::Linalg(_)
            | Op::Effect(_) => Vec::new(),
        }
    }

    /// Those of [`Op::regions`] that the op runs: what a call holds for its gradient is left out.
    pub fn run_regions(&self) -> Vec<(&'static str, &Arc<Graph>)> {
        if let Op::Control(ControlOp::Call { callee, gradient: _ }) = self {
            return vec![("callee", callee)];
        }
        self.regions()
    }

    /// The op with other graphs in the place of those that it holds, in the order of [`Op::regions`].
    pub fn with_regions(&self, mut replace: impl FnMut(&Arc<Graph>) -> Arc<Graph>) -> Op {
        match self {
            Op::Fold(op) => Op::Fold(match op {
                FoldOp::Reduce { axes, body } => FoldOp::Reduce { axes: axes.clone(), body: replace(body) },
                FoldOp::ReduceWindow { window, body } => {
                    FoldOp::ReduceWindow { window: window.clone(), body: replace(body) }
                }
                FoldOp::SelectAndScatter { window, select, scatter } => FoldOp::SelectAndScatter {
                    window: window.clone(),
                    select: replace(select),
                    scatter: replace(scatter),
                },
                FoldOp::Scan { axis, reverse, body } => {
                    FoldOp::Scan { axis: *axis, reverse: *reverse, body: replace(body) }
                }
            }),
            Op::Index(op) => Op::Index(match op {
                IndexOp::Scatter(scatter) => {
                    IndexOp::Scatter(ScatterOp { body: replace(&scatter.body), ..scatter.clone() })
                }
                IndexOp::Sort { axis, stable, comparator } => {
                    IndexOp::Sort { axis: *axis, stable: *stable, comparator: replace(comparator) }
                }
                IndexOp::Gather(_)
                | IndexOp::DynamicSlice { .. }
                | IndexOp::DynamicUpdateSlice
                | IndexOp::TopK { .. } => op.clone(),
            }),
            Op::Control(op) => Op::Control(match op {
                ControlOp::Call { callee, gradient } => {
                    let callee = replace(callee);
                    let gradient = match gradient {
                        CallGradient::Custom(gradient) => CallGradient::Custom(replace(gradient)),
                        CallGradient::Through | CallGradient::Recompute => gradient.clone(),
                    };
                    ControlOp::Call { callee, gradient }
                }
                ControlOp::While { condition, body, bound } => {
                    let condition = replace(condition);
                    ControlOp::While { condition, body: replace(body), bound: bound.clone() }
                }
                ControlOp::Case { branches } => ControlOp::Case { branches: branches.iter().map(replace).collect() },
                ControlOp::OptimizationBarrier | ControlOp::StopGradient | ControlOp::CustomCall(_) => op.clone(),
            }),
            Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Reduce(_)
            | Op::Dot(_)
            | Op::Conv(_)
            | Op::Random(_)
            | Op::Linalg(_)
            | Op::Effect(_) => self.clone(),
        }
    }

    /// Whether the op must happen even if nobody uses its results.
    pub fn has_side_effect(&self) -> bool {
        self.is_effect() || self.run_regions().iter().any(|(_, graph)| graph.has_side_effect())
    }

    /// Whether the op has an effect of its own, the graphs that it holds aside.
    pub(crate) fn is_effect(&self) -> bool {
        match self {
            Op::Control(op) => match op {
                ControlOp::CustomCall(call) => call.has_side_effect,
                ControlOp::Call { .. }
                | ControlOp::While { .. }
                | ControlOp::Case { .. }
                | ControlOp::OptimizationBarrier
                | ControlOp::StopGradient => false,
            },
            Op::Effect(EffectOp::Print { .. } | EffectOp::Assert { .. }) => true,
            Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Reduce(_)
            | Op::Dot(_)
            | Op::Conv(_)
            | Op::Fold(_)
            | Op::Index(_)
            | Op::Random(_)
            | Op::Linalg(_) => false,
        }
    }
}

impl From<ElementwiseOp> for Op {
    fn from(op: ElementwiseOp) -> Self {
        Op::Elementwise(op)
    }
}

impl From<ShapeOp> for Op {
    fn from(op: ShapeOp) -> Self {
        Op::Shape(op)
    }
}

impl From<ReduceOp> for Op {
    fn from(op: ReduceOp) -> Self {
        Op::Reduce(op)
    }
}

impl From<DotOp> for Op {
    fn from(op: DotOp) -> Self {
        Op::Dot(op)
    }
}

impl From<ConvOp> for Op {
    fn from(op: ConvOp) -> Self {
        Op::Conv(op)
    }
}

impl From<FoldOp> for Op {
    fn from(op: FoldOp) -> Self {
        Op::Fold(op)
    }
}

impl From<IndexOp> for Op {
    fn from(op: IndexOp) -> Self {
        Op::Index(op)
    }
}

impl From<RandomOp> for Op {
    fn from(op: RandomOp) -> Self {
        Op::Random(op)
    }
}

impl From<LinalgOp> for Op {
    fn from(op: LinalgOp) -> Self {
        Op::Linalg(op)
    }
}

impl From<EffectOp> for Op {
    fn from(op: EffectOp) -> Self {
        Op::Effect(op)
    }
}

impl From<ControlOp> for Op {
    fn from(op: ControlOp) -> Self {
        Op::Control(op)
    }
}

/// The result types of an op, one for most.
pub type ResultTypes = SmallVec<[TensorType; 1]>;

/// Checks an op against the types of its operands and gives the types of its results.
///
/// What cannot be decided while sizes are unknown is added to `relations`.
///
/// # Errors
/// A constraint of the op does not hold, whatever the symbols are.
pub fn infer(op: &Op, operands: &[TensorType], relations: &mut Vec<Relation>) -> Result<ResultTypes, OpError> {
    if let Some(arity) = op.arity()
        && operands.len() != arity
    {
        return Err(OpError::new(op.name(), "i", format!("takes {arity} operands, but {} are given", operands.len())));
    }
    let mut check = Check { op: op.name(), relations };
    match op {
        Op::Elementwise(op) => elementwise::infer(op, operands, &mut check).map(one),
        Op::Shape(op) => shape::infer(op, operands, &mut check).map(one),
        Op::Reduce(op) => reduce::infer(op, &operands[0], &mut check).map(one),
        Op::Dot(op) => dot::infer(op, &operands[0], &operands[1], &mut check).map(one),
        Op::Conv(op) => conv::infer(op, &operands[0], &operands[1], &mut check).map(one),
        Op::Fold(op) => fold::infer(op, operands, &mut check),
        Op::Index(op) => index::infer(op, operands, &mut check),
        Op::Random(op) => random::infer(op, &operands[0], &mut check),
        Op::Linalg(op) => linalg::infer(op, operands, &mut check).map(one),
        Op::Control(op) => control::infer(op, operands, &mut check),
        Op::Effect(op) => effect::infer(op, operands, &check),
    }
}

fn one(result: TensorType) -> ResultTypes {
    ResultTypes::from_iter([result])
}

/// A constraint of an op that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{op}: {message}")]
pub struct OpError {
    pub op: &'static str,
    /// The label of the constraint in the op's documentation, `c2`; `i` for the number of operands.
    pub constraint: &'static str,
    pub message: String,
}

impl OpError {
    pub fn new(op: &'static str, constraint: &'static str, message: impl Into<String>) -> Self {
        OpError { op, constraint, message: message.into() }
    }
}

/// The checks of one op under way: makes its errors and collects what only a call can decide.
pub(crate) struct Check<'a> {
    op: &'static str,
    relations: &'a mut Vec<Relation>,
}

impl Check<'_> {
    pub(crate) fn error(&self, constraint: &'static str, message: impl Into<String>) -> OpError {
        OpError::new(self.op, constraint, message)
    }

    pub(crate) fn that(
        &self,
        holds: bool,
        constraint: &'static str,
        message: impl FnOnce() -> String,
    ) -> Result<(), OpError> {
        if holds { Ok(()) } else { Err(self.error(constraint, message())) }
    }

    /// Requires a relation between sizes: an error where it never holds, recorded where it depends.
    pub(crate) fn relation(
        &mut self,
        relation: Relation,
        constraint: &'static str,
        message: impl FnOnce() -> String,
    ) -> Result<(), OpError> {
        match relation.always_holds() {
            Some(true) => Ok(()),
            Some(false) => Err(self.error(constraint, message())),
            None => {
                if !self.relations.contains(&relation) {
                    self.relations.push(relation);
                }
                Ok(())
            }
        }
    }

    pub(crate) fn equal(
        &mut self,
        left: &Dim,
        right: &Dim,
        constraint: &'static str,
        message: impl FnOnce() -> String,
    ) -> Result<(), OpError> {
        self.relation(Relation::Equal(left.clone(), right.clone()), constraint, message)
    }

    /// Requires `left ≥ right`. Symbols are sizes, so that a sum of non-negative terms needs no record.
    pub(crate) fn at_least(
        &mut self,
        left: &Dim,
        right: &Dim,
        constraint: &'static str,
        message: impl FnOnce() -> String,
    ) -> Result<(), OpError> {
        if (left.clone() - right.clone()).is_never_negative() {
            return Ok(());
        }
        self.relation(Relation::AtLeast(left.clone(), right.clone()), constraint, message)
    }

    /// Requires two types with the same sizes.
    pub(crate) fn same_dims(
        &mut self,
        left: &TensorType,
        right: &TensorType,
        constraint: &'static str,
    ) -> Result<(), OpError> {
        let message = || format!("shapes differ: {left} and {right}");
        self.that(left.rank() == right.rank(), constraint, message)?;
        left.dims.iter().zip(&right.dims).try_for_each(|(x, y)| self.equal(x, y, constraint, message))
    }

    /// Requires axes within the rank, each at most once.
    pub(crate) fn distinct_axes(
        &self,
        axes: &[usize],
        rank: usize,
        constraint: &'static str,
        what: &str,
    ) -> Result<(), OpError> {
        for (place, &axis) in axes.iter().enumerate() {
            self.that(axis < rank, constraint, || format!("{what} {axis} is out of range for rank {rank}"))?;
            self.that(!axes[..place].contains(&axis), constraint, || format!("{what} {axis} is named twice"))?;
        }
        Ok(())
    }
}
