//! Algebraic simplification: the facts of arithmetic and of data movement that keep every bit.
//!
//! [`REWRITES`] is the list. A row belongs here only if the result has the same bits for *every* input: negative zero,
//! infinities and subnormal numbers included (a NaN stays a NaN, but its sign and payload do not count). So `x + 0.0` stays,
//! since it makes −0 to +0, and `x * 1` goes. What only moves an op is not here but in `sink_shapes`.
//!
//! A constant is recognised through the broadcasts around it; see [`splat`](crate::splat).

mod arithmetic;
mod logic;
mod movement;

use tancho_ir::Graph;

use crate::rewrite::{Rewrite, apply_rewrites};
use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    apply_rewrites(graph, context, REWRITES)
}

const fn row(name: &'static str, keeps: &'static str, apply: Apply) -> Rewrite {
    Rewrite { name, keeps, apply }
}

type Apply = fn(&Graph, tancho_ir::NodeId) -> Option<crate::rewrite::Replacement>;

/// The rows, each tried in this order on each node.
pub const REWRITES: &[Rewrite] = &[
    // Arithmetic.
    row("multiply_one", "x * 1 rounds x to itself, for every x", arithmetic::multiply_one),
    row("multiply_zero", "of integers: x * 0 = 0; of floats it would lose the sign and NaN", arithmetic::multiply_zero),
    row("multiply_minus_one", "x * -1 flips the sign, as negate does, of zeros too", arithmetic::multiply_minus_one),
    row("multiply_negated", "(-x) * (-y) = x * y: the signs cancel before rounding", arithmetic::multiply_negated),
    row("divide_one", "x / 1 rounds x to itself", arithmetic::divide_one),
    row("divide_minus_one", "x / -1 flips the sign, and MIN / -1 = MIN = -MIN", arithmetic::divide_minus_one),
    row(
        "divide_power_of_two",
        "x / 2^k and x * 2^-k are one real number, rounded once, where both constants are normal",
        arithmetic::divide_power_of_two,
    ),
    row(
        "divide_unsigned_power_of_two",
        "the quotient of an unsigned x and 2^k is x without its low k bits",
        arithmetic::divide_unsigned_power_of_two,
    ),
    row(
        "remainder_unsigned_power_of_two",
        "the remainder of an unsigned x and 2^k is its low k bits",
        arithmetic::remainder_unsigned_power_of_two,
    ),
    row("add_zero", "of integers: x + 0 = x; of floats x + -0.0 = x, also for x = -0.0", arithmetic::add_zero),
    row("add_negated", "x + (-y) is the definition of x - y", arithmetic::add_negated),
    row("subtract_zero", "x - 0 = x; of floats x - +0.0 = x, also for x = -0.0", arithmetic::subtract_zero),
    row("subtract_negated", "x - (-y) is x + y", arithmetic::subtract_negated),
    row("subtract_self", "of integers: x - x = 0; of floats inf - inf is NaN", arithmetic::subtract_self),
    row("subtract_from_zero", "0 - x = -x of integers; of floats -0.0 - x = -x", arithmetic::subtract_from_zero),
    row("negate_negate", "flips the sign twice; of integers -(-MIN) = MIN", arithmetic::negate_negate),
    row("negate_subtract", "of integers: -(x - y) = y - x; of floats x = y differs", arithmetic::negate_subtract),
    row("abs_of_sign_change", "|-x| = |x| and ||x|| = |x|, also of MIN", arithmetic::abs_of_sign_change),
    row("round_integral", "what was rounded to an integer is one", arithmetic::round_integral),
    row("sign_sign", "sign gives -1, -0, +0, 1 or NaN, and each is its own sign", arithmetic::sign_sign),
    row("extremum_self", "max(x, x) = min(x, x) = x", arithmetic::extremum_self),
    row("maximum_least", "max(x, least) = x; -inf is the least float", arithmetic::maximum_least),
    row("minimum_largest", "min(x, largest) = x; inf is the largest float", arithmetic::minimum_largest),
    // Bits, predicates, conversions.
    row("and_or_self", "x & x = x | x = x", logic::and_or_self),
    row("xor_self", "x ^ x = 0", logic::xor_self),
    row("and_zero", "x & 0 = 0", logic::and_zero),
    row("and_ones", "x & 11…1 = x", logic::and_ones),
    row("or_zero", "x | 0 = x", logic::or_zero),
    row("or_ones", "x | 11…1 = 11…1", logic::or_ones),
    row("xor_zero", "x ^ 0 = x", logic::xor_zero),
    row("shift_zero", "a shift by no bits keeps all", logic::shift_zero),
    row("not_not", "complements each bit twice", logic::not_not),
    row("not_compare", "one of < and >= holds, but for NaN; one of = and != holds always", logic::not_compare),
    row("compare_self", "x = x, but for NaN", logic::compare_self),
    row("select_constant", "the predicate says which", logic::select_constant),
    row("select_same", "both sides are one value", logic::select_same),
    row("select_not", "the complement of the predicate swaps the sides", logic::select_not),
    row("convert_same", "a value of its own dtype", logic::convert_same),
    row(
        "convert_widened",
        "the dtype between holds every value of the first, and none is saturated",
        logic::convert_widened,
    ),
    row(
        "convert_round_trip",
        "the low bits of an integer survive in one that is no narrower",
        logic::convert_round_trip,
    ),
    // Movement of data.
    row("move_splat", "all elements are the same, wherever they are moved", movement::move_splat),
    row("reshape_same", "the sizes are those of the operand", movement::reshape_same),
    row("reshape_reshape", "row-major order is kept through both", movement::reshape_reshape),
    row("transpose_identity", "no axis moves", movement::transpose_identity),
    row("transpose_transpose", "permutations compose", movement::transpose_transpose),
    row("transpose_is_reshape", "only axes of size 1 move past others", movement::transpose_is_reshape),
    row("transpose_broadcast", "a broadcast may put its axes anywhere", movement::transpose_broadcast),
    row("broadcast_same", "no axis moves or grows", movement::broadcast_same),
    row("broadcast_broadcast", "axes of broadcasts compose", movement::broadcast_broadcast),
    row("broadcast_transpose", "a broadcast may put its axes anywhere", movement::broadcast_transpose),
    row("broadcast_reshape", "the axes that the reshape adds have size 1", movement::broadcast_reshape),
    row("reverse_unit", "an axis of size 1 is its own reverse", movement::reverse_unit),
    row("reverse_reverse", "an axis that is reversed twice stays", movement::reverse_reverse),
    row("slice_whole", "all elements are taken", movement::slice_whole),
    row("slice_slice", "starts add up and strides multiply", movement::slice_slice),
    row("slice_concatenate", "all elements come from one operand", movement::slice_concatenate),
    row("pad_nothing", "nothing is added or cut off", movement::pad_nothing),
    row("concatenate_one", "there is one operand", movement::concatenate_one),
    row("concatenate_empty", "an operand without elements adds none", movement::concatenate_empty),
    row("reduce_no_axes", "nothing is folded", movement::reduce_no_axes),
    row(
        "reduce_unit_axes",
        "the identity folded with one element is that element; but +0 + -0.0 is not -0.0",
        movement::reduce_unit_axes,
    ),
    row("reduce_sorted_axes", "the order of a reduction's axes has no meaning", movement::reduce_sorted_axes),
];
