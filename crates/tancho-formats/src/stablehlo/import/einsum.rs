//! `einsum`: a product and sums in the notation of Einstein, `ab,bc->ac`.
//!
//! A label that only one operand has and the result has not is summed over first. What both operands have is a batch axis
//! where the result has it, else contracted. The axes of the product are then brought into the order of the result.

use tancho_ir::Value;
use tancho_ir::ops::DotOp;

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn einsum(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.operands_of(site)?;
        let (inputs, output) = self.einsum_labels(site)?;
        let [left, right] = inputs.as_slice() else {
            return Err(self.malformed(site, "expected an einsum_config for two operands"));
        };
        let (lhs, left) =
            self.keep_labels(site, lhs, left, |label| right.contains(&label) || output.contains(&label))?;
        let (rhs, right) =
            self.keep_labels(site, rhs, right, |label| left.contains(&label) || output.contains(&label))?;
        let shared: Vec<char> = left.iter().copied().filter(|label| right.contains(label)).collect();
        let (batch, contract): (Vec<char>, Vec<char>) = shared.iter().partition(|label| output.contains(label));
        let places = |labels: &[char], of: &[char]| -> Vec<usize> {
            labels.iter().filter_map(|label| of.iter().position(|other| other == label)).collect()
        };
        let op = DotOp {
            lhs_batch: places(&batch, &left),
            rhs_batch: places(&batch, &right),
            lhs_contract: places(&contract, &left),
            rhs_contract: places(&contract, &right),
        };
        let dtype = self.stated_result(site, 0)?.dtype;
        let value = self.product(site, op, lhs, rhs, dtype)?;
        let free = left.iter().chain(&right).copied().filter(|label| !shared.contains(label));
        let labels: Vec<char> = batch.iter().copied().chain(free).collect();
        let value = self.order_labels(site, value, &labels, &output)?;
        self.one(value)
    }

    pub(super) fn unary_einsum(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let (inputs, output) = self.einsum_labels(site)?;
        let [labels] = inputs.as_slice() else {
            return Err(self.malformed(site, "expected an einsum_config for one operand"));
        };
        let (value, labels) = self.keep_labels(site, operand, labels, |label| output.contains(&label))?;
        let value = self.order_labels(site, value, &labels, &output)?;
        self.one(value)
    }

    /// The labels of the operands and of the result.
    fn einsum_labels(&self, site: &Site<'_>) -> Imports<(Vec<Vec<char>>, Vec<char>)> {
        let config = self.string(site, "einsum_config")?;
        let Some((inputs, output)) = config.split_once("->") else {
            return Err(self.malformed(site, format_args!("expected '->' in the einsum_config {config}")));
        };
        let labels = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>();
        let (inputs, output): (Vec<Vec<char>>, _) = (inputs.split(',').map(labels).collect(), labels(output));
        let repeats =
            |labels: &Vec<char>| labels.iter().enumerate().any(|(place, label)| labels[..place].contains(label));
        if inputs.iter().chain([&output]).any(|labels| repeats(labels) || labels.contains(&'.')) {
            return Err(self.unsupported(site, format_args!("a label that is repeated or left out, in {config}")));
        }
        Ok((inputs, output))
    }

    /// Sums over the axes whose label is not kept.
    fn keep_labels(
        &mut self,
        site: &Site<'_>,
        value: Value,
        labels: &[char],
        keep: impl Fn(char) -> bool,
    ) -> Imports<(Value, Vec<char>)> {
        let rank = self.rank_of(value);
        self.expect(site, labels.len() == rank, || format!("expected {rank} labels, found {}", labels.len()))?;
        let gone: Vec<usize> = (0..rank).filter(|&axis| !keep(labels[axis])).collect();
        let kept = labels.iter().copied().filter(|&label| keep(label)).collect();
        Ok((if gone.is_empty() { value } else { self.sum(site, value, gone)? }, kept))
    }

    fn order_labels(&mut self, site: &Site<'_>, value: Value, labels: &[char], output: &[char]) -> Imports<Value> {
        let places: Option<Vec<usize>> =
            output.iter().map(|label| labels.iter().position(|other| other == label)).collect();
        match places {
            Some(permutation) if permutation.len() == labels.len() => self.transposed(site, value, permutation),
            _ => Err(self.unsupported(site, "a label of the result that no operand has")),
        }
    }
}
