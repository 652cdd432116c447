//! A source of keys that has a state.

use std::sync::{Arc, Mutex, PoisonError};

use super::key::Key;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// A source of keys, each of which has nothing to do with those before. Where a key is expected, `&generator` is its next one.
///
/// Its state is a [`Variable`], so that a traced function that draws from it gives other numbers at each call.
///
/// ```
/// # use tancho_core::random::{self, Generator};
/// # use tancho_core::{Tensor, function};
/// let generator = Generator::new(1);
/// let first = random::normal([3], &generator).to_vec::<f32>()?;
/// assert_ne!(random::normal([3], &generator).to_vec::<f32>()?, first);
///
/// let noisy = function(|x: Tensor| x + random::normal([3], &generator));
/// let x = random::uniform([3], &generator);
/// assert_ne!(noisy.call(&x)?.to_vec::<f32>()?, noisy.call(&x)?.to_vec::<f32>()?);
///
/// generator.reset(1)?;
/// assert_eq!(random::normal([3], &generator).to_vec::<f32>()?, first);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// Clones are the same generator. Threads may share it; each key is given once, but which thread gets which is left to chance.
#[derive(Clone)]
pub struct Generator {
    /// The bits of the key that the next ones are derived from.
    state: Variable,
    /// Held from reading the state to replacing it.
    turn: Arc<Mutex<()>>,
}

impl Generator {
    /// A generator that begins with the key of a seed.
    #[track_caller]
    pub fn new(seed: u64) -> Generator {
        Generator::from_key(Key::new(seed))
    }

    /// A generator that begins with a key. Nothing else should be drawn from it.
    #[track_caller]
    pub fn from_key(key: impl Into<Key>) -> Generator {
        let state = Variable::new(key.into().into_data()).named("generator").not_trainable();
        Generator { state, turn: Arc::default() }
    }

    /// The next key. If the state cannot be replaced, the key carries the error.
    #[track_caller]
    pub fn key(&self) -> Key {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let [next, key] = Key::from_data(self.state.read()).split_array();
        match self.state.assign(next.into_data()) {
            Ok(()) => key,
            Err(error) => Key::from_data(Tensor::from_error(error)),
        }
    }

    /// Begins anew with the key of a seed.
    ///
    /// # Errors
    /// The generator was made of a key that carries an error.
    #[track_caller]
    pub fn reset(&self, seed: u64) -> Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.assign(Key::new(seed).into_data())
    }

    /// What the generator goes on from, `u64[2]`, to be saved and put back.
    pub fn state(&self) -> &Variable {
        &self.state
    }
}

/// The generator's next key.
impl From<&Generator> for Key {
    #[track_caller]
    fn from(generator: &Generator) -> Key {
        generator.key()
    }
}
