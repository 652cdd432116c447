//! Text to graphs.
//!
//! One pass over the tokens, with an op's attributes read by the file of its family. The types that the text states are
//! checked against those that [`infer`] gives, up to the constraints that stand in the text. What an operation requires
//! of the symbols is added to these where it does not follow from them, so that a text need not repeat it.
//!
//! No text makes the parser panic, nest deeply or take memory out of proportion to its length.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::cursor::{Cursor, Failure, shortened};
use super::lexer::{Kind, Token};
use super::literal::{Literal, REPETITION_BUDGET};
use super::{control, conv, dot, effect, elementwise, fold, index, linalg, op_names, random, reduce, shape};
use crate::equalities::Equalities;
use crate::ops::ShapeOp;
use crate::{Dim, Graph, NodeId, Op, Relation, Span, TensorType, Value, infer};

/// How deep graphs may call one another.
const MAX_CALL_DEPTH: usize = 64;
/// The most terms that a size may get when a call puts sizes in the place of symbols.
const MAX_SUBSTITUTED_SIZE: usize = 1 << 14;

/// A text that is no graph, and where it stops being one; line and column count from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ParseError {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// How a text is read.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// Whether the stated types must be those of the ops; without it, a broken graph is for the verifier to look at.
    pub check_types: bool,
    /// Whether an operation without `loc(…)` gets its line in the text as its span.
    pub locate_lines: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        ParseOptions { check_types: true, locate_lines: false }
    }
}

/// Reads a graph: the last function of a text, which may call those before it. `file_name` is for errors.
///
/// # Errors
/// The text is not of the form that the printer writes, or a type is not that of its op.
pub fn parse(text: &str, file_name: &str) -> Result<Graph, ParseError> {
    parse_with(text, file_name, &ParseOptions::default())
}

/// As [`parse`], with options.
///
/// # Errors
/// As for [`parse`].
pub fn parse_with(text: &str, file_name: &str, options: &ParseOptions) -> Result<Graph, ParseError> {
    let mut parser = Parser {
        cursor: Cursor::new(text),
        lines: LineTable::new(text),
        file_name,
        options,
        functions: HashMap::new(),
        budget: REPETITION_BUDGET,
    };
    parser.module().map_err(|Failure { offset, message }| {
        let (line, column) = parser.lines.place_of(offset);
        ParseError { file: file_name.to_owned(), line, column, message }
    })
}

/// Where the lines of a text begin.
struct LineTable<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> LineTable<'t> {
    fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(offset, _)| offset + 1)).collect();
        LineTable { text, starts }
    }

    /// The line and the column, in characters, of a byte.
    fn place_of(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|&start| start <= offset);
        (line, self.text[self.starts[line - 1]..offset].chars().count() + 1)
    }
}

struct Parser<'t, 'o> {
    cursor: Cursor<'t>,
    lines: LineTable<'t>,
    file_name: &'o str,
    options: &'o ParseOptions,
    /// The functions that are read, with the depth of their calls.
    functions: HashMap<String, (Arc<Graph>, usize)>,
    budget: usize,
}

/// The function that is being read.
struct Function<'t> {
    graph: Graph,
    values: HashMap<ValueKey<'t>, NodeId>,
    equalities: Equalities,
    depth: usize,
}

/// A name in the text: a number, or a name that the value keeps.
type ValueKey<'t> = (bool, Cow<'t, str>);

