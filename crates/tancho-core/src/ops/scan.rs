//! Loops over the rows of tensors: `scan`, `scan_reverse` and `map`.

mod rows;

use std::panic::Location;

use self::rows::{CARRY, Direction, ROWS, Rows};
use super::control::{failed, in_failing_trace, rebuilt};
use super::loops::{next_leaves, with_leaves};
use crate::compare::leaf_paths;
use crate::error::{Error, Result};
use crate::function::Outcome;
use crate::tensor::Tensor;
use crate::tree::{Tree, flatten};

/// Runs a body for each row of `xs` from the first to the last, and hands a carry on; gives the last carry, and the rows
/// that the body gives, stacked.
///
/// `xs` is a tensor or any structure of tensors, which have one length along axis 0; the body takes the part of each at
/// one index. It returns `(carry, y)`, or a `Result` of it: the next carry is of the structure and the types of the first, and
/// `y` is any structure of tensors, `()` among them. Body and variables are as in [`while_loop`](crate::while_loop).
///
/// ```
/// # use tancho_core::{Result, Tensor, function, scan, tensor};
/// # fn main() -> Result<()> {
/// let running = function(|xs: Tensor| scan(tensor(0.0f32), xs, |sum, x| (&sum + &x, sum * x)));
/// let (sum, products) = running.call(tensor([1.0f32, 2.0, 3.0]))?;
/// assert_eq!(sum.item::<f32>()?, 6.0);
/// assert_eq!(products.to_vec::<f32>()?, [0.0, 2.0, 9.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Shape
/// Leaves of `xs` `[n, …]`, of `x` `[…]`; of `y` `[…]`, of the result `[n, …]`
///
/// # Gradient
/// Forward and reverse mode.
///
/// # Errors
/// `xs` has no leaf, or leaves without axes or of different lengths; the body gives another structure or other types of the
/// carry: each leaf that differs is named.
#[track_caller]
pub fn scan<C, X, Y, R>(init: C, xs: X, body: impl FnMut(C, X) -> R) -> R
where
    C: Tree,
    X: Tree,
    Y: Tree,
    R: Outcome<Out = (C, Y)>,
{
    scan_rows("scan", Direction::Forward, init, xs, body, Location::caller())
}

/// As [`scan`], from the last row to the first. The rows that the body gives stand where those stand that it took.
#[track_caller]
pub fn scan_reverse<C, X, Y, R>(init: C, xs: X, body: impl FnMut(C, X) -> R) -> R
where
    C: Tree,
    X: Tree,
    Y: Tree,
    R: Outcome<Out = (C, Y)>,
{
    scan_rows("scan_reverse", Direction::Reverse, init, xs, body, Location::caller())
}

/// Runs a body for each row of `xs`, one after the other; gives what it returns, stacked.
///
/// ```
/// # use tancho_core::{Result, Tensor, function, map, tensor};
/// # fn main() -> Result<()> {
/// let norms = function(|xs: Tensor| map(xs, |x| x.square().sum(..).sqrt()));
/// assert_eq!(norms.call(tensor([[3.0f32, 4.0], [6.0, 8.0]]))?.to_vec::<f32>()?, [5.0, 10.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Shape
/// Leaves of `xs` `[n, …]`, of `x` `[…]`; of what the body returns `[…]`, of the result `[n, …]`
///
/// # Gradient
/// Forward and reverse mode.
///
/// # Errors
/// As [`scan`].
#[track_caller]
pub fn map<X, R>(xs: X, mut body: impl FnMut(X) -> R) -> R
where
    X: Tree,
    R: Outcome,
{
    let location = Location::caller();
    let op = "map";
    let mut last: Option<R> = None;
    let result = Rows::new(op, Direction::Forward, Vec::new(), &xs, location).run(Vec::new(), &mut |_, row| {
        let outcome = body(with_leaves(&xs, row));
        let previous = last.as_ref().map_or(Ok(None), |last| last.tree().map(Some));
        let leaves = previous
            .and_then(|previous| Ok((previous, outcome.tree()?)))
            .and_then(|(previous, rows)| next_leaves(op, previous.unwrap_or(rows), rows, ROWS, location));
        last = Some(outcome);
        Ok((Vec::new(), leaves?))
    });
    finish(last, result, |error| in_failing_trace(error, location, || body(with_error(&xs, error))))
}

fn scan_rows<C, X, Y, R>(
    op: &'static str,
    direction: Direction,
    init: C,
    xs: X,
    mut body: impl FnMut(C, X) -> R,
    location: &'static Location<'static>,
) -> R
where
    C: Tree,
    X: Tree,
    Y: Tree,
    R: Outcome<Out = (C, Y)>,
{
    let mut last: Option<R> = None;
    let rows = Rows::new(op, direction, leaf_paths(&init, CARRY.root), &xs, location);
    let result = rows.run(flatten(&init), &mut |carry, row| {
        let outcome = body(with_leaves(&init, carry), with_leaves(&xs, row));
        let previous = last.as_ref().map_or(Ok(None), |last| last.tree().map(Some));
        let leaves = previous.and_then(|previous| Ok((previous, outcome.tree()?))).and_then(|(previous, next)| {
            let carry = next_leaves(op, &init, &next.0, CARRY, location)?;
            Ok((carry, next_leaves(op, &previous.unwrap_or(next).1, &next.1, ROWS, location)?))
        });
        last = Some(outcome);
        leaves
    });
    finish(last, result, |error| {
        in_failing_trace(error, location, || body(with_error(&init, error), with_error(&xs, error)))
    })
}

/// The outcome of a loop, of the structure of the last trip's; `fail` runs the body for the structure alone.
fn finish<R: Outcome>(
    last: Option<R>,
    result: Result<(Vec<Tensor>, Vec<Tensor>)>,
    fail: impl FnOnce(&Error) -> R,
) -> R {
    match (result, last) {
        (Ok((carry, rows)), Some(outcome)) => rebuilt(outcome, carry.into_iter().chain(rows).collect()),
        (Err(error), Some(outcome)) => failed(outcome, error),
        (Err(error), None) => failed(fail(&error), error),
        (Ok(_), None) => {
            let error = Error::new("the body of a loop did not run");
            failed(fail(&error), error)
        }
    }
}

fn with_error<T: Tree>(structure: &T, error: &Error) -> T {
    structure.rebuild(&mut || Tensor::from_error(error.clone()))
}
