//! The scratch memory of a kernel's calls.

use tancho_tensor::DType;

use super::fold::Fold;
use crate::kernel::{Form, Kernel, Scalar};

/// The points of the inner dimension for which a column kernel holds partial results at a time.
pub(super) const COLUMN_TILE: usize = 1024;

/// What a column kernel holds for a reduction: where the totals of a tile are, and the partial results of a block. Of arg
/// reductions also their indices.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnPlaces {
    pub(super) totals: [usize; 2],
    pub(super) blocks: [usize; 2],
}

impl Kernel {
    /// The bytes of scratch memory, aligned to 64, that a call needs for so many points of the inner dimension.
    pub fn scratch_bytes(&self, inner_len: usize) -> usize {
        match self.form {
            Form::Map => 0,
            Form::Row => self
                .kept_rows()
                .map(|(_, dtype)| align(inner_len.saturating_mul(dtype.size())))
                .fold(0, usize::saturating_add),
            Form::Column | Form::Sequence => self.column_places().1,
        }
    }

    /// The values that are kept, each once, with their dtypes.
    pub(crate) fn kept_rows(&self) -> impl Iterator<Item = (Scalar, DType)> + '_ {
        let is_first = |index: usize, value: &Scalar| !self.kept[..index].contains(value);
        self.kept
            .iter()
            .enumerate()
            .filter(move |&(index, value)| is_first(index, value))
            .map(|(_, &value)| (value, self.body.dtype(value)))
    }

    /// The places of a column kernel's partial results, and their size.
    pub(super) fn column_places(&self) -> (Vec<ColumnPlaces>, usize) {
        let mut end = 0;
        let mut place = |size: usize| {
            let begin = end;
            end += align(COLUMN_TILE * size);
            begin
        };
        let places = self
            .reductions
            .iter()
            .map(|reduction| {
                let fold = Fold::new(reduction, self.body.dtype(reduction.value));
                let index_size = if fold.is_arg() { fold.result.size() } else { 0 };
                let mut pair = || [place(fold.dtype.size()), place(index_size)];
                ColumnPlaces { totals: pair(), blocks: pair() }
            })
            .collect();
        (places, end)
    }
}

fn align(bytes: usize) -> usize {
    bytes.checked_next_multiple_of(64).unwrap_or(usize::MAX)
}
