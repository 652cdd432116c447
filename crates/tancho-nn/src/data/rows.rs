//! Rows of arrays, taken out and put together as bytes: no operation is compiled for them, and none is traced.

use tancho_core::{Array, Result, Tensor, Tree, flatten, unflatten};
use tancho_tensor::{Buffer, Shape};

/// The values of a tree, and how many rows each has.
pub(super) fn split<T: Tree>(tree: &T) -> Result<(Vec<Array>, usize), String> {
    let mut arrays = Vec::new();
    for leaf in flatten(tree) {
        arrays.push(leaf.array().map_err(|error| error.to_string())?);
    }
    let mut rows: Option<usize> = None;
    for array in &arrays {
        let Some(&first) = array.shape().sizes().first() else {
            return Err("a dataset's tensor has an axis of samples, but one is of rank 0".to_owned());
        };
        if rows.is_some_and(|rows| rows != first) {
            let sizes: Vec<String> = arrays.iter().map(|array| array.shape().to_string()).collect();
            return Err(format!("the tensors of a dataset have as many samples each, not {}", sizes.join(", ")));
        }
        rows = Some(first);
    }
    match rows {
        Some(rows) => Ok((arrays, rows)),
        None => Err("a dataset has at least one tensor".to_owned()),
    }
}

/// One row of each array, in the structure of a tree.
pub(super) fn row<T: Tree>(structure: &T, arrays: &[Array], position: usize) -> Result<T> {
    let mut leaves = Vec::with_capacity(arrays.len());
    for array in arrays {
        let shape = Shape::new(&array.shape().sizes()[1..]);
        let n_bytes = array.buffer().len() / array.shape().sizes()[0].max(1);
        let bytes = &array.buffer().bytes()[position * n_bytes..][..n_bytes];
        leaves.push(tensor_of(Buffer::copy_of(bytes).map_err(|error| error.to_string()), array, shape));
    }
    unflatten(structure, leaves)
}

/// Trees of the same types as one, with a first axis for them.
pub(super) fn stack<T: Tree>(items: &[T]) -> Result<T> {
    let columns: Vec<Vec<Tensor>> = items.iter().map(|item| flatten(item)).collect();
    let Some(first) = items.first() else { return Err(tancho_core::Error::new("a batch of no samples")) };
    let mut leaves = Vec::with_capacity(columns[0].len());
    for place in 0..columns[0].len() {
        let mut arrays = Vec::with_capacity(columns.len());
        for column in &columns {
            let Some(leaf) = column.get(place) else {
                return Err(tancho_core::Error::new("the samples of a batch have as many tensors each"));
            };
            arrays.push(leaf.array()?);
        }
        let kind = &arrays[0];
        let mut bytes = Vec::with_capacity(kind.buffer().len().saturating_mul(arrays.len()));
        for array in &arrays {
            if array.dtype() != kind.dtype() || array.shape() != kind.shape() {
                return Err(tancho_core::Error::new(format!(
                    "the samples of a batch have one type, not {}{} and {}{}",
                    kind.dtype(),
                    kind.shape(),
                    array.dtype(),
                    array.shape()
                )));
            }
            bytes.extend_from_slice(array.buffer().bytes());
        }
        let sizes: Vec<usize> = std::iter::once(arrays.len()).chain(kind.shape().iter().copied()).collect();
        let buffer = Buffer::copy_of(&bytes).map_err(|error| error.to_string());
        leaves.push(tensor_of(buffer, kind, Shape::from(sizes)));
    }
    let batch = unflatten(first, leaves)?;
    check(&batch)?;
    Ok(batch)
}

fn tensor_of(buffer: Result<Buffer, String>, kind: &Array, shape: Shape) -> Tensor {
    let array =
        buffer.and_then(|buffer| Array::from_buffer(kind.dtype(), shape, buffer).map_err(|error| error.to_string()));
    match array {
        Ok(array) => Tensor::from_array(array),
        Err(message) => Tensor::from_error(tancho_core::Error::new(message)),
    }
}

/// # Errors
/// The first that a tensor of the tree carries.
pub(super) fn check<T: Tree>(tree: &T) -> Result<()> {
    flatten(tree).iter().try_for_each(Tensor::check)
}
