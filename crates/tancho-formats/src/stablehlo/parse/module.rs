//! Files, modules, functions: what stands outside of ops.
//!
//! Modules and functions have a spelling of their own (`func.func @f(%a: …) -> … { … }`) and the generic one
//! (`"func.func"() <{sym_name = "f", function_type = …}> ({ … }) : () -> ()`).

use std::collections::HashSet;

use super::super::error::SyntaxError;
use super::super::lexer::Kind;
use super::super::syntax::{
    Attribute, Attributes, BlockArgument, Function, FunctionArgument, FunctionResult, FunctionType, LocationId, Module,
    Region, Type, Value, Visibility,
};
use super::resources::{Resources, resolve_resources};
use super::{ALIAS_LIMIT, Alias, Parsed, Parser};

impl<'a> Parser<'a> {
    /// A file: a module, or functions without one; aliases before and behind.
    pub(super) fn parse_file(mut self) -> Parsed<Module> {
        let mut module = Module {
            name: None,
            attributes: Attributes::new(),
            functions: Vec::new(),
            locations: Vec::new(),
            other_symbols: Vec::new(),
        };
        let mut resources = Resources::new();
        let mut has_module = false;
        loop {
            match (self.token.kind, self.token.text) {
                (Kind::End, _) => break,
                (Kind::Hash, _) => self.parse_attribute_alias()?,
                (Kind::Bang, _) => self.parse_type_alias()?,
                (_, "{-#") => self.parse_resources(&mut resources)?,
                (_, "module" | "builtin.module" | "\"builtin.module\"") => {
                    if has_module || !module.functions.is_empty() {
                        return Err(self.unexpected("one module"));
                    }
                    has_module = true;
                    self.parse_module(&mut module)?;
                }
                _ if !has_module => self.parse_module_op(&mut module)?,
                _ => return Err(self.unexpected("the end of the file")),
            }
        }
        let mut names = HashSet::new();
        if let Some(twice) = module.functions.iter().find(|function| !names.insert(function.name.as_str())) {
            return Err(SyntaxError {
                file: self.file.to_owned(),
                position: twice.position,
                expected: "functions with different names".into(),
                found: format!("@{} twice", twice.name),
            });
        }
        module.locations = std::mem::take(&mut self.locations);
        resolve_resources(&mut module, &resources);
        Ok(module)
    }

    /// `#name = attribute` or `#name = loc(…)`.
    fn parse_attribute_alias(&mut self) -> Parsed<()> {
        let token = self.advance()?;
        let name = &token.text[1..];
        self.expect("=")?;
        if self.at("loc") {
            return self.define_location(name);
        }
        let before = self.parts;
        self.uses_alias = false;
        let value = self.parse_attribute()?;
        let parts = self.parts - before;
        if self.uses_alias {
            self.check_parts(token.start, before)?;
        }
        if self.attribute_aliases.insert(name, Alias { value, parts }).is_some() {
            return Err(self.error(token.start, "an alias that is not in use", token.text));
        }
        Ok(())
    }

    /// `!name = type`.
    fn parse_type_alias(&mut self) -> Parsed<()> {
        let token = self.advance()?;
        self.expect("=")?;
        let before = self.parts;
        let value = self.parse_type()?;
        self.check_parts(token.start, before)?;
        let parts = self.parts - before;
        if self.type_aliases.insert(&token.text[1..], Alias { value, parts }).is_some() {
            return Err(self.error(token.start, "an alias that is not in use", token.text));
        }
        Ok(())
    }

    /// Refuses what has become too large since the counter stood there.
    pub(super) fn check_parts(&self, place: usize, before: u64) -> Parsed<()> {
        let parts = self.parts - before;
        if parts <= ALIAS_LIMIT {
            return Ok(());
        }
        Err(self.error(place, format!("an alias or encoding of at most {ALIAS_LIMIT} parts"), parts.to_string()))
    }

    fn parse_module(&mut self, module: &mut Module) -> Parsed<()> {
        if self.token.kind == Kind::String {
            return self.parse_generic_module(module);
        }
        self.advance()?;
        if self.token.kind == Kind::Symbol {
            module.name = Some(self.parse_symbol()?);
        }
        if self.eat("attributes")? {
            self.parse_attributes_into(&mut module.attributes)?;
        }
        self.expect("{")?;
        self.parse_module_body(module)?;
        self.parse_optional_location()?;
        Ok(())
    }

