//! Convolutions.

use tancho_ir::ops::{ConvAxes, ConvOp, WindowAxis};
use tancho_ir::{Dim, Dims, Value};

use super::super::attribute::Attributes;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::shape::dims;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn convolution(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 2] = self.operands_of(site)?;
        let spatial = self.rank_of(operands[0]).saturating_sub(2);
        let padding = dims(&self.integers_or(site, "padding", 0, 2 * spatial)?);
        self.convolve(site, operands, &padding)
    }

    /// A convolution whose padding is an operand.
    pub(super) fn dynamic_conv(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 3)?;
        let operands = [self.operand(site, 0)?, self.operand(site, 1)?];
        let padding = self.operand_dims(site, 2)?;
        let expected = 2 * self.rank_of(operands[0]).saturating_sub(2);
        self.expect(site, padding.len() == expected, || {
            format!("expected {expected} paddings, found {}", padding.len())
        })?;
        self.convolve(site, operands, &padding)
    }

    fn convolve(&mut self, site: &Site<'m>, operands: [Value; 2], padding: &Dims) -> Imports<Vec<Binding>> {
        let spatial = padding.len() / 2;
        let strides = self.integers_or(site, "window_strides", 1, spatial)?;
        let base_dilations = self.integers_or(site, "lhs_dilation", 1, spatial)?;
        let dilations = self.integers_or(site, "rhs_dilation", 1, spatial)?;
        let positive = strides.iter().chain(&base_dilations).chain(&dilations).all(|value| *value >= 1);
        self.expect(site, positive, || "expected positive strides and dilations".into())?;
        let window = (0..spatial).map(|axis| WindowAxis {
            size: Dim::ONE,
            stride: strides[axis],
            low: padding[2 * axis].clone(),
            high: padding[2 * axis + 1].clone(),
            base_dilation: base_dilations[axis],
            dilation: dilations[axis],
        });
        let fields = self.fields(site, "dimension_numbers")?;
        let op = ConvOp {
            window: window.collect(),
            reversed: self.booleans_or(site, "window_reversal", spatial)?,
            lhs: self.conv_axes(site, fields, "input", ["batch", "feature"])?,
            rhs: self.conv_axes(site, fields, "kernel", ["output_feature", "input_feature"])?,
            output: self.conv_axes(site, fields, "output", ["batch", "feature"])?,
            feature_groups: self.groups(site, "feature_group_count")?,
            batch_groups: self.groups(site, "batch_group_count")?,
        };
        let dtype = self.stated_result(site, 0)?.dtype;
        let operands = [self.promoted(site, operands[0], dtype)?, self.promoted(site, operands[1], dtype)?];
        let value = self.emit(site, op, &operands)?;
        let value = self.converted(site, value, dtype)?;
        self.one(value)
    }

    fn groups(&self, site: &Site<'_>, name: &str) -> Imports<usize> {
        let count = self.integer_or(site, name, 1)?;
        let fits = usize::try_from(count).ok().filter(|count| *count >= 1);
        fits.ok_or_else(|| self.malformed(site, format_args!("{name} is {count}")))
    }

    fn conv_axes(
        &self,
        site: &Site<'_>,
        fields: &Attributes,
        operand: &str,
        [batch, feature]: [&str; 2],
    ) -> Imports<ConvAxes> {
        Ok(ConvAxes {
            batch: self.field_axis(site, fields, &format!("{operand}_{batch}_dimension"))?,
            feature: self.field_axis(site, fields, &format!("{operand}_{feature}_dimension"))?,
            spatial: self.field_axes(site, fields, &format!("{operand}_spatial_dimensions"))?,
        })
    }
}
