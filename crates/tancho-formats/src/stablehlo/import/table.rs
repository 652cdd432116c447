//! Every op of StableHLO and CHLO, and who imports it. The table is what dispatches, so that it cannot be wrong about what
//! is supported, and `docs/stablehlo.md` is made of it.

use tancho_ir::ops::{BinaryOp, UnaryOp};

use super::super::syntax::Operation;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

/// What becomes of an op of StableHLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpSupport {
    /// With its dialect: `stablehlo.add`.
    pub name: &'static str,
    pub supported: bool,
    /// What it becomes, or why it is not supported.
    pub how: &'static str,
}

/// Every op of StableHLO and CHLO, by name, and those of other dialects that are read.
pub fn supported_ops() -> impl Iterator<Item = OpSupport> {
    let supported = |import: &Import| !matches!(import, Import::Unsupported);
    ENTRIES.iter().map(move |entry| OpSupport { name: entry.name, supported: supported(&entry.import), how: entry.how })
}

/// Imports one op: its results, in their order.
type Handler = for<'m> fn(&mut Importer<'m>, &Site<'m>) -> Imports<Vec<Binding>>;

/// Who imports an op.
#[derive(Clone, Copy)]
pub(super) enum Import {
    Unary(UnaryOp),
    Binary(BinaryOp),
    /// The binary op of operands that are broadcast to each other.
    Broadcast(BinaryOp),
    By(Handler),
    /// It ends a region and is imported with it.
    Terminator,
    Unsupported,
}

pub(super) struct Entry {
    pub name: &'static str,
    pub import: Import,
    pub how: &'static str,
}

/// The entry of an op.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.binary_search_by(|entry| entry.name.cmp(name)).ok().map(|place| &ENTRIES[place])
}

impl<'m> Importer<'m> {
    /// Imports an op and binds its results.
    pub(super) fn import_operation(&mut self, op: &'m Operation) -> Imports<()> {
        let site = self.site(op);
        let results = self.import_site(&site)?;
        let (expected, found) = (op.results.len(), results.len());
        self.expect(&site, expected == found && op.result_types.len() == expected, || {
            format!("states {expected} results, but has {found}")
        })?;
        for (binding, ty) in results.iter().zip(&op.result_types) {
            if let Binding::Tensor(_) = binding {
                let value = self.tensor(&site, binding)?;
                self.conform(&site, value, ty)?;
            }
        }
        self.follow_sizes(&site, &results)?;
        op.results.iter().zip(results).try_for_each(|(&id, binding)| self.bind(&site, id, binding))
    }

    fn import_site(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let name = site.op.name.as_str();
        // The op set was called so before.
        let entry = match name.strip_prefix("mhlo.") {
            Some(mnemonic) => find(&format!("stablehlo.{mnemonic}")).or_else(|| find(&format!("chlo.{mnemonic}"))),
            None => find(name),
        };
        let Some(entry) = entry else {
            return Err(self.unsupported(site, "an op that is not known"));
        };
        match entry.import {
            Import::Unary(op) => self.unary(site, op),
            Import::Binary(op) => self.binary(site, op),
            Import::Broadcast(op) => self.broadcast_binary(site, op),
            Import::By(handler) => handler(self, site),
            Import::Terminator => Err(self.malformed(site, "expected at the end of a region only")),
            Import::Unsupported => Err(self.unsupported(site, format_args!("not supported ({})", entry.how))),
        }
    }
}