/// An op of which all is read but what its result type says.
pub(super) enum Unfinished<'t> {
    Ready(Op),
    Constant(Literal<'t>),
    FromType(MakeOp<'t>),
    FromTypes(MakeOpOfMany<'t>),
}

type MakeOp<'t> = Box<dyn FnOnce(&TensorType) -> Result<Op, Failure> + 't>;
type MakeOpOfMany<'t> = Box<dyn FnOnce(&[TensorType]) -> Result<Op, Failure> + 't>;

impl<'t> Unfinished<'t> {
    pub(super) fn from_type(make: impl FnOnce(&TensorType) -> Result<Op, Failure> + 't) -> Self {
        Unfinished::FromType(Box::new(make))
    }

    pub(super) fn from_types(make: impl FnOnce(&[TensorType]) -> Result<Op, Failure> + 't) -> Self {
        Unfinished::FromTypes(Box::new(make))
    }
}

/// What the reader of an op's text works with.
pub(super) struct OpReader<'p, 't> {
    pub(super) cursor: &'p mut Cursor<'t>,
    function: &'p mut Function<'t>,
    functions: &'p HashMap<String, (Arc<Graph>, usize)>,
    operands: SmallVec<[Value; 3]>,
}

impl<'t> OpReader<'_, 't> {
    /// Reads the operands, with commas between them; says whether there are none.
    pub(super) fn operands(&mut self) -> Result<bool, Failure> {
        if self.cursor.peek().kind != Kind::Value {
            return Ok(true);
        }
        loop {
            self.operands.push(read_value(self.cursor, self.function)?);
            if !self.cursor.at_sign(",") || self.cursor.peek_behind().kind != Kind::Value {
                return Ok(false);
            }
            self.cursor.take();
        }
    }

    /// Reads `, name=…` where it stands here.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Cursor<'t>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        if !self.cursor.at_sign(",") || self.cursor.peek_behind().text != name {
            return Ok(None);
        }
        self.cursor.attribute(name, false)?;
        read(self.cursor).map(Some)
    }

    /// Reads `, name=true` where it stands here.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        let flag = self.optional(name, |cursor| {
            let set = cursor.eat_word("true");
            if set || cursor.eat_word("false") { Ok(set) } else { Err(cursor.expected("`true` or `false`")) }
        })?;
        Ok(flag.unwrap_or(false))
    }

    /// Reads `, name=@f`.
    pub(super) fn region(&mut self, name: &str) -> Result<Arc<Graph>, Failure> {
        self.cursor.attribute(name, false)?;
        self.callee()
    }

    /// Reads the name of a function that stands before in the text.
    pub(super) fn callee(&mut self) -> Result<Arc<Graph>, Failure> {
        let token = self.cursor.expect_kind(Kind::Function, "a function such as `@f`")?;
        let name = Cursor::name_of(token)?;
        let Some((graph, depth)) = self.functions.get(name.as_ref()) else {
            let message = format!("there is no function @{} before this one", shortened(&name));
            return Err(Failure::new(token.offset, message));
        };
        if *depth >= MAX_CALL_DEPTH {
            return Err(Failure::new(token.offset, format!("calls nest deeper than {MAX_CALL_DEPTH}")));
        }
        self.function.depth = self.function.depth.max(depth + 1);
        Ok(graph.clone())
    }
}

