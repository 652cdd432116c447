//! Keys: what random numbers are a function of, and how one key becomes many.
//!
//! The blocks of a key's stream are numbered with 64 bits. Draws begin at block 0; what is derived lies where no draw comes.
//! Child `i` of a split is block `SPLIT + i`. Folding a number in takes two blocks, since the number has 64 bits of its own:
//! block `FOLD + low half` of the key, and block `FOLD + 2³² + high half` of the key that this is. As the cipher is a
//! permutation, distinct blocks of one key are distinct.

use tancho_ir::ops::BinaryOp;
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::{Array, DType};

use super::bits::{constant, encrypted, row};
use crate::apply::{Attributes, apply, apply_several};
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::operand::{AsTensor, Operand, resolve};
use crate::tensor::Tensor;
use crate::tree::{Tree, Visitor};

/// The first block that a split gives.
const SPLIT: u64 = 0b10 << 62;
/// The first block that folding gives.
const FOLD: u64 = 0b11 << 62;

/// What random numbers are a function of: a tensor `u64[2]`.
///
/// It is a [`Tree`], so that traced functions take and give keys.
///
/// ```
/// # use tancho_core::random::{self, Key};
/// # use tancho_core::{Tensor, function};
/// let dropout = function(|x: Tensor, key: Key| &x * random::bernoulli(x.shape(), 0.5, key).to(x.dtype()));
/// let kept = dropout.call((random::uniform([100], Key::new(1)), Key::new(2)))?;
/// assert_eq!(kept.shape(), [100]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Key(Tensor);

/// A number that stands for [`Key::new`] of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

impl Key {
    /// The key of a seed. Distinct seeds give distinct keys.
    pub fn new(seed: u64) -> Key {
        Key(match Array::new([2], &[seed, 0]) {
            Ok(array) => Tensor::from_array(array),
            Err(error) => Tensor::fault("key", error.to_string()),
        })
    }

    /// A key of its bits, which [`Key::data`] gave, or which are random.
    ///
    /// # Errors
    /// What draws from the key, or derives one, carries an error if the bits are not `u64[2]`.
    pub fn from_data(data: impl Into<Tensor>) -> Key {
        Key(data.into())
    }

    /// The bits, `u64[2]`.
    pub fn data(&self) -> &Tensor {
        &self.0
    }

    pub(super) fn into_data(self) -> Tensor {
        self.0
    }

    /// Keys that have nothing to do with one another, nor with this one.
    ///
    /// The first ones are the same for every `n`.
    ///
    /// ```
    /// # use tancho_core::random::{self, Key};
    /// for key in Key::new(1).split(3) {
    ///     println!("{}", random::normal([4], key));
    /// }
    /// ```
    #[track_caller]
    pub fn split(&self, n: usize) -> Vec<Key> {
        let count = i64::try_from(n).unwrap_or(i64::MAX);
        let all = apply("split", Attributes::none().integer(count), [Operand::Lend(&self.0)], &|builder, values| {
            children(builder, values[0], count)
        });
        if all.check().is_err() {
            // As many as can be meant to be used: there may be no memory for more.
            return vec![Key(all); n.min(1 << 16)];
        }
        let mut keys = Vec::with_capacity(n);
        // A plain loop, since a closure would be taken for the caller.
        for index in 0..count {
            keys.push(Key(all.slice(index)));
        }
        keys
    }

    /// As [`Key::split`], where the number of keys is known: `let [a, b] = key.split_array();`
    #[track_caller]
    pub fn split_array<const N: usize>(&self) -> [Key; N] {
        let count = i64::try_from(N).unwrap_or(i64::MAX);
        let attributes = Attributes::none().integer(count);
        let keys = apply_several("split", attributes, &mut [Operand::Lend(&self.0)], &|builder, values| {
            let all = children(builder, values[0], count)?;
            let mut keys = [all; N];
            for (index, key) in (0..).zip(&mut keys) {
                *key = row(builder, all, index, &Dim::known(2))?;
            }
            Ok(keys)
        });
        keys.map(Key)
    }

    /// A key of this one and a number, such as that of a step. Distinct numbers give keys that have nothing to do with one
    /// another, nor with this one.
    ///
    /// The number is an integer of any dtype, or a tensor of rank 0. Equal numbers of different dtypes give the same key.
    ///
    /// # Errors
    /// The number is no integer, or not of rank 0.
    #[track_caller]
    pub fn fold_in(&self, number: impl AsTensor) -> Key {
        let mut number = [number.into_operand()];
        resolve("fold_in", &mut number);
        let [number] = number;
        Key(apply("fold_in", Attributes::none(), [Operand::Lend(&self.0), number], &|builder, values| {
            let of = builder.type_of(values[1]).clone();
            require(of.dtype.is_integer(), || format!("takes an integer, not {of}"))?;
            require(of.rank() == 0, || format!("takes a number of rank 0, not {of}"))?;
            let number = builder.convert(DType::U64, values[1])?;
            let low = builder.binary_constant(BinaryOp::And, number, f64::from(u32::MAX))?;
            let high = builder.binary_constant(BinaryOp::ShiftRightLogical, number, 32.0)?;
            let key = fold_half(builder, values[0], low, FOLD)?;
            fold_half(builder, key, high, FOLD + (1 << 32))
        }))
    }
}

/// The first `count` children of a key, one a row.
fn children(builder: &mut Builder<'_>, key: Value, count: i64) -> Result<Value, Fault> {
    let first = constant(builder, SPLIT);
    encrypted(builder, key, first, DType::U64, Dims::from_iter([Dim::known(count), Dim::known(2)]))
}

fn fold_half(builder: &mut Builder<'_>, key: Value, half: Value, base: u64) -> Result<Value, Fault> {
    let base = constant(builder, base);
    let block = builder.binary(BinaryOp::Add, half, base)?;
    encrypted(builder, key, block, DType::U64, Dims::from_iter([Dim::known(2)]))
}

impl From<Seed> for Key {
    fn from(seed: Seed) -> Key {
        Key::new(seed.0)
    }
}

impl From<&Key> for Key {
    fn from(key: &Key) -> Key {
        key.clone()
    }
}

impl Tree for Key {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.leaf(&self.0);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self {
        Key(leaves())
    }

    fn give(self, sink: &mut dyn FnMut(Tensor)) {
        sink(self.0);
    }
}
