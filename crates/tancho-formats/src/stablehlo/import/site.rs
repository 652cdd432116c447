//! An op as it stands in the program: its attributes and operands, with errors that say where and what was expected.

use tancho_ir::{Dim, Dims, OpError, Span};
use tancho_tensor::DType;

use super::super::attribute::{Attribute, Attributes};
use super::super::syntax::Operation;
use super::super::types::Type;
use super::builder::Importer;
use super::error::{ImportError, Imports, Place};

/// An op under import.
#[derive(Clone)]
pub(super) struct Site<'m> {
    pub op: &'m Operation,
    pub span: Span,
}

impl Site<'_> {
    /// The name without the dialect.
    pub(super) fn mnemonic(&self) -> &str {
        mnemonic(&self.op.name)
    }
}

pub(super) fn mnemonic(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, mnemonic)| mnemonic)
}

/// An element type and sizes as a type of the program states them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stated {
    pub dtype: DType,
    /// `None` for `?`.
    pub dims: Vec<Option<i64>>,
}

impl Stated {
    /// The sizes, where none is `?`.
    pub(super) fn known_dims(&self) -> Option<Dims> {
        self.dims.iter().map(|dim| dim.map(Dim::known)).collect()
    }
}

impl<'m> Importer<'m> {
    pub(super) fn place(&self, site: &Site<'_>) -> Place {
        Place { file: self.file.clone(), position: site.op.position }
    }

    /// The program is wrong here.
    pub(super) fn malformed(&self, site: &Site<'_>, message: impl std::fmt::Display) -> ImportError {
        ImportError::Malformed { at: self.place(site), message: format!("{}: {message}", site.op.name) }
    }

    /// What the program asks for here is not supported.
    pub(super) fn unsupported(&self, site: &Site<'_>, what: impl std::fmt::Display) -> ImportError {
        ImportError::Unsupported { at: self.place(site), what: format!("{}: {what}", site.op.name) }
    }

    /// The op that a program's op becomes does not take its operands.
    pub(super) fn refused(&self, site: &Site<'_>, error: OpError) -> ImportError {
        let same = error.op == site.mnemonic();
        let message = if same { error.message } else { format!("{}: {}", error.op, error.message) };
        self.malformed(site, message)
    }

    pub(super) fn expect(&self, site: &Site<'_>, holds: bool, message: impl FnOnce() -> String) -> Imports<()> {
        if holds { Ok(()) } else { Err(self.malformed(site, message())) }
    }

    /// Requires a number of operands.
    pub(super) fn expect_operands(&self, site: &Site<'_>, count: usize) -> Imports<()> {
        let found = site.op.operands.len();
        self.expect(site, found == count, || format!("expected {count} operands, found {found}"))
    }

    fn missing(&self, site: &Site<'_>, name: &str, what: &str) -> ImportError {
        match site.op.attribute(name) {
            None => self.malformed(site, format_args!("expected the attribute {name}, {what}")),
            Some(_) => self.malformed(site, format_args!("expected {what} as the attribute {name}")),
        }
    }

    pub(super) fn integers(&self, site: &Site<'_>, name: &str) -> Imports<Vec<i64>> {
        site.op.integers(name).ok_or_else(|| self.missing(site, name, "a list of integers"))
    }

    /// The list, or one value for each axis where the attribute is left out.
    pub(super) fn integers_or(&self, site: &Site<'_>, name: &str, value: i64, count: usize) -> Imports<Vec<i64>> {
        if site.op.attribute(name).is_none() {
            return Ok(vec![value; count]);
        }
        let values = self.integers(site, name)?;
        self.expect(site, values.len() == count, || {
            format!("expected {count} values for {name}, found {}", values.len())
        })?;
        Ok(values)
    }

    pub(super) fn booleans_or(&self, site: &Site<'_>, name: &str, count: usize) -> Imports<Vec<bool>> {
        Ok(self.integers_or(site, name, 0, count)?.iter().map(|value| *value != 0).collect())
    }

    pub(super) fn integer(&self, site: &Site<'_>, name: &str) -> Imports<i64> {
        site.op.integer(name).ok_or_else(|| self.missing(site, name, "an integer"))
    }

    pub(super) fn integer_or(&self, site: &Site<'_>, name: &str, value: i64) -> Imports<i64> {
        if site.op.attribute(name).is_none() { Ok(value) } else { self.integer(site, name) }
    }

    pub(super) fn boolean_or(&self, site: &Site<'_>, name: &str, value: bool) -> Imports<bool> {
        match site.op.attribute(name) {
            None => Ok(value),
            Some(attribute) => attribute.as_boolean().ok_or_else(|| self.missing(site, name, "true or false")),
        }
    }