impl<'t> Parser<'t, '_> {
    fn module(&mut self) -> Result<Graph, Failure> {
        let mut last: Option<(Graph, usize)> = None;
        let mut names = HashSet::new();
        loop {
            if let Some(function) = last.take() {
                if self.cursor.peek().kind == Kind::End {
                    return Ok(function.0);
                }
                self.functions.insert(function.0.name().to_owned(), (Arc::new(function.0), function.1));
            }
            self.cursor.expect_word("func")?;
            let token = self.cursor.expect_kind(Kind::Function, "the function's name, such as `@f`")?;
            let name = Cursor::name_of(token)?;
            if !names.insert(name.clone()) {
                let message = format!("there is a function @{} before this one", shortened(&name));
                return Err(Failure::new(token.offset, message));
            }
            last = Some(self.function(&name)?);
        }
    }

    fn function(&mut self, name: &str) -> Result<(Graph, usize), Failure> {
        let mut function =
            Function { graph: Graph::new(name), values: HashMap::new(), equalities: Equalities::default(), depth: 0 };
        self.cursor.expect_sign("(")?;
        if !self.cursor.eat_sign(")") {
            loop {
                self.parameter(&mut function)?;
                if self.cursor.eat_sign(")") {
                    break;
                }
                if !self.cursor.eat_sign(",") {
                    return Err(self.cursor.expected("`,` or `)`"));
                }
            }
        }
        self.cursor.expect_sign("->")?;
        let types_offset = self.cursor.offset();
        let types = self.cursor.types()?;
        self.cursor.expect_sign("{")?;
        while self.cursor.at(Kind::Word, "require") {
            self.constraint(&mut function)?;
        }
        while !self.cursor.at(Kind::Word, "return") {
            if self.cursor.peek().kind != Kind::Value {
                return Err(self.cursor.expected("an operation such as `%0 = …`, or `return`"));
            }
            self.operation(&mut function)?;
        }
        self.results(&mut function, &types, types_offset)?;
        self.cursor.expect_sign("}")?;
        Ok((function.graph, function.depth))
    }

    fn parameter(&mut self, function: &mut Function<'t>) -> Result<(), Failure> {
        let token = self.cursor.expect_kind(Kind::Value, "a parameter such as `%x: f32[2]`")?;
        self.cursor.expect_sign(":")?;
        let of = self.cursor.tensor_type()?;
        let span = self.span(token)?;
        let value = function.graph.add_parameter(None, of, span);
        self.define(function, token, value.node)
    }

    /// The span that stands here; without one, the line of the token where the options ask for it.
    fn span(&mut self, token: Token<'t>) -> Result<Span, Failure> {
        if let Some(span) = self.cursor.span()? {
            return Ok(span);
        }
        if !self.options.locate_lines {
            return Ok(Span::NONE);
        }
        let (line, column) = self.lines.place_of(token.offset);
        Ok(Span::at(self.file_name, line as u32, column as u32))
    }

    fn define(&mut self, function: &mut Function<'t>, token: Token<'t>, node: NodeId) -> Result<(), Failure> {
        let key = value_key(token)?;
        if !key.0 {
            function.graph.set_node_name(node, Some(&key.1));
        }
        match function.values.insert(key, node) {
            None => Ok(()),
            Some(_) => Err(Failure::new(token.offset, format!("%{} is defined twice", shortened(token.text)))),
        }
    }

    fn constraint(&mut self, function: &mut Function<'t>) -> Result<(), Failure> {
        let token = self.cursor.take();
        let left = self.cursor.dim()?;
        let equal = self.cursor.at_sign("=");
        if !equal && !self.cursor.at_sign(">=") {
            return Err(self.cursor.expected("`=` or `>=`"));
        }
        self.cursor.take();
        let right = self.cursor.dim()?;
        let relation = if equal { Relation::Equal(left, right) } else { Relation::AtLeast(left, right) };
        let span = self.span(token)?;
        function.graph.add_constraint(relation, span);
        Ok(())
    }

    fn operation(&mut self, function: &mut Function<'t>) -> Result<(), Failure> {
        let token = self.cursor.take();
        let count = if self.cursor.eat_sign(":") { Some(self.cursor.integer::<usize>("a number")?) } else { None };
        self.cursor.expect_sign("=")?;
        let name = self.cursor.expect_kind(Kind::Word, "the name of an op")?;
        let mut reader =
            OpReader { cursor: &mut self.cursor, function, functions: &self.functions, operands: SmallVec::new() };
        let unfinished = read_op(name, &mut reader)?;
        let operands = reader.operands;
        if !self.cursor.eat_sign(":") {
            return Err(self.cursor.expected("`:` and the type of the result"));
        }
        let types_offset = self.cursor.offset();
        let types = self.cursor.types()?;
        if count.unwrap_or(1) != types.len() {
            let message = format!("{} results, but {} types", count.unwrap_or(1), types.len());
            return Err(Failure::new(types_offset, message));
        }
        let before = self.order(function)?;
        let span = self.span(token)?;
        let op = self.finish(unfinished, &types, name)?;
        check_substitution(&op, &operands, function, name.offset)?;
        if self.options.check_types {
            check_types(function, &op, &operands, &types, &span, (name.offset, types_offset))?;
        }
        let node = function.graph.add_unchecked(op, &operands, types.into(), span);
        for before in before {
            function.graph.add_order(before, node);
        }
        self.define(function, token, node)
    }

    /// `after(…)`, if it stands here.
    fn order(&mut self, function: &Function<'t>) -> Result<Vec<NodeId>, Failure> {
        if !self.cursor.eat_word("after") {
            return Ok(Vec::new());
        }
        self.cursor.list(["(", ")"], |cursor| read_node(cursor, function))
    }

    fn finish(&mut self, op: Unfinished<'t>, types: &[TensorType], name: Token<'t>) -> Result<Op, Failure> {
        let result = || match types {
            [result] => Ok(result),
            _ => Err(Failure::new(name.offset, format!("{} has one result", name.text))),
        };
        match op {
            Unfinished::Ready(op) => Ok(op),
            Unfinished::FromType(make) => make(result()?),
            Unfinished::FromTypes(make) => make(types),
            Unfinished::Constant(literal) => {
                Ok(Op::Shape(ShapeOp::Constant(literal.into_array(result()?, &mut self.budget)?)))
            }
        }
    }

    fn results(&mut self, function: &mut Function<'t>, types: &[TensorType], offset: usize) -> Result<(), Failure> {
        self.cursor.expect_word("return")?;
        let (mut results, mut names) = (Vec::new(), Vec::new());
        let places = self.cursor.offset();
        if self.cursor.peek().kind != Kind::Value && !self.cursor.at_sign("}") {
            return Err(self.cursor.expected("a value such as `%x`, or `}`"));
        }
        while self.cursor.peek().kind == Kind::Value {
            results.push(read_value(&mut self.cursor, function)?);
            let named = self.cursor.eat_word("as");
            names.push(if named { Some(self.cursor.string("the name of a result in quotes")?) } else { None });
            if !self.cursor.eat_sign(",") {
                break;
            }
            if self.cursor.peek().kind != Kind::Value {
                return Err(self.cursor.expected("a value such as `%x`"));
            }
        }
        function.graph.set_results(results);
        for (position, name) in names.iter().enumerate() {
            if let Some(name) = name {
                function.graph.set_result_name(position, name);
            }
        }
        if !self.options.check_types {
            return Ok(());
        }
        function.equalities.update(function.graph.constraints());
        let found: Vec<&TensorType> = function.graph.result_types().collect();
        if found.len() != types.len() {
            let message = format!("{} results, but the function states {} types", found.len(), types.len());
            return Err(Failure::new(places, message));
        }
        for (position, (found, stated)) in found.into_iter().zip(types).enumerate() {
            if !function.equalities.same_type(found, stated) {
                let message = format!("result {position} is stated as {stated}, but {found} is returned");
                return Err(Failure::new(offset, message));
            }
        }
        Ok(())
    }
}

