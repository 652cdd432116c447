//! Assertions: what a self-checking program expects of its own values.
//!
//! They stand as `check.expect_eq` and so on, or as custom calls of these names. A check becomes two more results of the
//! graph, the value and what is expected, and whoever runs the graph compares them. A check in a function that is called
//! becomes results of the call.

use tancho_ir::Value;

use super::super::attribute::Attribute;
use super::super::error::Position;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::{Site, mnemonic};

/// An assertion about two results of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub kind: CheckKind,
    /// The position of the value among the graph's results.
    pub actual: usize,
    /// The position of what it should be.
    pub expected: usize,
    /// Where the assertion stands.
    pub position: Position,
}

/// How a value must agree with what is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// Every element is equal.
    Equal,
    /// Elements differ by at most `tolerance`.
    AlmostEqual { tolerance: f64 },
    /// Elements differ by at most so many units in the last place, and by at least so many.
    Close { max_ulp: u64, min_ulp: u64 },
}

/// A check of a graph that is not done.
#[derive(Clone, Debug)]
pub(super) struct PendingCheck {
    pub kind: CheckKind,
    pub actual: Value,
    pub expected: Value,
    pub position: Position,
}

/// What the reference implementation of a check holds to where the text says nothing.
struct Defaults {
    tolerance: f64,
    max_ulp: i64,
}

/// Checks that are calls, `custom_call @check.expect_close`.
const OF_CALLS: Defaults = Defaults { tolerance: 1e-3, max_ulp: 3 };
/// Checks that are ops of their own, `check.expect_close`.
const OF_OPS: Defaults = Defaults { tolerance: 1e-4, max_ulp: 1 };

impl<'m> Importer<'m> {
    pub(super) fn check(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let (name, defaults) = match site.op.string("call_target_name") {
            Some(target) => (mnemonic(target), OF_CALLS),
            None => (mnemonic(&site.op.name), OF_OPS),
        };
        let kind = match name.strip_suffix("_const").unwrap_or(name) {
            "expect_eq" => CheckKind::Equal,
            "expect_almost_eq" => CheckKind::AlmostEqual { tolerance: self.tolerance(site, defaults.tolerance)? },
            "expect_close" => CheckKind::Close {
                max_ulp: self.distance(site, "max_ulp_difference", defaults.max_ulp)?,
                min_ulp: self.distance(site, "min_ulp_difference", 0)?,
            },
            other => return Err(self.unsupported(site, format_args!("the check {other}"))),
        };
        if !self.checks {
            return Ok(Vec::new());
        }
        let actual = self.operand(site, 0)?;
        let expected = match site.op.attribute("value") {
            Some(Attribute::Dense(dense)) => self.constant_of(site, dense)?,
            _ => self.operand(site, 1)?,
        };
        let (left, right) = (self.type_of(actual), self.type_of(expected));
        let same = left.dtype == right.dtype && left.rank() == right.rank();
        self.expect(site, same, || format!("expected two values of one type, found {left} and {right}"))?;
        self.add_check(site, kind, actual, expected, site.op.position)?;
        Ok(Vec::new())
    }

    pub(super) fn add_check(
        &mut self,
        site: &Site<'_>,
        kind: CheckKind,
        actual: Value,
        expected: Value,
        position: Position,
    ) -> Imports<()> {
        /// Calls of functions with checks could multiply them.
        const CHECK_LIMIT: usize = 10_000;
        if self.level().checks.len() == CHECK_LIMIT {
            return Err(self.unsupported(site, format_args!("more than {CHECK_LIMIT} checks")));
        }
        self.level_mut().checks.push(PendingCheck { kind, actual, expected, position });
        Ok(())
    }

    fn tolerance(&self, site: &Site<'_>, default: f64) -> Imports<f64> {
        match site.op.attribute("tolerance") {
            Some(_) => self.float(site, "tolerance"),
            None => Ok(default),
        }
    }

    fn distance(&self, site: &Site<'_>, name: &str, value: i64) -> Imports<u64> {
        let value = self.integer_or(site, name, value)?;
        u64::try_from(value).map_err(|_| self.malformed(site, format_args!("{name} is {value}")))
    }
}
