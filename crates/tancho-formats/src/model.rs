//! A model as a folder: the program as text, and its weights.
//!
//! ```text
//! digits/program.ir            func @digits(%x: f32[?batch, 784], %w1: f32[784, 128], …) -> …
//! digits/weights.safetensors   w1: F32 [784, 128], …
//! ```
//!
//! A constant of more than [`INLINE`] elements is a *weight*: the saved program has a parameter in its place, and the
//! safetensors file an array of the parameter's name. Loading puts the constants back. Where they stood among the
//! operations is kept in the safetensors file's description, so that the graph that is loaded is the one that was
//! saved, also in the order in which it prints. A folder that was made by hand needs no such description.
//!
//! Constants in the bodies of calls stay in the text, since a parameter there would change each call.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use tancho_ir::{Graph, NodeId, Op, TensorType, Value, parse};
use tancho_tensor::Array;

use crate::FormatError;
use crate::safetensors::{decode_described, write_described};

/// The file of a model folder that holds the program's text.
pub const PROGRAM_FILE: &str = "program.ir";
/// The file of a model folder that holds the weights.
pub const WEIGHTS_FILE: &str = "weights.safetensors";

/// The most elements of a constant that stays in the text.
const INLINE: usize = 64;
/// The key of the description under which the places of the constants stand, in the order of their parameters.
const PLACES: &str = "tancho.places";

/// Saves a graph as a model folder. A model that is there already is replaced, and stays as it was where this fails.
///
/// # Errors
/// The folder cannot be written, or holds something else than a model.
pub fn save_model(folder: impl AsRef<Path>, graph: &Graph) -> Result<(), FormatError> {
    let folder = folder.as_ref();
    let (program, weights) = split_weights(graph);
    let places: Vec<String> = weights.iter().map(|weight| weight.place.to_string()).collect();
    let arrays = weights.into_iter().map(|weight| (weight.name, weight.array)).collect();
    replace_folder(folder, |new| {
        let path = new.join(PROGRAM_FILE);
        fs::write(&path, program.to_string()).map_err(|error| FormatError::io(&path, "write", error))?;
        write_described(&new.join(WEIGHTS_FILE), &arrays, Some((PLACES, places.join(","))))
    })
}

/// Loads the graph of a model folder.
///
/// # Errors
/// A file cannot be read or is damaged, or the weights do not fit the program.
pub fn load_model(folder: impl AsRef<Path>) -> Result<Graph, FormatError> {
    let (program_file, weights_file) = (folder.as_ref().join(PROGRAM_FILE), folder.as_ref().join(WEIGHTS_FILE));
    let read = |path: &Path| fs::read(path).map_err(|error| FormatError::io(path, "read", error));
    let text = String::from_utf8(read(&program_file)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        FormatError::content(&program_file, offset, "UTF-8 text", "other bytes")
    })?;
    let program = parse(&text, &program_file.display().to_string())?;
    let (arrays, description) = decode_described(&read(&weights_file)?, &weights_file)?;
    let places = description.get(PLACES).and_then(|places| parse_places(places)).unwrap_or_default();
    join_weights(&program, arrays, &places, &weights_file)
}

fn parse_places(text: &str) -> Option<Vec<usize>> {
    if text.is_empty() { Some(Vec::new()) } else { text.split(',').map(|place| place.parse().ok()).collect() }
}

/// A constant that is kept beside the program.
struct Weight {
    name: String,
    array: Array,
    /// How many operations the constant stands behind.
    place: usize,
}

/// The graph with parameters in the place of its large constants, and these.
fn split_weights(graph: &Graph) -> (Graph, Vec<Weight>) {
    let operations = operations(graph);
    let mut names = FreeNames::new(graph);
    let mut copy = GraphCopy::new(graph);
    for parameter in graph.parameters() {
        copy.add_parameter(parameter.node);
    }
    let mut weights = Vec::new();
    for (place, &id) in operations.iter().enumerate() {
        let Some(array) = graph.constant(Value { node: id, result: 0 }) else { continue };
        // A parameter cannot be ordered behind an effect.
        if array.len() > INLINE && graph.ordered_before(id).is_empty() {
            let name = names.take(graph.node(id).name());
            copy.add_parameter(id);
            copy.set_name(id, Some(&name));
            weights.push(Weight { name, array: array.clone(), place });
        }
    }
    for id in operations {
        if !copy.has(id) {
            copy.add_operation(id);
        }
    }
    (copy.finish(), weights)
}

