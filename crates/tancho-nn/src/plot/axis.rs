//! Axes: what range they show, and where they carry which numbers.

use std::ops::{Bound, RangeBounds};

/// What numbers an axis shows, and how it spaces them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    /// The ends; for a logarithmic axis, those of the logarithms.
    pub low: f64,
    pub high: f64,
    pub spacing: Spacing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Spacing {
    #[default]
    Even,
    /// By the logarithm to the base of 10.
    Logarithmic,
}

/// The ends of an axis where the user gave some.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl Ends {
    pub fn of(range: impl RangeBounds<f64>) -> Ends {
        let end = |bound: Bound<&f64>| match bound {
            Bound::Included(end) | Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => None,
        };
        Ends { low: end(range.start_bound()), high: end(range.end_bound()) }
    }
}

/// A number that stands beside an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Where, as [`Axis::share`] takes it.
    pub at: f64,
    pub label: String,
}

impl Axis {
    /// The axis that shows all numbers with a margin, or what the user wants to see of it.
    pub fn around(numbers: impl Iterator<Item = f64>, ends: Ends, spacing: Spacing, margin: f64) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for number in numbers.map(|number| spacing.place(number)).filter(|number| number.is_finite()) {
            (low, high) = (low.min(number), high.max(number));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let margin = margin * (high - low);
        (low, high) = (low - margin, high + margin);
        let given = |end: Option<f64>| end.map(|end| spacing.place(end)).filter(|end| end.is_finite());
        (low, high) = (given(ends.low).unwrap_or(low), given(ends.high).unwrap_or(high));
        if low > high {
            (low, high) = (high, low);
        }
        // One number is shown in the middle of an axis, which needs a length.
        if high - low <= 1e-12 * low.abs().max(high.abs()) {
            let around = if low == 0.0 { 0.5 } else { 0.05 * low.abs() };
            (low, high) = (low - around, high + around);
        }
        Axis { low, high, spacing }
    }

    /// How far along the axis a number is: 0 at its beginning, 1 at its end.
    pub fn share(&self, number: f64) -> f64 {
        (self.spacing.place(number) - self.low) / (self.high - self.low)
    }

    /// The number that is so far along.
    pub fn number(&self, share: f64) -> f64 {
        let place = self.low + share * (self.high - self.low);
        match self.spacing {
            Spacing::Even => place,
            Spacing::Logarithmic => 10f64.powf(place),
        }
    }

    /// At most so many round numbers at equal distances.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        match self.spacing {
            Spacing::Even => even_ticks(self.low, self.high, most),
            Spacing::Logarithmic => logarithmic_ticks(self.low, self.high, most),
        }
    }
}

impl Spacing {
    fn place(self, number: f64) -> f64 {
        match self {
            Spacing::Even => number,
            Spacing::Logarithmic => number.log10(),
        }
    }
}

/// Steps of 1, 2 or 5 times a power of 10, the smallest of which there are few enough.
fn even_ticks(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let least_step = (high - low) / most.max(1) as f64;
    let mut exponent = least_step.log10().floor() as i32;
    let mut digit = 1;
    while f64::from(digit) * power(exponent) < least_step * (1.0 - 1e-9) {
        (digit, exponent) = match digit {
            1 => (2, exponent),
            2 => (5, exponent),
            _ => (1, exponent + 1),
        };
    }
    let step = f64::from(digit) * power(exponent);
    let largest = low.abs().max(high.abs());
    let notation = Notation::of(exponent, largest);
    // Multiples of the step, counted so that no error adds up.
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    let ticks = (first..=last).map(|multiple| {
        let at = multiple as f64 * f64::from(digit) * power(exponent);
        Tick { at, label: notation.text(at) }
    });
    ticks.collect()
}

/// Powers of 10, as many steps of them apart as make few enough; numbers between where there are fewer than two.
fn logarithmic_ticks(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let (first, last) = ((low - 1e-9).ceil() as i32, (high + 1e-9).floor() as i32);
    if last - first < 1 {
        let (low, high) = (10f64.powf(low), 10f64.powf(high));
        return even_ticks(low, high, most);
    }
    let step = (last - first) as usize / most.max(1) + 1;
    let ticks = (first..=last).step_by(step).map(|exponent| {
        let label = match exponent {
            0..=4 => format!("{}", power(exponent)),
            -4..=-1 => format!("{:.*}", exponent.unsigned_abs() as usize, power(exponent)),
            _ => format!("10{}", superscript(exponent)),
        };
        Tick { at: power(exponent), label }
    });
    ticks.collect()
}

