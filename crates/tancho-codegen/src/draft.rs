//! A kernel while it is being built, and how it becomes a [`Kernel`].
//!
//! A draft's dimensions are numbered as they come up; each has a role. Accesses are affine maps with sizes as
//! coefficients. [`Draft::finish`] then
//! 1. merges neighbouring dimensions of one role wherever every access steps through them as through one,
//! 2. orders them: outer, reduced (of a column kernel), inner,
//! 3. splits each stride into what is baked in (0, or 1 along the inner dimension) and what becomes an argument.

use std::sync::Arc;

use tancho_ir::{Dim, Value};

use crate::kernel::{Access, AccessMap, Body, Form, Instruction, Kernel, Reduction, Scalar, Store, Stride};
use crate::program::{BufferId, LoopLaunch, Operand};
use tancho_tensor::DType;

/// An affine expression over a draft's dimensions: `offset + Σ coefficient · dimension`, no coefficient zero, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Affine {
    pub offset: Dim,
    pub terms: Vec<(usize, Dim)>,
}

impl Affine {
    pub fn constant(offset: Dim) -> Self {
        Affine { offset, terms: Vec::new() }
    }

    pub fn dimension(dimension: usize) -> Self {
        Affine { offset: Dim::ZERO, terms: vec![(dimension, Dim::ONE)] }
    }

    /// `self · factor + offset`
    pub fn scaled(&self, factor: &Dim, offset: Dim) -> Self {
        if *factor == Dim::ZERO {
            return Affine::constant(offset);
        }
        let terms =
            self.terms.iter().map(|(dimension, coefficient)| (*dimension, coefficient.clone() * factor.clone()));
        Affine { offset: self.offset.clone() * factor.clone() + offset, terms: terms.collect() }
    }

    pub fn plus(&self, other: &Affine) -> Self {
        let mut terms = self.terms.clone();
        for (dimension, coefficient) in &other.terms {
            match terms.iter_mut().find(|(known, _)| known == dimension) {
                Some((_, total)) => *total = total.clone() + coefficient.clone(),
                None => terms.push((*dimension, coefficient.clone())),
            }
        }
        terms.retain(|(_, coefficient)| *coefficient != Dim::ZERO);
        terms.sort();
        Affine { offset: self.offset.clone() + other.offset.clone(), terms }
    }

    fn coefficient(&self, dimension: usize) -> Dim {
        self.terms
            .iter()
            .find(|(known, _)| *known == dimension)
            .map_or(Dim::ZERO, |(_, coefficient)| coefficient.clone())
    }
}

/// The index of a value's element for a point of the kernel, one expression for each axis of the value.
pub(crate) type Map = Vec<Affine>;

/// The element of a dense buffer at an index: the row-major position as one affine expression.
pub(crate) fn flatten(map: &[Affine], dims: &[Dim]) -> Affine {
    map.iter()
        .zip(dims)
        .fold(Affine::constant(Dim::ZERO), |position, (index, size)| position.scaled(size, Dim::ZERO).plus(index))
}

/// The part that a dimension plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Outer,
    /// Folded by a column kernel.
    Reduced,
    Inner,
}

/// What a draft's access reaches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// The element at a position of the memory that a value lies in.
    Memory { value: Value, position: Affine },
    /// The block of the matrix product that the kernel is the epilogue of.
    Tile,
}

/// A kernel under construction.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub dims: Vec<(Dim, Role)>,
    pub body: Body,
    pub loads: Vec<(DType, Source)>,
    pub reductions: Vec<Reduction>,
    /// The operands of the reductions, for those who must be told to materialise them.
    pub reduced_values: Vec<(Value, Value)>,
    pub stores: Vec<(DType, BufferId, Affine, Scalar)>,
    pub sizes: Vec<Dim>,
    pub has_row_reduction: bool,
    pub has_column_reduction: bool,
}

/// Why a draft has no kernel: its reduced or inner dimensions do not merge into one.
pub(crate) struct NotMerged;

impl Draft {
    pub fn add_dim(&mut self, size: Dim, role: Role) -> usize {
        self.dims.push((size, role));
        self.dims.len() - 1
    }

    /// The number of a size that the body names.
    pub fn size(&mut self, size: &Dim) -> Scalar {
        if let Some(known) = size.as_known() {
            return self.body.integer(known, DType::I64);
        }
        let number = self.sizes.iter().position(|known| known == size).unwrap_or_else(|| {
            self.sizes.push(size.clone());
            self.sizes.len() - 1
        });
        self.body.push(Instruction::Size(number as u32), DType::I64)
    }

