//! The compiler's column of the op set: how an op becomes part of a kernel.
//!
//! A kernel is built backwards from the value that it stores. [`KernelBuilder::pull`] gives the body's value for one
//! element of a graph value, at an index that is an affine map of the kernel's dimensions: it goes through the op that makes
//! the value and pulls the operands at their maps, until it comes to a value that lies in memory and is loaded. So the
//! movement of data costs nothing but an index, and an op that cannot follow a map asks for a value to be laid into memory
//! instead ([`Stop::Materialize`]), after which the kernel is built anew.
//!
//! One file per family, as in `tancho-ir/src/ops`.

mod elementwise;
mod shape;
mod reduce;
mod dot;
mod conv;
mod fold;
mod index;
mod random;
mod linalg;
mod control;
mod effect;

use std::collections::HashMap;

use tancho_ir::{Graph, NodeId, Op, Value};
use tancho_tensor::DType;

use crate::compiled::CompileError;
use crate::draft::{Affine, Draft, Map, Role, Source, flatten};
use crate::fuse::{Lowering, dense_source};
use crate::kernel::Scalar;
use crate::math::Halves;
use crate::program::{BufferId, Launch};

pub(crate) use dot::lower_product;
pub(crate) use elementwise::apply;
pub(crate) use shape::element_bits;

/// Whether an op is no part of kernels, but has launches of its own.
pub(crate) fn has_own_launches(op: &Op) -> bool {
    match op {
        Op::Elementwise(_) | Op::Shape(_) | Op::Reduce(_) | Op::Dot(_) | Op::Conv(_) => false,
        Op::Fold(_) | Op::Index(_) | Op::Random(_) | Op::Linalg(_) | Op::Control(_) | Op::Effect(_) => true,
    }
}

/// The launches of such an op, which write its results.
///
/// # Errors
/// The op, or one in a graph that it holds, has no compiled form.
pub(crate) fn lower_launches(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &Op,
    results: &[BufferId],
) -> Result<Vec<Launch>, CompileError> {
    match op {
        Op::Fold(op) => fold::lower(lowering, id, op, results),
        Op::Index(op) => index::lower(lowering, id, op, results),
        Op::Random(op) => random::lower(lowering, id, op, results),
        Op::Linalg(op) => linalg::lower(lowering, id, op, results),
        Op::Control(op) => control::lower(lowering, id, op, results),
        Op::Effect(op) => effect::lower(lowering, id, op, results),
        Op::Elementwise(_) | Op::Shape(_) | Op::Reduce(_) | Op::Dot(_) | Op::Conv(_) => Err(lowering.unsupported(id)),
    }
}

/// Why a kernel could not be built.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    /// The value has to lie in memory first.
    Materialize(Value),
    /// The op has no compiled form.
    Unsupported(NodeId),
}

/// A kernel under construction, and the graph that it is cut from.
pub(crate) struct KernelBuilder<'g> {
    graph: &'g Graph,
    pub draft: Draft,
    /// What is known of the values of half dtypes.
    halves: Halves,
    /// The nodes that are computed inside of this kernel where it uses them.
    inlined: HashMap<NodeId, bool>,
    /// The values pulled so far.
    pulled: HashMap<(Value, Map), Scalar>,
    /// The dimensions that row reductions fold.
    row: Option<Vec<usize>>,
    /// The dimensions that column reductions fold, and the number of outer dimensions before them.
    column: Option<(usize, Vec<usize>)>,
    /// The matrix product whose blocks the kernel reads.
    pub tile: Option<Value>,
    /// The nodes that the kernel computes, the root first.
    pub computed: Vec<NodeId>,
}

impl<'g> KernelBuilder<'g> {
    /// `inlined` says which nodes are part of the kernel.
    pub fn new(graph: &'g Graph, inlined: HashMap<NodeId, bool>) -> Self {
        KernelBuilder {
            graph,
            draft: Draft::default(),
            halves: Halves::default(),
            inlined,
            pulled: HashMap::new(),
            row: None,
            column: None,
            tile: None,
            computed: Vec::new(),
        }
    }

    /// Makes dimensions for the axes of the kernel's domain and gives the identity map; axes of size 1 need none.
    pub fn add_domain(&mut self, sizes: &[tancho_ir::Dim]) -> Map {
        sizes.iter().map(|size| self.axis(size.clone())).collect()
    }

    fn axis(&mut self, size: tancho_ir::Dim) -> Affine {
        if size == tancho_ir::Dim::ONE {
            return Affine::constant(tancho_ir::Dim::ZERO);
        }
        Affine::dimension(self.draft.add_dim(size, Role::Outer))
    }

    /// The element of a value at an index.
    pub fn pull(&mut self, value: Value, map: &Map) -> Result<Scalar, Stop> {
        if !self.inlined.contains_key(&value.node) {
            return Ok(self.load(value, map));
        }
        if let Some(&scalar) = self.pulled.get(&(value, map.clone())) {
            return Ok(scalar);
        }
        let scalar = self.compute(value, map)?;
        self.pulled.insert((value, map.clone()), scalar);
        Ok(scalar)
    }

    /// Computes the element of a value by the op that makes it.
    pub fn compute(&mut self, value: Value, map: &Map) -> Result<Scalar, Stop> {
        let node = self.graph.node(value.node);
        self.computed.push(value.node);
        match node.op() {
            None => Ok(self.load(value, map)),
            Some(Op::Elementwise(op)) => elementwise::lower(self, op, node.operands(), map),
            Some(Op::Shape(op)) => shape::lower(self, op, value, node.operands(), map),
            Some(Op::Reduce(op)) => reduce::lower(self, op, value, node.operands()[0], map),
            Some(Op::Dot(_) | Op::Conv(_)) => dot::lower_tile(self, value, map),
            Some(Op::Fold(_) | Op::Index(_) | Op::Random(_) | Op::Linalg(_) | Op::Control(_) | Op::Effect(_)) => {
                Err(Stop::Unsupported(value.node))
            }
        }
    }

    /// Loads the element of a value from memory, where a half is its bits.
    pub fn load(&mut self, value: Value, map: &Map) -> Scalar {
        let of = self.graph.type_of(value);
        let position = flatten(map, &of.dims);
        let source = Source::Memory { value: dense_source(self.graph, value), position };
        if !of.dtype.is_half() {
            return self.draft.load(of.dtype, source);
        }
        let bits = self.draft.load(DType::U16, source);
        self.halves.from_bits(&mut self.draft.body, bits, of.dtype)
    }

    /// What memory holds of a value of a dtype, and its dtype there.
    pub fn stored(&mut self, scalar: Scalar, dtype: DType) -> (Scalar, DType) {
        if !dtype.is_half() {
            return (scalar, dtype);
        }
        (self.halves.to_bits(&mut self.draft.body, scalar, dtype), DType::U16)
    }

    /// Whether a map names the first `count` dimensions in order, skipping axes of size 1: gives that count.
    fn leading_dimensions(&self, map: &[Affine]) -> Option<usize> {
        let mut next = 0;
        for index in map {
            if *index == Affine::constant(tancho_ir::Dim::ZERO) {
                continue;
            }
            if *index != Affine::dimension(next) {
                return None;
            }
            next += 1;
        }
        Some(next)
    }
}
