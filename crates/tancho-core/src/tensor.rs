//! The tensor: a value, a node of the trace at hand, a placeholder in a signature, or an error.
//!
//! The same code runs on all four. Operations never fail and never panic: on what they do not take they give a tensor
//! that carries the error, which comes out where values are asked for.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, LazyLock};

use tancho_ir::ops::ControlOp;
use tancho_ir::{TensorType, Value};
use tancho_tensor::{Array, DType, Element};

use crate::apply::{Attributes, apply};
use crate::error::{Error, ErrorKind, Result};
use crate::operand::Operand;
use crate::scalar::{Literal, literal_array};
use crate::shape::Shape;
use crate::tape::RecordId;
use crate::trace::{self, TraceId};
use crate::variable::Cell;

/// A dense array of one element type, or the promise of one while a function is traced; cheap to clone.
pub struct Tensor(pub(crate) Repr);

pub(crate) enum Repr {
    Value(Array),
    /// A value that a gradient tape has seen being made.
    Recorded(Arc<Recorded>),
    Node(Arc<TraceNode>),
    /// What a variable holds at the time of use. Only a [`Variable`](crate::Variable) has such a tensor in it: a clone is
    /// the value at that time.
    Variable(Arc<Cell>),
    /// A dtype and sizes without a value, for signatures.
    Placeholder(Arc<TensorType>),
    Error(Error),
}

/// A value with an identity of its own, for gradient tapes.
pub(crate) struct Recorded {
    pub(crate) id: RecordId,
    pub(crate) array: Array,
}

/// The clone of a variable's tensor is what the variable holds now.
impl Clone for Tensor {
    fn clone(&self) -> Self {
        Tensor(match &self.0 {
            Repr::Value(array) => Repr::Value(array.clone()),
            Repr::Recorded(recorded) => Repr::Recorded(recorded.clone()),
            Repr::Node(node) => Repr::Node(node.clone()),
            Repr::Variable(cell) => return cell.read(Location::caller()),
            Repr::Placeholder(of) => Repr::Placeholder(of.clone()),
            Repr::Error(error) => Repr::Error(error.clone()),
        })
    }
}

/// A value of a graph that is, or was, being traced.
pub(crate) struct TraceNode {
    pub(crate) trace: TraceId,
    pub(crate) value: Value,
    pub(crate) of: TensorType,
    pub(crate) made: &'static Location<'static>,
}

/// A tensor of a Rust value: a number, a `bool`, or arrays and vectors of those, nested to any depth.
///
/// # Errors
/// Parts of a vector have different lengths.
#[track_caller]
pub fn tensor(literal: impl Literal) -> Tensor {
    match literal_array(&literal) {
        Ok(array) => Tensor(Repr::Value(array)),
        Err(message) => Tensor::fault("tensor", message),
    }
}

impl Tensor {
    /// The elements in row-major order with the given shape.
    ///
    /// # Errors
    /// The number of elements is not that of the shape.
    #[track_caller]
    pub fn from_vec<T: Element>(shape: impl Into<tancho_tensor::Shape>, elements: Vec<T>) -> Tensor {
        match Array::new(shape, &elements) {
            Ok(array) => Tensor(Repr::Value(array)),
            Err(error) => Tensor::fault("from_vec", error.to_string()),
        }
    }

    pub fn from_array(array: Array) -> Tensor {
        Tensor(Repr::Value(array))
    }

    /// A tensor that carries an error; while a trace is active, its call will fail with it.
    pub fn from_error(error: Error) -> Tensor {
        trace::record_error(&error);
        Tensor(Repr::Error(error))
    }

    #[track_caller]
    pub(crate) fn fault(op: &'static str, message: String) -> Tensor {
        Tensor::fault_at(op, message, Location::caller())
    }

    pub(crate) fn fault_at(op: &'static str, message: String, location: &'static Location<'static>) -> Tensor {
        Tensor::from_error(Error::at(ErrorKind::Op { op, message }, location))
    }

    /// The tensor as one that no gradient flows through.
    #[track_caller]
    pub fn stop_gradient(&self) -> Tensor {
        apply("stop_gradient", Attributes::none(), [Operand::Lend(self)], &|builder, values| {
            builder.add(ControlOp::StopGradient.into(), values)
        })
    }

