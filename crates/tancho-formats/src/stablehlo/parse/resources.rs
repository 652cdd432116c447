//! The end of a file, `{-# dialect_resources: { builtin: { name: "0x…" } } #-}`, and hexadecimal text.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::lexer::Kind;
use super::super::syntax::{Attribute, Attributes, ElementType, Elements, Function, Module, Operation, Region};
use super::{Parsed, Parser};

/// A blob starts with its alignment, a number of 32 bits.
const BLOB_HEADER: usize = 4;

/// The bytes of each resource.
pub(super) type Resources = HashMap<String, Arc<[u8]>>;

impl Parser<'_> {
    /// `{-# section: { … }, … #-}`; blobs of any section and group are one set of names.
    pub(super) fn parse_resources(&mut self, resources: &mut Resources) -> Parsed<()> {
        self.expect("{-#")?;
        self.parse_list("#-}", |parser| parser.parse_resource_entry(resources))
    }

    /// `name: { entries }` or `name: value`.
    fn parse_resource_entry(&mut self, resources: &mut Resources) -> Parsed<()> {
        let name = match self.token.kind {
            Kind::String => self.parse_string()?,
            _ => self.expect_kind(Kind::Word, "a resource's name")?.text.to_owned(),
        };
        self.expect(":")?;
        if self.eat("{")? {
            return self.nested(|parser| parser.parse_list("}", |parser| parser.parse_resource_entry(resources)));
        }
        if self.token.kind == Kind::String {
            let token = self.advance()?;
            let blob = decode_hex(&token.text[1..token.text.len() - 1]);
            if let Some(data) = blob.as_deref().and_then(|blob| blob.get(BLOB_HEADER..)) {
                resources.insert(name, data.into());
            }
            return Ok(());
        }
        self.parse_attribute()?;
        Ok(())
    }
}

/// Puts the bytes in the place of `dense_resource<…>`, wherever there are as many as the type has.
///
/// Only attributes of ops themselves are looked at: a constant is not nested in anything else.
pub(super) fn resolve_resources(module: &mut Module, resources: &Resources) {
    if resources.is_empty() {
        return;
    }
    for Function { body, .. } in &mut module.functions {
        body.iter_mut().for_each(|body| resolve_in_region(body, resources));
    }
}

fn resolve_in_region(region: &mut Region, resources: &Resources) {
    for Operation { attributes, regions, .. } in &mut region.operations {
        resolve_in_attributes(attributes, resources);
        regions.iter_mut().for_each(|region| resolve_in_region(region, resources));
    }
}

fn resolve_in_attributes(attributes: &mut Attributes, resources: &Resources) {
    for attribute in attributes.values_mut() {
        let Attribute::Dense(dense) = attribute else { continue };
        let Elements::Resource(name) = &dense.elements else { continue };
        let Some(bytes) = resources.get(&**name) else { continue };
        let size = dense.ty.element.size();
        if size > 0 && dense.ty.element_count().and_then(|count| count.checked_mul(size)) == Some(bytes.len()) {
            let bytes = if dense.ty.element == ElementType::I1 {
                bytes.iter().map(|byte| u8::from(*byte != 0)).collect()
            } else {
                bytes.clone()
            };
            dense.elements = Elements::Bytes(bytes);
        }
    }
}

/// The bytes of `0x…`; `None` if there is something else.
pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    if digits.len() % 2 != 0 {
        return None;
    }
    let mut all = 0;
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| {
            let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
            all |= high | low;
            high << 4 | (low & 15)
        })
        .collect();
    (all < 16).then_some(bytes)
}

/// The value of each hexadecimal digit, 255 for all other bytes.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        digits[digit as usize] = value;
        digits[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    digits
};

/// The value of a byte that is a hexadecimal digit.
pub(super) fn digit(byte: u8) -> u8 {
    DIGITS[usize::from(byte)] & 15
}