    pub(super) fn float(&self, site: &Site<'_>, name: &str) -> Imports<f64> {
        let value = site.op.attribute(name).and_then(|attribute| match attribute {
            Attribute::Integer { value, .. } => Some(*value as f64),
            other => other.as_float(),
        });
        value.ok_or_else(|| self.missing(site, name, "a float"))
    }

    pub(super) fn string<'a>(&self, site: &Site<'a>, name: &str) -> Imports<&'a str> {
        site.op.string(name).ok_or_else(|| self.missing(site, name, "a string"))
    }

    /// The value of an enumeration, in whatever spelling.
    pub(super) fn enumeration<'a>(&self, site: &Site<'a>, name: &str) -> Imports<&'a str> {
        let attribute = site.op.attribute(name).ok_or_else(|| self.missing(site, name, "a word"))?;
        let word = attribute.as_enum().or_else(|| attribute.as_string());
        word.ok_or_else(|| self.missing(site, name, "a word"))
    }

    pub(super) fn fields<'a>(&self, site: &Site<'a>, name: &str) -> Imports<&'a Attributes> {
        let fields = site.op.attribute(name).and_then(Attribute::as_structured).map(|value| &value.fields);
        fields.ok_or_else(|| self.missing(site, name, "dimension numbers"))
    }

    pub(super) fn axes(&self, site: &Site<'_>, name: &str) -> Imports<Vec<usize>> {
        self.to_axes(site, name, &self.integers(site, name)?)
    }

    pub(super) fn axis(&self, site: &Site<'_>, name: &str) -> Imports<usize> {
        let value = self.integer(site, name)?;
        usize::try_from(value).map_err(|_| self.malformed(site, format_args!("{name} is {value}")))
    }

    /// A list of axes among dimension numbers; an empty one may be left out.
    pub(super) fn field_axes(&self, site: &Site<'_>, fields: &Attributes, name: &str) -> Imports<Vec<usize>> {
        match fields.get(name) {
            None => Ok(Vec::new()),
            Some(value) => {
                let values = value
                    .integers()
                    .ok_or_else(|| self.malformed(site, format_args!("expected a list of integers as {name}")))?;
                self.to_axes(site, name, &values)
            }
        }
    }

    /// An axis among dimension numbers; 0 may be left out.
    pub(super) fn field_axis(&self, site: &Site<'_>, fields: &Attributes, name: &str) -> Imports<usize> {
        match fields.get(name) {
            None => Ok(0),
            Some(value) => value
                .as_integer()
                .and_then(|value| usize::try_from(value).ok())
                .ok_or_else(|| self.malformed(site, format_args!("expected an axis as {name}"))),
        }
    }

    fn to_axes(&self, site: &Site<'_>, name: &str, values: &[i64]) -> Imports<Vec<usize>> {
        let axes: Option<Vec<usize>> = values.iter().map(|&value| usize::try_from(value).ok()).collect();
        axes.ok_or_else(|| self.malformed(site, format_args!("{name} is {values:?}, with a negative axis")))
    }

    /// What a type of the program says, where it is a tensor of supported elements.
    pub(super) fn stated(&self, site: &Site<'_>, ty: &Type) -> Imports<Stated> {
        let Type::Tensor(tensor) = ty else {
            return Err(self.unsupported(site, format_args!("values of type {ty}")));
        };
        let Some(dtype) = tensor.element.dtype() else {
            return Err(self.unsupported(site, format_args!("elements of type {} in {ty}", tensor.element)));
        };
        if let Some(encoding) = &tensor.encoding
            && encoding.as_structured().is_none_or(|value| value.name != "bounds")
        {
            return Err(self.unsupported(site, format_args!("the encoding of {ty}")));
        }
        if tensor.dims.iter().flatten().any(|size| *size < 0) {
            return Err(self.malformed(site, format_args!("a negative size in {ty}")));
        }
        Ok(Stated { dtype, dims: tensor.dims.to_vec() })
    }

    pub(super) fn stated_result(&self, site: &Site<'_>, position: usize) -> Imports<Stated> {
        match site.op.result_types.get(position) {
            Some(ty) => self.stated(site, ty),
            None => Err(self.malformed(site, format_args!("expected a result {position}, found none"))),
        }
    }

    /// The sizes of a result, none of which may be `?`.
    pub(super) fn known_result(&self, site: &Site<'_>, position: usize) -> Imports<(DType, Dims)> {
        let stated = self.stated_result(site, position)?;
        match stated.known_dims() {
            Some(dims) => Ok((stated.dtype, dims)),
            None => Err(self.unsupported(site, "a result with a size that is not known")),
        }
    }
}