/// The graph with constants in the place of the parameters that have a weight of their name.
fn join_weights(
    program: &Graph,
    mut arrays: BTreeMap<String, Array>,
    places: &[usize],
    file: &Path,
) -> Result<Graph, FormatError> {
    let mut copy = GraphCopy::new(program);
    let mut constants: Vec<(NodeId, Array)> = Vec::new();
    for parameter in program.parameters() {
        let name = program.node(parameter.node).name();
        let Some((name, array)) = name.and_then(|name| arrays.remove_entry(name)) else {
            copy.add_parameter(parameter.node);
            continue;
        };
        let (expected, found) = (program.type_of(parameter), TensorType::of(&array));
        if *expected != found {
            let (file, expected, found) = (file.to_owned(), Box::new(expected.clone()), Box::new(found));
            return Err(FormatError::WeightType { file, name, expected, found });
        }
        constants.push((parameter.node, array));
    }
    if let Some(name) = arrays.into_keys().next() {
        return Err(FormatError::UnknownWeight { file: file.to_owned(), name });
    }
    // Without a place for each, all stand at the front.
    let places = if places.len() == constants.len() { places } else { &[] };
    let place_of = |position: usize| places.get(position).copied().unwrap_or(0);
    let mut waiting: Vec<(usize, NodeId, Array)> =
        constants.into_iter().enumerate().map(|(position, (id, array))| (place_of(position), id, array)).collect();
    // The next one to place stands last; among equal places that is the first parameter.
    waiting.sort_by_key(|(place, ..)| *place);
    waiting.reverse();
    let mut n_operations = 0;
    for id in operations(program) {
        while let Some((_, constant, array)) = waiting.pop_if(|(place, ..)| *place <= n_operations) {
            copy.add_constant(constant, array);
            n_operations += 1;
        }
        // A file that was changed by hand may say that a constant stands behind its users.
        let operands = program.node(id).operands().iter().map(|operand| operand.node);
        for needed in operands.chain(program.ordered_before(id)) {
            if !copy.has(needed)
                && let Some(late) = waiting.iter().position(|(_, constant, _)| *constant == needed)
            {
                let (_, constant, array) = waiting.remove(late);
                copy.add_constant(constant, array);
                n_operations += 1;
            }
        }
        copy.add_operation(id);
        n_operations += 1;
    }
    while let Some((_, constant, array)) = waiting.pop() {
        copy.add_constant(constant, array);
    }
    Ok(copy.finish())
}

/// The operations in the order in which they print.
fn operations(graph: &Graph) -> Vec<NodeId> {
    graph.topological_order().into_iter().filter(|&id| graph.node(id).op().is_some()).collect()
}

/// A copy of a graph that is made node by node.
struct GraphCopy<'a> {
    source: &'a Graph,
    target: Graph,
    copies: HashMap<NodeId, NodeId>,
}

impl<'a> GraphCopy<'a> {
    fn new(source: &'a Graph) -> Self {
        GraphCopy { source, target: Graph::new(source.name()), copies: HashMap::new() }
    }

    fn has(&self, id: NodeId) -> bool {
        self.copies.contains_key(&id)
    }

    fn set_name(&mut self, id: NodeId, name: Option<&str>) {
        self.target.set_node_name(self.copies[&id], name);
    }

    fn add_parameter(&mut self, id: NodeId) {
        let node = self.source.node(id);
        let value = self.target.add_parameter(node.name(), node.types()[0].clone(), node.span().clone());
        self.copies.insert(id, value.node);
    }

    fn add_constant(&mut self, id: NodeId, array: Array) {
        let value = self.target.add_constant(array, self.source.node(id).span().clone());
        self.copies.insert(id, value.node);
        self.set_name(id, self.source.node(id).name());
    }

