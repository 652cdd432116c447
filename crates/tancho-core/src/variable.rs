//! Variables: values that change.
//!
//! A [`Variable`] is a handle; its clones are the same variable. What it holds is an immutable array that an assignment
//! replaces, or overwrites where nobody else holds it.
//!
//! A traced function does not read a variable while it is traced. The trace takes the variable's value as a parameter of
//! its own, knows what the variable holds after each assignment, and gives the last value as a result of its own. A call
//! binds them: it locks the variables in the order of their ids, runs, and stores the results at the end. So a call that
//! fails leaves every variable as it was, effects are in program order, and two calls cannot wait for each other.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use smallvec::SmallVec;
use tancho_ir::TensorType;
use tancho_ir::ops::BinaryOp;
use tancho_tensor::{Array, DType, Shape};

use crate::apply::{Attributes, apply_at, read_variables, update_eagerly};
use crate::arguments::{Feed, Leaf};
use crate::builder::{Build, BuildAll, require};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{self, Index};
use crate::operand::{AsTensor, Operand};
use crate::ops::{ScatterKind, resolve_indices, scatter_build};
use crate::scalar::{Literal, Scalar, literal_array};
use crate::tensor::{Repr, Tensor};
use crate::tree::{Tree, Visitor};
use crate::{tape, trace};

/// A value that changes. It stands wherever a tensor does, for what it holds at that time.
///
/// ```
/// # use tancho_core::{Result, Variable};
/// # fn main() -> Result<()> {
/// let x = Variable::new([0.0f32, 0.0]);
/// x.assign([1.0f32, 2.0])?;
/// x.assign_add([1.0f32, 1.0])?;
/// assert_eq!((&x * 2.0).to_vec::<f32>()?, [4.0, 6.0]);
/// # Ok(())
/// # }
/// ```
///
/// Its dtype and shape are those of its first value. Clones are the same variable; `read` gives a tensor that no
/// assignment changes.
pub struct Variable(Tensor);

/// The name of a variable that was given none.
const NO_NAME: &str = "variable";

/// What a variable is: the place of its value.
pub(crate) struct Cell {
    id: u64,
    name: Arc<str>,
    of: TensorType,
    shape: Shape,
    trainable: bool,
    value: Mutex<Array>,
}

thread_local! {
    /// The variables that calls on this thread hold while the user's code may run.
    static HELD: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// A call that holds variables; see [`Cell::lock_from_outside`].
pub(crate) struct Holding(usize);

impl Holding {
    pub(crate) fn new(cells: impl Iterator<Item = u64>) -> Self {
        HELD.with_borrow_mut(|held| {
            let before = held.len();
            held.extend(cells);
            Holding(before)
        })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held.truncate(self.0));
    }
}

impl Cell {
    /// Never used again within the process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How messages call it.
    pub(crate) fn called(&self) -> String {
        if &*self.name == NO_NAME { "the variable".into() } else { format!("the variable {}", self.name) }
    }