    /// The error that the tensor carries.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self) -> Result<()> {
        match &self.0 {
            Repr::Error(error) => Err(error.clone()),
            Repr::Value(_) | Repr::Recorded(_) | Repr::Node(_) | Repr::Variable(_) | Repr::Placeholder(_) => Ok(()),
        }
    }

    /// The value, where the tensor has one of its own: not that of a variable.
    pub(crate) fn value(&self) -> Option<&Array> {
        match &self.0 {
            Repr::Value(array) => Some(array),
            Repr::Recorded(recorded) => Some(&recorded.array),
            Repr::Node(_) | Repr::Variable(_) | Repr::Placeholder(_) | Repr::Error(_) => None,
        }
    }

    /// The type of the elements; `f32` for a tensor that carries an error.
    pub fn dtype(&self) -> DType {
        self.try_dtype().unwrap_or(DType::F32)
    }

    /// # Errors
    /// The tensor carries one.
    pub fn try_dtype(&self) -> Result<DType> {
        match &self.0 {
            Repr::Value(array) => Ok(array.dtype()),
            Repr::Recorded(recorded) => Ok(recorded.array.dtype()),
            Repr::Node(node) => Ok(node.of.dtype),
            Repr::Variable(cell) => Ok(cell.of().dtype),
            Repr::Placeholder(of) => Ok(of.dtype),
            Repr::Error(error) => Err(error.clone()),
        }
    }

    /// The sizes; those that vary are expressions while tracing. Empty for a tensor that carries an error.
    pub fn shape(&self) -> Shape {
        self.try_shape().unwrap_or_default()
    }

    /// # Errors
    /// The tensor carries one.
    pub fn try_shape(&self) -> Result<Shape> {
        match &self.0 {
            Repr::Value(array) => Ok(Shape::of_array(array)),
            Repr::Recorded(recorded) => Ok(Shape::of_array(&recorded.array)),
            Repr::Node(node) => Ok(Shape::of_type(&node.of)),
            Repr::Variable(cell) => Ok(Shape::of_type(cell.of())),
            Repr::Placeholder(of) => Ok(Shape::of_type(of)),
            Repr::Error(error) => Err(error.clone()),
        }
    }

    /// The number of axes; 0 for a tensor that carries an error.
    pub fn rank(&self) -> usize {
        match &self.0 {
            Repr::Value(array) => array.shape().rank(),
            Repr::Recorded(recorded) => recorded.array.shape().rank(),
            Repr::Node(node) => node.of.rank(),
            Repr::Variable(cell) => cell.of().rank(),
            Repr::Placeholder(of) => of.rank(),
            Repr::Error(_) => 0,
        }
    }

    /// The value.
    ///
    /// # Errors
    /// The tensor carries an error, or stands for a value that is known only when its traced function is called.
    #[track_caller]
    pub fn array(&self) -> Result<Array> {
        self.value_for("array")
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// As [`Tensor::array`], or `T` is not the type of the elements.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.elements_for("to_vec", |elements: &[T]| elements.to_vec())
    }

    /// The only element.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`], or there is another number of elements.
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        let (first, n_elements) =
            self.elements_for("item", |elements: &[T]| (elements.first().copied(), elements.len()))?;
        match first {
            Some(element) if n_elements == 1 => Ok(element),
            _ => {
                let kind = ErrorKind::NotOneElement { tensor: self.describe(), elements: n_elements };
                Err(Error::at(kind, Location::caller()))
            }
        }
    }

    #[track_caller]
    fn elements_for<T: Element, R>(&self, operation: &'static str, take: impl FnOnce(&[T]) -> R) -> Result<R> {
        let array = self.value_for(operation)?;
        // Within a closure the caller would be this file.
        let location = Location::caller();
        array.elements().map(take).map_err(|_| {
            let kind = ErrorKind::DType { operation, expected: T::DTYPE, found: array.dtype() };
            Error::at(kind, location)
        })
    }

    #[track_caller]
    fn value_for(&self, operation: &'static str) -> Result<Array> {
        match &self.0 {
            Repr::Value(array) => Ok(array.clone()),
            Repr::Recorded(recorded) => Ok(recorded.array.clone()),
            Repr::Variable(cell) => cell.read(Location::caller()).value_for(operation),
            Repr::Error(error) => Err(error.clone()),
            Repr::Node(_) | Repr::Placeholder(_) => {
                let kind = ErrorKind::NoValue { operation, tensor: self.describe() };
                Err(Error::at(kind, Location::caller()))
            }
        }
    }

    /// The type as the text form has it, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Repr::Value(array) => format!("{}{}", array.dtype(), array.shape()),
            Repr::Recorded(recorded) => format!("{}{}", recorded.array.dtype(), recorded.array.shape()),
            Repr::Node(node) => node.of.to_string(),
            Repr::Variable(cell) => cell.of().to_string(),
            Repr::Placeholder(of) => of.to_string(),
            Repr::Error(error) => format!("error: {error}"),
        }
    }
}

