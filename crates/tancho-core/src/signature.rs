//! Signatures: what a cache is asked for, and what a traced function was made for.
//!
//! A [`Key`] is the structure of the arguments and the dtypes and sizes of their leaves as words, built on the stack.
//! Every choice is written before what depends on it (the number of parts of a vector before the parts), so that for
//! arguments of one Rust type equal words are equal signatures. Sizes that vary are numbered in the order in which they
//! appear: `f32[?n, ?n]` and `f32[?m, ?m]` are one signature.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use smallvec::SmallVec;
use tancho_ir as ir;
use tancho_ir::{Dims, Graph, TensorType};
use tancho_tensor::DType;

use crate::shape::{Dim, Shape};
use crate::tensor::{Repr, Tensor};
use crate::tree::{AnyStatic, Segment, Visitor};
use crate::variable::Variable;

/// A dtype and sizes, of which some may vary, in the place of a tensor.
#[derive(Clone, Debug)]
pub struct Spec(pub(crate) Tensor);

/// A dtype and sizes for a signature: `None` is a size that may vary, [`Dim::symbol`] one that varies and has a name.
pub fn spec(dtype: DType, sizes: impl Into<SpecSizes>) -> Spec {
    let dims = sizes.into().0;
    Spec(Tensor(Repr::Placeholder(Arc::new(TensorType { dtype, dims }))))
}

impl Spec {
    /// The spec as an argument for [`Function::concrete`](crate::Function::concrete), where a structure has tensors.
    pub fn placeholder(&self) -> Tensor {
        self.0.clone()
    }

    pub(crate) fn tensor_type(&self) -> TensorType {
        leaf_type(&self.0).unwrap_or_else(|| TensorType::scalar(self.0.dtype()))
    }
}

/// The sizes of a [`spec`].
pub struct SpecSizes(Dims);

/// One size of a [`spec`].
pub struct SpecSize(ir::Dim);

impl From<Option<usize>> for SpecSize {
    fn from(size: Option<usize>) -> Self {
        SpecSize(size.map_or_else(anonymous_symbol, ir::Dim::from))
    }
}

macro_rules! integers {
    ($($Integer:ident)*) => {$(
        impl From<$Integer> for SpecSize {
            fn from(size: $Integer) -> Self {
                Dim::from(size).into()
            }
        }
    )*};
}
integers!(i32 usize);

impl From<Dim> for SpecSize {
    /// A size that cannot be had may vary.
    fn from(dim: Dim) -> Self {
        SpecSize(dim.get().unwrap_or_else(|_| anonymous_symbol()))
    }
}

impl From<()> for SpecSizes {
    fn from((): ()) -> Self {
        SpecSizes(Dims::new())
    }
}

impl<S: Into<SpecSize>, const N: usize> From<[S; N]> for SpecSizes {
    fn from(sizes: [S; N]) -> Self {
        SpecSizes(sizes.into_iter().map(|size| size.into().0).collect())
    }
}

impl<S: Into<SpecSize>> From<Vec<S>> for SpecSizes {
    fn from(sizes: Vec<S>) -> Self {
        SpecSizes(sizes.into_iter().map(|size| size.into().0).collect())
    }
}

impl From<&Shape> for SpecSizes {
    fn from(shape: &Shape) -> Self {
        SpecSizes(shape.dims().iter().map(|dim| SpecSize::from(dim.clone()).0).collect())
    }
}

/// Begins the names of sizes that the user did not name; they get better ones when a trace begins.
const ANONYMOUS: char = '_';

fn anonymous_symbol() -> ir::Dim {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    ir::Dim::symbol(format!("{ANONYMOUS}{}", NEXT.fetch_add(1, Relaxed)))
}

