//! Each row of each table: a program where it fits, whose meaning stays, and one that looks alike where it must not.

use tancho_ir::verify;

use super::{check_same_meaning, context, parsed, program, text};
use crate::rewrite::{Rewrite, apply_rewrites};
use crate::{fold_transposes, shrink_constants, simplify, sink_shapes};

fn rows() -> impl Iterator<Item = &'static Rewrite> {
    [simplify::REWRITES, shrink_constants::REWRITES, sink_shapes::REWRITES, fold_transposes::REWRITES]
        .into_iter()
        .flatten()
}

/// Row, whether it fits, parameters, operations.
pub type Case = (&'static str, Expect, &'static str, &'static str);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Fits,
    Stays,
}
use Expect::{Fits, Stays};

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // Arithmetic.
    ("multiply_one", Fits, "%x: f32[8]", "%c = constant 1.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = multiply %b, %x : f32[8]"),
    ("multiply_one", Fits, "%x: i8[]", "%c = constant 1 : i8[] | %r = multiply %x, %c : i8[]"),
    ("multiply_one", Fits, "%x: bool[8]", "%c = constant true : bool[] | %b = broadcast_in_dim %c, dims=[] : bool[8] | %r = multiply %b, %x : bool[8]"),
    ("multiply_one", Stays, "%x: f32[]", "%c = constant 2.0 : f32[] | %r = multiply %x, %c : f32[]"),
    ("multiply_zero", Fits, "%x: i32[8]", "%c = constant 0 : i32[] | %b = broadcast_in_dim %c, dims=[] : i32[8] | %r = multiply %x, %b : i32[8]"),
    ("multiply_zero", Stays, "%x: f32[]", "%c = constant 0.0 : f32[] | %r = multiply %x, %c : f32[]"),
    ("multiply_minus_one", Fits, "%x: f32[8]", "%c = constant -1.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = multiply %x, %b : f32[8]"),
    ("multiply_minus_one", Fits, "%x: u8[8]", "%c = constant 255 : u8[] | %b = broadcast_in_dim %c, dims=[] : u8[8] | %r = multiply %x, %b : u8[8]"),
    ("multiply_minus_one", Stays, "%x: bool[]", "%c = constant true : bool[] | %r = multiply %x, %c : bool[]"),
    ("multiply_negated", Fits, "%x: f32[8], %y: f32[8]", "%a = negate %x : f32[8] | %b = negate %y : f32[8] | %r = multiply %a, %b : f32[8]"),
    ("multiply_negated", Stays, "%x: f32[8], %y: f32[8]", "%a = negate %x : f32[8] | %r = multiply %a, %y : f32[8]"),
    ("divide_one", Fits, "%x: f64[8]", "%c = constant 1.0 : f64[] | %b = broadcast_in_dim %c, dims=[] : f64[8] | %r = divide %x, %b : f64[8]"),
    ("divide_one", Fits, "%x: i16[]", "%c = constant 1 : i16[] | %r = divide %x, %c : i16[]"),
    ("divide_one", Stays, "%x: f64[]", "%c = constant 1.0 : f64[] | %r = divide %c, %x : f64[]"),
    ("divide_minus_one", Fits, "%x: i32[8]", "%c = constant -1 : i32[] | %b = broadcast_in_dim %c, dims=[] : i32[8] | %r = divide %x, %b : i32[8]"),
    ("divide_minus_one", Fits, "%x: f32[8]", "%c = constant -1.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = divide %x, %b : f32[8]"),
    ("divide_minus_one", Stays, "%x: u8[]", "%c = constant 255 : u8[] | %r = divide %x, %c : u8[]"),
    ("divide_power_of_two", Fits, "%x: f32[8]", "%c = constant 8.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = divide %x, %b : f32[8]"),
    ("divide_power_of_two", Fits, "%x: f64[8]", "%c = constant -0.0625 : f64[] | %b = broadcast_in_dim %c, dims=[] : f64[8] | %r = divide %x, %b : f64[8]"),
    ("divide_power_of_two", Stays, "%x: f32[]", "%c = constant 3.0 : f32[] | %r = divide %x, %c : f32[]"),
    ("divide_unsigned_power_of_two", Fits, "%x: u16[8]", "%c = constant 16 : u16[] | %b = broadcast_in_dim %c, dims=[] : u16[8] | %r = divide %x, %b : u16[8]"),
    ("divide_unsigned_power_of_two", Fits, "%x: u64[]", "%c = constant 9223372036854775808 : u64[] | %r = divide %x, %c : u64[]"),
    ("divide_unsigned_power_of_two", Stays, "%x: i16[]", "%c = constant 16 : i16[] | %r = divide %x, %c : i16[]"),
    ("divide_unsigned_power_of_two", Stays, "%x: u16[]", "%c = constant 0 : u16[] | %r = divide %x, %c : u16[]"),
    ("remainder_unsigned_power_of_two", Fits, "%x: u32[8]", "%c = constant 32 : u32[] | %b = broadcast_in_dim %c, dims=[] : u32[8] | %r = remainder %x, %b : u32[8]"),
    ("remainder_unsigned_power_of_two", Stays, "%x: u32[]", "%c = constant 31 : u32[] | %r = remainder %x, %c : u32[]"),
    ("add_zero", Fits, "%x: f32[8]", "%c = constant -0.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = add %x, %b : f32[8]"),
    ("add_zero", Fits, "%x: u8[]", "%c = constant 0 : u8[] | %r = add %c, %x : u8[]"),
    ("add_zero", Fits, "%x: bool[]", "%c = constant false : bool[] | %r = add %c, %x : bool[]"),
    ("add_zero", Stays, "%x: f32[]", "%c = constant 0.0 : f32[] | %r = add %x, %c : f32[]"),
    ("add_negated", Fits, "%x: f32[8], %y: f32[8]", "%n = negate %y : f32[8] | %r = add %x, %n : f32[8]"),
    ("add_negated", Fits, "%x: i8[8], %y: i8[8]", "%n = negate %y : i8[8] | %r = add %n, %x : i8[8]"),
    ("add_negated", Stays, "%x: f32[8], %y: f32[8]", "%n = abs %y : f32[8] | %r = add %x, %n : f32[8]"),
    ("subtract_zero", Fits, "%x: f32[8]", "%c = constant 0.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = subtract %x, %b : f32[8]"),
    ("subtract_zero", Stays, "%x: f32[]", "%c = constant -0.0 : f32[] | %r = subtract %x, %c : f32[]"),
    ("subtract_negated", Fits, "%x: f32[8], %y: f32[8]", "%n = negate %y : f32[8] | %r = subtract %x, %n : f32[8]"),
    ("subtract_negated", Stays, "%x: f32[8], %y: f32[8]", "%n = negate %x : f32[8] | %r = subtract %n, %y : f32[8]"),
    ("subtract_self", Fits, "%x: u32[8]", "%r = subtract %x, %x : u32[8]"),
    ("subtract_self", Stays, "%x: f32[8]", "%r = subtract %x, %x : f32[8]"),
    ("subtract_from_zero", Fits, "%x: i64[8]", "%c = constant 0 : i64[] | %b = broadcast_in_dim %c, dims=[] : i64[8] | %r = subtract %b, %x : i64[8]"),
    ("subtract_from_zero", Fits, "%x: f32[8]", "%c = constant -0.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = subtract %b, %x : f32[8]"),
    ("subtract_from_zero", Stays, "%x: f32[]", "%c = constant 0.0 : f32[] | %r = subtract %c, %x : f32[]"),
    ("negate_negate", Fits, "%x: f32[8]", "%n = negate %x : f32[8] | %r = negate %n : f32[8]"),
    ("negate_negate", Stays, "%x: f32[8]", "%n = abs %x : f32[8] | %r = negate %n : f32[8]"),
    ("negate_subtract", Fits, "%x: i32[8], %y: i32[8]", "%d = subtract %x, %y : i32[8] | %r = negate %d : i32[8]"),
    ("negate_subtract", Stays, "%x: f32[8], %y: f32[8]", "%d = subtract %x, %y : f32[8] | %r = negate %d : f32[8]"),
    ("abs_of_sign_change", Fits, "%x: i8[8]", "%n = negate %x : i8[8] | %r = abs %n : i8[8]"),
    ("abs_of_sign_change", Fits, "%x: f32[8]", "%n = abs %x : f32[8] | %r = abs %n : f32[8]"),
    ("abs_of_sign_change", Stays, "%x: f32[8]", "%n = floor %x : f32[8] | %r = abs %n : f32[8]"),
    ("round_integral", Fits, "%x: f32[8]", "%n = ceil %x : f32[8] | %r = floor %n : f32[8]"),
    ("round_integral", Stays, "%x: f32[8]", "%n = abs %x : f32[8] | %r = floor %n : f32[8]"),
    ("sign_sign", Fits, "%x: f32[8]", "%n = sign %x : f32[8] | %r = sign %n : f32[8]"),
    ("sign_sign", Stays, "%x: f32[8]", "%n = abs %x : f32[8] | %r = sign %n : f32[8]"),
    ("extremum_self", Fits, "%x: f32[8]", "%r = maximum %x, %x : f32[8]"),
    ("extremum_self", Stays, "%x: f32[8], %y: f32[8]", "%r = maximum %x, %y : f32[8]"),
    ("maximum_least", Fits, "%x: f32[8]", "%c = constant -inf : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[8] | %r = maximum %x, %b : f32[8]"),
    ("maximum_least", Fits, "%x: i8[]", "%c = constant -128 : i8[] | %r = maximum %c, %x : i8[]"),
    ("maximum_least", Stays, "%x: i8[]", "%c = constant 0 : i8[] | %r = maximum %c, %x : i8[]"),
    ("minimum_largest", Fits, "%x: f64[]", "%c = constant inf : f64[] | %r = minimum %c, %x : f64[]"),
    ("minimum_largest", Fits, "%x: u8[]", "%c = constant 255 : u8[] | %r = minimum %c, %x : u8[]"),
    ("minimum_largest", Stays, "%x: i8[]", "%c = constant -1 : i8[] | %r = minimum %c, %x : i8[]"),
    // Bits, predicates, conversions.
    ("and_or_self", Fits, "%x: u8[8]", "%r = and %x, %x : u8[8]"),
    ("and_or_self", Fits, "%x: bool[8]", "%r = or %x, %x : bool[8]"),
    ("and_or_self", Stays, "%x: u8[8], %y: u8[8]", "%r = and %x, %y : u8[8]"),
    ("xor_self", Fits, "%x: bool[8]", "%r = xor %x, %x : bool[8]"),
    ("xor_self", Stays, "%x: u8[8], %y: u8[8]", "%r = xor %x, %y : u8[8]"),
    ("and_zero", Fits, "%x: i16[8]", "%c = constant 0 : i16[] | %b = broadcast_in_dim %c, dims=[] : i16[8] | %r = and %b, %x : i16[8]"),
    ("and_zero", Stays, "%x: i16[]", "%c = constant 1 : i16[] | %r = and %c, %x : i16[]"),
    ("and_ones", Fits, "%x: i16[]", "%c = constant -1 : i16[] | %r = and %c, %x : i16[]"),
    ("and_ones", Stays, "%x: i16[]", "%c = constant 1 : i16[] | %r = and %c, %x : i16[]"),
    ("or_zero", Fits, "%x: bool[]", "%c = constant false : bool[] | %r = or %c, %x : bool[]"),
    ("or_zero", Stays, "%x: i16[]", "%c = constant 1 : i16[] | %r = or %c, %x : i16[]"),
    ("or_ones", Fits, "%x: u64[8]", "%c = constant 18446744073709551615 : u64[] | %b = broadcast_in_dim %c, dims=[] : u64[8] | %r = or %b, %x : u64[8]"),
    ("or_ones", Stays, "%x: u64[]", "%c = constant 1 : u64[] | %r = or %c, %x : u64[]"),
    ("xor_zero", Fits, "%x: u64[]", "%c = constant 0 : u64[] | %r = xor %c, %x : u64[]"),
    ("xor_zero", Stays, "%x: u64[]", "%c = constant 1 : u64[] | %r = xor %c, %x : u64[]"),
    ("shift_zero", Fits, "%x: i32[]", "%c = constant 0 : i32[] | %r = shift_right_arithmetic %x, %c : i32[]"),
    ("shift_zero", Stays, "%x: i32[]", "%c = constant 0 : i32[] | %r = shift_left %c, %x : i32[]"),
    ("not_not", Fits, "%x: i32[8]", "%n = not %x : i32[8] | %r = not %n : i32[8]"),
    ("not_not", Stays, "%x: i32[8]", "%n = negate %x : i32[8] | %r = not %n : i32[8]"),
    ("not_compare", Fits, "%x: i32[8], %y: i32[8]", "%n = compare %x, %y, lt : bool[8] | %r = not %n : bool[8]"),
    ("not_compare", Fits, "%x: f32[8], %y: f32[8]", "%n = compare %x, %y, eq : bool[8] | %r = not %n : bool[8]"),
    ("not_compare", Stays, "%x: f32[8], %y: f32[8]", "%n = compare %x, %y, lt : bool[8] | %r = not %n : bool[8]"),
    ("compare_self", Fits, "%x: u8[8]", "%r = compare %x, %x, ge : bool[8]"),
    ("compare_self", Fits, "%x: bool[8]", "%r = compare %x, %x, ne : bool[8]"),
    ("compare_self", Stays, "%x: f32[8]", "%r = compare %x, %x, eq : bool[8]"),
    ("select_constant", Fits, "%x: f32[8], %y: f32[8]", "%p = constant true : bool[] | %r = select %p, %x, %y : f32[8]"),
    ("select_constant", Fits, "%x: f32[8], %y: f32[8]", "%p = constant false : bool[] | %b = broadcast_in_dim %p, dims=[] : bool[8] | %r = select %b, %x, %y : f32[8]"),
    ("select_constant", Stays, "%p: bool[], %x: f32[8], %y: f32[8]", "%r = select %p, %x, %y : f32[8]"),
    ("select_same", Fits, "%p: bool[], %x: f32[8]", "%r = select %p, %x, %x : f32[8]"),
    ("select_same", Stays, "%p: bool[], %x: f32[8], %y: f32[8]", "%r = select %p, %x, %y : f32[8]"),
    ("select_not", Fits, "%p: bool[8], %x: f32[8], %y: f32[8]", "%n = not %p : bool[8] | %r = select %n, %x, %y : f32[8]"),
    ("select_not", Stays, "%p: bool[8], %x: f32[8], %y: f32[8]", "%r = select %p, %x, %y : f32[8]"),
    ("convert_same", Fits, "%x: f32[8]", "%r = convert %x : f32[8]"),
    ("convert_same", Stays, "%x: f32[8]", "%r = convert %x : f64[8]"),
    ("convert_widened", Fits, "%x: f32[8]", "%w = convert %x : f64[8] | %r = convert %w : f32[8]"),
    ("convert_widened", Fits, "%x: i8[8]", "%w = convert %x : i32[8] | %r = convert %w : u64[8]"),
    ("convert_widened", Fits, "%x: u16[8]", "%w = convert %x : f32[8] | %r = convert %w : i32[8]"),
    ("convert_widened", Fits, "%x: bool[8]", "%w = convert %x : f32[8] | %r = convert %w : i8[8]"),
    ("convert_widened", Stays, "%x: u16[8]", "%w = convert %x : f32[8] | %r = convert %w : i8[8]"),
    ("convert_widened", Stays, "%x: i32[8]", "%w = convert %x : f32[8] | %r = convert %w : f64[8]"),
    ("convert_widened", Stays, "%x: u8[8]", "%w = convert %x : i8[8] | %r = convert %w : i32[8]"),
    ("convert_round_trip", Fits, "%x: i32[8]", "%w = convert %x : u32[8] | %r = convert %w : i32[8]"),
    ("convert_round_trip", Stays, "%x: i32[8]", "%w = convert %x : u16[8] | %r = convert %w : i32[8]"),
    // Movement of data.
    ("move_splat", Fits, "", "%c = constant 2.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[6] | %r = reshape %b : f32[2, 3]"),
    ("move_splat", Fits, "", "%c = constant 2.0 : f32[] | %b = broadcast_in_dim %c, dims=[] : f32[6] | %r = slice %b, start=[1], limit=[4], strides=[2] : f32[2]"),
    ("move_splat", Stays, "%c: f32[]", "%b = broadcast_in_dim %c, dims=[] : f32[6] | %r = reshape %b : f32[2, 3]"),
    ("reshape_same", Fits, "%x: f32[2, 3]", "%r = reshape %x : f32[2, 3]"),
    ("reshape_same", Stays, "%x: f32[2, 3]", "%r = reshape %x : f32[3, 2]"),
    ("reshape_reshape", Fits, "%x: f32[2, ?n]", "%m = reshape %x : f32[?n, 2] | %r = reshape %m : f32[2*?n]"),
    ("reshape_reshape", Stays, "%x: f32[2, 3]", "%m = transpose %x, permutation=[1, 0] : f32[3, 2] | %r = reshape %m : f32[6]"),
    ("transpose_identity", Fits, "%x: f32[2, 3]", "%r = transpose %x, permutation=[0, 1] : f32[2, 3]"),
    ("transpose_identity", Stays, "%x: f32[3, 3]", "%r = transpose %x, permutation=[1, 0] : f32[3, 3]"),
    ("transpose_transpose", Fits, "%x: f32[2, 3, 4]", "%m = transpose %x, permutation=[1, 2, 0] : f32[3, 4, 2] | %r = transpose %m, permutation=[0, 2, 1] : f32[3, 2, 4]"),
    ("transpose_transpose", Stays, "%x: f32[2, 3]", "%m = reshape %x : f32[3, 2] | %r = transpose %m, permutation=[1, 0] : f32[2, 3]"),
    ("transpose_is_reshape", Fits, "%x: f32[2, 1, 3]", "%r = transpose %x, permutation=[1, 0, 2] : f32[1, 2, 3]"),
    ("transpose_is_reshape", Stays, "%x: f32[2, 1, 3]", "%r = transpose %x, permutation=[2, 1, 0] : f32[3, 1, 2]"),
    ("transpose_broadcast", Fits, "%x: f32[2, 4]", "%m = broadcast_in_dim %x, dims=[2, 0] : f32[4, 3, 2] | %r = transpose %m, permutation=[1, 2, 0] : f32[3, 2, 4]"),
    ("transpose_broadcast", Stays, "%x: f32[2, 4]", "%m = abs %x : f32[2, 4] | %r = transpose %m, permutation=[1, 0] : f32[4, 2]"),
    ("broadcast_same", Fits, "%x: f32[2, ?n]", "%r = broadcast_in_dim %x, dims=[0, 1] : f32[2, ?n]"),
    ("broadcast_same", Stays, "%x: f32[2, 2]", "%r = broadcast_in_dim %x, dims=[1, 0] : f32[2, 2]"),
    ("broadcast_broadcast", Fits, "%x: f32[1, 4]", "%m = broadcast_in_dim %x, dims=[2, 0] : f32[4, 3, 1] | %r = broadcast_in_dim %m, dims=[3, 0, 1] : f32[3, 5, 2, 4]"),
    ("broadcast_broadcast", Stays, "%x: f32[4]", "%m = abs %x : f32[4] | %r = broadcast_in_dim %m, dims=[1] : f32[2, 4]"),
    ("broadcast_transpose", Fits, "%x: f32[2, 3, 4]", "%m = transpose %x, permutation=[1, 2, 0] : f32[3, 4, 2] | %r = broadcast_in_dim %m, dims=[0, 3, 2] : f32[3, 5, 2, 4]"),
    ("broadcast_transpose", Stays, "%x: f32[2, 3]", "%m = reshape %x : f32[3, 2] | %r = broadcast_in_dim %m, dims=[0, 1] : f32[3, 2]"),
    ("broadcast_reshape", Fits, "%x: f32[?n]", "%m = reshape %x : f32[1, ?n] | %r = broadcast_in_dim %m, dims=[0, 1] : f32[4, ?n]"),
    ("broadcast_reshape", Fits, "%x: f32[1, 3]", "%m = reshape %x : f32[1, 3, 1] | %r = broadcast_in_dim %m, dims=[2, 0, 1] : f32[3, 4, 2]"),
    ("broadcast_reshape", Stays, "%x: f32[4]", "%m = reshape %x : f32[2, 2] | %r = broadcast_in_dim %m, dims=[0, 1] : f32[2, 2]"),
    ("reverse_unit", Fits, "%x: f32[1, 3]", "%r = reverse %x, axes=[0, 1] : f32[1, 3]"),
    ("reverse_unit", Stays, "%x: f32[1, 3]", "%r = reverse %x, axes=[1] : f32[1, 3]"),
    ("reverse_reverse", Fits, "%x: f32[2, 3, 2]", "%m = reverse %x, axes=[0, 1] : f32[2, 3, 2] | %r = reverse %m, axes=[1, 2] : f32[2, 3, 2]"),
    ("reverse_reverse", Stays, "%x: f32[2, 3]", "%m = abs %x : f32[2, 3] | %r = reverse %m, axes=[1] : f32[2, 3]"),
    ("slice_whole", Fits, "%x: f32[?n, 3]", "%r = slice %x, start=[0, 0], limit=[?n, 3], strides=[1, 1] : f32[?n, 3]"),
    ("slice_whole", Stays, "%x: f32[4]", "%r = slice %x, start=[0], limit=[3], strides=[1] : f32[3]"),
    ("slice_slice", Fits, "%x: f32[20]", "%m = slice %x, start=[1], limit=[20], strides=[3] : f32[7] | %r = slice %m, start=[1], limit=[6], strides=[2] : f32[3]"),
    ("slice_slice", Fits, "%x: f32[?n]", "%m = slice %x, start=[1], limit=[?n], strides=[1] : f32[?n - 1] | %r = slice %m, start=[0], limit=[?n - 1], strides=[2] : f32[-floordiv(-?n + 1, 2)]"),
    ("slice_slice", Stays, "%x: f32[20]", "%m = slice %x, start=[1], limit=[20], strides=[3] : f32[7] | %r = slice %m, start=[2], limit=[2], strides=[2] : f32[0]"),
    ("slice_concatenate", Fits, "%x: f32[2, 3], %y: f32[2, 4]", "%m = concatenate %x, %y, axis=1 : f32[2, 7] | %r = slice %m, start=[0, 4], limit=[2, 7], strides=[1, 2] : f32[2, 2]"),
    ("slice_concatenate", Stays, "%x: f32[3], %y: f32[4]", "%m = concatenate %x, %y, axis=0 : f32[7] | %r = slice %m, start=[2], limit=[4], strides=[1] : f32[2]"),
    ("pad_nothing", Fits, "%x: f32[3], %v: f32[]", "%r = pad %x, %v, low=[0], high=[0], interior=[0] : f32[3]"),
    ("pad_nothing", Stays, "%x: f32[3], %v: f32[]", "%r = pad %x, %v, low=[1], high=[-1], interior=[0] : f32[3]"),
    ("concatenate_one", Fits, "%x: f32[3]", "%r = concatenate %x, axis=0 : f32[3]"),
    ("concatenate_one", Stays, "%x: f32[3]", "%r = concatenate %x, %x, axis=0 : f32[6]"),
    ("concatenate_empty", Fits, "%x: f32[0], %y: f32[3]", "%r = concatenate %x, %y, axis=0 : f32[3]"),
    ("concatenate_empty", Fits, "%x: f32[0]", "%r = concatenate %x, %x, axis=0 : f32[0]"),
    ("concatenate_empty", Stays, "%x: f32[2, 0]", "%r = concatenate %x, %x, axis=0 : f32[4, 0]"),
    ("reduce_no_axes", Fits, "%x: f32[8]", "%r = reduce_sum %x, axes=[] : f32[8]"),
    ("reduce_no_axes", Stays, "%x: f32[8]", "%r = reduce_sum %x, axes=[0] : f32[]"),
    ("reduce_unit_axes", Fits, "%x: f32[8, 1]", "%r = reduce_max %x, axes=[1] : f32[8]"),
    ("reduce_unit_axes", Fits, "%x: f32[8, 1]", "%r = reduce_product %x, axes=[1] : f32[8]"),
    ("reduce_unit_axes", Fits, "%x: i32[1, 8, 1]", "%r = reduce_sum %x, axes=[2, 0] : i32[8]"),
    ("reduce_unit_axes", Fits, "%x: f32[8, 1]", "%r = argmax %x, axes=[1] : i32[8]"),
    ("reduce_unit_axes", Stays, "%x: f32[8, 1]", "%r = reduce_sum %x, axes=[1] : f32[8]"),
    ("reduce_sorted_axes", Fits, "%x: f32[2, 3, 4]", "%r = reduce_sum %x, axes=[2, 0] : f32[3]"),
    ("reduce_sorted_axes", Stays, "%x: f32[2, 3, 4]", "%r = reduce_sum %x, axes=[0, 2] : f32[3]"),
    // Constants.
    ("shrink_splat", Fits, "", "%r = constant dense<[2.5, 2.5, 2.5]> : f32[3]"),
    ("shrink_splat", Stays, "", "%r = constant dense<[0.0, -0.0, 0.0]> : f32[3]"),
    ("shrink_splat", Stays, "", "%r = constant dense<[]> : f32[0]"),
    // Sinking.
    ("sink_broadcast", Fits, "%x: f32[?n], %y: f32[?n]", "%a = broadcast_in_dim %x, dims=[1] : f32[4, ?n] | %b = broadcast_in_dim %y, dims=[1] : f32[4, ?n] | %r = add %a, %b : f32[4, ?n]"),
    ("sink_broadcast", Fits, "%x: f32[3], %s: f32[]", "%a = broadcast_in_dim %x, dims=[1] : f32[4, 3] | %b = broadcast_in_dim %s, dims=[] : f32[4, 3] | %r = multiply %a, %b : f32[4, 3]"),
    ("sink_broadcast", Fits, "%s: f32[], %t: f32[]", "%a = broadcast_in_dim %s, dims=[] : f32[4] | %b = broadcast_in_dim %t, dims=[] : f32[4] | %r = subtract %a, %b : f32[4]"),
    ("sink_broadcast", Fits, "%p: bool[], %x: f32[3], %y: f32[3]", "%a = broadcast_in_dim %x, dims=[1] : f32[4, 3] | %b = broadcast_in_dim %y, dims=[1] : f32[4, 3] | %r = select %p, %a, %b : f32[4, 3]"),
    ("sink_broadcast", Stays, "%x: f32[3], %y: f32[3]", "%a = broadcast_in_dim %x, dims=[0] : f32[3, 3] | %b = broadcast_in_dim %y, dims=[1] : f32[3, 3] | %r = add %a, %b : f32[3, 3]"),
    ("sink_broadcast", Stays, "%x: f32[3], %y: f32[4, 3]", "%a = broadcast_in_dim %x, dims=[1] : f32[4, 3] | %r = add %a, %y : f32[4, 3]"),
    ("sink_transpose", Fits, "%x: f32[2, 3], %y: f32[2, 3]", "%a = transpose %x, permutation=[1, 0] : f32[3, 2] | %b = transpose %y, permutation=[1, 0] : f32[3, 2] | %r = add %a, %b : f32[3, 2]"),
    ("sink_transpose", Fits, "%x: f32[2, 3, 4], %y: f32[4]", "%a = transpose %x, permutation=[1, 2, 0] : f32[3, 4, 2] | %b = broadcast_in_dim %y, dims=[1] : f32[3, 4, 2] | %r = subtract %b, %a : f32[3, 4, 2]"),
    ("sink_transpose", Fits, "%x: f32[2, 3]", "%a = transpose %x, permutation=[1, 0] : f32[3, 2] | %r = multiply %a, %a : f32[3, 2]"),
    ("sink_transpose", Stays, "%x: f32[2, 3], %y: f32[3, 2]", "%a = transpose %x, permutation=[1, 0] : f32[3, 2] | %r = add %a, %y : f32[3, 2]"),
    ("sink_transpose", Stays, "%x: f32[2, 3]", "%a = transpose %x, permutation=[1, 0] : f32[3, 2] | %b = abs %a : f32[3, 2] | %c = reduce_sum %a, axes=[0] : f32[2] | %d = reduce_sum %b, axes=[0] : f32[2] | %r = add %c, %d : f32[2]"),
    ("sink_reshape", Fits, "%x: f32[6], %y: f32[6]", "%a = reshape %x : f32[2, 3] | %b = reshape %y : f32[2, 3] | %r = add %a, %b : f32[2, 3]"),
    ("sink_reshape", Fits, "%x: f32[2, 2]", "%a = reshape %x : f32[4] | %c = constant dense<[1.0, 2.0, 3.0, 4.0]> : f32[4] | %r = add %a, %c : f32[4]"),
    ("sink_reshape", Fits, "%x: f32[6], %s: f32[]", "%a = reshape %x : f32[2, 3] | %b = broadcast_in_dim %s, dims=[] : f32[2, 3] | %r = add %a, %b : f32[2, 3]"),
    ("sink_reshape", Stays, "%x: f32[6], %y: f32[3, 2]", "%a = reshape %x : f32[2, 3] | %b = reshape %y : f32[2, 3] | %r = add %a, %b : f32[2, 3]"),
    // Products.
    ("fold_lhs_transpose", Fits, "%x: f32[3, 2], %y: f32[3, 4]", "%t = transpose %x, permutation=[1, 0] : f32[2, 3] | %r = dot_general %t, %y, contract=[1]x[0] : f32[2, 4]"),
    ("fold_lhs_transpose", Fits, "%x: f32[2, 3, 4], %y: f32[3, 4]", "%t = transpose %x, permutation=[2, 0, 1] : f32[4, 2, 3] | %r = dot_general %t, %y, contract=[2, 0]x[0, 1] : f32[2]"),
    ("fold_lhs_transpose", Stays, "%x: f32[2, 3, 4], %y: f32[4, 5]", "%t = transpose %x, permutation=[1, 0, 2] : f32[3, 2, 4] | %r = dot_general %t, %y, contract=[2]x[0] : f32[3, 2, 5]"),
    ("fold_rhs_transpose", Fits, "%x: f32[2, ?n], %y: f32[4, ?n]", "%t = transpose %y, permutation=[1, 0] : f32[?n, 4] | %r = dot_general %x, %t, contract=[1]x[0] : f32[2, 4]"),
    ("fold_rhs_transpose", Fits, "%x: f32[5, 2, 3], %y: f32[4, 3, 5]", "%t = transpose %y, permutation=[2, 1, 0] : f32[5, 3, 4] | %r = dot_general %x, %t, batch=[0]x[0], contract=[2]x[1] : f32[5, 2, 4]"),
    ("fold_rhs_transpose", Stays, "%x: f32[2, 3], %y: f32[3, 4]", "%r = dot_general %x, %y, contract=[1]x[0] : f32[2, 4]"),
    ("fold_result_transpose", Fits, "%x: f32[2, 3], %y: f32[3, 4]", "%d = dot_general %x, %y, contract=[1]x[0] : f32[2, 4] | %r = transpose %d, permutation=[1, 0] : f32[4, 2]"),
    ("fold_result_transpose", Fits, "%x: f32[5, 6, 2, 3], %y: f32[5, 6, 3, 4]", "%d = dot_general %x, %y, batch=[0, 1]x[0, 1], contract=[3]x[2] : f32[5, 6, 2, 4] | %r = transpose %d, permutation=[1, 0, 3, 2] : f32[6, 5, 4, 2]"),
    ("fold_result_transpose", Fits, "%x: f32[5, 6, 2, 3], %y: f32[5, 6, 3, 4]", "%d = dot_general %x, %y, batch=[0, 1]x[0, 1], contract=[3]x[2] : f32[5, 6, 2, 4] | %r = transpose %d, permutation=[1, 0, 2, 3] : f32[6, 5, 2, 4]"),
    ("fold_result_transpose", Stays, "%x: f32[2, 5, 3], %y: f32[3, 4]", "%d = dot_general %x, %y, contract=[2]x[0] : f32[2, 5, 4] | %r = transpose %d, permutation=[1, 0, 2] : f32[5, 2, 4]"),
    ("fold_result_transpose", Stays, "%x: f32[3, 3], %y: f32[3, 3]", "%d = dot_general %x, %y, contract=[1]x[0] : f32[3, 3] | %t = transpose %d, permutation=[1, 0] : f32[3, 3] | %r = add %d, %t : f32[3, 3]"),
];

