//! Ops in the spelling of their family.
//!
//! Most ops are written as operands, then attributes as `keyword = value` (see `keywords`), then further attributes in
//! braces, then the types: `stablehlo.pad %0, %1, low = [1], high = [0], interior = [0] {…} : (…) -> …`. What is
//! written in another way has a function here or, if it has regions, in `regions`. Each becomes what its generic form
//! is.

mod convolution;
mod keywords;
mod regions;

use super::super::lexer::Kind;
use super::super::syntax::{Attribute, Operation, Type};
use super::attributes::dense_i64_array;
use super::dialect::enumeration;
use super::operations::new_operation;
use super::{Parsed, Parser};

/// What the types mean that an op names behind its colon, where they are no function type.
#[derive(Clone, Copy)]
enum Signature {
    /// One type, that of all operands and of the result.
    Same,
    /// The types of the condition, and of the choices and the result.
    Select,
    /// The type of the result; the operands are its parts.
    Complex,
    /// A tuple; the operands are its elements.
    Tuple,
    /// A type for each operand, and the same for the results.
    Pairwise,
    /// A type for each operand, and no results.
    OperandsOnly,
}

impl Parser<'_> {
    pub(super) fn parse_pretty(&mut self) -> Parsed<Operation> {
        let name = self.advance()?.text;
        let name = match name {
            "return" => "func.return",
            "call" => "func.call",
            other => other,
        };
        let (dialect, mnemonic) = name.split_once('.').unwrap_or(("", name));
        let operation = new_operation(name);
        match (dialect, mnemonic) {
            ("arith", "constant") => self.parse_constant(operation),
            ("func", "call") => self.parse_call(operation),
            ("func" | "sdy", "return") => self.parse_with_keywords(operation, Signature::OperandsOnly),
            ("stablehlo" | "mhlo" | "chlo", _) => self.parse_stablehlo(operation, mnemonic),
            ("check", _) => self.parse_check(operation),
            ("sdy", "sharding_constraint") => self.parse_sharding_constraint(operation),
            _ => {
                let expected = "an op of StableHLO, CHLO or func in this spelling; others in the generic form";
                Err(self.error(self.token.start, expected, name))
            }
        }
    }

    fn parse_stablehlo(&mut self, operation: Operation, mnemonic: &str) -> Parsed<Operation> {
        match mnemonic {
            "constant" => self.parse_constant(operation),
            "compare" | "broadcast_compare" if self.token.kind == Kind::Word => self.parse_compare(operation),
            "slice" => self.parse_slice(operation),
            "get_tuple_element" => self.parse_get_tuple_element(operation),
            "custom_call" => self.parse_custom_call(operation),
            "composite" => self.parse_composite(operation),
            "top_k" => self.parse_top_k(operation),
            "convolution" => self.parse_convolution(operation),
            "reduce" => self.parse_reduce(operation),
            "while" => self.parse_while(operation),
            "scan" => self.parse_scan(operation),
            "select" => self.parse_with_keywords(operation, Signature::Select),
            "complex" => self.parse_with_keywords(operation, Signature::Complex),
            "tuple" => self.parse_with_keywords(operation, Signature::Tuple),
            "return" => self.parse_with_keywords(operation, Signature::OperandsOnly),
            "optimization_barrier" => self.parse_optimization_barrier(operation),
            _ => self.parse_with_keywords(operation, Signature::Same),
        }
    }

    /// `%a, %b, keyword = value {…} : types`.
    fn parse_with_keywords(&mut self, mut operation: Operation, signature: Signature) -> Parsed<Operation> {
        operation.operands = self.parse_operands()?;
        self.parse_keywords(&mut operation)?;
        self.parse_rest(operation, signature)
    }

    /// `{…} : types`.
    fn parse_rest(&mut self, mut operation: Operation, signature: Signature) -> Parsed<Operation> {
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        // Where there is nothing to have a type, there is no colon.
        if matches!(signature, Signature::OperandsOnly) && operation.operands.is_empty() && !self.at(":") {
            return Ok(operation);
        }
        self.expect(":")?;
        self.parse_signature(&mut operation, signature)?;
        Ok(operation)
    }

    fn parse_signature(&mut self, operation: &mut Operation, signature: Signature) -> Parsed<()> {
        let place = self.token.start;
        if self.at("(") {
            let ty = self.parse_function_type()?;
            (operation.operand_types, operation.result_types) = (ty.arguments, ty.results);
            return Ok(());
        }
        let types = self.parse_type_list()?;
        if self.eat("->")? {
            (operation.operand_types, operation.result_types) = (types, self.parse_result_types()?);
            return Ok(());
        }
        let (operand_types, result_types) = match (signature, &types[..]) {
            (Signature::Same, [ty]) => (vec![ty.clone(); operation.operands.len()], vec![ty.clone()]),
            (Signature::Select, [condition, ty]) => (vec![condition.clone(), ty.clone(), ty.clone()], vec![ty.clone()]),
            (Signature::Complex, [Type::Tensor(tensor)]) if tensor.element.is_complex() => {
                let part = Type::Tensor(tensor.with_element(tensor.element.part()));
                (vec![part.clone(), part], vec![types[0].clone()])
            }
            (Signature::Tuple, [Type::Tuple(elements)]) => (elements.to_vec(), vec![types[0].clone()]),
            (Signature::Pairwise, _) => (types.clone(), types),
            (Signature::OperandsOnly, _) => (types, Vec::new()),
            _ => return Err(self.error(place, format!("the types of {}", operation.name), "others")),
        };
        (operation.operand_types, operation.result_types) = (operand_types, result_types);
        Ok(())
    }

    /// `: (types) -> types`.
    fn parse_function_signature(&mut self, operation: &mut Operation) -> Parsed<()> {
        self.expect(":")?;
        let ty = self.parse_function_type()?;
        (operation.operand_types, operation.result_types) = (ty.arguments, ty.results);
        Ok(())
    }

    /// Adds an attribute that the spelling has no braces for; braces may follow.
    fn set(&self, operation: &mut Operation, name: &str, value: Attribute) -> Parsed<()> {
        if operation.attributes.contains(name) {
            return Err(self.error(self.token.start, "each attribute once", format!("{name} twice")));
        }
        operation.attributes.push(name, value);
        Ok(())
    }

    /// `func.call @f(%a) {…} : (types) -> types`.
    fn parse_call(&mut self, mut operation: Operation) -> Parsed<Operation> {
        let callee = self.parse_symbol()?;
        self.set(&mut operation, "callee", Attribute::Symbol(callee.into()))?;
        self.parse_operands_in_parentheses(&mut operation)?;
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        self.parse_function_signature(&mut operation)?;
        Ok(operation)
    }

    fn parse_operands_in_parentheses(&mut self, operation: &mut Operation) -> Parsed<()> {
        self.expect("(")?;
        operation.operands = self.parse_operands()?;
        self.expect(")")
    }

    /// `stablehlo.constant {…} dense<…> : type`; or, where the value has not the type of the result, the generic form.
    fn parse_constant(&mut self, mut operation: Operation) -> Parsed<Operation> {
        if self.at("(") {
            return self.parse_generic_rest(operation);
        }
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        let place = self.token.start;
        let value = self.parse_attribute()?;
        let Attribute::Dense(dense) = &value else {
            return Err(self.error(place, "dense<…>", "another attribute"));
        };
        operation.result_types.push(Type::Tensor(dense.ty.clone()));
        self.set(&mut operation, "value", value)?;
        Ok(operation)
    }

    /// `stablehlo.compare LT, %a, %b, FLOAT {…} : (types) -> type`.
    fn parse_compare(&mut self, mut operation: Operation) -> Parsed<Operation> {
        let dialect = dialect_of(&operation);
        let direction = self.expect_kind(Kind::Word, "a direction")?.text;
        self.set(&mut operation, "comparison_direction", enumeration(&dialect, "comparison_direction", direction))?;
        self.expect(",")?;
        operation.operands = self.parse_operands()?;
        if self.token.kind == Kind::Word {
            let kind = self.advance()?.text;
            self.set(&mut operation, "compare_type", enumeration(&dialect, "comparison_type", kind))?;
        }
        self.parse_rest(operation, Signature::Same)
    }

    /// `stablehlo.slice %a [0:4, 1:10:2] {…} : (type) -> type`.
    fn parse_slice(&mut self, mut operation: Operation) -> Parsed<Operation> {
        operation.operands = vec![self.parse_operand()?];
        let (mut starts, mut limits, mut strides) = (Vec::new(), Vec::new(), Vec::new());
        self.expect("[")?;
        self.parse_list("]", |parser| {
            starts.push(parser.parse_i64()?);
            parser.expect(":")?;
            limits.push(parser.parse_i64()?);
            strides.push(if parser.eat(":")? { parser.parse_i64()? } else { 1 });
            Ok(())
        })?;
        self.set(&mut operation, "start_indices", dense_i64_array(starts))?;
        self.set(&mut operation, "limit_indices", dense_i64_array(limits))?;
        self.set(&mut operation, "strides", dense_i64_array(strides))?;
        self.parse_rest(operation, Signature::Same)
    }

    /// `stablehlo.get_tuple_element %a[0] {…} : (type) -> type`.
    fn parse_get_tuple_element(&mut self, mut operation: Operation) -> Parsed<Operation> {
        operation.operands = vec![self.parse_operand()?];
        self.expect("[")?;
        let index = self.parse_i64()?;
        self.expect("]")?;
        self.set(&mut operation, "index", keywords::i32_attribute(index))?;
        self.parse_rest(operation, Signature::Same)
    }

    /// `stablehlo.custom_call @target(%a) {…} : (types) -> types`.
    fn parse_custom_call(&mut self, mut operation: Operation) -> Parsed<Operation> {
        let target = self.parse_symbol()?;
        self.set(&mut operation, "call_target_name", Attribute::String(target.into()))?;
        self.parse_operands_in_parentheses(&mut operation)?;
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        self.parse_function_signature(&mut operation)?;
        Ok(operation)
    }

    /// `stablehlo.composite "name" %a, %b ({ … }) {…} : (types) -> types`.
    fn parse_composite(&mut self, mut operation: Operation) -> Parsed<Operation> {
        let name = self.parse_string()?;
        self.set(&mut operation, "name", Attribute::String(name.into()))?;
        operation.operands = self.parse_operands()?;
        if self.eat("(")? {
            self.parse_list(")", |parser| {
                operation.regions.push(parser.parse_region()?);
                Ok(())
            })?;
        }
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        self.parse_function_signature(&mut operation)?;
        Ok(operation)
    }

    /// `chlo.top_k(%a, k = 2) {…} : type -> (type, type)`.
    fn parse_top_k(&mut self, mut operation: Operation) -> Parsed<Operation> {
        self.expect("(")?;
        operation.operands = self.parse_operands()?;
        self.parse_keywords(&mut operation)?;
        self.expect(")")?;
        self.parse_rest(operation, Signature::Same)
    }

    /// `stablehlo.optimization_barrier %a, %b : type, type`, or `()` for none.
    fn parse_optimization_barrier(&mut self, mut operation: Operation) -> Parsed<Operation> {
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        if self.eat("(")? {
            self.expect(")")?;
            return Ok(operation);
        }
        self.parse_with_keywords(operation, Signature::Pairwise)
    }

    /// The assertions of StableHLO's tests: `check.expect_eq_const %a, dense<…> : type`, `check.expect_eq %a, %b :
    /// type`.
    fn parse_check(&mut self, mut operation: Operation) -> Parsed<Operation> {
        operation.operands = self.parse_operands()?;
        if self.at("dense") {
            let value = self.parse_dense()?;
            operation.operand_types = vec![Type::Tensor(value.ty.clone())];
            self.set(&mut operation, "value", Attribute::Dense(value))?;
            self.parse_optional_attributes_into(&mut operation.attributes)?;
            return Ok(operation);
        }
        self.parse_keywords(&mut operation)?;
        let mut operation = self.parse_rest(operation, Signature::OperandsOnly)?;
        if let ([ty], 2..) = (&operation.operand_types[..], operation.operands.len()) {
            operation.operand_types = vec![ty.clone(); operation.operands.len()];
        }
        operation.result_types.clear();
        Ok(operation)
    }

    /// `sdy.sharding_constraint %a <@mesh, [{}, {"x"}]> : type`.
    fn parse_sharding_constraint(&mut self, mut operation: Operation) -> Parsed<Operation> {
        operation.operands = vec![self.parse_operand()?];
        if !self.at("<") {
            return Err(self.unexpected("'<'"));
        }
        let start = self.token.start;
        let end = self.skip_brackets()?;
        let sharding = Attribute::Opaque(format!("#sdy.sharding{}", &self.lexer.text()[start..end]).into());
        self.set(&mut operation, "sharding", sharding)?;
        self.parse_rest(operation, Signature::Same)
    }
}

/// The part of an op's name before the point.
fn dialect_of(operation: &Operation) -> String {
    operation.name.split('.').next().unwrap_or_default().to_owned()
}
