//! Walks over the points of several axes in row-major order, which threads share.
//!
//! A row of the procedure is a block of points: of one axis a run of neighbouring places, and of all axes behind it
//! everything, such that a block has about [`ENOUGH`] elements. What is known once some leading axes are, is computed as
//! far out as that.

use tancho_ir::Dim;

use crate::procedure::{ProcedureBuilder, Variable};

/// About the elements of a block: enough that finding out where it begins does not count.
const ENOUGH: i64 = 1024;

/// The points of some axes, cut into blocks.
pub(super) struct Walk {
    sizes: Vec<Dim>,
    /// The axis that is cut, and how many places of it a block has. Without one, all points are one block.
    cut: Option<(usize, i64)>,
}

impl Walk {
    /// A walk over axes of these sizes with so many elements at each point.
    pub fn new(sizes: Vec<Dim>, elements_per_point: &Dim) -> Walk {
        let mut inner = elements_per_point.as_known().unwrap_or(ENOUGH).clamp(1, ENOUGH);
        let mut cut = None;
        for (axis, size) in sizes.iter().enumerate().rev() {
            match size.as_known() {
                Some(size) if inner.saturating_mul(size) < ENOUGH => inner *= size.max(1),
                // A size that is not known may be large.
                _ => {
                    cut = Some((axis, (ENOUGH + inner - 1) / inner));
                    break;
                }
            }
        }
        Walk { sizes, cut }
    }

    /// The number of blocks.
    pub fn rows(&self) -> Dim {
        Dim::product(&self.row_sizes())
    }

    /// The number of points of a block.
    pub fn points_per_row(&self) -> Dim {
        let Some((axis, block)) = self.cut else { return Dim::product(&self.sizes) };
        self.sizes[axis].minimum(&Dim::known(block)) * Dim::product(&self.sizes[axis + 1..])
    }

    /// The axes whose places a row has by its number: those before the one that is cut, and that one's blocks.
    fn row_sizes(&self) -> Vec<Dim> {
        let Some((axis, block)) = self.cut else { return Vec::new() };
        let mut sizes = self.sizes[..axis].to_vec();
        sizes.push(self.sizes[axis].ceil_div(&Dim::known(block)).expect("a block is not empty"));
        sizes
    }

    /// Runs code for each point of the rows of the call. `enter` is given the places along the first `depth` axes, and
    /// `visit` those along all axes and what `enter` has computed.
    pub fn run(
        &self,
        builder: &mut ProcedureBuilder,
        depth: usize,
        enter: impl FnOnce(&mut ProcedureBuilder, &[Variable]) -> Vec<Variable>,
        visit: impl FnOnce(&mut ProcedureBuilder, &[Variable], &[Variable]),
    ) {
        let mut descent = Descent {
            sizes: &self.sizes,
            cut: None,
            depth,
            enter: Some(Box::new(enter)),
            entered: Vec::new(),
            visit: Box::new(visit),
        };
        builder.for_each_row(|builder, row| {
            let mut index = Vec::new();
            if let Some((axis, block)) = self.cut {
                index = builder.split_position(row, &self.row_sizes());
                let number = index.pop().expect("the last one is the block's");
                let (block, size) = (builder.integer(block), builder.size(&self.sizes[axis]));
                let begin = builder.multiply(number, block);
                let end = builder.add(begin, block);
                let end = builder.minimum(end, size);
                descent.cut = Some((axis, begin, end));
            }
            descent.descend(builder, index);
        });
    }
}

type Enter<'c> = Box<dyn FnOnce(&mut ProcedureBuilder, &[Variable]) -> Vec<Variable> + 'c>;
type Visit<'c> = Box<dyn FnOnce(&mut ProcedureBuilder, &[Variable], &[Variable]) + 'c>;

/// A walk on its way from the first axis to the last.
struct Descent<'c> {
    sizes: &'c [Dim],
    /// The axis that is cut, and the places of it that are walked.
    cut: Option<(usize, Variable, Variable)>,
    depth: usize,
    enter: Option<Enter<'c>>,
    entered: Vec<Variable>,
    visit: Visit<'c>,
}

impl Descent<'_> {
    fn descend(mut self, builder: &mut ProcedureBuilder, mut index: Vec<Variable>) {
        let axis = index.len();
        if axis >= self.depth
            && let Some(enter) = self.enter.take()
        {
            self.entered = enter(builder, &index[..self.depth]);
        }
        if axis == self.sizes.len() {
            return (self.visit)(builder, &index, &self.entered);
        }
        let zero = builder.integer(0);
        let (begin, end) = match self.cut {
            Some((cut, begin, end)) if cut == axis => (begin, end),
            _ if self.sizes[axis] == Dim::ONE => {
                index.push(zero);
                return self.descend(builder, index);
            }
            _ => (zero, builder.size(&self.sizes[axis])),
        };
        builder.for_each(begin, end, |builder, place| {
            index.push(place);
            self.descend(builder, index);
        });
    }
}
