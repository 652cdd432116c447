//! Random numbers: functions of a [`Key`].
//!
//! A function draws from the key that it is given. The same key gives the same numbers, whether the function runs at once
//! or is traced, on every machine and any number of threads. For numbers that have nothing to do with one another, draw from
//! keys that have nothing to do with one another: [`Key::split`] makes many of one, and [`Key::fold_in`] one for each number.
//! A [`Generator`] does so by itself; it is the only thing here that has a state.
//!
//! ```
//! use tancho_core::random::{self, Key, Seed};
//!
//! # fn main() -> tancho_core::Result<()> {
//! // A seed will do where one draw is all there is.
//! let noise = random::normal([209], Seed(1));
//! assert_eq!(noise.shape(), [209]);
//!
//! let [weights, order] = Key::new(1).split_array();
//! let w = random::uniform_in([3, 2], -0.5f32, 0.5, &weights);
//! assert!(w.to_vec::<f32>()?.iter().all(|x| (-0.5..0.5).contains(x)));
//! let epoch = random::permutation(100, order.fold_in(7));
//! assert_eq!(epoch.sort(0).to_vec::<i64>()?, Vec::from_iter(0..100));
//! # Ok(())
//! # }
//! ```
//!
//! The sizes of the result come first, then the parameters, which broadcast to these sizes, then the key. Functions whose
//! name ends in `_of` begin with the dtype of the result; those without give `f32`.
//!
//! # How the numbers are made
//! Random bits come from Philox-4x32 with ten rounds, a cipher: block `n` of a stream is the encrypted number `n`. A key has
//! 128 bits, of which the first half is the cipher's key and the second half the high half of its counter, so that two keys
//! never share a block. Of a key's 2⁶⁴ blocks, the first half are drawn from; the third quarter are the keys that
//! [`Key::split`] makes, and the last quarter are for [`Key::fold_in`].
//!
//! # Reference
//! Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011).

mod key;
mod bits;
mod distributions;
mod between;
mod choices;
mod order;
mod generator;

pub use between::uniform_in;
pub use bits::bits;
pub use choices::{bernoulli, categorical};
pub use distributions::{
    exponential, exponential_of, gumbel, gumbel_of, normal, normal_of, truncated_normal, truncated_normal_of, uniform,
    uniform_of,
};
pub use generator::Generator;
pub use key::{Key, Seed};
pub use order::{permutation, shuffle};
