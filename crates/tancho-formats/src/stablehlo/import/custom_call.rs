//! Custom calls: those whose meaning is known, and those that the host may know.

use std::fmt::Write as _;

use tancho_ir::TensorType;
use tancho_ir::ops::{ControlOp, CustomCall};

use super::super::attribute::{Attribute, Attributes, DenseArray};
use super::super::types::Type;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;
use super::table::{Import, find};

/// Targets that say where values live, which with one device is of no concern.
const PASS_THROUGH: &[&str] = &[
    "Sharding",
    "SPMDFullToShardShape",
    "SPMDShardToFullShape",
    "annotate_device_placement",
    "xla.sdy.FuncResultSharding",
    "xla.sdy.GlobalToLocalShape",
    "xla.sdy.LocalToGlobalShape",
    "xla.sdy.ShardingGroup",
    "Pin",
    "Unpin",
];

impl<'m> Importer<'m> {
    pub(super) fn custom_call(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let target = self.string(site, "call_target_name")?;
        match target {
            _ if target.starts_with("check.") => self.check(site),
            "shape_assertion" => self.shape_assertion(site),
            "mhlo.topk" => self.former_top_k(site),
            "stablehlo.dynamic_reduce_window" => self.dynamic_reduce_window_call(site),
            "stablehlo.dynamic_rng_bit_generator" => self.dynamic_rng_bit_generator(site),
            "stablehlo.dynamic_top_k" => self.dynamic_top_k(site),
            "lapack_spotrf_ffi" | "lapack_dpotrf_ffi" => self.lapack_cholesky(site),
            "lapack_strsm_ffi" | "lapack_dtrsm_ffi" => self.lapack_triangular_solve(site),
            _ if PASS_THROUGH.contains(&target) && site.op.results.len() <= site.op.operands.len() => {
                let mut bindings = self.pass_through(site)?;
                bindings.truncate(site.op.results.len());
                Ok(bindings)
            }
            _ => match former_op(target) {
                Some(Import::Unary(op)) => self.unary(site, op),
                Some(Import::Binary(op)) => self.binary(site, op),
                _ => self.host_call(site, target),
            },
        }
    }

    /// What an exported program asserts of the sizes of its arguments becomes a constraint. What it asserts of values
    /// that are no sizes is left out, as it is when such a program is compiled.
    fn shape_assertion(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let sizes = self.sizes_of(site, 0)?;
        let relation = sizes.and_then(|sizes| sizes.elements.first()?.to_relation());
        if let Some(relation) = relation {
            if relation.always_holds() == Some(false) {
                let message = site.op.string("error_message").unwrap_or("the assertion never holds");
                return Err(self.malformed(site, message));
            }
            self.require(relation, site.span.clone());
        }
        Ok(Vec::new())
    }

    fn former_top_k(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let attributes = site.op.attribute("mhlo.attributes").and_then(Attribute::as_dictionary);
        let k = attributes.and_then(|attributes| attributes.integer("k"));
        let largest = attributes.and_then(|attributes| attributes.boolean("largest")).unwrap_or(true);
        match k {
            Some(k) if largest => {
                let [operand] = self.operands_of(site)?;
                let op = tancho_ir::ops::IndexOp::TopK { k: tancho_ir::Dim::known(k) };
                let values = self.emit_all(site, op, &[operand])?;
                self.all(values)
            }
            Some(_) => Err(self.unsupported(site, "the smallest elements")),
            None => Err(self.malformed(site, "expected k among mhlo.attributes")),
        }
    }

    fn dynamic_reduce_window_call(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let called = site.op.attribute("called_computations").and_then(Attribute::as_array);
        let Some([Attribute::Symbol(name)]) = called else {
            return Err(self.malformed(site, "expected one function as called_computations"));
        };
        let function = self.function(site, name)?;
        let body = self.nested(site, |importer| importer.body_function(site, function))?;
        self.dynamic_reduce_window(site, body)
    }

    /// Any other target is a function that the host registers.
    fn host_call(&mut self, site: &Site<'m>, target: &str) -> Imports<Vec<Binding>> {
        let operands = self.tensors(site, 0)?;
        let mut results = Vec::new();
        for (position, ty) in site.op.result_types.iter().enumerate() {
            if !matches!(ty, Type::Token) {
                let (dtype, dims) = self.known_result(site, position)?;
                results.push(TensorType { dtype, dims });
            }
        }
        let has_side_effect = self.boolean_or(site, "has_side_effect", false)?;
        let call = CustomCall { target: target.into(), config: config(site).into(), results, has_side_effect };
        let node = self.emit_node(site, ControlOp::CustomCall(call).into(), &operands)?;
        if has_side_effect {
            self.order_effect(node);
        }
        self.with_tokens(site, self.results_of(node))
    }
}

/// The elementwise op that a target names: `mhlo.erf` was called so before it was an op.
fn former_op(target: &str) -> Option<Import> {
    let name = target.strip_prefix("mhlo.").or_else(|| target.strip_prefix("chlo."))?;
    find(&format!("chlo.{name}")).or_else(|| find(&format!("stablehlo.{name}"))).map(|entry| entry.import)
}

/// What a call tells the host beside its operands.
fn config(site: &Site<'_>) -> String {
    match site.op.attribute("backend_config").or_else(|| site.op.attribute("mhlo.backend_config")) {
        None => String::new(),
        Some(Attribute::String(text)) => text.to_string(),
        Some(other) => {
            let mut text = String::new();
            write_attribute(&mut text, other);
            text
        }
    }
}

/// An attribute as MLIR writes it, for those kinds that configurations have.
fn write_attribute(out: &mut String, attribute: &Attribute) {
    let _ = match attribute {
        Attribute::Unit => write!(out, "unit"),
        Attribute::Bool(value) => write!(out, "{value}"),
        Attribute::Integer { value, ty } => write!(out, "{value} : {ty}"),
        Attribute::Float { value, ty } => write!(out, "{value:?} : {ty}"),
        Attribute::String(text) => write!(out, "{text:?}"),
        Attribute::Symbol(name) => write!(out, "@{name}"),
        Attribute::Type(ty) => write!(out, "{ty}"),
        Attribute::Enum(value) => write!(out, "#{}<{} {}>", value.dialect, value.name, value.value),
        Attribute::Opaque(text) => write!(out, "{text}"),
        Attribute::Array(values) => {
            out.push('[');
            for (position, value) in values.iter().enumerate() {
                out.push_str(if position > 0 { ", " } else { "" });
                write_attribute(out, value);
            }
            write!(out, "]")
        }
        Attribute::DenseArray(array) => match &**array {
            DenseArray::Integers(_, values) => write!(out, "{values:?}"),
            DenseArray::Floats(_, values) => write!(out, "{values:?}"),
        },
        Attribute::Dictionary(values) => write_fields(out, values),
        Attribute::Structured(value) => {
            let _ = write!(out, "#{}.{}", value.dialect, value.name);
            write_fields(out, &value.fields)
        }
        Attribute::Dense(dense) => match dense.integers() {
            Some(values) => write!(out, "{values:?}"),
            None => write!(out, "dense<...> : {}", Type::Tensor(dense.ty.clone())),
        },
        Attribute::Location(_) => write!(out, "loc"),
    };
}

fn write_fields(out: &mut String, fields: &Attributes) -> std::fmt::Result {
    out.push('{');
    for (position, (name, value)) in fields.iter().enumerate() {
        let _ = write!(out, "{}{} = ", if position > 0 { ", " } else { "" }, name);
        write_attribute(out, value);
    }
    write!(out, "}}")
}
