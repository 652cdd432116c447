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
//! A model may have several programs. The further ones stand in folders of their names, and share the weights:
//!
//! ```text
//! digits/program.ir            func @predict(…)
//! digits/features/program.ir   func @features(…)
//! digits/weights.safetensors
//! ```
//!
//! Constants in the bodies of calls stay in the text, since a parameter there would change each call.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use tancho_ir::{Graph, NodeId, Op, TensorType, Value, parse};
use tancho_tensor::Array;

use crate::FormatError;
use crate::safetensors::{decode_described_safetensors, write_described};

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
    write_model(folder.as_ref(), &[(graph.name(), graph)])
}

/// Saves several graphs, each under a name, as one model folder with one file of weights, in which an array that several
/// graphs have stands once. The first is the program of the folder; each other one that of a folder of its name within it,
/// which is a model folder too.
///
/// # Errors
/// As [`save_model`]; there is no graph, or a name is not made of letters, digits, `_` and `-`, or there twice.
pub fn save_signatures(folder: impl AsRef<Path>, signatures: &[(&str, &Graph)]) -> Result<(), FormatError> {
    let folder = folder.as_ref();
    let invalid = |message: String| {
        FormatError::io(folder, "write a model to", io::Error::new(io::ErrorKind::InvalidInput, message))
    };
    if signatures.is_empty() {
        return Err(invalid("there is no signature to save".to_owned()));
    }
    for (position, (name, _)) in signatures.iter().enumerate() {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return Err(invalid(format!("{name:?} is no name of letters, digits, `_` and `-`")));
        }
        // Some file systems do not tell small from capital letters.
        if signatures[..position].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return Err(invalid(format!("the name {name:?} is given twice")));
        }
    }
    write_model(folder, signatures)
}

/// Writes a model folder: the first graph is its program.
fn write_model(folder: &Path, signatures: &[(&str, &Graph)]) -> Result<(), FormatError> {
    let graphs: Vec<&Graph> = signatures.iter().map(|(_, graph)| *graph).collect();
    let mut names = FreeNames::new(&graphs);
    let (mut programs, mut arrays, mut places) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (position, (name, graph)) in signatures.iter().enumerate() {
        let (mut program, weights) = split_weights(graph, &mut names);
        program.set_name(name);
        programs.push((name, program));
        if position == 0 {
            places = weights.iter().map(|weight| weight.place.to_string()).collect();
        }
        arrays.extend(weights.into_iter().map(|weight| (weight.name, weight.array)));
    }
    replace_folder(folder, |new| {
        for (position, (name, program)) in programs.iter().enumerate() {
            if position == 0 {
                write_program(new, program)?;
            } else {
                let within = new.join(name);
                fs::create_dir(&within).map_err(|error| FormatError::io(&within, "write", error))?;
                write_program(&within, program)?;
            }
        }
        write_described(&new.join(WEIGHTS_FILE), &arrays, Some((PLACES, places.join(","))))
    })
}

/// Loads one of the graphs that [`save_signatures`] saved.
///
/// # Errors
/// There is none of the name; as [`load_model`].
pub fn load_signature(folder: impl AsRef<Path>, name: &str) -> Result<Graph, FormatError> {
    let folder = folder.as_ref();
    let first = load_model(folder)?;
    if first.name() == name {
        return Ok(first);
    }
    let others = programs_within(folder);
    if others.iter().any(|other| other == name) {
        return load_model(folder.join(name));
    }
    let known = std::iter::once(first.name().to_owned()).chain(others).collect::<Vec<_>>().join(", ");
    let message = format!("there is none; the model has {known}");
    Err(FormatError::io(&folder.join(name), "read", io::Error::new(io::ErrorKind::NotFound, message)))
}

fn write_program(folder: &Path, program: &Graph) -> Result<(), FormatError> {
    let path = folder.join(PROGRAM_FILE);
    fs::write(&path, program.to_string()).map_err(|error| FormatError::io(&path, "write", error))
}