    /// The element at a source, loaded once per point however often it is asked for.
    pub fn load(&mut self, dtype: DType, source: Source) -> Scalar {
        let known = self.loads.iter().position(|(of, known)| *of == dtype && *known == source);
        let number = known.unwrap_or_else(|| {
            self.loads.push((dtype, source));
            self.loads.len() - 1
        });
        self.body.push(Instruction::Load(number as u32), dtype)
    }

    pub fn has_tile(&self) -> bool {
        self.loads.iter().any(|(_, source)| matches!(source, Source::Tile))
    }

    fn form(&self) -> Form {
        match (self.has_row_reduction, self.has_column_reduction) {
            (true, _) => Form::Row,
            (false, true) => Form::Column,
            (false, false) => Form::Map,
        }
    }

    /// Makes the kernel and its launch; `request` gives the buffers of the values that are loaded.
    pub fn finish(self, mut request: impl FnMut(Value) -> BufferId) -> Result<LoopLaunch, NotMerged> {
        let form = self.form();
        let groups = self.merged_dimensions(form)?;
        let old_to_new = |old: usize| groups.iter().position(|group| group.contains(&old));
        let size_of = |group: &Vec<usize>| group.iter().fold(Dim::ONE, |size, &old| size * self.dims[old].0.clone());
        let inner = groups.len() - 1;
        let mut arguments: Vec<Dim> = groups.iter().map(size_of).collect();
        let mut operands = Vec::new();
        let mut access = |dtype: DType, buffer: BufferId, position: &Affine| {
            let strides = groups.iter().enumerate().map(|(new, group)| {
                // The stride of merged dimensions is that of the last.
                let stride = group.last().map_or(Dim::ZERO, |&old| position.coefficient(old));
                match stride.as_known() {
                    Some(0) => Stride::Zero,
                    Some(1) if new == inner => Stride::One,
                    _ => {
                        arguments.push(stride);
                        Stride::Argument
                    }
                }
            });
            let map = AccessMap::Strides(strides.collect());
            operands.push(Operand { buffer, offset: position.offset.clone() });
            Access { dtype, map }
        };
        let mut loads = Vec::new();
        let mut tile = false;
        for (dtype, source) in &self.loads {
            loads.push(match source {
                Source::Memory { value, position } => access(*dtype, request(*value), position),
                Source::Tile => {
                    tile = true;
                    Access { dtype: *dtype, map: AccessMap::Tile }
                }
            });
        }
        let stores: Vec<Store> = self
            .stores
            .iter()
            .map(|(dtype, buffer, position, value)| Store { access: access(*dtype, *buffer, position), value: *value })
            .collect();
        if tile {
            // The tile's operand and stride stand at its place among the accesses; a product fills them in.
            let place = loads.iter().position(|load| load.map == AccessMap::Tile).unwrap_or(0);
            operands.insert(place, Operand { buffer: BufferId(u32::MAX), offset: Dim::ZERO });
            let before = groups.len() + loads[..place].iter().map(Access::argument_count).sum::<usize>();
            arguments.insert(before, Dim::ZERO);
        }
        arguments.extend(self.sizes.iter().cloned());
        let outer = groups.len() - if form == Form::Column { 2 } else { 1 };
        let body = renumber_dimensions(&self.body, old_to_new);
        let mut kernel = Kernel {
            form,
            outer,
            loads,
            body,
            reductions: self.reductions.clone(),
            stores,
            kept: Vec::new(),
            sizes: self.sizes.len(),
        };
        kernel.kept = kept_values(&kernel);
        Ok(LoopLaunch { kernel: Arc::new(kernel), operands, arguments })
    }