#[track_caller]
fn check(&(name, expect, parameters, operations): &Case) {
    let row = rows().find(|row| row.name == name).unwrap_or_else(|| panic!("no row {name}"));
    let before = parsed(&program(parameters, operations));
    let mut after = before.clone();
    let table = std::slice::from_ref(row);
    let changed = apply_rewrites(&mut after, &context(), table);
    assert_eq!(changed.anything(), expect == Fits, "{name}:\n{}\n{}", text(&before), text(&after));
    assert_eq!(apply_rewrites(&mut after, &context(), table).0, 0, "{name} fits again:\n{}", text(&after));
    verify(&after).unwrap_or_else(|errors| panic!("{name}: {errors}"));
    check_same_meaning(&before, &after);
}

#[test]
fn rows_fit_where_they_should_and_keep_every_bit() {
    CASES.iter().for_each(check);
}

#[test]
fn every_row_is_tested_both_ways() {
    for row in rows() {
        for expect in [Fits, Stays] {
            let is_tested = CASES.iter().any(|&(name, expected, ..)| name == row.name && expected == expect);
            assert!(is_tested, "{} has no case where it {}", row.name, if expect == Fits { "fits" } else { "stays" });
        }
    }
}

#[test]
fn names_of_rows_are_distinct() {
    let mut names: Vec<_> = rows().map(|row| row.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}