/// Stands in the place of an array that was given away.
pub(crate) fn nothing() -> Array {
    static NOTHING: LazyLock<Array> = LazyLock::new(|| Array::scalar(false));
    NOTHING.clone()
}

impl From<Array> for Tensor {
    fn from(array: Array) -> Self {
        Tensor::from_array(array)
    }
}

impl From<&Tensor> for Tensor {
    fn from(tensor: &Tensor) -> Self {
        tensor.clone()
    }
}

/// The values, then `shape=(2, 3), dtype=f32`; of a tensor that carries an error, the error.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Error(error) => return write!(f, "error: {error}"),
            Repr::Value(array) => write!(f, "{array}")?,
            Repr::Recorded(recorded) => write!(f, "{}", recorded.array)?,
            Repr::Variable(cell) => return fmt::Display::fmt(&cell.read(Location::caller()), f),
            Repr::Node(_) => f.write_str("<traced>")?,
            Repr::Placeholder(_) => f.write_str("<placeholder>")?,
        }
        write!(f, ", shape={}, dtype={}", self.shape(), self.dtype())
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_has_values_shape_and_dtype() {
        let x = tensor([[1.0f32, 2., 3.], [4., 5., 6.]]);
        assert_eq!(x.to_string(), "[[1.0, 2.0, 3.0],\n [4.0, 5.0, 6.0]], shape=(2, 3), dtype=f32");
        assert_eq!(tensor(7i64).to_string(), "7, shape=(), dtype=i64");
    }

    #[test]
    fn values_come_out_as_they_went_in() -> Result<()> {
        assert_eq!(tensor([[1u8, 2], [3, 4]]).to_vec::<u8>()?, [1, 2, 3, 4]);
        assert_eq!(Tensor::from_vec([2, 1], vec![true, false]).to_vec::<bool>()?, [true, false]);
        assert_eq!(tensor([2.5f64]).item::<f64>()?, 2.5);
        Ok(())
    }

    #[track_caller]
    fn check_error<T: fmt::Debug>(result: Result<T>, expected: &str) {
        let text = result.unwrap_err().to_string();
        let (message, place) = text.rsplit_once(" (").unwrap();
        assert_eq!(message, expected);
        assert!(place.starts_with(file!()), "{place}");
    }

    #[test]
    fn what_cannot_be_had_is_an_error_with_its_line() {
        check_error(tensor([1, 2]).item::<i32>(), "item: the tensor has 2 elements, not one: i32[2]");
        check_error(tensor([1, 2]).to_vec::<f32>(), "to_vec: the tensor holds i32, not f32");
        check_error(tensor(vec![vec![1], vec![]]).array(), "tensor: ragged: one part has 1 elements, another 0");
        let too_few = Tensor::from_vec([3], vec![1.0f32]);
        check_error(too_few.array(), "from_vec: shape [3] needs 3 elements, but 1 are given");
        let line = line!() - 2;
        assert!(too_few.to_string().contains(&format!("{}:{line}:23", file!())), "{too_few}");
        assert_eq!((too_few.rank(), too_few.shape().rank()), (0, 0));
    }
}