    /// Groups of old dimensions, each of which becomes one, in their new order.
    fn merged_dimensions(&self, form: Form) -> Result<Vec<Vec<usize>>, NotMerged> {
        let of_role =
            |role: Role| -> Vec<usize> { (0..self.dims.len()).filter(|&old| self.dims[old].1 == role).collect() };
        match form {
            Form::Map if !self.has_tile() => {
                let all: Vec<usize> = (0..self.dims.len()).collect();
                let mut groups = self.merge(&all);
                if groups.is_empty() {
                    groups.push(Vec::new());
                }
                Ok(groups)
            }
            Form::Map | Form::Row => {
                let mut groups = self.merge(&of_role(Role::Outer));
                let mut inner = self.merge(&of_role(Role::Inner));
                if inner.len() > 1 {
                    return Err(NotMerged);
                }
                groups.push(inner.pop().unwrap_or_default());
                Ok(groups)
            }
            Form::Column | Form::Sequence => {
                let mut groups = self.merge(&of_role(Role::Outer));
                let mut reduced = self.merge(&of_role(Role::Reduced));
                let mut inner = self.merge(&of_role(Role::Inner));
                if reduced.len() > 1 {
                    return Err(NotMerged);
                }
                // Each point of the inner dimensions is a fold of its own, so all but the last may as well be outer ones.
                let last = inner.pop().unwrap_or_default();
                groups.append(&mut inner);
                groups.push(reduced.pop().unwrap_or_default());
                groups.push(last);
                Ok(groups)
            }
        }
    }

    /// Merges neighbours among dimensions wherever every access allows it.
    fn merge(&self, dimensions: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for &dimension in dimensions {
            match groups.last_mut() {
                Some(group) if self.merges(group[group.len() - 1], dimension) => group.push(dimension),
                _ => groups.push(vec![dimension]),
            }
        }
        groups
    }

    /// Whether a dimension and the one inside of it are one loop for every access.
    fn merges(&self, outside: usize, inside: usize) -> bool {
        let positions = self.loads.iter().filter_map(|(_, source)| match source {
            Source::Memory { position, .. } => Some(position),
            Source::Tile => None,
        });
        let mut positions = positions.chain(self.stores.iter().map(|(_, _, position, _)| position));
        let indexed = self.body.iter().any(|(_, instruction, _)| {
            matches!(instruction, Instruction::Index(dimension) if [outside, inside].contains(&(dimension as usize)))
        });
        let size = &self.dims[inside].0;
        !indexed
            && positions.all(|position| position.coefficient(outside) == position.coefficient(inside) * size.clone())
    }
}

/// The body with the dimensions of its indices renamed; the numbers of the values stay.
fn renumber_dimensions(body: &Body, new: impl Fn(usize) -> Option<usize>) -> Body {
    let mut renamed = Body::new();
    for (value, instruction, dtype) in body.iter() {
        let instruction = match instruction {
            Instruction::Index(old) => {
                Instruction::Index(new(old as usize).expect("every dimension has a group") as u32)
            }
            other => other,
        };
        let same = renamed.push(instruction, dtype);
        debug_assert_eq!(same, value);
    }
    renamed
}

/// The values that a row kernel had better keep for a later stage: those that are dear to compute again.
fn kept_values(kernel: &Kernel) -> Vec<Scalar> {
    /// What a store and a load of a row in cache cost, in instructions.
    const KEEP_COST: usize = 8;
    if kernel.form != Form::Row {
        return Vec::new();
    }
    let places = kernel.places();
    let mut kept = Vec::new();
    let mut wanted_later = vec![false; kernel.body.len()];
    for (value, instruction, _) in kernel.body.iter() {
        let user = places[value.index()];
        let mut pending: Vec<Scalar> = instruction.operands().collect();
        while let Some(operand) = pending.pop() {
            let place = places[operand.index()];
            if !user.per_point || !place.per_point || place.stage >= user.stage {
                continue;
            }
            // A mask is cheap to compute from what it compares, and would be narrow in memory.
            match kernel.body.dtype(operand) {
                DType::Bool => pending.extend(kernel.body.instruction(operand).operands()),
                _ => wanted_later[operand.index()] = true,
            }
        }
    }
    for (value, instruction, _) in kernel.body.iter() {
        let is_load = matches!(instruction, Instruction::Load(_));
        if wanted_later[value.index()] && !is_load && cost_of_value(kernel, &places, value) > KEEP_COST {
            kept.push(value);
        }
    }
    kept
}

/// The number of instructions per point of a value's own stage that it takes to compute it.
fn cost_of_value(kernel: &Kernel, places: &[crate::kernel::Place], value: Scalar) -> usize {
    let mut seen = vec![false; value.index() + 1];
    let mut pending = vec![value];
    let mut cost = 0;
    while let Some(value) = pending.pop() {
        if std::mem::replace(&mut seen[value.index()], true) || !places[value.index()].per_point {
            continue;
        }
        cost += 1;
        pending.extend(kernel.body.instruction(value).operands());
    }
    cost
}