/// The type of a tensor, where it has one.
pub(crate) fn leaf_type(tensor: &Tensor) -> Option<TensorType> {
    match &tensor.0 {
        Repr::Value(array) => Some(TensorType::of(array)),
        Repr::Recorded(recorded) => Some(TensorType::of(&recorded.array)),
        Repr::Node(node) => Some(node.of.clone()),
        Repr::Variable(cell) => Some(cell.of().clone()),
        Repr::Placeholder(of) => Some((**of).clone()),
        Repr::Error(_) => None,
    }
}

/// Marks the number of a size that varies. No known size has this bit.
const VARIES: u64 = 1 << 63;

/// What a cache is asked for.
pub(crate) struct Key<'a> {
    pub(crate) words: SmallVec<[u64; 24]>,
    pub(crate) statics: SmallVec<[&'a dyn AnyStatic; 2]>,
    pub(crate) leaves: SmallVec<[&'a Tensor; 4]>,
    /// The distinct sizes that vary.
    symbols: SmallVec<[ir::Dim; 1]>,
    detail: Detail,
}

/// What a key says of the leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Nothing,
    /// Dtypes and ranks.
    Kinds,
    /// Dtypes and sizes.
    Types,
}

impl Key<'_> {
    fn new(detail: Detail) -> Self {
        Key {
            words: SmallVec::new(),
            statics: SmallVec::new(),
            leaves: SmallVec::new(),
            symbols: SmallVec::new(),
            detail,
        }
    }

    /// The structure and the dtypes and sizes of the leaves.
    pub(crate) fn exact() -> Self {
        Key::new(Detail::Types)
    }

    /// The structure and the dtypes and ranks of the leaves: signatures of one kind differ in sizes only.
    pub(crate) fn kind() -> Self {
        Key::new(Detail::Kinds)
    }

    /// The structure alone.
    pub(crate) fn structure() -> Self {
        Key::new(Detail::Nothing)
    }

    /// The types of the leaves; those that carry an error have none.
    pub(crate) fn types(&self) -> Vec<TensorType> {
        self.leaves.iter().filter_map(|leaf| leaf_type(leaf)).collect()
    }

    fn push_dim(&mut self, dim: &ir::Dim) {
        let word = match dim.as_known() {
            Some(known) => known as u64,
            None => {
                let known = self.symbols.iter().position(|symbol| symbol == dim);
                let number = known.unwrap_or_else(|| {
                    self.symbols.push(dim.clone());
                    self.symbols.len() - 1
                });
                VARIES | number as u64
            }
        };
        self.words.push(word);
    }
}

impl<'a> Visitor<'a> for Key<'a> {
    fn leaf(&mut self, tensor: &'a Tensor) {
        self.leaves.push(tensor);
        if self.detail == Detail::Nothing {
            return;
        }
        let header = |dtype: DType, rank: usize| dtype as u64 | (rank as u64) << 8;
        let sizes_count = self.detail == Detail::Types;
        if let Some(array) = tensor.value() {
            self.words.push(header(array.dtype(), array.shape().rank()));
            if sizes_count {
                self.words.extend(array.shape().iter().map(|&size| size as u64));
            }
            return;
        }
        match leaf_type(tensor) {
            Some(of) => {
                self.words.push(header(of.dtype, of.rank()));
                of.dims.iter().filter(|_| sizes_count).for_each(|dim| self.push_dim(dim));
            }
            // Nothing is looked up for a call with an error among its arguments.
            None => self.words.push(u64::MAX),
        }
    }

    fn fixed(&mut self, value: &'a dyn AnyStatic) {
        self.words.push(value.hash());
        self.statics.push(value);
    }

    fn variable(&mut self, variable: &'a Variable) {
        // A call with a variable that carries an error looks nothing up.
        match variable.cell() {
            Ok(cell) => self.words.push(cell.id()),
            Err(_) => self.leaves.push(variable),
        }
    }

    fn count(&mut self, count: usize) {
        self.words.push(count as u64);
    }

    fn key(&mut self, key: &'a str) {
        self.words.push(key.len() as u64);
        self.words.extend(key.as_bytes().chunks(8).map(|chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(bytes)
        }));
    }

    fn enter(&mut self, _: Segment<'_>) {}

    fn leave(&mut self) {}
}

