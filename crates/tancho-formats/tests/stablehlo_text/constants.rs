//! `dense<…>` and attributes of all other kinds.

use tancho_formats::stablehlo::syntax::{Attribute, DenseArray, ElementType, Elements, Type};

use crate::{check_attribute, check_error, function, parse_text};

#[track_caller]
fn check_bytes(text: &str, expected: &[u8]) {
    check_attribute(text, |attribute| assert_eq!(&*attribute.as_dense().unwrap().bytes().unwrap(), expected));
}

#[track_caller]
fn check_floats(text: &str, expected: &[f64]) {
    check_attribute(text, |attribute| assert_eq!(attribute.as_dense().unwrap().floats().unwrap(), expected));
}

#[track_caller]
fn check_integers(text: &str, expected: &[i64]) {
    check_attribute(text, |attribute| assert_eq!(attribute.integers().unwrap(), expected));
}

#[test]
fn lists_of_numbers() {
    check_integers("dense<[[1, -2, 3], [4, 5, 6]]> : tensor<2x3xi64>", &[1, -2, 3, 4, 5, 6]);
    check_integers("dense<7> : tensor<i32>", &[7]);
    check_integers("dense<7> : tensor<3xi32>", &[7, 7, 7]);
    check_integers("dense<[-128, 127, 255, 0xFF]> : tensor<4xi8>", &[-128, 127, -1, -1]);
    check_integers("dense<[255, 0]> : tensor<2xui8>", &[255, 0]);
    check_integers("dense<[-8, 7]> : tensor<2xi4>", &[-8, 7]);
    check_integers("dense<[true, false]> : tensor<2xi1>", &[1, 0]);
    check_integers("dense<> : tensor<0x3xi64>", &[]);
    check_integers("dense<[[], []]> : tensor<2x0xi64>", &[]);
    check_integers("dense<18446744073709551615> : tensor<1xi64>", &[-1]);
    check_bytes("dense<18446744073709551615> : tensor<1xui64>", &[255; 8]);
    check_floats("dense<[1.0, -2.5, 1.000000e+10, 3]> : tensor<4xf32>", &[1.0, -2.5, 1e10, 3.0]);
    check_floats("dense<0.1> : tensor<f32>", &[f64::from(0.1f32)]);
    check_floats("dense<[0x7F800000, 0xFF800000]> : tensor<2xf32>", &[f64::INFINITY, f64::NEG_INFINITY]);
    check_floats("dense<0x7FF0000000000000> : tensor<f64>", &[f64::INFINITY]);
    check_floats(
        "dense<[1.5, 0x7C00, 6.1e-5, -65504.0]> : tensor<4xf16>",
        &[1.5, f64::INFINITY, 0.00006097555160522461, -65504.0],
    );
    check_floats("dense<[1.5, 0xFF80]> : tensor<2xbf16>", &[1.5, f64::NEG_INFINITY]);
    check_bytes("dense<(1.0, -0.0)> : tensor<complex<f32>>", &[0, 0, 0x80, 0x3f, 0, 0, 0, 0x80]);
    check_bytes("dense<[(1.0, 0x7FC00000)]> : tensor<1xcomplex<f32>>", &[0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f]);
}

#[test]
fn blobs() {
    check_integers("dense<\"0x0100000000000000FFFFFFFFFFFFFFFF\"> : tensor<2xi64>", &[1, -1]);
    check_integers("dense<\"0x01020304\"> : tensor<2x2xi8>", &[1, 2, 3, 4]);
    check_integers("dense<\"0x05\"> : tensor<3xi8>", &[5, 5, 5]);
    check_integers("dense<\"0x010001\"> : tensor<3xi1>", &[1, 0, 1]);
    check_integers("dense<\"0x0502\"> : tensor<10xi1>", &[1, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
    check_integers("dense<\"0xff\"> : tensor<20xi1>", &[1; 20]);
    check_floats("dense<\"0x0000803F\"> : tensor<1xf32>", &[1.0]);
}

#[test]
fn what_is_not_decoded_is_kept() {
    check_attribute("dense<[1.0, 2.5]> : tensor<2xf8E4M3FN>", |attribute| {
        assert_eq!(attribute.as_dense().unwrap().elements, Elements::Text("[1.0, 2.5]".into()));
    });
    check_attribute("dense<[\"a\", \"b>\"]> : tensor<2x!other.string>", |attribute| {
        assert_eq!(attribute.as_dense().unwrap().elements, Elements::Text("[\"a\", \"b>\"]".into()));
    });
    check_attribute("dense_resource<missing> : tensor<2xf32>", |attribute| {
        assert_eq!(attribute.as_dense().unwrap().elements, Elements::Resource("missing".into()));
    });
}

#[test]
fn resources_come_at_the_end() {
    let text = function("", "%0 = stablehlo.constant dense_resource<weights> : tensor<2xi32>")
        + "{-# dialect_resources: { builtin: {
             weights: \"0x040000000700000009000000\",
             other: \"0x04000000\"
           } } #-}";
    let module = parse_text(&text);
    let op = &module.functions[0].body.as_ref().unwrap().operations[0];
    assert_eq!(op.integers("value"), Some(vec![7, 9]));
}

