//! What training reports: numbers under names, and their history over epochs.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

/// Numbers under names, in order: the loss and the metrics of an epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(Arc<str>, f64)>);

impl Logs {
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| &**known == name).map(|(_, value)| *value)
    }

    /// Adds a number, or replaces the one of this name.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

impl FromIterator<(Arc<str>, f64)> for Logs {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, f64)>>(numbers: I) -> Self {
        Logs(numbers.into_iter().collect())
    }
}

/// The number of a name.
///
/// # Panics
/// There is none of that name; [`Logs::get`] does not.
impl Index<&str> for Logs {
    type Output = f64;

    #[track_caller]
    fn index(&self, name: &str) -> &f64 {
        match self.0.iter().find(|(known, _)| &**known == name) {
            Some((_, value)) => value,
            None => unknown(name, self.0.iter().map(|(known, _)| &**known)),
        }
    }
}

/// `loss 0.3120, accuracy 0.9012`
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.iter().enumerate() {
            let separator = if place > 0 { ", " } else { "" };
            write!(f, "{separator}{name} {}", short(value))?;
        }
        Ok(())
    }
}

#[track_caller]
fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> ! {
    panic!("there is no {name:?}, but {}", known.collect::<Vec<_>>().join(", "))
}

/// A number as people read it: four places behind the point, or an exponent where those would show nothing.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-3..1e5).contains(&size) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

/// Every number of every epoch: `history["loss"]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    epochs: Vec<usize>,
    numbers: Vec<(Arc<str>, Vec<f64>)>,
    stopped: Option<String>,
}

impl History {
    /// The epochs that were finished, counted from 0.
    pub fn epochs(&self) -> &[usize] {
        &self.epochs
    }

    /// The numbers of a name, one for each epoch; NaN where an epoch had none.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.numbers.iter().find(|(known, _)| &**known == name).map(|(_, values)| values.as_slice())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers.iter().map(|(name, _)| &**name)
    }

    /// Why training stopped before its last epoch.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    pub(super) fn stop(&mut self, reason: String) {
        self.stopped = Some(reason);
    }

    pub(super) fn push(&mut self, epoch: usize, logs: &Logs) {
        for (name, value) in &logs.0 {
            let known = match self.numbers.iter().position(|(known, _)| known == name) {
                Some(place) => place,
                None => {
                    self.numbers.push((name.clone(), vec![f64::NAN; self.epochs.len()]));
                    self.numbers.len() - 1
                }
            };
            self.numbers[known].1.push(*value);
        }
        self.epochs.push(epoch);
        for (_, values) in &mut self.numbers {
            values.resize(self.epochs.len(), f64::NAN);
        }
    }
}

/// The numbers of a name, one for each epoch.
///
/// # Panics
/// There is none of that name; [`History::get`] does not.
impl Index<&str> for History {
    type Output = Vec<f64>;

    #[track_caller]
    fn index(&self, name: &str) -> &Vec<f64> {
        match self.numbers.iter().find(|(known, _)| &**known == name) {
            Some((_, values)) => values,
            None => unknown(name, self.names()),
        }
    }
}

/// A table with a line for each epoch; epochs are counted from 1 there, as in progress bars.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |name: &str| name.len().max(10);
        write!(f, "{:>5}", "epoch")?;
        for name in self.names() {
            write!(f, "  {name:>width$}", width = width(name))?;
        }
        for (place, epoch) in self.epochs.iter().enumerate() {
            write!(f, "\n{:>5}", epoch + 1)?;
            for (name, values) in &self.numbers {
                write!(f, "  {:>width$}", short(values[place]), width = width(name))?;
            }
        }
        match &self.stopped {
            Some(reason) => write!(f, "\nstopped: {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_a_table_of_epochs() {
        let mut history = History::default();
        history.push(0, &[("loss".into(), 1.5)].into_iter().collect());
        history.push(1, &[("loss".into(), 0.00025), ("learning_rate".into(), 0.1)].into_iter().collect());
        history.stop("told to".into());
        let table = "epoch        loss  learning_rate\n    1      1.5000            NaN\n    2    2.500e-4         0.1000\nstopped: told to";
        assert_eq!(history.to_string(), table);
        assert_eq!(history["loss"], [1.5, 0.00025]);
        assert!(history["learning_rate"][0].is_nan());
        assert_eq!(history.get("accuracy"), None);
    }
}