    fn parse_module_body(&mut self, module: &mut Module) -> Parsed<()> {
        while !self.eat("}")? {
            if self.token.kind == Kind::End {
                return Err(self.unexpected("'}'"));
            }
            self.parse_module_op(module)?;
        }
        Ok(())
    }

    /// `"builtin.module"() <{…}> ({ … }) {…} : () -> ()`.
    fn parse_generic_module(&mut self, module: &mut Module) -> Parsed<()> {
        self.advance()?;
        let mut attributes = Attributes::new();
        self.parse_generic_head(&mut attributes)?;
        self.expect("(")?;
        self.expect("{")?;
        if self.token.kind == Kind::Block {
            self.advance()?;
            self.expect(":")?;
        }
        self.parse_module_body(module)?;
        self.expect(")")?;
        self.parse_generic_tail(&mut attributes)?;
        self.parse_optional_location()?;
        for (name, value) in attributes.iter() {
            match (name, value) {
                ("sym_name", Attribute::String(name)) => module.name = Some(name.to_string()),
                _ => module.attributes.push(name, value.clone()),
            }
        }
        Ok(())
    }

    /// `() <{…}>`.
    fn parse_generic_head(&mut self, attributes: &mut Attributes) -> Parsed<()> {
        self.expect("(")?;
        self.expect(")")?;
        if self.eat("<")? {
            self.parse_attributes_into(attributes)?;
            self.expect(">")?;
        }
        Ok(())
    }

    /// `{…} : () -> ()`.
    fn parse_generic_tail(&mut self, attributes: &mut Attributes) -> Parsed<()> {
        self.parse_optional_attributes_into(attributes)?;
        self.expect(":")?;
        let place = self.token.start;
        let ty = self.parse_function_type()?;
        if ty.arguments.is_empty() && ty.results.is_empty() {
            return Ok(());
        }
        Err(self.error(place, "() -> ()", Type::Function(ty.into()).to_string()))
    }

    /// A function, or another op of a module.
    fn parse_module_op(&mut self, module: &mut Module) -> Parsed<()> {
        match self.token.text {
            "func.func" | "func" => module.functions.push(self.parse_function()?),
            "\"func.func\"" => module.functions.push(self.parse_generic_function()?),
            "sdy.mesh" => {
                let name = self.advance()?.text.to_owned();
                let symbol = self.parse_symbol()?;
                self.expect("=")?;
                if !self.at("<") {
                    return Err(self.unexpected("'<'"));
                }
                self.skip_brackets()?;
                self.parse_optional_attributes_into(&mut Attributes::new())?;
                self.parse_optional_location()?;
                module.other_symbols.push((name, symbol));
            }
            "\"sdy.mesh\"" => {
                self.advance()?;
                let mut attributes = Attributes::new();
                self.parse_generic_head(&mut attributes)?;
                self.parse_generic_tail(&mut attributes)?;
                self.parse_optional_location()?;
                let symbol = attributes.string("sym_name").unwrap_or_default();
                module.other_symbols.push(("sdy.mesh".to_owned(), symbol.to_owned()));
            }
            _ => return Err(self.unexpected("func.func")),
        }
        Ok(())
    }

    /// `func.func private @f(%a: type {…} loc(…), …) -> (type {…}, …) attributes {…} { … } loc(…)`.
    fn parse_function(&mut self) -> Parsed<Function> {
        let place = self.advance()?.start;
        let visibility = match self.token.text {
            "private" => Visibility::Private,
            "nested" => Visibility::Nested,
            _ => Visibility::Public,
        };
        if matches!(self.token.text, "public" | "private" | "nested") {
            self.advance()?;
        }
        let name = self.parse_symbol()?;
        self.start_function();
        let mut arguments = Vec::new();
        self.expect("(")?;
        self.parse_list(")", |parser| {
            arguments.push(parser.parse_function_argument()?);
            Ok(())
        })?;
        let results = if self.eat("->")? { self.parse_function_results()? } else { Vec::new() };
        let mut attributes = Attributes::new();
        if self.eat("attributes")? {
            self.parse_attributes_into(&mut attributes)?;
        }
        let mut body = None;
        if self.at("{") {
            let mut block = Vec::new();
            for FunctionArgument { value, ty, location, .. } in &arguments {
                let Some(value) = *value else {
                    return Err(self.unexpected("a declaration, since the arguments have no names"));
                };
                block.push(BlockArgument { value, ty: ty.clone(), location: *location });
            }
            body = Some(self.parse_region_with(block)?);
        }
        let location = self.parse_optional_location()?;
        let (values, position) = (std::mem::take(&mut self.values), self.position(place));
        Ok(Function { name, visibility, arguments, results, attributes, body, values, position, location })
    }

