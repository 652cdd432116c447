//! What samples count, by their classes.

use std::collections::BTreeMap;

use tancho_core::{Error, Result, Tensor};

/// A weight for each sample: that of its class, 1 for classes without one.
///
/// # Shape
/// classes `[samples]` or `[samples, 1]`, or one-hot `[samples, classes]` → `[samples]`
#[track_caller]
pub(super) fn weights_of_classes(y: &Tensor, weights: &BTreeMap<i64, f64>) -> Result<Tensor> {
    let array = y.array()?;
    let values = array.to_f64_vec();
    let classes: Vec<i64> = match array.shape().sizes() {
        [_] | [_, 1] => values.iter().map(|value| value.round() as i64).collect(),
        [_, n_classes] => values.chunks_exact(*n_classes).map(place_of_largest).collect(),
        _ => {
            let message = format!("class_weight takes one class or one row for each sample, but y is {}", y.shape());
            return Err(Error::new(message));
        }
    };
    let of_class = |class: &i64| weights.get(class).map_or(1.0, |weight| *weight as f32);
    Ok(Tensor::from_vec([classes.len()], classes.iter().map(of_class).collect()))
}

/// The first one where there are several.
fn place_of_largest(row: &[f64]) -> i64 {
    let mut largest = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[largest] {
            largest = place;
        }
    }
    largest as i64
}