    pub(crate) fn of(&self) -> &TensorType {
        &self.of
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) fn is_trainable(&self) -> bool {
        self.trainable
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Array> {
        // A value is replaced as a whole, so that it is right even where a holder of the lock panicked.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Cell::lock`], where it may be that the user's code runs within a call that holds the variable.
    ///
    /// # Errors
    /// It does: it would wait for itself.
    pub(crate) fn lock_from_outside(&self, location: &'static Location<'static>) -> Result<MutexGuard<'_, Array>> {
        if HELD.with_borrow(|held| held.contains(&self.id)) {
            let message = format!(
                "{} is assigned by the call that runs this function of the host, so that it cannot be used in it",
                self.called()
            );
            return Err(Error::at(ErrorKind::Message(message), location));
        }
        Ok(self.lock())
    }

    /// What the variable holds now.
    pub(crate) fn read(self: &Arc<Self>, location: &'static Location<'static>) -> Tensor {
        if trace::is_active() {
            return trace::read_variable(self, location);
        }
        match self.lock_from_outside(location) {
            Ok(held) => {
                let array = held.clone();
                drop(held);
                tape::read_variable(self, array)
            }
            Err(error) => Tensor(Repr::Error(error)),
        }
    }

    fn assign(self: &Arc<Self>, op: &'static str, value: Tensor, location: &'static Location<'static>) -> Result<()> {
        value.check()?;
        if trace::is_active() {
            return trace::assign_variable(op, self, &value, location).inspect_err(trace::record_error);
        }
        let Some(array) = value.value() else { return Err(trace::not_a_value(op, &value, location)) };
        self.check_type(op, &TensorType::of(array), location)?;
        let old = std::mem::replace(&mut *self.lock_from_outside(location)?, array.clone());
        // Its buffer goes back to the pool where no lock is held.
        drop(old);
        Ok(())
    }

    /// Puts what an operation makes of the value and of others in its place; in place where nobody else holds the value.
    fn update(
        self: &Arc<Self>,
        op: &'static str,
        attributes: Attributes,
        mut others: SmallVec<[Operand<'_>; 2]>,
        location: &'static Location<'static>,
        build: Build,
    ) -> Result<()> {
        if trace::is_active() {
            let mut inputs: SmallVec<[Operand<'_>; 3]> = SmallVec::new();
            inputs.push(Operand::Give(self.read(location)));
            inputs.extend(others);
            return self.assign(op, apply_at(op, attributes, &mut inputs, location, build), location);
        }
        let build_all: BuildAll = &|builder, values| {
            let value = build(builder, values)?;
            let (new, held) = (builder.type_of(value), builder.type_of(values[0]));
            require(new == held, || format!("{} is {held}, but {new} is assigned", self.called()))?;
            Ok(SmallVec::from_slice(&[value]))
        };
        // The others may be this variable, or one whose update waits for this one: only one lock is held at a time.
        read_variables(&mut others, location);
        let mut held = self.lock_from_outside(location)?;
        update_eagerly(op, attributes, &mut held, &mut others, build_all, location)
    }

    pub(crate) fn check_type(
        &self,
        op: &'static str,
        given: &TensorType,
        location: &'static Location<'static>,
    ) -> Result<()> {
        let fits = given.dtype == self.of.dtype
            && given.rank() == self.of.rank()
            && given.dims.iter().zip(&self.of.dims).all(|(x, y)| x.always_equals(y) != Some(false));
        if fits {
            return Ok(());
        }
        let message = format!("{} is {}, but {given} is assigned", self.called(), self.of);
        Err(Error::at(ErrorKind::Op { op, message }, location))
    }
}

/// A variable that a traced graph uses: its value is a parameter behind the others, in order.
pub(crate) struct BoundVariable {
    /// Caches keep no variable alive.
    cell: Weak<Cell>,
    name: Arc<str>,
    pub(crate) dtype: DType,
    pub(crate) shape: Shape,
    /// The place of its last value among the results, where it is assigned.
    pub(crate) result: Option<usize>,
}

impl BoundVariable {
    pub(crate) fn new(cell: &Arc<Cell>, result: Option<usize>) -> Self {
        let (dtype, shape) = (cell.of.dtype, cell.shape.clone());
        BoundVariable { cell: Arc::downgrade(cell), name: cell.name.clone(), dtype, shape, result }
    }

    /// # Errors
    /// The variable was dropped.
    pub(crate) fn upgrade(&self, function: &str, location: &'static Location<'static>) -> Result<Arc<Cell>> {
        self.cell.upgrade().ok_or_else(|| {
            let (function, variable) = (function.to_owned(), self.name.to_string());
            Error::at(ErrorKind::DroppedVariable { function, variable }, location)
        })
    }
}

/// What a variable can be given: tensors, variables, and Rust numbers, `bool`s, arrays and vectors of those.
///
/// A single number takes the dtype of the variable.
pub trait IntoValue {
    /// The tensor; a number becomes one of `dtype`, where that is given.
    fn into_value(self, dtype: Option<DType>) -> Tensor;
}

impl IntoValue for Tensor {
    fn into_value(self, _: Option<DType>) -> Tensor {
        self
    }
}

impl IntoValue for &Tensor {
    fn into_value(self, _: Option<DType>) -> Tensor {
        self.clone()
    }
}

impl IntoValue for &Variable {
    #[track_caller]
    fn into_value(self, _: Option<DType>) -> Tensor {
        self.read()
    }
}

impl<T: Literal> IntoValue for T
where
    Scalar: From<T::Element>,
{
    #[track_caller]
    fn into_value(self, dtype: Option<DType>) -> Tensor {
        let array = match literal_array(&self) {
            Ok(array) => array,
            Err(message) => return Tensor::fault("tensor", message),
        };
        match (dtype, array.elements::<T::Element>()) {
            (Some(dtype), Ok([element])) if array.shape().rank() == 0 => match Scalar::from(*element).to_array(dtype) {
                Ok(array) => Tensor(Repr::Value(array)),
                Err(message) => Tensor::fault("tensor", message),
            },
            _ => Tensor(Repr::Value(array)),
        }
    }
}

impl Variable {
    /// A variable that begins with a value.
    ///
    /// Within a traced function the value is computed once, while the function is traced; it must not depend on the
    /// function's arguments. A function may make variables in its first trace only, and must keep them.
    ///
    /// # Panics
    /// Never; a value that carries an error gives a variable that carries it.
    #[track_caller]
    pub fn new(value: impl IntoValue) -> Variable {
        Variable::create(NO_NAME, true, value.into_value(None), Location::caller())
    }

    /// The variable under a name, for dumps, messages and files; a variable of its own, which begins with this one's value.
    #[track_caller]
    pub fn named(self, name: &str) -> Variable {
        self.with(|cell| (name.into(), cell.trainable), Location::caller())
    }

    /// The variable as one that gradient tapes do not watch; a variable of its own, which begins with this one's value.
    #[track_caller]
    pub fn not_trainable(self) -> Variable {
        self.with(|cell| (cell.name.clone(), false), Location::caller())
    }

    fn with(self, change: impl FnOnce(&Cell) -> (Arc<str>, bool), location: &'static Location<'static>) -> Variable {
        let Repr::Variable(cell) = &self.0.0 else { return self };
        let (name, trainable) = change(cell);
        let array = cell.lock().clone();
        Variable::create(&name, trainable, Tensor(Repr::Value(array)), location)
    }

    fn create(name: &str, trainable: bool, value: Tensor, location: &'static Location<'static>) -> Variable {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let array = match trace::initial_value(&value, location) {
            Ok(array) => array,
            Err(error) => return Variable(Tensor::from_error(error)),
        };
        let cell = Cell {
            id: NEXT.fetch_add(1, Relaxed),
            name: name.into(),
            of: TensorType::of(&array),
            shape: array.shape().clone(),
            trainable,
            value: Mutex::new(array),
        };
        let cell = Arc::new(cell);
        trace::note_creation(&cell);
        Variable(Tensor(Repr::Variable(cell)))
    }

    /// What the variable is, or the error that it carries.
    pub(crate) fn cell(&self) -> Result<&Arc<Cell>> {
        match &self.0.0 {
            Repr::Variable(cell) => Ok(cell),
            Repr::Error(error) => Err(error.clone()),
            Repr::Value(_) | Repr::Recorded(_) | Repr::Node(_) | Repr::Placeholder(_) => {
                Err(Error::new("a variable that is none"))
            }
        }
    }

    /// The name; `variable` where it was given none.
    pub fn name(&self) -> &str {
        self.cell().map_or(NO_NAME, |cell| cell.name())
    }

    /// Whether gradient tapes watch the variable.
    pub fn is_trainable(&self) -> bool {
        self.cell().is_ok_and(|cell| cell.is_trainable() && cell.of().dtype.is_float())
    }

    /// Whether this is a handle to the same variable.
    pub fn is_same(&self, other: &Variable) -> bool {
        matches!((self.cell(), other.cell()), (Ok(mine), Ok(theirs)) if Arc::ptr_eq(mine, theirs))
    }

    /// What the variable holds now. No later assignment changes it.
    #[track_caller]
    pub fn read(&self) -> Tensor {
        match self.cell() {
            Ok(cell) => cell.read(Location::caller()),
            Err(error) => Tensor::from_error(error),
        }
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// The new value carries an error, or has another dtype or shape.
    #[track_caller]
    pub fn assign(&self, value: impl IntoValue) -> Result<()> {
        let location = Location::caller();
        let cell = self.cell()?;
        cell.assign("assign", value.into_value(Some(cell.of.dtype)), location)
    }

    /// Adds to the value. What is added is broadcast.
    ///
    /// # Errors
    /// The operand carries an error, has another dtype, or does not broadcast to the variable's shape.
    #[track_caller]
    pub fn assign_add(&self, value: impl IntoValue) -> Result<()> {
        self.update_by("assign_add", BinaryOp::Add, value, Location::caller())
    }

    /// Subtracts from the value. What is subtracted is broadcast.
    ///
    /// # Errors
    /// As [`Variable::assign_add`].
    #[track_caller]
    pub fn assign_sub(&self, value: impl IntoValue) -> Result<()> {
        self.update_by("assign_sub", BinaryOp::Subtract, value, Location::caller())
    }

    #[track_caller]
    fn update_by(
        &self,
        name: &'static str,
        op: BinaryOp,
        value: impl IntoValue,
        location: &'static Location<'static>,
    ) -> Result<()> {
        let cell = self.cell()?;
        let value = value.into_value(Some(cell.of.dtype));
        value.check()?;
        let build: Build = &|builder, values| builder.binary(op, values[0], values[1]);
        cell.update(name, Attributes::none(), SmallVec::from_iter([Operand::Give(value)]), location, build)
    }

    /// Replaces the part of the value that an index selects; see [`Tensor::slice`]. What is assigned is broadcast.
    ///
    /// # Errors
    /// The index is out of range; the operand carries an error, has another dtype, or does not broadcast to the part.
    #[track_caller]
    pub fn assign_slice(&self, index: impl Index, value: impl IntoValue) -> Result<()> {
        let location = Location::caller();
        let cell = self.cell()?;
        let value = value.into_value(Some(cell.of.dtype));
        value.check()?;
        let entries = index.entries();
        let build: Build = &|builder, values| index::build_update(builder, values[0], values[1], &entries);
        let others = SmallVec::from_iter([Operand::Give(value)]);
        cell.update("assign_slice", index::attributes(&entries), others, location, build)
    }
}

macro_rules! scatters {
    ($($(#[$doc:meta])* $method:ident $kind:ident;)*) => {
        impl Variable {
            $(
                $(#[$doc])*
                ///
                /// The index vectors lie along the last axis of the indices.
                ///
                /// # Shape
                /// `[d₁, …, dₖ, …b]`, indices `[…i, k]`, updates `[…i, …b]` (which broadcast)
                ///
                /// # Errors
                /// As the function `tensor_scatter_nd_…` of this kind; the value is then what it was.
                #[track_caller]
                pub fn $method(&self, indices: impl AsTensor, updates: impl IntoValue) -> Result<()> {
                    let location = Location::caller();
                    let cell = self.cell()?;
                    let updates = updates.into_value(Some(cell.of.dtype));
                    updates.check()?;
                    let mut others = SmallVec::new();
                    others.push(resolve_indices(stringify!($method), indices));
                    others.push(Operand::Give(updates));
                    let build: Build = &|builder, values| {
                        scatter_build(builder, [values[0], values[1], values[2]], ScatterKind::$kind)
                    };
                    cell.update(stringify!($method), Attributes::none(), others, location, build)
                }
            )*
        }
    };
}
scatters! {
    /// Replaces the elements at index vectors; the last update stays where there are several.
    scatter_nd_update Update;
    /// Adds updates at index vectors. Integers (which wrap) and floats.
    scatter_nd_add Add;
    /// Subtracts updates at index vectors. Integers (which wrap) and floats.
    scatter_nd_sub Sub;
    /// Puts the larger one of element and update at index vectors; NaN if either is NaN.
    scatter_nd_max Max;
    /// Puts the smaller one of element and update at index vectors; NaN if either is NaN.
    scatter_nd_min Min;
}

/// The same variable.
impl Clone for Variable {
    fn clone(&self) -> Self {
        Variable(match &self.0.0 {
            Repr::Variable(cell) => Tensor(Repr::Variable(cell.clone())),
            Repr::Value(_) | Repr::Recorded(_) | Repr::Node(_) | Repr::Placeholder(_) | Repr::Error(_) => {
                self.0.clone()
            }
        })
    }
}

/// Reads the variable whenever the tensor is used.
impl Deref for Variable {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.0
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.0)
    }
}

/// Part of the structure of a tree, by its identity: a function that takes variables has a trace for each of them.
impl Tree for Variable {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.variable(self);
    }

    fn rebuild(&self, _: &mut dyn FnMut() -> Tensor) -> Self {
        self.clone()
    }

    fn give(self, _: &mut dyn FnMut(Tensor)) {}
}

/// A variable in the place of a tensor: what it holds when the function is called.
impl Feed<Tensor> for &Variable {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.leaf(&self.0);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Tensor {
        leaves()
    }

    fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a,
    {
        sink(Leaf::Lend(&self.0));
    }
}

impl AsTensor for &Variable {
    fn into_operand<'a>(self) -> Operand<'a>
    where
        Self: 'a,
    {
        Operand::Lend(&self.0)
    }
}
