//! What a program does beside computing: printing, and stopping where something does not hold.
//!
//! Within a traced function both are part of the graph, in the order of the program among what else has an effect. Outside of
//! one they happen at once.

use std::panic::Location;
use std::sync::Arc;

use tancho_ir::Op;
use tancho_ir::ops::EffectOp;

use crate::apply::{Attributes, apply_effect};
use crate::error::Result;
use crate::operand::{AsTensor, Operand, resolve};
use crate::trace;

/// Prints a line: the format, with the values in the places of its `{}`; `{{` and `}}` are braces.
///
/// The values are one tensor or number, a tuple, an array or a vector of them, or `()`. Within a traced function the line is
/// printed whenever a call gets there, and after what was printed before.
///
/// ```
/// # use tancho_core::{Result, Tensor, function, print, tensor};
/// # fn main() -> Result<()> {
/// let double = function(|x: Tensor| {
///     print("x = {}, of {} elements", (&x, x.shape()[0].clone()));
///     x * 2
/// });
/// double.call(tensor([1, 2]))?; // x = [1, 2], of 2 elements
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The format has not one `{}` for each value, or another single brace, or a value carries an error. Within a traced function
/// its call fails then; outside of one, the error is printed in the place of the line.
#[track_caller]
pub fn print(format: &str, values: impl Values) {
    let location = Location::caller();
    let outcome = print_values(format, values.into_values(), location);
    if let Err(error) = outcome
        && !trace::is_active()
    {
        let text = error.to_string().replace('{', "{{").replace('}', "}}");
        // A text without places cannot fail but for want of memory.
        let _ = print_values(&text, Vec::new(), location);
    }
}

fn print_values(format: &str, values: Vec<Operand<'_>>, location: &'static Location<'static>) -> Result<()> {
    perform("print", EffectOp::Print { format: Arc::from(format) }, values, format, location)
}

/// Stops with an error unless all elements of a condition are true. The error has the message, with the values in the places
/// of its `{}`, and the line of the caller.
///
/// Outside of a traced function the error is returned. Within one, it is the call that fails; its variables are then what
/// they were before.
///
/// ```
/// # use tancho_core::{Result, Tensor, assert_all, function, tensor};
/// # fn main() -> Result<()> {
/// let root = function(|x: Tensor| {
///     assert_all(x.ge(0), "the root of {}", &x)?;
///     Ok(x.sqrt())
/// });
/// assert_eq!(root.call(tensor([4.0f32, 9.0]))?.to_vec::<f32>()?, [2.0, 3.0]);
/// let error = root.call(tensor([4.0f32, -1.0])).unwrap_err().to_string();
/// assert!(error.contains("the root of [ 4.0, -1.0]"), "{error}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// An element is false; the condition is no `bool`; the message has not one `{}` for each value, or another single brace; an
/// operand carries an error.
#[track_caller]
pub fn assert_all(condition: impl AsTensor, message: &str, values: impl Values) -> Result<()> {
    let location = Location::caller();
    let mut operands = vec![condition.into_operand()];
    operands.extend(values.into_values());
    perform("assert_all", EffectOp::Assert { message: Arc::from(message) }, operands, message, location)
}

fn perform(
    name: &'static str,
    op: EffectOp,
    mut operands: Vec<Operand<'_>>,
    text: &str,
    location: &'static Location<'static>,
) -> Result<()> {
    // Each number is of its own dtype, whatever stands beside it.
    operands.iter_mut().for_each(|operand| resolve(name, std::slice::from_mut(operand)));
    apply_effect(name, Attributes::none().text(text), &mut operands, Op::Effect(op), location)
}

/// What is printed: tensors and numbers, one, in a tuple of up to eight, in an array, or in a vector; or `()`.
pub trait Values {
    fn into_values<'a>(self) -> Vec<Operand<'a>>
    where
        Self: 'a;
}

impl<T: AsTensor> Values for T {
    fn into_values<'a>(self) -> Vec<Operand<'a>>
    where
        Self: 'a,
    {
        vec![self.into_operand()]
    }
}

impl<T: AsTensor> Values for Vec<T> {
    fn into_values<'a>(self) -> Vec<Operand<'a>>
    where
        Self: 'a,
    {
        self.into_iter().map(AsTensor::into_operand).collect()
    }
}

impl<T: AsTensor, const N: usize> Values for [T; N] {
    fn into_values<'a>(self) -> Vec<Operand<'a>>
    where
        Self: 'a,
    {
        self.into_iter().map(AsTensor::into_operand).collect()
    }
}

macro_rules! tuples {
    ($($($T:ident $place:tt)*;)*) => {$(
        impl<$($T: AsTensor),*> Values for ($($T,)*) {
            fn into_values<'a>(self) -> Vec<Operand<'a>>
            where
                Self: 'a,
            {
                vec![$(self.$place.into_operand()),*]
            }
        }
    )*};
}
tuples! {
    ;
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}
