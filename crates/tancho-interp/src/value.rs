//! Arrays as functions of an index: what every family builds its results with.
//!
//! An index is one number per axis; [`position`] is the place of an index in row-major order. There are no strides and
//! no views here, so that nothing but the definition of row-major order has to be right.

use tancho_tensor::{AllocError, Allocation, Array, ArrayError, Buffer, DType, Element, Shape, pool, with_element};

use crate::InterpretError;
use crate::scalar::Scalar;

/// Why a result cannot be made; the caller knows the op and its span.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The number of elements is beyond what memory can address, or a size cannot be computed.
    TooLarge,
    Alloc(AllocError),
    /// An assertion does not hold.
    Assert {
        message: String,
    },
    /// A loop runs more often than it promises.
    LoopBound {
        bound: i64,
    },
    /// A graph that the op holds has no result.
    Call {
        graph: String,
        error: Box<InterpretError>,
    },
    /// A function of the host is not known, or has no results that fit.
    CustomCall {
        target: String,
        message: String,
    },
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
    let mut elements = reserve(count, size_of::<T>())?;
    elements.extend((0..count).map(element));
    Ok(Array::new(shape.clone(), &elements)?)
}

/// A vector that has room for elements of which each takes some bytes in an array.
fn reserve<T>(count: usize, size: usize) -> Result<Vec<T>, Failure> {
    let bytes = count.checked_mul(size).ok_or(Failure::TooLarge)?;
    // The pool knows the process's memory limit: it is asked before the work begins, and keeps the block for the copy in
    // the end.
    drop(Allocation::uninit(bytes)?);
    let mut elements = Vec::new();
    elements.try_reserve_exact(count).map_err(|_| AllocError {
        bytes,
        in_use: pool::statistics().in_use,
        limit: usize::MAX,
    })?;
    Ok(elements)
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
    let visited = try_for_each_index(sizes, |index| {
        visit(index);
        Ok(())
    });
    debug_assert!(visited.is_ok(), "nothing fails");
}

/// As [`for_each_index`], until the function fails.
pub(crate) fn try_for_each_index(
    sizes: &[usize],
    mut visit: impl FnMut(&[usize]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if sizes.contains(&0) {
        return Ok(());
    }
    let mut index = vec![0; sizes.len()];
    loop {
        visit(&index)?;
        advance(&mut index, sizes);
        if index.iter().all(|&place| place == 0) {
            return Ok(());
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

/// The bits of the element at a position, the others zero.
pub(crate) fn word(array: &Array, at: usize) -> u64 {
    read_word(array.dtype(), array.buffer().bytes(), at)
}

fn read_word(dtype: DType, bytes: &[u8], at: usize) -> u64 {
    let size = dtype.size();
    let mut word = [0; 8];
    word[..size].copy_from_slice(&bytes[at * size..(at + 1) * size]);
    u64::from_le_bytes(word)
}

/// The integer (or 0 or 1 for a `bool`) whose bits are in a word.
pub(crate) fn integer(dtype: DType, word: u64) -> i128 {
    let unused = 64 - dtype.bits();
    if dtype.is_signed() { i128::from((word << unused) as i64 >> unused) } else { i128::from(word) }
}

/// The scalar of a dtype whose bits are in a word.
pub(crate) fn scalar(dtype: DType, word: u64) -> Array {
    with_element!(dtype, T => Array::scalar(<T as Scalar>::from_word(word)))
}

/// The elements of a result that is written in any order, without looking at what they mean.
pub(crate) struct Cells {
    dtype: DType,
    shape: Shape,
    bytes: Vec<u8>,
}

impl Cells {
    /// The same bits everywhere.
    pub(crate) fn filled(dtype: DType, shape: &Shape, word: u64) -> Result<Self, Failure> {
        let count = shape.elements().and_then(|count| count.checked_mul(dtype.size())).ok_or(Failure::TooLarge)?;
        let mut bytes = reserve(count, 1)?;
        bytes.resize(count, 0);
        bytes.chunks_exact_mut(dtype.size()).for_each(|cell| cell.copy_from_slice(&word.to_le_bytes()[..dtype.size()]));
        Ok(Cells { dtype, shape: shape.clone(), bytes })
    }

    pub(crate) fn copy_of(array: &Array) -> Result<Self, Failure> {
        let mut bytes = reserve(array.buffer().len(), 1)?;
        bytes.extend_from_slice(array.buffer().bytes());
        Ok(Cells { dtype: array.dtype(), shape: array.shape().clone(), bytes })
    }

    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    pub(crate) fn get(&self, at: usize) -> u64 {
        read_word(self.dtype, &self.bytes, at)
    }

    pub(crate) fn set(&mut self, at: usize, word: u64) {
        let size = self.dtype.size();
        self.bytes[at * size..(at + 1) * size].copy_from_slice(&word.to_le_bytes()[..size]);
    }

    pub(crate) fn finish(self) -> Result<Array, Failure> {
        Ok(Array::from_buffer(self.dtype, self.shape, Buffer::copy_of(&self.bytes)?)?)
    }
}
