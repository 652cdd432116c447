//! Ops: results, the generic form, regions; and the check of operand types, which is common to all spellings.

use super::super::lexer::{Kind, Token};
use super::super::syntax::{Attributes, BlockArgument, LocationId, Operation, Region, Type, Value, ValueId};
use super::{Parsed, Parser};

impl<'a> Parser<'a> {
    /// `%a, %b:2 = op`, with its location.
    fn parse_operation(&mut self) -> Parsed<Operation> {
        let groups = self.parse_result_groups()?;
        let place = self.token.start;
        let mut operation = match self.token.kind {
            Kind::String => self.parse_generic()?,
            Kind::Word => self.parse_pretty()?,
            _ => return Err(self.unexpected("an op")),
        };
        operation.position = self.position(place);
        operation.location = self.parse_optional_location()?;
        self.check_operand_types(place, &operation)?;
        self.define_results(place, &groups, &mut operation)?;
        Ok(operation)
    }

    /// `%a, %b:2 =`: names with the number of values that each stands for.
    fn parse_result_groups(&mut self) -> Parsed<Vec<(Token<'a>, usize)>> {
        let mut groups = Vec::new();
        if !self.at_operand() {
            return Ok(groups);
        }
        loop {
            let name = self.expect_kind(Kind::Value, "a result")?;
            let mut count = 1;
            if self.eat(":")? {
                let place = self.token.start;
                let value = self.parse_integer()?;
                let valid = usize::try_from(value).ok().filter(|count| *count > 0);
                count = valid.ok_or_else(|| self.error(place, "a number of results", value.to_string()))?;
            }
            groups.push((name, count));
            if !self.eat(",")? {
                self.expect("=")?;
                return Ok(groups);
            }
        }
    }

    fn define_results(&mut self, place: usize, groups: &[(Token<'a>, usize)], operation: &mut Operation) -> Parsed<()> {
        // The results of an op may stay without names.
        if groups.is_empty() && !operation.result_types.is_empty() {
            for ty in &operation.result_types {
                operation.results.push(ValueId(self.values.len() as u32));
                self.values.push(Value { name: String::new(), ty: ty.clone() });
            }
            return Ok(());
        }
        let named = groups.iter().fold(0usize, |sum, (_, count)| sum.saturating_add(*count));
        if named != operation.result_types.len() {
            let expected = format!("{} results of {}", operation.result_types.len(), operation.name);
            return Err(self.error(place, expected, format!("names for {named}")));
        }
        let mut types = &operation.result_types[..];
        for (name, count) in groups {
            let (group, rest) = types.split_at(*count);
            types = rest;
            operation.results.extend(self.define(name.start, name.text, group)?);
        }
        Ok(())
    }

    /// An op must say of its operands what they are.
    fn check_operand_types(&self, place: usize, operation: &Operation) -> Parsed<()> {
        let Operation { name, operands, operand_types, .. } = operation;
        if operands.len() != operand_types.len() {
            let expected = format!("types of the {} operands of {name}", operands.len());
            return Err(self.error(place, expected, operand_types.len().to_string()));
        }
        for (operand, ty) in operands.iter().zip(operand_types) {
            let value = &self.values[operand.index()];
            if value.ty != *ty {
                let expected = format!("{name} to take %{} as {}, which it is", value.name, value.ty);
                return Err(self.error(place, expected, ty.to_string()));
            }
        }
        Ok(())
    }

    /// `"op"(%a, %b) <{…}> ({ … }, { … }) {…} : (types) -> types`.
    fn parse_generic(&mut self) -> Parsed<Operation> {
        let name = self.parse_string()?;
        self.parse_generic_rest(new_operation(&name))
    }

    /// What follows the name in the generic form.
    pub(super) fn parse_generic_rest(&mut self, mut operation: Operation) -> Parsed<Operation> {
        self.expect("(")?;
        operation.operands = self.parse_operands()?;
        self.expect(")")?;
        if self.at("[") {
            return Err(self.unexpected("an op without successors"));
        }
        if self.eat("<")? {
            self.parse_attributes_into(&mut operation.attributes)?;
            self.expect(">")?;
        }
        if self.eat("(")? {
            self.parse_list(")", |parser| {
                operation.regions.push(parser.parse_region()?);
                Ok(())
            })?;
        }
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        self.expect(":")?;
        let ty = self.parse_function_type()?;
        (operation.operand_types, operation.result_types) = (ty.arguments, ty.results);
        Ok(operation)
    }

    /// `{ ^bb0(%a: type, …): ops }`.
    pub(super) fn parse_region(&mut self) -> Parsed<Region> {
        self.scoped(|parser| {
            parser.expect("{")?;
            let mut arguments = Vec::new();
            if parser.token.kind == Kind::Block {
                parser.advance()?;
                if parser.eat("(")? {
                    parser.parse_list(")", |parser| {
                        let argument = parser.parse_argument()?;
                        arguments.push(parser.define_argument(argument)?);
                        Ok(())
                    })?;
                }
                parser.expect(":")?;
            }
            parser.parse_region_body(arguments)
        })
    }

    /// `{ ops }`, of arguments that are defined.
    pub(super) fn parse_region_with(&mut self, arguments: Vec<BlockArgument>) -> Parsed<Region> {
        self.scoped(|parser| {
            parser.expect("{")?;
            parser.parse_region_body(arguments)
        })
    }

    /// `%a: type loc(…)`, without defining it.
    pub(super) fn parse_argument(&mut self) -> Parsed<Argument<'a>> {
        let name = self.expect_kind(Kind::Value, "an argument")?;
        self.expect(":")?;
        Ok(Argument { name, ty: self.parse_type()?, location: self.parse_optional_location()? })
    }

    pub(super) fn define_argument(&mut self, argument: Argument<'a>) -> Parsed<BlockArgument> {
        let Argument { name, ty, location } = argument;
        let value = ValueId(self.values.len() as u32);
        self.define(name.start, name.text, std::slice::from_ref(&ty))?;
        Ok(BlockArgument { value, ty, location })
    }

    fn parse_region_body(&mut self, arguments: Vec<BlockArgument>) -> Parsed<Region> {
        self.nested(|parser| {
            let mut operations = Vec::new();
            while !parser.eat("}")? {
                match parser.token.kind {
                    Kind::End => return Err(parser.unexpected("'}'")),
                    Kind::Block => return Err(parser.unexpected("a region of one block")),
                    _ => operations.push(parser.parse_operation()?),
                }
            }
            Ok(Region { arguments, operations })
        })
    }
}

/// The argument of a region, as it is written.
pub(super) struct Argument<'a> {
    pub(super) name: Token<'a>,
    pub(super) ty: Type,
    pub(super) location: Option<LocationId>,
}

/// An op that has only its name.
pub(super) fn new_operation(name: &str) -> Operation {
    Operation {
        name: name.to_owned(),
        operands: Vec::new(),
        results: Vec::new(),
        attributes: Attributes::new(),
        regions: Vec::new(),
        operand_types: Vec::new(),
        result_types: Vec::new(),
        location: None,
        position: Default::default(),
    }
}
