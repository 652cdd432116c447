//! Traced methods: the cache of a method with the attribute `#[function]`.
//!
//! The attribute puts a `static` into the method. A static can name neither `Self` nor the parameters of the `impl` around
//! it, and all the types that a generic `impl` makes share it. So a [`Method`] keeps a cache for each type of arguments
//! that it meets, with the types erased; there is seldom more than one.

use std::any::{Any, TypeId};
use std::panic::Location;
use std::sync::OnceLock;

use crate::arguments::Arguments;
use crate::cache::{Cache, Options, Sizes};
use crate::error::Result;
use crate::function::Trace;
use crate::signature::legal_name;
use crate::tree::Tree;

/// The caches of a traced method. What the attribute `#[function]` expands to has one.
#[doc(hidden)]
pub struct Method {
    name: &'static str,
    argument_names: &'static [&'static str],
    first: Link,
}

/// A list that only grows, so that it is read without a lock.
type Link = OnceLock<Box<Node>>;

struct Node {
    /// Of the arguments, the receiver among them, and of the result.
    types: TypeId,
    /// A `Cache` for the type of the result.
    cache: Box<dyn Any + Send + Sync>,
    next: Link,
}

impl Method {
    pub const fn new(name: &'static str, argument_names: &'static [&'static str]) -> Self {
        Method { name, argument_names, first: OnceLock::new() }
    }

    /// Calls the method, whose body is a closure with the receiver as its first argument. `receiver` is the name of its
    /// type.
    ///
    /// # Errors
    /// As [`Function::call`](crate::Function::call).
    #[track_caller]
    pub fn call<Args: 'static, Out: Tree>(
        &self,
        receiver: &str,
        body: &dyn Trace<Args, Out = Out>,
        arguments: impl Arguments<Args>,
    ) -> Result<Out> {
        let location = Location::caller();
        self.cache::<Args, Out>(receiver).call(body, arguments, location)
    }

    fn cache<Args: 'static, Out: Tree>(&self, receiver: &str) -> &Cache<Out> {
        let types = TypeId::of::<(Args, Out)>();
        let mut link = &self.first;
        loop {
            let node = link.get_or_init(|| {
                let name = legal_name(&format!("{}_{}", short_name(receiver), self.name)).into();
                let options = Options { name, argument_names: self.argument_names, sizes: Sizes::Exact };
                Box::new(Node { types, cache: Box::new(Cache::<Out>::new(options)), next: OnceLock::new() })
            });
            if node.types == types
                && let Some(cache) = node.cache.downcast_ref()
            {
                return cache;
            }
            link = &node.next;
        }
    }
}

/// The name of a type without its path and its parameters.
fn short_name(name: &str) -> &str {
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_without_paths_and_parameters() {
        assert_eq!(short_name("a::b::Model<c::D<e::F>>"), "Model");
        assert_eq!(short_name("Model"), "Model");
    }
}