    fn add_operation(&mut self, id: NodeId) {
        let node = self.source.node(id);
        let Some(op) = node.op() else { return };
        let operands: Vec<Value> = node.operands().iter().map(|&value| self.value(value)).collect();
        let op: Op = op.clone();
        let copy = self.target.add_unchecked(op, &operands, node.types().into(), node.span().clone());
        self.copies.insert(id, copy);
        self.set_name(id, node.name());
        for before in self.source.ordered_before(id) {
            self.target.add_order(self.copies[&before], copy);
        }
    }

    fn value(&self, value: Value) -> Value {
        Value { node: self.copies[&value.node], result: value.result }
    }

    fn finish(mut self) -> Graph {
        let results = self.source.results().iter().map(|&value| self.value(value)).collect();
        self.target.set_results(results);
        for position in 0..self.source.results().len() {
            if let Some(name) = self.source.result_name(position) {
                self.target.set_result_name(position, name);
            }
        }
        for constraint in self.source.constraints() {
            self.target.add_constraint(constraint.relation.clone(), constraint.span.clone());
        }
        self.target
    }
}

/// Names that no other value of a graph has, and that the printer leaves as they are.
struct FreeNames {
    counts: HashMap<String, usize>,
    /// Of names that several values have, what the printer puts before a number to tell them apart: `x.`.
    prefixes: Vec<String>,
    n_unnamed: usize,
}

impl FreeNames {
    fn new(graph: &Graph) -> Self {
        let mut counts = HashMap::new();
        for name in graph.node_ids().filter_map(|id| graph.node(id).name()) {
            *counts.entry(name.to_owned()).or_insert(0) += 1;
        }
        let repeated = counts.iter().filter(|(_, count)| **count > 1);
        FreeNames { prefixes: repeated.map(|(name, _)| format!("{name}.")).collect(), counts, n_unnamed: 0 }
    }

    /// The name that a value has, where that will do; else one that is free.
    fn take(&mut self, name: Option<&str>) -> String {
        // The safetensors format keeps one name for itself.
        let will_do = |name: &&str| {
            self.counts.get(*name) == Some(&1)
                && *name != "__metadata__"
                && !self.prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        if let Some(name) = name.filter(will_do) {
            return name.to_owned();
        }
        loop {
            let candidate = format!("w{}", self.n_unnamed);
            self.n_unnamed += 1;
            if !self.counts.contains_key(&candidate) {
                return candidate;
            }
        }
    }
}

/// Writes a folder beside its place and then moves it there. What stood there is moved away before, and deleted after.
fn replace_folder(folder: &Path, write: impl FnOnce(&Path) -> Result<(), FormatError>) -> Result<(), FormatError> {
    let fail = |error: io::Error| FormatError::io(folder, "write", error);
    // The target of a link is replaced, not the link.
    let target = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let exists = target.exists();
    if exists {
        check_replaceable(&target)?;
    }
    let parent = match target.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(fail(io::ErrorKind::InvalidInput.into())),
    };
    fs::create_dir_all(parent).map_err(fail)?;
    let staging = tempfile::Builder::new().prefix(".saving-").tempdir_in(parent).map_err(fail)?;
    let (new, old) = (staging.path().join("new"), staging.path().join("old"));
    fs::create_dir(&new).map_err(fail)?;
    write(&new)?;
    for entry in fs::read_dir(&new).map_err(fail)? {
        // A crash of the machine must not leave the new names with nothing in them.
        fs::File::open(entry.map_err(fail)?.path()).and_then(|file| file.sync_all()).map_err(fail)?;
    }
    if exists {
        fs::rename(&target, &old).map_err(fail)?;
    }
    fs::rename(&new, &target).map_err(|error| {
        // Where the old model cannot be moved back either, it stays where it was moved to.
        if exists && fs::rename(&old, &target).is_err() {
            let _ = staging.keep();
        }
        fail(error)
    })
}

/// Whether a folder holds a model, or nothing.
fn check_replaceable(folder: &Path) -> Result<(), FormatError> {
    let entries = fs::read_dir(folder).map_err(|error| FormatError::io(folder, "write", error))?;
    for entry in entries {
        let name = entry.map_err(|error| FormatError::io(folder, "read", error))?.file_name();
        if name != PROGRAM_FILE && name != WEIGHTS_FILE {
            return Err(FormatError::NotAModel {
                folder: folder.to_owned(),
                entry: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}