fn read_op<'t>(name: Token<'t>, reader: &mut OpReader<'_, 't>) -> Result<Unfinished<'t>, Failure> {
    let readers = [
        elementwise::read,
        shape::read,
        reduce::read,
        dot::read,
        conv::read,
        fold::read,
        index::read,
        random::read,
        linalg::read,
        control::read,
        effect::read,
    ];
    for read in readers {
        if let Some(op) = read(name.text, reader)? {
            return Ok(op);
        }
    }
    let near = near_names(name.text);
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
    Err(Failure::new(name.offset, format!("unknown op `{}`{hint}", shortened(name.text))))
}

fn value_key(token: Token<'_>) -> Result<ValueKey<'_>, Failure> {
    let number = token.text.bytes().all(|byte| byte.is_ascii_digit());
    Ok((number, Cursor::name_of(token)?))
}

fn read_node<'t>(cursor: &mut Cursor<'t>, function: &Function<'t>) -> Result<NodeId, Failure> {
    let token = cursor.expect_kind(Kind::Value, "a value such as `%x`")?;
    function.values.get(&value_key(token)?).copied().ok_or_else(|| {
        Failure::new(token.offset, format!("%{} is not defined before this line", shortened(token.text)))
    })
}

fn read_value<'t>(cursor: &mut Cursor<'t>, function: &Function<'t>) -> Result<Value, Failure> {
    let token = cursor.peek();
    let node = read_node(cursor, function)?;
    let result = if cursor.eat_sign("#") { cursor.integer::<u32>("the number of a result")? } else { 0 };
    let count = function.graph.node(node).types().len();
    if result as usize >= count {
        let message = format!("%{} has {count} results, and none of number {result}", shortened(token.text));
        return Err(Failure::new(token.offset, message));
    }
    Ok(Value { node, result })
}

