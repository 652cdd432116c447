//! Variables under the names that files have for them: what is read of them, and how what was read is put back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tancho_core::{Array, Tensor};

use crate::module::NamedVariable;

/// What lets a module have other variables than a file, in most cases.
const UNBUILT: &str = "layers that are not built yet have no variables, and optimisers none for them: \
                       call the model, or trace the step, before";

/// Puts the name of a module before those of its variables; a variable that had a name already keeps that one.
pub(super) fn add_entries(entries: &mut Vec<NamedVariable>, module: &str, variables: Vec<NamedVariable>) {
    for NamedVariable { name, variable } in variables {
        if entries.iter().any(|known| known.variable.is_same(&variable)) {
            continue;
        }
        let point = if module.is_empty() || name.is_empty() || name.starts_with('[') { "" } else { "." };
        let name = format!("{module}{point}{name}");
        // A variable that is a module by itself has no path.
        let name = if name.is_empty() { variable.name().to_owned() } else { name };
        entries.push(NamedVariable { name, variable });
    }
}

/// What the variables hold, by name.
pub(super) fn read_values(entries: &[NamedVariable]) -> Result<BTreeMap<String, Array>, String> {
    if entries.is_empty() {
        return Err(format!("there are no variables to save; {UNBUILT}"));
    }
    let mut values = BTreeMap::new();
    for NamedVariable { name, variable } in entries {
        let array = variable.array().map_err(|error| format!("{name}: {}", error.kind()))?;
        if values.insert(name.clone(), array).is_some() {
            return Err(format!("two variables are called {name}, so that a file cannot tell them apart"));
        }
    }
    Ok(values)
}

/// Puts the values of a file into the variables of their names. Where anything does not fit, nothing is changed.
pub(super) fn assign_values(
    file: &Path,
    entries: &[NamedVariable],
    mut values: BTreeMap<String, Array>,
) -> Result<(), String> {
    let old = if entries.is_empty() { BTreeMap::new() } else { read_values(entries)? };
    if let Some(differences) = describe_differences(&old, &values) {
        return Err(format!("{} does not fit the variables: {differences}", file.display()));
    }
    for (position, NamedVariable { name, variable }) in entries.iter().enumerate() {
        let Some(array) = values.remove(name) else { continue };
        if let Err(error) = variable.assign(Tensor::from_array(array)) {
            for NamedVariable { name, variable } in &entries[..position] {
                if let Some(array) = old.get(name) {
                    // It took a value of this type a moment ago.
                    let _ = variable.assign(Tensor::from_array(array.clone()));
                }
            }
            return Err(format!("{name}: {}", error.kind()));
        }
    }
    Ok(())
}

/// All that keeps the values of a file from being those of the variables.
fn describe_differences(variables: &BTreeMap<String, Array>, file: &BTreeMap<String, Array>) -> Option<String> {
    let of = |array: &Array| format!("{}{}", array.dtype(), array.shape());
    let (mut missing, mut extra, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let names: BTreeSet<&String> = variables.keys().chain(file.keys()).collect();
    for name in names {
        match (variables.get(name), file.get(name)) {
            (Some(variable), None) => missing.push(format!("{name} {}", of(variable))),
            (None, Some(value)) => extra.push(format!("{name} {}", of(value))),
            (Some(variable), Some(value)) if of(variable) != of(value) => {
                others.push(format!("{name} is {}, but the file has {}", of(variable), of(value)));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing in the file: {}", missing.join(", ")));
    }
    if !others.is_empty() {
        parts.push(format!("of another type: {}", others.join(", ")));
    }
    if !extra.is_empty() {
        parts.push(format!("without a variable: {} ({UNBUILT})", extra.join(", ")));
    }
    if parts.is_empty() { None } else { Some(parts.join("; ")) }
}
