//! Where an operation comes from: a line of the user's source and the scopes around it.
//!
//! A span is a chain, innermost first: the line that made the operation, then the scopes that were open there (a layer,
//! a traced function), each with the line that opened it where it is known. Passes keep spans.

use std::fmt;
use std::panic;
use std::sync::Arc;

/// A place in a source file; line and column count from one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Source lines are recorded for every op that is staged, so the file name of a caller is interned.
impl From<&'static panic::Location<'static>> for Location {
    fn from(location: &'static panic::Location<'static>) -> Self {
        thread_local! {
            static LAST_FILE: std::cell::RefCell<Option<(&'static str, Arc<str>)>> = const { std::cell::RefCell::new(None) };
        }
        let file = LAST_FILE.with_borrow_mut(|last| match last {
            Some((name, file)) if std::ptr::eq(*name, location.file()) => file.clone(),
            _ => last.insert((location.file(), location.file().into())).1.clone(),
        });
        Location { file, line: location.line(), column: location.column() }
    }
}

/// The way from an operation to its source; cheap to clone, and empty for what no source line made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub location: Option<Location>,
    pub scope: Option<Arc<Scope>>,
}

/// One link of a span's chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// What is open: a layer's name, a function's name.
    pub name: Arc<str>,
    /// The line that opened it.
    pub location: Option<Location>,
    pub parent: Option<Arc<Scope>>,
}

impl Span {
    pub const NONE: Span = Span { location: None, scope: None };

    /// The span of the caller's line, outside of any scope.
    #[track_caller]
    pub fn caller() -> Self {
        Span { location: Some(panic::Location::caller().into()), scope: None }
    }

    pub fn at(file: &str, line: u32, column: u32) -> Self {
        Span { location: Some(Location { file: file.into(), line, column }), scope: None }
    }

    pub fn is_none(&self) -> bool {
        self.location.is_none() && self.scope.is_none()
    }

    /// The scopes, innermost first.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        std::iter::successors(self.scope.as_deref(), |scope| scope.parent.as_deref())
    }

    /// The chain with `name`, opened at `outer`, put around it: for the body of a call that is inlined.
    pub fn nested_in(&self, name: &Arc<str>, outer: &Span) -> Span {
        fn rebuild(scope: Option<&Arc<Scope>>, end: Arc<Scope>) -> Arc<Scope> {
            match scope {
                None => end,
                Some(scope) => Arc::new(Scope {
                    name: scope.name.clone(),
                    location: scope.location.clone(),
                    parent: Some(rebuild(scope.parent.as_ref(), end)),
                }),
            }
        }
        let end = Scope { name: name.clone(), location: outer.location.clone(), parent: outer.scope.clone() };
        Span { location: self.location.clone(), scope: Some(rebuild(self.scope.as_ref(), Arc::new(end))) }
    }
}

/// `src/model.rs:41:17, in dense1, in mlp at src/main.rs:9:5`; nothing for an empty span.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(location) = &self.location {
            write!(f, "{location}")?;
            separator = ", ";
        }
        for scope in self.scopes() {
            write!(f, "{separator}in {}", scope.name)?;
            if let Some(location) = &scope.location {
                write!(f, " at {location}")?;
            }
            separator = ", ";
        }
        Ok(())
    }
}