/// How the numbers of an axis are written: all alike, with the decimals that tell neighbours apart.
enum Notation {
    Decimal {
        decimals: usize,
    },
    /// Times a power of 10 that all have in common.
    Scientific {
        exponent: i32,
        decimals: usize,
    },
}

impl Notation {
    /// For steps of that power of 10, up to a largest number.
    fn of(step: i32, largest: f64) -> Notation {
        let exponent = largest.log10().floor() as i32;
        if step < -4 && exponent < 0 || exponent > 5 {
            Notation::Scientific { exponent, decimals: (exponent - step).clamp(0, 12) as usize }
        } else {
            Notation::Decimal { decimals: (-step).clamp(0, 12) as usize }
        }
    }

    fn text(&self, number: f64) -> String {
        let (digits, power_of_ten) = match self {
            Notation::Decimal { decimals } => (format!("{:.*}", *decimals, number.abs()), String::new()),
            Notation::Scientific { .. } if number == 0.0 => ("0".to_owned(), String::new()),
            Notation::Scientific { exponent, decimals } => {
                let mantissa = format!("{:.*}", *decimals, number.abs() / power(*exponent));
                (mantissa, format!("×10{}", superscript(*exponent)))
            }
        };
        let sign = if number < 0.0 { "−" } else { "" };
        format!("{sign}{digits}{power_of_ten}")
    }
}

fn power(exponent: i32) -> f64 {
    // The quotient is the float nearest to a negative power; a product of tenths would not be.
    if exponent < 0 { 1.0 / 10f64.powi(-exponent) } else { 10f64.powi(exponent) }
}

fn superscript(number: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised = |character: char| match character.to_digit(10) {
        Some(digit) => DIGITS[digit as usize],
        None => '⁻',
    };
    number.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(low: f64, high: f64, most: usize, spacing: Spacing, expected: &[&str]) {
        let labels: Vec<String> = Axis { low, high, spacing }.ticks(most).into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, expected);
    }

    #[test]
    fn ticks_are_round_and_written_alike() {
        check(0.0, 100.0, 6, Spacing::Even, &["0", "20", "40", "60", "80", "100"]);
        check(-2.0, 2.0, 5, Spacing::Even, &["−2", "−1", "0", "1", "2"]);
        check(-0.07, 0.26, 8, Spacing::Even, &["−0.05", "0.00", "0.05", "0.10", "0.15", "0.20", "0.25"]);
        check(0.0, 3e-6, 4, Spacing::Even, &["0", "1×10⁻⁶", "2×10⁻⁶", "3×10⁻⁶"]);
        check(1e6, 2e6, 3, Spacing::Even, &["1.0×10⁶", "1.5×10⁶", "2.0×10⁶"]);
        check(7.0, 7.9, 1, Spacing::Even, &["7"]);
    }

    #[test]
    fn logarithmic_ticks_are_powers() {
        check(-2.2, 1.3, 8, Spacing::Logarithmic, &["0.01", "0.1", "1", "10"]);
        check(-9.0, 6.0, 4, Spacing::Logarithmic, &["10⁻⁹", "10⁻⁵", "0.1", "1000"]);
        check(0.2, 0.6, 4, Spacing::Logarithmic, &["2", "3"]);
    }

    #[test]
    fn what_cannot_be_shown_has_no_part_in_the_range() {
        let axis = |numbers: &[f64], ends| Axis::around(numbers.iter().copied(), ends, Spacing::Even, 0.0);
        let shown = |axis: Axis| (axis.low, axis.high);
        assert_eq!(shown(axis(&[1.0, f64::NAN, 3.0, f64::INFINITY], Ends::default())), (1.0, 3.0));
        assert_eq!(shown(axis(&[], Ends::default())), (0.0, 1.0));
        assert_eq!(shown(axis(&[0.0], Ends::default())), (-0.5, 0.5));
        assert_eq!(shown(axis(&[1.0, 3.0], Ends::of(0.0..))), (0.0, 3.0));
    }
}