/// Sorted by name.
#[rustfmt::skip]
static ENTRIES: &[Entry] = &[
    Entry { name: "arith.constant", import: Import::By(|importer, site| importer.constant(site)), how: "`constant`" },
    Entry { name: "check.expect_almost_eq", import: Import::By(|importer, site| importer.check(site)), how: "two results and a check of them" },
    Entry { name: "check.expect_almost_eq_const", import: Import::By(|importer, site| importer.check(site)), how: "two results and a check of them" },
    Entry { name: "check.expect_close", import: Import::By(|importer, site| importer.check(site)), how: "two results and a check of them" },
    Entry { name: "check.expect_eq", import: Import::By(|importer, site| importer.check(site)), how: "two results and a check of them" },
    Entry { name: "check.expect_eq_const", import: Import::By(|importer, site| importer.check(site)), how: "two results and a check of them" },
    Entry { name: "check.expect_serialized_eq", import: Import::Unsupported, how: "files beside the program" },
    Entry { name: "chlo._asin_acos_kernel", import: Import::Unsupported, how: "complex elements" },
    Entry { name: "chlo.acos", import: Import::Unary(UnaryOp::Acos), how: "`acos`" },
    Entry { name: "chlo.acosh", import: Import::Unary(UnaryOp::Acosh), how: "`acosh`" },
    Entry { name: "chlo.asin", import: Import::Unary(UnaryOp::Asin), how: "`asin`" },
    Entry { name: "chlo.asinh", import: Import::Unary(UnaryOp::Asinh), how: "`asinh`" },
    Entry { name: "chlo.atan", import: Import::Unary(UnaryOp::Atan), how: "`atan`" },
    Entry { name: "chlo.atanh", import: Import::Unary(UnaryOp::Atanh), how: "`atanh`" },
    Entry { name: "chlo.bessel_i1e", import: Import::Unary(UnaryOp::BesselI1e), how: "`bessel_i1e`" },
    Entry { name: "chlo.broadcast_add", import: Import::Broadcast(BinaryOp::Add), how: "`broadcast_in_dim` and `add`" },
    Entry { name: "chlo.broadcast_and", import: Import::Broadcast(BinaryOp::And), how: "`broadcast_in_dim` and `and`" },
    Entry { name: "chlo.broadcast_atan2", import: Import::Broadcast(BinaryOp::Atan2), how: "`broadcast_in_dim` and `atan2`" },
    Entry { name: "chlo.broadcast_compare", import: Import::By(|importer, site| importer.broadcast_compare(site)), how: "`broadcast_in_dim` and `compare`" },
    Entry { name: "chlo.broadcast_complex", import: Import::Unsupported, how: "complex elements" },
    Entry { name: "chlo.broadcast_divide", import: Import::Broadcast(BinaryOp::Divide), how: "`broadcast_in_dim` and `divide`" },
    Entry { name: "chlo.broadcast_maximum", import: Import::Broadcast(BinaryOp::Maximum), how: "`broadcast_in_dim` and `maximum`" },
    Entry { name: "chlo.broadcast_minimum", import: Import::Broadcast(BinaryOp::Minimum), how: "`broadcast_in_dim` and `minimum`" },
    Entry { name: "chlo.broadcast_multiply", import: Import::Broadcast(BinaryOp::Multiply), how: "`broadcast_in_dim` and `multiply`" },
    Entry { name: "chlo.broadcast_next_after", import: Import::Broadcast(BinaryOp::NextAfter), how: "`broadcast_in_dim` and `next_after`" },
    Entry { name: "chlo.broadcast_or", import: Import::Broadcast(BinaryOp::Or), how: "`broadcast_in_dim` and `or`" },
    Entry { name: "chlo.broadcast_polygamma", import: Import::By(|importer, site| importer.broadcast_polygamma(site)), how: "`broadcast_in_dim` and a composition" },
    Entry { name: "chlo.broadcast_power", import: Import::Broadcast(BinaryOp::Power), how: "`broadcast_in_dim` and `power`" },
    Entry { name: "chlo.broadcast_remainder", import: Import::Broadcast(BinaryOp::Remainder), how: "`broadcast_in_dim` and `remainder`" },
    Entry { name: "chlo.broadcast_select", import: Import::By(|importer, site| importer.broadcast_select(site)), how: "`broadcast_in_dim` and `select`" },
    Entry { name: "chlo.broadcast_shift_left", import: Import::Broadcast(BinaryOp::ShiftLeft), how: "`broadcast_in_dim` and `shift_left`" },
    Entry { name: "chlo.broadcast_shift_right_arithmetic", import: Import::Broadcast(BinaryOp::ShiftRightArithmetic), how: "`broadcast_in_dim` and `shift_right_arithmetic`" },
    Entry { name: "chlo.broadcast_shift_right_logical", import: Import::Broadcast(BinaryOp::ShiftRightLogical), how: "`broadcast_in_dim` and `shift_right_logical`" },
    Entry { name: "chlo.broadcast_subtract", import: Import::Broadcast(BinaryOp::Subtract), how: "`broadcast_in_dim` and `subtract`" },
    Entry { name: "chlo.broadcast_xor", import: Import::Broadcast(BinaryOp::Xor), how: "`broadcast_in_dim` and `xor`" },
    Entry { name: "chlo.broadcast_zeta", import: Import::By(|importer, site| importer.broadcast_zeta(site)), how: "`broadcast_in_dim` and a composition" },
    Entry { name: "chlo.conj", import: Import::By(|importer, site| importer.same(site)), how: "the operand" },
    Entry { name: "chlo.constant", import: Import::By(|importer, site| importer.constant(site)), how: "`constant`" },
    Entry { name: "chlo.constant_like", import: Import::By(|importer, site| importer.constant_like(site)), how: "`broadcast_in_dim` of a constant" },
    Entry { name: "chlo.cosh", import: Import::Unary(UnaryOp::Cosh), how: "`cosh`" },
    Entry { name: "chlo.digamma", import: Import::Unary(UnaryOp::Digamma), how: "`digamma`" },
    Entry { name: "chlo.dynamic_reshape", import: Import::By(|importer, site| importer.dynamic_reshape(site)), how: "`reshape`, where the operands are sizes" },
    Entry { name: "chlo.erf", import: Import::Unary(UnaryOp::Erf), how: "`erf`" },
    Entry { name: "chlo.erf_inv", import: Import::Unary(UnaryOp::ErfInv), how: "`erf_inv`" },
    Entry { name: "chlo.erfc", import: Import::Unary(UnaryOp::Erfc), how: "`erfc`" },
    Entry { name: "chlo.is_inf", import: Import::By(|importer, site| importer.is_inf(site)), how: "`compare` with infinity" },
    Entry { name: "chlo.is_neg_inf", import: Import::By(|importer, site| importer.is_neg_inf(site)), how: "`compare` with infinity" },
    Entry { name: "chlo.is_pos_inf", import: Import::By(|importer, site| importer.is_pos_inf(site)), how: "`compare` with infinity" },
    Entry { name: "chlo.lgamma", import: Import::Unary(UnaryOp::Lgamma), how: "`lgamma`" },
    Entry { name: "chlo.minimum_broadcast_shapes", import: Import::Unsupported, how: "shapes as values" },
    Entry { name: "chlo.mulhi", import: Import::By(|importer, site| importer.mulhi(site)), how: "a composition" },
    Entry { name: "chlo.next_after", import: Import::Binary(BinaryOp::NextAfter), how: "`next_after`" },
    Entry { name: "chlo.polygamma", import: Import::By(|importer, site| importer.polygamma(site)), how: "a composition" },
    Entry { name: "chlo.ragged_dot", import: Import::Unsupported, how: "rows of different lengths" },
    Entry { name: "chlo.scan", import: Import::Unsupported, how: "a loop over an axis; write it as `while`" },
    Entry { name: "chlo.sinh", import: Import::Unary(UnaryOp::Sinh), how: "`sinh`" },
    Entry { name: "chlo.square", import: Import::By(|importer, site| importer.square(site)), how: "`multiply`" },
    Entry { name: "chlo.tan", import: Import::Unary(UnaryOp::Tan), how: "`tan`" },
    Entry { name: "chlo.top_k", import: Import::By(|importer, site| importer.top_k(site)), how: "`top_k`" },
    Entry { name: "chlo.zeta", import: Import::By(|importer, site| importer.zeta(site)), how: "a composition" },
    Entry { name: "func.call", import: Import::By(|importer, site| importer.call_function(site)), how: "`call`, or the ops of the function, where its sizes are those of the call" },
    Entry { name: "func.return", import: Import::Terminator, how: "the results of a function" },
    Entry { name: "sdy.sharding_constraint", import: Import::By(|importer, site| importer.pass_through(site)), how: "the operand" },
    Entry { name: "stablehlo.abs", import: Import::By(|importer, site| importer.abs(site)), how: "`abs`; of unsigned integers the operand" },
    Entry { name: "stablehlo.add", import: Import::Binary(BinaryOp::Add), how: "`add`" },
    Entry { name: "stablehlo.after_all", import: Import::By(|importer, site| importer.token(site)), how: "nothing: effects are in order" },
    Entry { name: "stablehlo.all_gather", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.all_reduce", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.all_to_all", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.and", import: Import::Binary(BinaryOp::And), how: "`and`" },
    Entry { name: "stablehlo.async_done", import: Import::Unsupported, how: "asynchronous ops" },
    Entry { name: "stablehlo.async_start", import: Import::Unsupported, how: "asynchronous ops" },
    Entry { name: "stablehlo.atan2", import: Import::Binary(BinaryOp::Atan2), how: "`atan2`" },
    Entry { name: "stablehlo.batch_norm_grad", import: Import::By(|importer, site| importer.batch_norm_grad(site)), how: "a composition" },
    Entry { name: "stablehlo.batch_norm_inference", import: Import::By(|importer, site| importer.batch_norm_inference(site)), how: "a composition" },
    Entry { name: "stablehlo.batch_norm_training", import: Import::By(|importer, site| importer.batch_norm_training(site)), how: "a composition" },
    Entry { name: "stablehlo.bitcast_convert", import: Import::By(|importer, site| importer.bitcast_convert(site)), how: "`bitcast_convert`" },
    Entry { name: "stablehlo.broadcast", import: Import::By(|importer, site| importer.broadcast_in_front(site)), how: "`broadcast_in_dim`" },
    Entry { name: "stablehlo.broadcast_in_dim", import: Import::By(|importer, site| importer.broadcast_in_dim(site)), how: "`broadcast_in_dim`" },
    Entry { name: "stablehlo.case", import: Import::By(|importer, site| importer.case(site)), how: "`case`" },
    Entry { name: "stablehlo.cbrt", import: Import::Unary(UnaryOp::Cbrt), how: "`cbrt`" },
    Entry { name: "stablehlo.ceil", import: Import::Unary(UnaryOp::Ceil), how: "`ceil`" },
    Entry { name: "stablehlo.cholesky", import: Import::By(|importer, site| importer.cholesky(site)), how: "`cholesky`" },
    Entry { name: "stablehlo.clamp", import: Import::By(|importer, site| importer.clamp(site)), how: "`clamp`" },
    Entry { name: "stablehlo.collective_broadcast", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.collective_permute", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.compare", import: Import::By(|importer, site| importer.compare(site)), how: "`compare`; floats in total order by integers that are ordered so" },
    Entry { name: "stablehlo.complex", import: Import::Unsupported, how: "complex elements" },
    Entry { name: "stablehlo.composite", import: Import::By(|importer, site| importer.composite(site)), how: "`call` of its decomposition" },
    Entry { name: "stablehlo.concatenate", import: Import::By(|importer, site| importer.concatenate(site)), how: "`concatenate`" },
    Entry { name: "stablehlo.constant", import: Import::By(|importer, site| importer.constant(site)), how: "`constant`; many equal elements as `broadcast_in_dim` of one" },
    Entry { name: "stablehlo.convert", import: Import::By(|importer, site| importer.convert(site)), how: "`convert`" },
    Entry { name: "stablehlo.convolution", import: Import::By(|importer, site| importer.convolution(site)), how: "`convolution`" },
    Entry { name: "stablehlo.cosine", import: Import::Unary(UnaryOp::Cosine), how: "`cosine`" },
    Entry { name: "stablehlo.count_leading_zeros", import: Import::Unary(UnaryOp::CountLeadingZeros), how: "`count_leading_zeros`" },
    Entry { name: "stablehlo.create_token", import: Import::By(|importer, site| importer.token(site)), how: "nothing: effects are in order" },
    Entry { name: "stablehlo.cross-replica-sum", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.custom_call", import: Import::By(|importer, site| importer.custom_call(site)), how: "`custom_call`; checks, sharding and assertions of shapes have their own meaning" },
    Entry { name: "stablehlo.divide", import: Import::Binary(BinaryOp::Divide), how: "`divide`" },
    Entry { name: "stablehlo.dot", import: Import::By(|importer, site| importer.dot(site)), how: "`dot_general`" },
    Entry { name: "stablehlo.dot_general", import: Import::By(|importer, site| importer.dot_general(site)), how: "`dot_general`; of narrow elements with a wide result, after `convert`" },
    Entry { name: "stablehlo.dynamic_broadcast_in_dim", import: Import::By(|importer, site| importer.dynamic_broadcast_in_dim(site)), how: "`broadcast_in_dim`, where the operands are sizes" },
    Entry { name: "stablehlo.dynamic_conv", import: Import::By(|importer, site| importer.dynamic_conv(site)), how: "`convolution`, where the operands are sizes" },
    Entry { name: "stablehlo.dynamic_gather", import: Import::By(|importer, site| importer.dynamic_gather(site)), how: "`gather`, where the operands are sizes" },
    Entry { name: "stablehlo.dynamic_iota", import: Import::By(|importer, site| importer.dynamic_iota(site)), how: "`iota`, where the operands are sizes" },
    Entry { name: "stablehlo.dynamic_pad", import: Import::By(|importer, site| importer.dynamic_pad(site)), how: "`pad`, where the operands are sizes" },
    Entry { name: "stablehlo.dynamic_reshape", import: Import::By(|importer, site| importer.dynamic_reshape(site)), how: "`reshape`, where the operands are sizes" },
    Entry { name: "stablehlo.dynamic_slice", import: Import::By(|importer, site| importer.dynamic_slice(site)), how: "`dynamic_slice`" },
    Entry { name: "stablehlo.dynamic_update_slice", import: Import::By(|importer, site| importer.dynamic_update_slice(site)), how: "`dynamic_update_slice`" },
    Entry { name: "stablehlo.einsum", import: Import::By(|importer, site| importer.einsum(site)), how: "`dot_general`, sums and `transpose`, where no label is repeated" },
    Entry { name: "stablehlo.exponential", import: Import::Unary(UnaryOp::Exponential), how: "`exponential`" },
    Entry { name: "stablehlo.exponential_minus_one", import: Import::Unary(UnaryOp::ExponentialMinusOne), how: "`exponential_minus_one`" },
    Entry { name: "stablehlo.fft", import: Import::Unsupported, how: "complex elements" },
    Entry { name: "stablehlo.floor", import: Import::Unary(UnaryOp::Floor), how: "`floor`" },
    Entry { name: "stablehlo.gather", import: Import::By(|importer, site| importer.gather(site)), how: "`gather`" },
    Entry { name: "stablehlo.get_dimension_size", import: Import::By(|importer, site| importer.get_dimension_size(site)), how: "a constant, or `dimension_size`" },
    Entry { name: "stablehlo.get_tuple_element", import: Import::By(|importer, site| importer.get_tuple_element(site)), how: "the element of the tuple" },
    Entry { name: "stablehlo.if", import: Import::By(|importer, site| importer.if_else(site)), how: "`case`" },
    Entry { name: "stablehlo.imag", import: Import::By(|importer, site| importer.imag(site)), how: "zeros" },
    Entry { name: "stablehlo.infeed", import: Import::Unsupported, how: "streams of the host" },
    Entry { name: "stablehlo.iota", import: Import::By(|importer, site| importer.iota(site)), how: "`iota`" },
    Entry { name: "stablehlo.is_finite", import: Import::Unary(UnaryOp::IsFinite), how: "`is_finite`" },
    Entry { name: "stablehlo.log", import: Import::Unary(UnaryOp::Log), how: "`log`" },
    Entry { name: "stablehlo.log_plus_one", import: Import::Unary(UnaryOp::LogPlusOne), how: "`log_plus_one`" },
    Entry { name: "stablehlo.logistic", import: Import::Unary(UnaryOp::Logistic), how: "`logistic`" },
    Entry { name: "stablehlo.map", import: Import::By(|importer, site| importer.map(site)), how: "the ops of its body" },
    Entry { name: "stablehlo.maximum", import: Import::Binary(BinaryOp::Maximum), how: "`maximum`" },
    Entry { name: "stablehlo.minimum", import: Import::Binary(BinaryOp::Minimum), how: "`minimum`" },
    Entry { name: "stablehlo.multiply", import: Import::Binary(BinaryOp::Multiply), how: "`multiply`" },
    Entry { name: "stablehlo.negate", import: Import::Unary(UnaryOp::Negate), how: "`negate`" },
    Entry { name: "stablehlo.not", import: Import::Unary(UnaryOp::Not), how: "`not`" },
    Entry { name: "stablehlo.optimization_barrier", import: Import::By(|importer, site| importer.optimization_barrier(site)), how: "`optimization_barrier`" },
    Entry { name: "stablehlo.or", import: Import::Binary(BinaryOp::Or), how: "`or`" },
    Entry { name: "stablehlo.outfeed", import: Import::Unsupported, how: "streams of the host" },
    Entry { name: "stablehlo.pad", import: Import::By(|importer, site| importer.pad(site)), how: "`pad`" },
    Entry { name: "stablehlo.partition_id", import: Import::By(|importer, site| importer.device_number(site)), how: "0: there is one device" },
    Entry { name: "stablehlo.popcnt", import: Import::Unary(UnaryOp::Popcnt), how: "`popcnt`" },
    Entry { name: "stablehlo.power", import: Import::Binary(BinaryOp::Power), how: "`power`" },
    Entry { name: "stablehlo.real", import: Import::By(|importer, site| importer.same(site)), how: "the operand" },
    Entry { name: "stablehlo.real_dynamic_slice", import: Import::By(|importer, site| importer.real_dynamic_slice(site)), how: "`slice`, where the operands are sizes; `dynamic_slice`, where only the start is none" },
    Entry { name: "stablehlo.recv", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.reduce", import: Import::By(|importer, site| importer.reduce(site)), how: "`reduce_sum` and so on, `argmax` and `argmin`, where the body is that; else `reduce`" },
    Entry { name: "stablehlo.reduce_precision", import: Import::By(|importer, site| importer.reduce_precision(site)), how: "`reduce_precision`" },
    Entry { name: "stablehlo.reduce_scatter", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.reduce_window", import: Import::By(|importer, site| importer.reduce_window(site)), how: "`scan`, where it is a running fold; else `reduce_window`" },
    Entry { name: "stablehlo.remainder", import: Import::Binary(BinaryOp::Remainder), how: "`remainder`" },
    Entry { name: "stablehlo.replica_id", import: Import::By(|importer, site| importer.device_number(site)), how: "0: there is one device" },
    Entry { name: "stablehlo.reshape", import: Import::By(|importer, site| importer.reshape(site)), how: "`reshape`" },
    Entry { name: "stablehlo.return", import: Import::Terminator, how: "the results of a region" },
    Entry { name: "stablehlo.reverse", import: Import::By(|importer, site| importer.reverse(site)), how: "`reverse`" },
    Entry { name: "stablehlo.rng", import: Import::Unsupported, how: "random numbers without a state give other results in every run" },
    Entry { name: "stablehlo.rng_bit_generator", import: Import::By(|importer, site| importer.rng_bit_generator(site)), how: "`rng_bit_generator`; the default algorithm is Philox" },
    Entry { name: "stablehlo.round_nearest_afz", import: Import::Unary(UnaryOp::RoundNearestAfz), how: "`round_nearest_afz`" },
    Entry { name: "stablehlo.round_nearest_even", import: Import::Unary(UnaryOp::RoundNearestEven), how: "`round_nearest_even`" },
    Entry { name: "stablehlo.rsqrt", import: Import::Unary(UnaryOp::Rsqrt), how: "`rsqrt`" },
    Entry { name: "stablehlo.scatter", import: Import::By(|importer, site| importer.scatter(site)), how: "`scatter`" },
    Entry { name: "stablehlo.select", import: Import::By(|importer, site| importer.select(site)), how: "`select`" },
    Entry { name: "stablehlo.select_and_scatter", import: Import::By(|importer, site| importer.select_and_scatter(site)), how: "`select_and_scatter`" },
    Entry { name: "stablehlo.send", import: Import::Unsupported, how: "several devices: Tancho runs on one" },
    Entry { name: "stablehlo.set_dimension_size", import: Import::By(|importer, site| importer.set_dimension_size(site)), how: "the operand, where it has that size; else unsupported" },
    Entry { name: "stablehlo.shift_left", import: Import::Binary(BinaryOp::ShiftLeft), how: "`shift_left`" },
    Entry { name: "stablehlo.shift_right_arithmetic", import: Import::Binary(BinaryOp::ShiftRightArithmetic), how: "`shift_right_arithmetic`" },
    Entry { name: "stablehlo.shift_right_logical", import: Import::Binary(BinaryOp::ShiftRightLogical), how: "`shift_right_logical`" },
    Entry { name: "stablehlo.sign", import: Import::By(|importer, site| importer.sign(site)), how: "`sign`; of unsigned integers `minimum` with 1" },
    Entry { name: "stablehlo.sine", import: Import::Unary(UnaryOp::Sine), how: "`sine`" },
    Entry { name: "stablehlo.slice", import: Import::By(|importer, site| importer.slice(site)), how: "`slice`" },
    Entry { name: "stablehlo.sort", import: Import::By(|importer, site| importer.sort(site)), how: "`sort`" },
    Entry { name: "stablehlo.sqrt", import: Import::Unary(UnaryOp::Sqrt), how: "`sqrt`" },
    Entry { name: "stablehlo.subtract", import: Import::Binary(BinaryOp::Subtract), how: "`subtract`" },
    Entry { name: "stablehlo.tan", import: Import::Unary(UnaryOp::Tan), how: "`tan`" },
    Entry { name: "stablehlo.tanh", import: Import::Unary(UnaryOp::Tanh), how: "`tanh`" },
    Entry { name: "stablehlo.torch_index_select", import: Import::By(|importer, site| importer.torch_index_select(site)), how: "`gather`" },
    Entry { name: "stablehlo.trace", import: Import::Unsupported, how: "traces" },
    Entry { name: "stablehlo.transpose", import: Import::By(|importer, site| importer.transpose(site)), how: "`transpose`" },
    Entry { name: "stablehlo.triangular_solve", import: Import::By(|importer, site| importer.triangular_solve(site)), how: "`triangular_solve`" },
    Entry { name: "stablehlo.tuple", import: Import::By(|importer, site| importer.tuple(site)), how: "nothing: tuples are resolved" },
    Entry { name: "stablehlo.unary_einsum", import: Import::By(|importer, site| importer.unary_einsum(site)), how: "sums and `transpose`" },
    Entry { name: "stablehlo.uniform_dequantize", import: Import::Unsupported, how: "quantized elements" },
    Entry { name: "stablehlo.uniform_quantize", import: Import::Unsupported, how: "quantized elements" },
    Entry { name: "stablehlo.while", import: Import::By(|importer, site| importer.while_loop(site)), how: "`while`" },
    Entry { name: "stablehlo.xor", import: Import::Binary(BinaryOp::Xor), how: "`xor`" },
];