/// Gives each size that varies a symbol: its own name where it has one, else `?n`, or `?n0`, `?n1`, ….
pub(crate) fn name_symbols(types: impl IntoIterator<Item = TensorType>) -> Vec<TensorType> {
    let mut types: Vec<TensorType> = types.into_iter().collect();
    let mut distinct: Vec<ir::Dim> = Vec::new();
    for dim in types.iter().flat_map(|of| &of.dims) {
        if dim.as_known().is_none() && !distinct.contains(dim) {
            distinct.push(dim.clone());
        }
    }
    let own_name = |dim: &ir::Dim| {
        dim.as_symbol().map(|symbol| symbol.name()).filter(|name| !name.starts_with(ANONYMOUS)).map(str::to_owned)
    };
    let mut taken: BTreeSet<String> = distinct.iter().filter_map(own_name).collect();
    let n_unnamed = distinct.iter().filter(|dim| own_name(dim).is_none()).count();
    let mut candidates =
        (0..).map(|number| if n_unnamed == 1 && number == 0 { "n".into() } else { format!("n{number}") });
    let names: Vec<ir::Dim> = distinct
        .iter()
        .map(|dim| {
            let name = own_name(dim).unwrap_or_else(|| {
                let free = candidates.by_ref().find(|name| !taken.contains(name));
                free.expect("there are more numbers than names")
            });
            taken.insert(name.clone());
            ir::Dim::symbol(name)
        })
        .collect();
    for dim in types.iter_mut().flat_map(|of| of.dims.iter_mut()) {
        if let Some(place) = distinct.iter().position(|other| other == dim) {
            *dim = names[place].clone();
        }
    }
    types
}

/// The sizes that a signature's symbols have for arguments of its kind; `None` where the arguments do not fit.
pub(crate) fn bind_sizes(signature: &[TensorType], given: &[TensorType]) -> Option<Vec<(ir::Symbol, ir::Dim)>> {
    let mut bound: Vec<(ir::Symbol, ir::Dim)> = Vec::new();
    let pairs = signature.iter().zip(given).flat_map(|(expected, given)| expected.dims.iter().zip(&given.dims));
    for (dim, size) in pairs {
        match dim.as_symbol() {
            Some(symbol) => match bound.iter().find(|(known, _)| known == symbol) {
                Some((_, first)) if first == size => {}
                Some(_) => return None,
                None => bound.push((symbol.clone(), size.clone())),
            },
            None if dim == size => {}
            None => return None,
        }
    }
    Some(bound)
}

/// How general a signature is: the number of places that vary, then of the sizes that do so independently.
pub(crate) fn generality(signature: &[TensorType]) -> (usize, usize) {
    let varying = signature.iter().flat_map(|of| &of.dims).filter(|dim| dim.as_known().is_none());
    let mut distinct: Vec<&ir::Dim> = varying.collect();
    let places = distinct.len();
    distinct.sort_unstable();
    distinct.dedup();
    (places, distinct.len())
}

/// The least general signature that has both a signature and types of its kind, where each place that differs varies
/// by itself. Places of one symbol keep it together where their sizes are equal again.
pub(crate) fn generalize(signature: &[TensorType], given: &[TensorType]) -> Vec<TensorType> {
    // A symbol and the size that it meets become one size that varies; the first such pair keeps the symbol.
    let mut groups: Vec<(ir::Dim, ir::Dim, ir::Dim)> = Vec::new();
    let mut general = signature.to_vec();
    let pairs = general.iter_mut().zip(given).flat_map(|(general, given)| general.dims.iter_mut().zip(&given.dims));
    for (dim, size) in pairs {
        if dim.as_known().is_some() {
            if dim != size {
                *dim = anonymous_symbol();
            }
            continue;
        }
        let known = groups.iter().find(|(symbol, met, _)| symbol == dim && met == size);
        *dim = match known {
            Some((.., varying)) => varying.clone(),
            None => {
                let is_taken = groups.iter().any(|(symbol, ..)| symbol == dim);
                let varying = if is_taken { anonymous_symbol() } else { dim.clone() };
                groups.push((dim.clone(), size.clone(), varying.clone()));
                varying
            }
        };
    }
    name_symbols(general)
}