/// Bounds what comes of the callee's sizes when those of the operands stand for its symbols.
fn check_substitution(op: &Op, operands: &[Value], function: &Function<'_>, offset: usize) -> Result<(), Failure> {
    let Op::Control(op) = op else { return Ok(()) };
    let callees = op.regions();
    let size = operands.iter().flat_map(|&value| &function.graph.type_of(value).dims).map(Dim::size).max();
    let dims = callees.iter().flat_map(|(_, callee)| {
        let types = callee.parameter_types().chain(callee.result_types()).flat_map(|of| &of.dims);
        types.chain(callee.constraints().iter().flat_map(|constraint| <[&Dim; 2]>::from(constraint.relation.sides())))
    });
    let degree = dims.map(Dim::degree).max().unwrap_or(0);
    if size.unwrap_or(1).saturating_pow(u32::try_from(degree).unwrap_or(u32::MAX)) > MAX_SUBSTITUTED_SIZE {
        return Err(Failure::new(offset, "the sizes that the call makes are too long expressions"));
    }
    Ok(())
}

/// Checks the stated types of an operation, and adds what it requires of the symbols.
fn check_types(
    function: &mut Function<'_>,
    op: &Op,
    operands: &[Value],
    types: &[TensorType],
    span: &Span,
    (op_offset, types_offset): (usize, usize),
) -> Result<(), Failure> {
    let operand_types: SmallVec<[TensorType; 3]> =
        operands.iter().map(|&value| function.graph.type_of(value).clone()).collect();
    let mut relations = Vec::new();
    let inferred =
        infer(op, &operand_types, &mut relations).map_err(|error| Failure::new(op_offset, error.to_string()))?;
    for relation in relations {
        function.equalities.update(function.graph.constraints());
        if !function.equalities.implies(&relation) {
            function.graph.add_constraint(relation, span.clone());
        }
    }
    if inferred.as_slice() == types {
        return Ok(());
    }
    function.equalities.update(function.graph.constraints());
    let mut pairs = inferred.iter().zip(types);
    if inferred.len() != types.len() {
        let message = format!("{} types are stated, but {} has {}", types.len(), op.name(), inferred.len());
        return Err(Failure::new(types_offset, message));
    }
    match pairs.find(|(inferred, stated)| !function.equalities.same_type(inferred, stated)) {
        None => Ok(()),
        Some((inferred, stated)) => {
            let message = format!("the type is stated as {stated}, but {} gives {inferred}", op.name());
            Err(Failure::new(types_offset, message))
        }
    }
}

/// The names of ops that are nearly a word, the nearest first.
fn near_names(word: &str) -> Vec<&'static str> {
    const MOST: usize = 3;
    if word.len() > 40 {
        return Vec::new();
    }
    let mut near: Vec<(usize, &str)> = Vec::new();
    for name in op_names() {
        let distance = edit_distance(word, name);
        if distance <= (word.len() / 3).max(1) {
            near.push((distance, name));
        } else if word.len() >= 3 && (name.contains(word) || word.contains(name)) {
            near.push((word.len(), name));
        }
    }
    near.sort();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How many bytes must be put in, taken out or changed to make one word the other.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, x) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
