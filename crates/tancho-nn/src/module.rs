//! Modules: what holds variables.
//!
//! A module shows its parts, each under its name, to whoever asks ([`Parts`]): to list the variables, to save and restore
//! them, to print a summary, to add up penalties. The path of names to a variable is its name in files: `dense1.kernel`,
//! `blocks[2].scale`.

use std::collections::BTreeMap;

use tancho_core::random::Generator;
use tancho_core::{Tensor, Variable};

use crate::init::Regularizer;
use crate::layer::OutputShape;
use crate::summary::Summary;

/// What holds variables: a layer, a model, an optimiser. Derive it for structs: `#[derive(Module)]`.
///
/// Fields are modules themselves: layers, variables, numbers and texts (which hold none), and vectors, options, boxes, arrays
/// and tuples of modules. A field of another type is marked `#[module(skip)]`.
///
/// ```
/// # use tancho_nn::{Dense, Module, nn};
/// # extern crate tancho_nn as tancho;
/// #[derive(Module)]
/// struct Model {
///     hidden: Dense,
///     output: Dense,
/// }
/// let model = Model { hidden: Dense::new(3).build(2), output: Dense::new(1).build(3) };
/// let names: Vec<String> = model.named_variables().into_iter().map(|named| named.name).collect();
/// assert_eq!(names, ["hidden.kernel", "hidden.bias", "output.kernel", "output.bias"]);
/// assert_eq!(model.parameter_count(), 2 * 3 + 3 + 3 + 1);
/// ```
pub trait Module: Send + Sync + 'static {
    /// Shows each part under its name, in an order that is always the same.
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>);

    /// What the module is called in a summary. Where it is empty, the module is no entry of its own there: its parts are.
    fn kind(&self) -> &str {
        let name = std::any::type_name::<Self>();
        let name = name.split('<').next().unwrap_or(name);
        name.rsplit("::").next().unwrap_or(name)
    }

    /// Each variable under its path, once, in order. A layer that takes its sizes from its first input has none before.
    fn named_variables(&self) -> Vec<NamedVariable> {
        let mut found = Named { path: Path::default(), found: Vec::new() };
        self.visit_parts(&mut found);
        found.found
    }

    /// All variables.
    fn variables(&self) -> Vec<Variable> {
        self.named_variables().into_iter().map(|named| named.variable).collect()
    }

    /// The variables that training changes.
    fn trainable_variables(&self) -> Vec<Variable> {
        self.variables().into_iter().filter(Variable::is_trainable).collect()
    }

    /// The variables that change otherwise: moving averages, states of generators.
    fn non_trainable_variables(&self) -> Vec<Variable> {
        self.variables().into_iter().filter(|variable| !variable.is_trainable()).collect()
    }

    /// How many numbers the variables hold; the states of generators are not counted.
    fn parameter_count(&self) -> usize {
        let mut found = Parameters(Vec::new());
        self.visit_parts(&mut found);
        found.0.into_iter().map(element_count).sum()
    }

    /// The table of layers, their outputs and parameters that Keras prints: `println!("{}", model.summary())`.
    fn summary(&self) -> Summary {
        Summary::of(self)
    }

    /// The sum of what the regularizers of the layers add to a loss; `None` where there are none.
    #[track_caller]
    fn penalty(&self) -> Option<Tensor> {
        let mut found = Penalties(Vec::new());
        self.visit_parts(&mut found);
        let mut sum: Option<Tensor> = None;
        for (regularizer, variable) in found.0 {
            let penalty = regularizer.penalty(variable);
            sum = Some(match sum {
                Some(sum) => sum + penalty,
                None => penalty,
            });
        }
        sum
    }
}

/// A variable of a module under its path.
#[derive(Clone)]
pub struct NamedVariable {
    pub name: String,
    pub variable: Variable,
}

/// What looks at the parts of a module. Each method does nothing unless it is needed.
pub trait Parts<'a> {
    fn variable(&mut self, variable: &'a Variable) {
        let _ = variable;
    }

    /// The part that was entered is a module of this kind, whose parts follow. A module within a layer that a summary does not
    /// show is not announced.
    fn module(&mut self, kind: &str) {
        let _ = kind;
    }

    /// A source of keys: its state is a variable, but no parameter.
    fn generator(&mut self, generator: &'a Generator) {
        self.variable(generator.state());
    }

    /// The shape of what a layer gave last.
    fn output(&mut self, output: &'a OutputShape) {
        let _ = output;
    }

    /// What a variable adds to the loss.
    fn penalty(&mut self, regularizer: &'a Regularizer, variable: &'a Variable) {
        let _ = (regularizer, variable);
    }

    /// What is shown until [`Parts::leave`] belongs to the part of this name: a field, or `[2]`.
    fn enter(&mut self, name: &str) {
        let _ = name;
    }

    fn leave(&mut self) {}
}

