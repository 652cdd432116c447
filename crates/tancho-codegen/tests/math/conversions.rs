//! Conversions.

use tancho_codegen::math;
use tancho_tensor::DType;

use crate::harness::{Function, special_f32, special_f64};
use crate::integers::integer_values;

/// The conversions of numbers, as `as` of Rust has them, and of `bool`.
#[test]
fn conversions() {
    macro_rules! check_conversions {
        ($from:ident $from_dtype:ident, $values:expr; $($to:ident $to_dtype:ident),*) => {$(
            let mut function = Function::new(&[DType::$from_dtype], |body, arguments| {
                math::expand_convert(body, arguments[0], DType::$to_dtype)
            });
            for x in $values {
                let bits = x.to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                let expected = (x as $to).to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                let actual = function.bits(&[bits]);
                let both_nan = DType::$to_dtype.is_float() && x != x;
                assert!(actual == expected || both_nan, "{x:?} to {}: {actual:x}", DType::$to_dtype);
            }
        )*};
    }
    macro_rules! check_all {
        ($($from:ident $from_dtype:ident, $values:expr);*) => {$(
            check_conversions!($from $from_dtype, $values; f32 F32, f64 F64, i8 I8, i16 I16, i32 I32, i64 I64, u8 U8,
                u16 U16, u32 U32, u64 U64);
            let mut to_bool = Function::new(&[DType::$from_dtype], |body, arguments| {
                math::expand_convert(body, arguments[0], DType::Bool)
            });
            for x in $values {
                let bits = x.to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                assert_eq!(to_bool.bits(&[bits]), u64::from(x != (0 as $from)), "{x:?} to bool");
            }
            let mut from_bool = Function::new(&[DType::Bool], |body, arguments| {
                math::expand_convert(body, arguments[0], DType::$from_dtype)
            });
            assert_eq!(from_bool.bits(&[0]), 0);
            let one = (1 as $from).to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
            assert_eq!(from_bool.bits(&[1]), one);
        )*};
    }
    check_all!(
        f32 F32, special_f32().chain([1.99, 127.5, -128.5, 255.9, 32_767.9, 65_535.5, 1e10, 9.3e18, 1.9e19]);
        f64 F64, special_f64().chain([1.99, 127.5, -128.5, 255.9, 2_147_483_647.5, 1e10, 9.3e18, 1.9e19, 1e39, 1e-46]);
        i8 I8, integer_values(DType::I8).into_iter().map(|x| x as i8);
        i16 I16, integer_values(DType::I16).into_iter().map(|x| x as i16);
        i32 I32, integer_values(DType::I32).into_iter().map(|x| x as i32);
        i64 I64, integer_values(DType::I64).into_iter().map(|x| x as i64);
        u8 U8, integer_values(DType::U8).into_iter().map(|x| x as u8);
        u16 U16, integer_values(DType::U16).into_iter().map(|x| x as u16);
        u32 U32, integer_values(DType::U32).into_iter().map(|x| x as u32);
        u64 U64, integer_values(DType::U64)
    );
}