    /// `%a: type {…} loc(…)`, or in a declaration `type {…}`.
    fn parse_function_argument(&mut self) -> Parsed<FunctionArgument> {
        let name = if self.at_operand() { Some(self.advance()?) } else { None };
        if name.is_some() {
            self.expect(":")?;
        }
        let ty = self.parse_type()?;
        let mut attributes = Attributes::new();
        self.parse_optional_attributes_into(&mut attributes)?;
        let location = self.parse_optional_location()?;
        let value = match name {
            Some(name) => self.define(name.start, name.text, std::slice::from_ref(&ty))?.first().copied(),
            None => None,
        };
        Ok(FunctionArgument { value, ty, attributes, location })
    }

    /// `type` or `(type {…}, …)`.
    fn parse_function_results(&mut self) -> Parsed<Vec<FunctionResult>> {
        if !self.eat("(")? {
            return Ok(vec![FunctionResult { ty: self.parse_type()?, attributes: Attributes::new() }]);
        }
        let mut results = Vec::new();
        self.parse_list(")", |parser| {
            let ty = parser.parse_type()?;
            let mut attributes = Attributes::new();
            parser.parse_optional_attributes_into(&mut attributes)?;
            results.push(FunctionResult { ty, attributes });
            Ok(())
        })?;
        Ok(results)
    }

    /// `"func.func"() <{…}> ({ ^bb0(%a: type): … }) {…} : () -> ()`.
    fn parse_generic_function(&mut self) -> Parsed<Function> {
        let place = self.advance()?.start;
        let mut attributes = Attributes::new();
        self.parse_generic_head(&mut attributes)?;
        self.start_function();
        self.expect("(")?;
        let body = self.parse_region()?;
        self.expect(")")?;
        self.parse_generic_tail(&mut attributes)?;
        let location = self.parse_optional_location()?;
        let values = std::mem::take(&mut self.values);
        let function = FunctionParts { place, attributes, body, values, location };
        self.build_function(function)
    }

    /// The function that the attributes of the generic form describe.
    fn build_function(&self, parts: FunctionParts) -> Parsed<Function> {
        let FunctionParts { place, attributes: all, body, values, location } = parts;
        let (Some(name), Some(Type::Function(ty))) =
            (all.string("sym_name"), all.get("function_type").and_then(Attribute::as_type))
        else {
            return Err(self.error(place, "the attributes sym_name and function_type", "none"));
        };
        let FunctionType { arguments, results } = &**ty;
        let visibility = match all.string("sym_visibility") {
            Some("private") => Visibility::Private,
            Some("nested") => Visibility::Nested,
            _ => Visibility::Public,
        };
        let has_body = !body.operations.is_empty() || !body.arguments.is_empty();
        if has_body && !body.arguments.iter().map(|argument| &argument.ty).eq(arguments) {
            return Err(self.error(place, "arguments with the types of function_type", "others"));
        }
        let attributes_of = |name: &str, index: usize| {
            let list = all.get(name).and_then(Attribute::as_array);
            list.and_then(|list| list.get(index)?.as_dictionary().cloned()).unwrap_or_default()
        };
        let argument = |(index, ty): (usize, &Type)| FunctionArgument {
            value: body.arguments.get(index).map(|argument| argument.value),
            ty: ty.clone(),
            attributes: attributes_of("arg_attrs", index),
            location: body.arguments.get(index).and_then(|argument| argument.location),
        };
        let result = |(index, ty): (usize, &Type)| FunctionResult {
            ty: ty.clone(),
            attributes: attributes_of("res_attrs", index),
        };
        let mut attributes = Attributes::new();
        for (name, value) in all.iter() {
            if !matches!(name, "sym_name" | "function_type" | "sym_visibility" | "arg_attrs" | "res_attrs") {
                attributes.push(name, value.clone());
            }
        }
        Ok(Function {
            name: name.to_owned(),
            visibility,
            arguments: arguments.iter().enumerate().map(argument).collect(),
            results: results.iter().enumerate().map(result).collect(),
            attributes,
            body: has_body.then_some(body),
            values,
            position: self.position(place),
            location,
        })
    }
}

/// What the generic form of a function has.
struct FunctionParts {
    place: usize,
    attributes: Attributes,
    body: Region,
    values: Vec<Value>,
    location: Option<LocationId>,
}