/// What differs between arguments and a signature, one text for each argument.
pub(crate) fn differences(signature: &[TensorType], leaves: &[&Tensor], paths: &[String]) -> Vec<String> {
    if signature.len() != leaves.len() {
        let mut text = format!("it has {} tensors, but {} are given", signature.len(), leaves.len());
        if let Some(excess) = paths.get(signature.len()..).filter(|excess| !excess.is_empty()) {
            text += &format!(", {} beyond them", excess.join(", "));
        }
        return vec![text];
    }
    let mut bound: Vec<(ir::Dim, ir::Dim, &str)> = Vec::new();
    let mut differences = Vec::new();
    for ((expected, leaf), path) in signature.iter().zip(leaves).zip(paths) {
        let Some(given) = leaf_type(leaf) else { continue };
        if expected.dtype != given.dtype || expected.rank() != given.rank() {
            differences.push(format!("{path} is {given}, not {expected}"));
            continue;
        }
        let mut differs = false;
        let mut where_bound = String::new();
        for (dim, size) in expected.dims.iter().zip(&given.dims) {
            match bound.iter().find(|(symbol, ..)| symbol == dim) {
                _ if dim.as_known().is_some() => differs |= dim.always_equals(size) == Some(false),
                Some((_, first, first_path)) if first.always_equals(size) == Some(false) => {
                    differs = true;
                    where_bound = format!(" with {dim} = {first} from {first_path}");
                }
                Some(_) => {}
                None => bound.push((dim.clone(), size.clone(), path)),
            }
        }
        if differs {
            differences.push(format!("{path} is {given}, not {expected}{where_bound}"));
        }
    }
    differences
}

/// A name that the text form of graphs takes: what is no letter, digit or `_` becomes `_`, once in a row.
pub(crate) fn legal_name(name: &str) -> String {
    let mut legal = String::new();
    for letter in name.chars() {
        let letter = if letter.is_ascii_alphanumeric() { letter } else { '_' };
        if !(letter == '_' && legal.ends_with('_')) {
            legal.push(letter);
        }
    }
    let trimmed = legal.trim_end_matches('_');
    match trimmed.chars().next() {
        None => "x".into(),
        Some('0'..='9') => format!("_{trimmed}"),
        Some(_) => trimmed.into(),
    }
}

