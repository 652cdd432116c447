//! What an optimiser remembers of variables: variables of its own, made when a variable is met for the first time.
//!
//! They are shown to checkpoints by reference, while more may be made by another step. So they live in groups, of which
//! each is never changed once it is made, and knows the next. There are few: one for each call with variables that no call
//! before it had.

use std::sync::OnceLock;

use tancho_core::{Result, Variable};

use super::rule::Slot;
use crate::module::{Module, Parts};

/// A list of groups, which grows at its end.
#[derive(Default)]
pub(super) struct Slots(OnceLock<Box<Group>>);

struct Group {
    members: Vec<Remembered>,
    next: Slots,
}

/// A variable and what is remembered of it.
pub(super) struct Remembered {
    variable: Variable,
    names: Vec<&'static str>,
    pub(super) slots: Vec<Variable>,
}

impl Slots {
    /// What is remembered of each variable, in their order; made now of those that are new.
    ///
    /// # Errors
    /// A variable carries an error, or a new one cannot be made, as where a function is traced again. Nothing is made then.
    #[track_caller]
    pub(super) fn remember(
        &self,
        variables: &[Variable],
        slots_of: &dyn Fn(usize) -> Vec<Slot>,
    ) -> Result<Vec<&Remembered>> {
        // Each round makes a group of what is missing; there is a second one, or more where other threads make groups too.
        loop {
            let found: Vec<Option<&Remembered>> =
                variables.iter().enumerate().map(|(place, variable)| self.find(place, variable)).collect();
            if let Some(found) = found.iter().copied().collect::<Option<Vec<_>>>() {
                return Ok(found);
            }
            let mut members: Vec<Remembered> = Vec::new();
            for (variable, found) in variables.iter().zip(found) {
                if found.is_none() && !members.iter().any(|member| member.variable.is_same(variable)) {
                    members.push(Remembered::new(variable, slots_of(variable.rank()))?);
                }
            }
            let mut end = self;
            while let Some(group) = end.0.get() {
                end = &group.next;
            }
            // Where another thread was faster, the next round finds its group.
            let _ = end.0.set(Box::new(Group { members, next: Slots::default() }));
        }
    }

    /// What is remembered of a variable, which is most likely at a place.
    fn find(&self, place: usize, variable: &Variable) -> Option<&Remembered> {
        let at_place = self.0.get().and_then(|group| group.members.get(place));
        at_place
            .filter(|member| member.variable.is_same(variable))
            .or_else(|| self.members().find(|member| member.variable.is_same(variable)))
    }

    fn members(&self) -> impl Iterator<Item = &Remembered> {
        let groups = std::iter::successors(self.0.get(), |group| group.next.0.get());
        groups.flat_map(|group| &group.members)
    }
}

impl Remembered {
    #[track_caller]
    fn new(variable: &Variable, slots: Vec<Slot>) -> Result<Self> {
        variable.check()?;
        let names = slots.iter().map(|slot| slot.name).collect();
        let mut made = Vec::with_capacity(slots.len());
        for slot in slots {
            let slot = slot.variable(variable);
            slot.check()?;
            made.push(slot);
        }
        Ok(Remembered { variable: variable.clone(), names, slots: made })
    }
}

/// Each slot under its name and the place of its variable among all that were met: `momentum[0]`.
impl Module for Slots {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        for (place, member) in self.members().enumerate() {
            for (name, slot) in member.names.iter().zip(&member.slots) {
                parts.enter(name);
                parts.enter(&format!("[{place}]"));
                slot.visit_parts(parts);
                parts.leave();
                parts.leave();
            }
        }
    }
}
