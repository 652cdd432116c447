//! Arrays as functions of an index: what every family builds its results with.
//!
//! An index is one number per axis; [`position`] is the place of an index in row-major order. There are no strides and
//! no views here, so that nothing but the definition of row-major order has to be right.

use tancho_tensor::{AllocError, Allocation, Array, ArrayError, Element, Shape, pool};

/// Why a result cannot be made; the caller knows the op and its span.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The number of elements is beyond what memory can address, or a size cannot be computed.
    TooLarge,
    Alloc(AllocError),
}

impl From<AllocError> for Failure {
    fn from(error: AllocError) -> Self {
        Failure::Alloc(error)
    }
}

impl From<ArrayError> for Failure {
    fn from(error: ArrayError) -> Self {
        match error {
            ArrayError::Alloc(error) => Failure::Alloc(error),
            ArrayError::TooLarge { .. } => Failure::TooLarge,
            ArrayError::ElementCount { .. } | ArrayError::DType { .. } | ArrayError::NotBool { .. } => {
                unreachable!("the interpreter makes as many elements as the shape has: {error}")
            }
        }
    }
}

/// The array whose element at each position in row-major order is `element(position)`.
pub(crate) fn fill<T: Element>(shape: &Shape, element: impl FnMut(usize) -> T) -> Result<Array, Failure> {
    let count = shape.elements().ok_or(Failure::TooLarge)?;
    let bytes = count.checked_mul(size_of::<T>()).ok_or(Failure::TooLarge)?;
    // The pool knows the process's memory limit: it is asked before the work begins, and keeps the block for the copy
    // below.
    drop(Allocation::uninit(bytes)?);
    let mut elements = Vec::new();
    elements.try_reserve_exact(count).map_err(|_| AllocError {
        bytes,
        in_use: pool::statistics().in_use,
        limit: usize::MAX,
    })?;
    elements.extend((0..count).map(element));
    Ok(Array::new(shape.clone(), &elements)?)
}

/// The array whose element at each index is `element(index)`.
pub(crate) fn tabulate<T: Element>(shape: &Shape, mut element: impl FnMut(&[usize]) -> T) -> Result<Array, Failure> {
    let mut index = vec![0; shape.rank()];
    fill(shape, |_| {
        let value = element(&index);
        advance(&mut index, shape);
        value
    })
}

/// Calls a function with every index of a shape, in row-major order.
pub(crate) fn for_each_index(sizes: &[usize], mut visit: impl FnMut(&[usize])) {
    if sizes.contains(&0) {
        return;
    }
    let mut index = vec![0; sizes.len()];
    loop {
        visit(&index);
        advance(&mut index, sizes);
        if index.iter().all(|&place| place == 0) {
            return;
        }
    }
}

/// The next index in row-major order; the first one after the last.
fn advance(index: &mut [usize], sizes: &[usize]) {
    for (place, &size) in index.iter_mut().zip(sizes).rev() {
        *place += 1;
        if *place < size {
            return;
        }
        *place = 0;
    }
}

/// The position of an index in row-major order.
pub(crate) fn position(sizes: &[usize], index: &[usize]) -> usize {
    debug_assert!(sizes.len() == index.len() && index.iter().zip(sizes).all(|(place, size)| place < size));
    sizes.iter().zip(index).fold(0, |position, (&size, &place)| position * size + place)
}

/// The elements of an array whose dtype was looked at.
pub(crate) fn elements<T: Element>(array: &Array) -> &[T] {
    array.elements().expect("the type was chosen by the array's dtype")
}
