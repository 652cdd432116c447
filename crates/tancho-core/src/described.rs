//! Arguments as messages show them: the path and the type of each tensor, the path and the text of each static value.

use std::fmt;

use tancho_ir::TensorType;

use crate::arguments::Arguments;
use crate::signature::Fixed;
use crate::tree::Paths;

/// The arguments of a call, or of a trace.
pub(crate) struct Described {
    paths: Vec<String>,
    types: Vec<TensorType>,
    fixed: Vec<Fixed>,
}

/// What differs between two descriptions at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The dtypes and ranks are the same.
    Sizes {
        path: String,
        given: TensorType,
        expected: TensorType,
    },
    Kind {
        path: String,
        given: TensorType,
        expected: TensorType,
    },
    Static {
        path: String,
        given: String,
        expected: String,
    },
    /// The path is in one of the two only.
    Structure {
        path: String,
        is_missing: bool,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Sizes { path, given, expected } | Difference::Kind { path, given, expected } => {
                write!(f, "{path} is {given}, not {expected}")
            }
            Difference::Static { path, given, expected } => write!(f, "{path} is {given}, not {expected}"),
            Difference::Structure { path, is_missing: true } => write!(f, "{path} is missing"),
            Difference::Structure { path, is_missing: false } => write!(f, "{path} is one too many"),
        }
    }
}

impl Described {
    /// Arguments with these types for their tensors.
    pub(crate) fn of<Args>(arguments: &impl Arguments<Args>, names: &[&str], types: Vec<TensorType>) -> Self {
        let mut paths = Paths::new(names);
        arguments.visit(&mut paths);
        Described { paths: paths.found, types, fixed: paths.fixed }
    }

    /// The path to each tensor.
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    pub(crate) fn fixed(&self) -> &[Fixed] {
        &self.fixed
    }

    /// What is not as in another description.
    pub(crate) fn differences_from(&self, expected: &Described) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (path, given) in self.paths.iter().zip(&self.types) {
            let path = path.clone();
            match expected.type_at(&path) {
                None => differences.push(Difference::Structure { path, is_missing: false }),
                Some(expected) if expected == given => {}
                Some(expected) => {
                    let (given, expected) = (given.clone(), expected.clone());
                    differences.push(if given.dtype == expected.dtype && given.rank() == expected.rank() {
                        Difference::Sizes { path, given, expected }
                    } else {
                        Difference::Kind { path, given, expected }
                    });
                }
            }
        }
        for Fixed { path, value, .. } in &self.fixed {
            let path = path.clone();
            match expected.value_at(&path) {
                None => differences.push(Difference::Structure { path, is_missing: false }),
                Some(expected) if expected == value => {}
                Some(expected) => {
                    differences.push(Difference::Static { path, given: value.clone(), expected: expected.to_owned() });
                }
            }
        }
        let missing_types = expected.paths.iter().filter(|path| self.type_at(path).is_none());
        let missing_values =
            expected.fixed.iter().map(|fixed| &fixed.path).filter(|path| self.value_at(path).is_none());
        let missing = missing_types.chain(missing_values);
        differences.extend(missing.map(|path| Difference::Structure { path: path.clone(), is_missing: true }));
        differences
    }

    fn type_at(&self, path: &str) -> Option<&TensorType> {
        self.types.get(self.paths.iter().position(|other| other == path)?)
    }

    fn value_at(&self, path: &str) -> Option<&str> {
        Some(&self.fixed.iter().find(|fixed| fixed.path == path)?.value)
    }
}