/// The number of elements of a variable.
pub(crate) fn element_count(variable: &Variable) -> usize {
    variable.shape().known().map_or(0, |sizes| sizes.iter().product())
}

/// The path to a part: fields joined by points, indices as they are.
#[derive(Default)]
pub(crate) struct Path {
    text: String,
    lengths: Vec<usize>,
}

impl Path {
    pub(crate) fn enter(&mut self, name: &str) {
        self.lengths.push(self.text.len());
        if !self.text.is_empty() && !name.starts_with('[') {
            self.text.push('.');
        }
        self.text += name;
    }

    pub(crate) fn leave(&mut self) {
        self.text.truncate(self.lengths.pop().unwrap_or(0));
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

struct Named {
    path: Path,
    found: Vec<NamedVariable>,
}

impl<'a> Parts<'a> for Named {
    fn variable(&mut self, variable: &'a Variable) {
        if !self.found.iter().any(|known| known.variable.is_same(variable)) {
            self.found.push(NamedVariable { name: self.path.text().to_owned(), variable: variable.clone() });
        }
    }

    fn enter(&mut self, name: &str) {
        self.path.enter(name);
    }

    fn leave(&mut self) {
        self.path.leave();
    }
}

/// The variables without the states of generators, each once.
struct Parameters<'a>(Vec<&'a Variable>);

impl<'a> Parts<'a> for Parameters<'a> {
    fn variable(&mut self, variable: &'a Variable) {
        if !self.0.iter().any(|known| known.is_same(variable)) {
            self.0.push(variable);
        }
    }

    fn generator(&mut self, _: &'a Generator) {}
}

struct Penalties<'a>(Vec<(&'a Regularizer, &'a Variable)>);

impl<'a> Parts<'a> for Penalties<'a> {
    fn penalty(&mut self, regularizer: &'a Regularizer, variable: &'a Variable) {
        self.0.push((regularizer, variable));
    }
}

impl Module for Variable {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.variable(self);
    }
}

impl Module for Generator {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.generator(self);
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        (**self).visit_parts(parts);
    }

    fn kind(&self) -> &str {
        (**self).kind()
    }
}

impl<M: Module + ?Sized> Module for std::sync::Arc<M> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        (**self).visit_parts(parts);
    }

    fn kind(&self) -> &str {
        (**self).kind()
    }
}

impl<M: Module> Module for Option<M> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(module) = self {
            module.visit_parts(parts);
        }
    }

    fn kind(&self) -> &str {
        self.as_ref().map_or("", M::kind)
    }
}

impl<M: Module> Module for [M] {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        for (index, module) in self.iter().enumerate() {
            parts.enter(&format!("[{index}]"));
            parts.module(module.kind());
            module.visit_parts(parts);
            parts.leave();
        }
    }

    fn kind(&self) -> &str {
        ""
    }
}

impl<M: Module> Module for Vec<M> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.as_slice().visit_parts(parts);
    }

    fn kind(&self) -> &str {
        ""
    }
}

impl<M: Module, const N: usize> Module for [M; N] {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.as_slice().visit_parts(parts);
    }

    fn kind(&self) -> &str {
        ""
    }
}

impl<M: Module> Module for BTreeMap<String, M> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        for (key, module) in self {
            parts.enter(key);
            parts.module(module.kind());
            module.visit_parts(parts);
            parts.leave();
        }
    }

    fn kind(&self) -> &str {
        ""
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))*) => {
        $(
            impl<$($name: Module),+> Module for ($($name,)+) {
                fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
                    $(
                        parts.enter(concat!("[", stringify!($index), "]"));
                        parts.module(self.$index.kind());
                        self.$index.visit_parts(parts);
                        parts.leave();
                    )+
                }

                fn kind(&self) -> &str {
                    ""
                }
            }
        )*
    };
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

macro_rules! without_variables {
    ($($of:ty)*) => {
        $(
            impl Module for $of {
                fn visit_parts<'a>(&'a self, _: &mut dyn Parts<'a>) {}

                fn kind(&self) -> &str {
                    ""
                }
            }
        )*
    };
}

without_variables! {
    () bool char String &'static str
    u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64
    Tensor crate::Mode crate::Activation crate::Initializer
}