/// Legal names, made distinct by a number behind them.
pub(crate) fn legal_names(paths: &[String]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    paths
        .iter()
        .map(|path| {
            let name = legal_name(path);
            let numbered = (1..).map(|number| format!("{name}_{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
            let free = free.expect("there are more numbers than names");
            taken.insert(free.clone());
            free
        })
        .collect()
}

/// What is part of a signature beside tensors: the path, the value as text, and how many tensors stand before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) path: String,
    pub(crate) value: String,
    pub(crate) place: usize,
}

/// The types of a traced function, with the paths to its arguments: `affine(p.w: f32[1, 1], x: f32[?n, 1]) -> f32[?n, 1]`.
///
/// A [`Static`](crate::Static) value stands with its value in its place: `power(x: f32[], n = 3) -> f32[]`.
#[derive(Clone, Debug)]
pub struct Signature {
    pub(crate) function: String,
    pub(crate) parameters: Vec<(String, TensorType)>,
    pub(crate) fixed: Vec<Fixed>,
    pub(crate) results: Vec<TensorType>,
}

impl Signature {
    pub(crate) fn of_graph(graph: &Graph, paths: &[String], fixed: &[Fixed]) -> Self {
        let parameters = graph.parameter_types().zip(paths).map(|(of, path)| (path.clone(), of.clone())).collect();
        let results = graph.result_types().cloned().collect();
        Signature { function: graph.name().into(), parameters, fixed: fixed.to_vec(), results }
    }

    /// The path and the type of each tensor among the arguments.
    pub fn parameters(&self) -> &[(String, TensorType)] {
        &self.parameters
    }

    /// The path and the value, as its `Debug` has it, of each static value among the arguments.
    pub fn static_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fixed.iter().map(|fixed| (fixed.path.as_str(), fixed.value.as_str()))
    }

    /// The types of the tensors among the results.
    pub fn results(&self) -> &[TensorType] {
        &self.results
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arguments: Vec<String> = Vec::new();
        let mut fixed = self.fixed.iter().peekable();
        for place in 0..=self.parameters.len() {
            while let Some(Fixed { path, value, .. }) = fixed.next_if(|fixed| fixed.place <= place) {
                arguments.push(format!("{path} = {value}"));
            }
            arguments.extend(self.parameters.get(place).map(|(path, of)| format!("{path}: {of}")));
        }
        write!(f, "{}({}) -> ", self.function, arguments.join(", "))?;
        match self.results.as_slice() {
            [only] => write!(f, "{only}"),
            results => {
                let results: Vec<String> = results.iter().map(TensorType::to_string).collect();
                write!(f, "({})", results.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::tensor;

    #[test]
    fn names_are_legal_and_distinct() {
        let check = |path: &str, expected: &str| assert_eq!(legal_name(path), expected);
        check("p.w", "p_w");
        check("layers[2].b", "layers_2_b");
        check("[0]", "_0");
        check("", "x");
        check("5a", "_5a");
        let paths = ["a.b", "a_b", "a[b]"].map(String::from);
        assert_eq!(legal_names(&paths), ["a_b", "a_b_1", "a_b_2"]);
    }

    #[test]
    fn sizes_that_vary_get_names() {
        #[track_caller]
        fn check(specs: &[Spec], expected: &[&str]) {
            let types = name_symbols(specs.iter().map(Spec::tensor_type));
            assert_eq!(types.iter().map(TensorType::to_string).collect::<Vec<_>>(), expected);
        }
        check(&[spec(DType::F32, [None, Some(3)])], &["f32[?n, 3]"]);
        check(&[spec(DType::F32, [None, None]), spec(DType::I32, ())], &["f32[?n0, ?n1]", "i32[]"]);
        let batch = || Dim::symbol("batch");
        check(
            &[spec(DType::F32, [batch(), 2.into()]), spec(DType::F32, [batch()])],
            &["f32[?batch, 2]", "f32[?batch]"],
        );
        check(&[spec(DType::F32, [2, 3])], &["f32[2, 3]"]);
    }

    #[test]
    fn every_argument_that_differs_is_named() {
        let n = || Dim::symbol("n");
        let signature =
            name_symbols([spec(DType::F32, [n(), 2.into()]), spec(DType::F32, [n()])].iter().map(Spec::tensor_type));
        let check = |x: &Tensor, y: &Tensor, expected: &[&str]| {
            assert_eq!(differences(&signature, &[x, y], &["x".into(), "y".into()]), expected);
        };
        let x = tensor([[1.0f32, 2.0], [3.0, 4.0]]);
        check(&x, &tensor([1.0f32, 2.0]), &[]);
        check(&x, &tensor([1.0f32]), &["y is f32[1], not f32[?n] with ?n = 2 from x"]);
        check(&tensor([1.0f32]), &tensor([1]), &["x is f32[1], not f32[?n, 2]", "y is i32[1], not f32[?n]"]);
    }
}
