//! Ops with regions that have a spelling of their own: reduce, while and scan.

use super::super::super::lexer::{Kind, Token};
use super::super::super::syntax::{BlockArgument, Operation, Region, TensorType, Type, Value, ValueId};
use super::super::attributes::{dense_i32_array, dense_i64_array, i64_attribute};
use super::super::operations::{Argument, new_operation};
use super::super::{Parsed, Parser};
use super::dialect_of;

impl<'a> Parser<'a> {
    /// `stablehlo.reduce(%a init: %b), (%c init: %d) across dimensions = [0] : (types) -> types reducer(…) (…) { … }`,
    /// or with one op in the place of the region, `… applies stablehlo.add across dimensions = [0] : (types) -> types`.
    pub(super) fn parse_reduce(&mut self, mut operation: Operation) -> Parsed<Operation> {
        let mut initial_values = Vec::new();
        loop {
            self.expect("(")?;
            operation.operands.push(self.parse_operand()?);
            self.expect("init")?;
            self.expect(":")?;
            initial_values.push(self.parse_operand()?);
            self.expect(")")?;
            if !self.eat(",")? {
                break;
            }
        }
        operation.operands.append(&mut initial_values);
        let mut applied = None;
        if self.eat("applies")? {
            applied = Some(match self.token.kind {
                Kind::String => self.parse_string()?,
                _ => self.expect_kind(Kind::Word, "an op's name")?.text.to_owned(),
            });
        }
        self.expect("across")?;
        self.expect("dimensions")?;
        self.expect("=")?;
        let dimensions = self.parse_i64_list()?;
        self.set(&mut operation, "dimensions", dense_i64_array(dimensions))?;
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        let place = self.token.start;
        self.parse_function_signature(&mut operation)?;
        let region = match applied {
            Some(applied) => match operation.operand_types.first() {
                Some(Type::Tensor(tensor)) => {
                    let scalar = TensorType::new(&[], tensor.element);
                    self.build_reducer(place, &applied, &dialect_of(&operation), Type::Tensor(scalar))
                }
                _ => return Err(self.error(place, "a tensor to reduce", "another type")),
            },
            None => self.parse_reducer()?,
        };
        operation.regions.push(region);
        Ok(operation)
    }

    /// The region of one op on two scalars; its values have no names.
    fn build_reducer(&mut self, place: usize, applied: &str, dialect: &str, scalar: Type) -> Region {
        let mut add = |ty: &Type| {
            let id = ValueId(self.values.len() as u32);
            self.values.push(Value { name: String::new(), ty: ty.clone() });
            id
        };
        let (lhs, rhs, result) = (add(&scalar), add(&scalar), add(&scalar));
        let position = self.position(place);
        let argument = |value| BlockArgument { value, ty: scalar.clone(), location: None };
        let body = Operation {
            operands: vec![lhs, rhs],
            results: vec![result],
            operand_types: vec![scalar.clone(); 2],
            result_types: vec![scalar.clone()],
            position,
            ..new_operation(applied)
        };
        let terminator = Operation {
            operands: vec![result],
            operand_types: vec![scalar.clone()],
            position,
            ..new_operation(&format!("{dialect}.return"))
        };
        Region { arguments: vec![argument(lhs), argument(rhs)], operations: vec![body, terminator] }
    }

    /// `reducer(%a: type, %b: type) (%c: type, %d: type) { … }`: first the elements of all pairs, then the other
    /// halves.
    fn parse_reducer(&mut self) -> Parsed<Region> {
        self.expect("reducer")?;
        self.scoped(|parser| {
            let (mut arguments, mut accumulators) = (Vec::new(), Vec::new());
            while parser.eat("(")? {
                arguments.push(parser.parse_argument()?);
                parser.expect(",")?;
                accumulators.push(parser.parse_argument()?);
                parser.expect(")")?;
            }
            arguments.append(&mut accumulators);
            let arguments = arguments.into_iter().map(|argument| parser.define_argument(argument));
            let arguments = arguments.collect::<Parsed<_>>()?;
            parser.parse_region_with(arguments)
        })
    }

    /// `stablehlo.while(%x = %a, %y = %b) : types attributes {…} cond { … } do { … }`.
    pub(super) fn parse_while(&mut self, mut operation: Operation) -> Parsed<Operation> {
        let mut names = Vec::new();
        self.expect("(")?;
        self.parse_list(")", |parser| {
            names.push(parser.expect_kind(Kind::Value, "an argument")?);
            parser.expect("=")?;
            operation.operands.push(parser.parse_operand()?);
            Ok(())
        })?;
        let place = self.token.start;
        let mut types = Vec::new();
        if self.eat(":")? {
            types = self.parse_type_list()?;
        }
        if types.len() != names.len() {
            let expected = format!("types of the {} operands of {}", names.len(), operation.name);
            return Err(self.error(place, expected, types.len().to_string()));
        }
        if self.eat("attributes")? {
            self.parse_attributes_into(&mut operation.attributes)?;
        }
        for keyword in ["cond", "do"] {
            self.expect(keyword)?;
            let region = self.parse_while_region(&names, &types)?;
            operation.regions.push(region);
        }
        operation.operand_types = types.clone();
        operation.result_types = types;
        Ok(operation)
    }

    /// `chlo.scan(%a, %b) inits(%c, %d) dimension = 0 attributes {…} { … } : (types) -> types`.
    pub(super) fn parse_scan(&mut self, mut operation: Operation) -> Parsed<Operation> {
        self.parse_operands_in_parentheses(&mut operation)?;
        let inputs = std::mem::take(&mut operation.operands);
        self.expect("inits")?;
        self.parse_operands_in_parentheses(&mut operation)?;
        let counts = [inputs.len() as i64, operation.operands.len() as i64];
        operation.operands.splice(..0, inputs);
        self.expect("dimension")?;
        self.expect("=")?;
        let dimension = i64_attribute(self.parse_i64()?);
        self.set(&mut operation, "dimension", dimension)?;
        if self.eat("attributes")? {
            self.parse_attributes_into(&mut operation.attributes)?;
        }
        let region = self.parse_region()?;
        operation.regions.push(region);
        self.parse_function_signature(&mut operation)?;
        let results = operation.result_types.len() as i64 - counts[1];
        self.set(&mut operation, "operandSegmentSizes", dense_i32_array(counts.to_vec()))?;
        self.set(&mut operation, "resultSegmentSizes", dense_i32_array(vec![results, counts[1]]))?;
        Ok(operation)
    }

    /// A region whose arguments have been named before it.
    fn parse_while_region(&mut self, names: &[Token<'a>], types: &[Type]) -> Parsed<Region> {
        self.scoped(|parser| {
            let mut arguments = Vec::new();
            for (name, ty) in names.iter().zip(types) {
                let argument = Argument { name: *name, ty: ty.clone(), location: None };
                arguments.push(parser.define_argument(argument)?);
            }
            parser.parse_region_with(arguments)
        })
    }
}