/// The names of the folders with a program in a model folder, in their order.
fn programs_within(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let with_program = entries.filter(|entry| entry.path().join(PROGRAM_FILE).is_file());
    let mut names: Vec<String> = with_program.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

/// Loads the graph of a model folder.
///
/// # Errors
/// A file cannot be read or is damaged, or the weights do not fit the program.
pub fn load_model(folder: impl AsRef<Path>) -> Result<Graph, FormatError> {
    let folder = folder.as_ref();
    let (program_file, mut weights_file) = (folder.join(PROGRAM_FILE), folder.join(WEIGHTS_FILE));
    // One of the further programs of a model has its weights in the folder above.
    let above = folder.join("..");
    let is_further = !weights_file.exists() && above.join(PROGRAM_FILE).is_file() && above.join(WEIGHTS_FILE).is_file();
    if is_further {
        weights_file = above.join(WEIGHTS_FILE);
    }
    let shares = is_further || !programs_within(folder).is_empty();
    let read = |path: &Path| fs::read(path).map_err(|error| FormatError::io(path, "read", error));
    let text = String::from_utf8(read(&program_file)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        FormatError::content(&program_file, offset, "UTF-8 text", "other bytes")
    })?;
    let program = parse(&text, &program_file.display().to_string())?;
    let (arrays, description) = decode_described_safetensors(&read(&weights_file)?, &weights_file)?;
    // The places are those of the folder's first program.
    let places = description.get(PLACES).filter(|_| !is_further).and_then(|places| parse_places(places));
    join_weights(&program, arrays, &places.unwrap_or_default(), &weights_file, shares)
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
fn split_weights(graph: &Graph, names: &mut FreeNames) -> (Graph, Vec<Weight>) {
    names.begin_graph();
    let operations = operations(graph);
    let mut copy = GraphCopy::new(graph);
    for parameter in graph.parameters() {
        copy.add_parameter(parameter.node);
    }
    let mut weights = Vec::new();
    for (place, &id) in operations.iter().enumerate() {
        let Some(array) = graph.constant(Value { node: id, result: 0 }) else { continue };
        // A parameter cannot be ordered behind an effect.
        if array.len() > INLINE && graph.ordered_before(id).is_empty() {
            let name = names.take(graph.node(id).name(), array);
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

/// The graph with constants in the place of the parameters that have a weight of their name. Where it shares the weights with
/// others, the rest are theirs.
fn join_weights(
    program: &Graph,
    mut arrays: BTreeMap<String, Array>,
    places: &[usize],
    file: &Path,
    shares: bool,
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
    if let Some(name) = arrays.into_keys().next().filter(|_| !shares) {
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

/// Names that no other value of the graphs has, and that the printer leaves as they are; one for each array.
struct FreeNames<'a> {
    graphs: &'a [&'a Graph],
    /// The values of each name, by the position of their graph.
    values: HashMap<String, Vec<(usize, NodeId)>>,
    /// Of names that several values of a graph have, what the printer puts before a number to tell them apart: `x.`.
    prefixes: Vec<String>,
    n_unnamed: usize,
    /// The weights that have a name, with the number of the graph that took it last.
    taken: Vec<(String, Array, usize)>,
    n_graphs: usize,
}

impl<'a> FreeNames<'a> {
    fn new(graphs: &'a [&'a Graph]) -> Self {
        let mut values: HashMap<String, Vec<(usize, NodeId)>> = HashMap::new();
        for (position, graph) in graphs.iter().enumerate() {
            for id in graph.node_ids() {
                if let Some(name) = graph.node(id).name() {
                    values.entry(name.to_owned()).or_default().push((position, id));
                }
            }
        }
        let is_repeated = |of: &[(usize, NodeId)]| of.windows(2).any(|pair| pair[0].0 == pair[1].0);
        let repeated = values.iter().filter(|(_, of)| is_repeated(of));
        let prefixes = repeated.map(|(name, _)| format!("{name}.")).collect();
        FreeNames { graphs, values, prefixes, n_unnamed: 0, taken: Vec::new(), n_graphs: 0 }
    }

    /// What is named from here on is of the next graph.
    fn begin_graph(&mut self) {
        self.n_graphs += 1;
    }

    /// The name that an array has in a graph before this one; else that of its value, where that will do; else one that is
    /// free.
    fn take(&mut self, name: Option<&str>, array: &Array) -> String {
        let current = self.n_graphs;
        let known = self.taken.iter_mut().find(|(_, known, graph)| *graph < current && is_same(known, array));
        if let Some((name, _, graph)) = known {
            *graph = current;
            return name.clone();
        }
        let name = match name.filter(|name| self.will_do(name, array)) {
            Some(name) => name.to_owned(),
            None => loop {
                let candidate = format!("w{}", self.n_unnamed);
                self.n_unnamed += 1;
                if !self.values.contains_key(&candidate) {
                    break candidate;
                }
            },
        };
        self.taken.push((name.clone(), array.clone(), current));
        name
    }

    fn will_do(&self, name: &str, array: &Array) -> bool {
        let of = self.values.get(name).map_or(&[][..], Vec::as_slice);
        // In each graph at most this very array has the name.
        let is_alone = |pair: &[(usize, NodeId)]| pair[0].0 != pair[1].0;
        let is_array = |&(graph, node): &(usize, NodeId)| {
            self.graphs[graph].constant(Value { node, result: 0 }).is_some_and(|other| is_same(other, array))
        };
        // The safetensors format keeps one name for itself.
        name != "__metadata__"
            && of.windows(2).all(is_alone)
            && of.iter().all(is_array)
            && !self.taken.iter().any(|(taken, ..)| taken == name)
            && !self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// Whether both have the same type and bytes.
fn is_same(left: &Array, right: &Array) -> bool {
    let same_type = left.dtype() == right.dtype() && left.shape() == right.shape();
    same_type && (left.buffer().same_memory(right.buffer()) || left.buffer().bytes() == right.buffer().bytes())
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
    // A crash of the machine must not leave the new names with nothing in them.
    sync_files(&new).map_err(fail)?;
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

/// Brings the files of a folder, and of those within it, to the disk.
fn sync_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_files(&path)?;
        } else {
            fs::File::open(path)?.sync_all()?;
        }
    }
    Ok(())
}

/// Whether a folder holds a model, or nothing.
fn check_replaceable(folder: &Path) -> Result<(), FormatError> {
    let within = programs_within(folder);
    let is_part = |name: &str| name == PROGRAM_FILE || name == WEIGHTS_FILE || within.iter().any(|known| known == name);
    check_entries(folder, folder, &is_part)?;
    within.iter().try_for_each(|name| check_entries(folder, &folder.join(name), &|entry| entry == PROGRAM_FILE))
}

fn check_entries(model: &Path, folder: &Path, is_part: &dyn Fn(&str) -> bool) -> Result<(), FormatError> {
    let entries = fs::read_dir(folder).map_err(|error| FormatError::io(folder, "write", error))?;
    for entry in entries {
        let name = entry.map_err(|error| FormatError::io(folder, "read", error))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if !is_part(&name) {
            let folder = model.to_owned();
            return Err(FormatError::NotAModel { folder, entry: name });
        }
    }
    Ok(())
}