#[test]
fn constants_that_do_not_fit() {
    let error = |text: &str, expected: &str| {
        check_error(&function("", &format!("\"t.o\"() {{a = {text}}} : () -> ()")), expected);
    };
    error("dense<[1, 2]> : tensor<3xi32>", "2:20: expected 3 elements, found 2");
    error("dense<[1, 2]> : tensor<1xi32>", "2:24: expected ']' after 1 elements, found '2'");
    error("dense<[[1], 2]> : tensor<2x1xi32>", "2:26: expected '[', found '2'");
    error("dense<[1]> : tensor<i32>", "2:20: expected an integer, found '['");
    error("dense<300> : tensor<i8>", "2:20: expected an integer of 8 bits, found 300");
    error("dense<-1> : tensor<ui8>", "2:20: expected an integer of 8 bits, found -1");
    error("dense<2> : tensor<i1>", "2:20: expected a boolean, found 2");
    error("dense<0x1FFFFFFFF> : tensor<f32>", "2:20: expected the 32 bits of a float, found 0x1FFFFFFFF");
    error("dense<\"0x0102\"> : tensor<3xi8>", "2:20: expected 3 elements of 1 bytes, found 2 bytes");
    error("dense<\"0x010\"> : tensor<3xi8>", "2:20: expected hexadecimal digits after \"0x, found others");
    error("dense<> : tensor<2xi8>", "2:20: expected 2 elements, found none");
    error("dense<1> : tensor<?xi8>", "2:25: expected a tensor type whose sizes are known, found tensor<?xi8>");
    error(
        "dense<1> : tensor<9223372036854775807x9223372036854775807xi8>",
        "2:25: expected a tensor type whose sizes are known, found tensor<9223372036854775807x9223372036854775807xi8>",
    );
}

#[test]
fn attributes_of_all_kinds() {
    let scalar = Type::Scalar;
    for (text, expected) in [
        ("unit", Attribute::Unit),
        ("true", Attribute::Bool(true)),
        ("1 : i1", Attribute::Bool(true)),
        ("-3", Attribute::Integer { value: -3, ty: scalar(ElementType::I64) }),
        ("0x10 : i32", Attribute::Integer { value: 16, ty: scalar(ElementType::I32) }),
        ("1.5", Attribute::Float { value: 1.5, ty: scalar(ElementType::F64) }),
        ("-1.5e+2 : f32", Attribute::Float { value: -150.0, ty: scalar(ElementType::F32) }),
        ("0xFF800000 : f32", Attribute::Float { value: f64::NEG_INFINITY, ty: scalar(ElementType::F32) }),
        (r#""a\"b\0A\\\n""#, Attribute::String("a\"b\n\\\n".into())),
        ("@f", Attribute::Symbol("f".into())),
        ("@a::@\"b c\"", Attribute::Symbol("a::b c".into())),
        ("f32", Attribute::Type(scalar(ElementType::F32))),
        ("[true, @f]", Attribute::Array([Attribute::Bool(true), Attribute::Symbol("f".into())].into())),
        ("array<i64>", Attribute::DenseArray(DenseArray::Integers(ElementType::I64, vec![]).into())),
        ("array<i1: true, false>", Attribute::DenseArray(DenseArray::Integers(ElementType::I1, vec![1, 0]).into())),
        ("array<f32: 1.0, -2.0>", Attribute::DenseArray(DenseArray::Floats(ElementType::F32, vec![1.0, -2.0]).into())),
        ("affine_map<(d0) -> (d0)>", Attribute::Opaque("affine_map<(d0) -> (d0)>".into())),
        ("#sdy.sharding<@m, [{\"x\"}, {}]>", Attribute::Opaque("#sdy.sharding<@m, [{\"x\"}, {}]>".into())),
    ] {
        check_attribute(text, |attribute| assert_eq!(*attribute, expected));
    }
    check_attribute("{x = 1 : i64, \"a b\", jax.y = [2]}", |attribute| {
        let entries = attribute.as_dictionary().unwrap();
        assert_eq!(entries.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["x", "a b", "jax.y"]);
        assert_eq!((entries.integer("x"), entries.integers("jax.y")), (Some(1), Some(vec![2])));
        assert_eq!(entries.boolean("a b"), Some(true));
    });
    check_attribute("#stablehlo.channel_handle<handle = 1, type = 2>", |attribute| {
        assert_eq!(attribute.as_structured().unwrap().fields.integer("handle"), Some(1));
    });
    check_attribute("#chlo<comparison_type FLOAT>", |attribute| assert_eq!(attribute.as_enum(), Some("FLOAT")));
}

#[test]
fn lists_of_integers_in_any_spelling() {
    for text in
        ["array<i64: 1, 2>", "dense<[1, 2]> : tensor<2xi64>", "[1, 2]", "[1 : i64, 2 : i64]", "array<i32: 1, 2>"]
    {
        check_integers(text, &[1, 2]);
    }
    check_integers("array<i1: true, false>", &[1, 0]);
    check_attribute("dense<0> : tensor<1000000000xi64>", |attribute| assert_eq!(attribute.integers(), None));
}
