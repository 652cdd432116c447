use std::io::Cursor;
use std::path::Path;

use npyz::{Order, TypeStr, WriterBuilder};
use proptest::prelude::*;
use tancho_formats::{FormatError, decode_npy, encode_npy, read_npy, write_npy};
use tancho_tensor::{Array, DType, bf16, f16};

use super::{array, arrays, assert_error, assert_same, damaged};

fn decode(bytes: &[u8]) -> Result<Array, FormatError> {
    decode_npy(bytes, Path::new("x.npy"))
}

/// A file with a header of our own.
fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let length = header.len() as u32;
    let length = if version == 1 { length.to_le_bytes()[..2].to_vec() } else { length.to_le_bytes().to_vec() };
    [b"\x93NUMPY", &[version, 0][..], &length, header.as_bytes(), data].concat()
}

fn header(descr: &str, fortran_order: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n")
}

#[track_caller]
fn check(bytes: &[u8], expected: Array) {
    match decode(bytes) {
        Ok(found) => assert_same(&found, &expected),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn bytes_are_those_of_numpy() {
    let expected = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    let bytes = encode_npy(&array([2], &[1.0f32, -2.0]));
    assert!(bytes.starts_with(expected));
    assert_eq!(bytes[128 - 1], b'\n');
    assert_eq!(bytes[128..], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    // A shape that is too long for the length of version 1.0.
    let long = array([1; 30_000], &[7u8]);
    let bytes = encode_npy(&long);
    assert_eq!((bytes[6], (bytes.len() - 1) % 64), (2, 0));
    check(&bytes, long);
}

#[test]
fn sixteen_bit_floats() {
    let halves = || array([3], &[f16::from_f32(1.0), f16::from_f32(-0.5), f16::from_bits(1)]);
    let little = [0x00, 0x3c, 0x00, 0xb8, 0x01, 0x00];
    check(&file(1, &header("<f2", "False", "(3,)"), &little), halves());
    check(&file(1, &header(">f2", "False", "(3,)"), &[0x3c, 0x00, 0xb8, 0x00, 0x00, 0x01]), halves());
    assert!(encode_npy(&halves()).starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f2', "));
    // NumPy has no bfloat16; files of it hold two raw bytes for each element.
    let brains = || array([2], &[bf16::from_f32(1.0), bf16::from_f32(-2.0)]);
    for descr in ["<V2", "|V2"] {
        check(&file(1, &header(descr, "False", "(2,)"), &[0x80, 0x3f, 0x00, 0xc0]), brains());
    }
    check(&file(1, &header(">V2", "False", "(2,)"), &[0x3f, 0x80, 0xc0, 0x00]), brains());
    check(&encode_npy(&halves()), halves());
    check(&encode_npy(&brains()), brains());
}

#[test]
fn versions_byte_orders_and_element_orders() {
    let little = [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0];
    let big = [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6];
    let expected = || array([2, 3], &[1i16, 2, 3, 4, 5, 6]);
    for version in 1..=3 {
        check(&file(version, &header("<i2", "False", "(2, 3)"), &little), expected());
        check(&file(version, &header(">i2", "False", "(2, 3)"), &big), expected());
    }
    let columns = || array([2, 3], &[1u16, 3, 5, 2, 4, 6]);
    check(&file(1, &header("<u2", "True", "(2, 3)"), &little), columns());
    check(&file(1, &header(">u2", "True", "(2, 3)"), &big), columns());
    check(&file(1, &header("|u1", "True", "(1, 2, 2)"), &[1, 2, 3, 4]), array([1, 2, 2], &[1u8, 3, 2, 4]));
    check(&file(1, &header("|b1", "False", "()"), &[1]), Array::scalar(true));
    check(&file(1, &header("=i4", "False", "(1,)"), &[1, 0, 0, 0]), array([1], &[1i32]));
    check(&file(1, &header("<f8", "True", "(0, 5)"), &[]), array::<f64, 2>([0, 5], &[]));
    // No comma, other quotes, another order, no spaces, and the long integers of Python 2.
    let text = "{\"shape\":(2L,),\"descr\":\"<i1\",\"fortran_order\":False}";
    check(&file(1, text, &[1, 255]), array([2], &[1i8, -1]));
}

#[test]
fn damage_is_named_with_its_place() {
    let text = |descr, order, shape| file(1, &header(descr, order, shape), &[1, 2, 3, 4]);
    assert_error(
        decode(b""),
        "x.npy, byte 0: expected the magic bytes \"\\x93NUMPY\" of a .npy file, found an empty file",
    );
    assert_error(
        decode(b"PK\x03\x04zip"),
        "x.npy, byte 0: expected the magic bytes \"\\x93NUMPY\" of a .npy file, found \"PK\\x03\\x04zi\"",
    );
    assert_error(decode(b"\x93NUMPY\x04\x00"), "x.npy, byte 6: expected version 1.0, 2.0 or 3.0, found version 4.0");
    assert_error(
        decode(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"),
        "x.npy, byte 13: expected the header, found the end of the file before byte 4294967307",
    );
    assert_error(
        decode(&text("|u1", "False", "(5,)")),
        "x.npy, byte 72: expected 5 bytes of data for u8[5], found 4 bytes",
    );
    assert_error(
        decode(&text("|u1", "False", "(3,)")),
        "x.npy, byte 71: expected 3 bytes of data for u8[3], found 4 bytes",
    );
    assert_error(decode(&text("|b1", "False", "(4,)")), "x.npy, byte 69: expected a bool, 0 or 1, found the byte 2");
    assert_error(
        decode(&text("|u1", "Maybe", "(4,)")),
        "x.npy, byte 44: expected `True` or `False`, found \"Maybe, 'shape': (4,), }\\n\"",
    );
    assert_error(decode(&text("|u1", "False", "(-4,)")), "x.npy, byte 61: expected a size, found \"-4,), }\\n\"");
    assert_error(decode(&text("|u1", "False", "(4")), "x.npy, byte 64: expected a size, found \"}\\n\"");
    assert_error(
        decode(&text("|u1", "False", "(4294967296, 4294967296)")),
        "x.npy, byte 60: expected a shape whose elements fit in memory, found \"(4294967296, 4294967296)\"",
    );
    let claims = decode(&text("<f8", "False", "(2000000000000000000,)")).unwrap_err().to_string();
    assert!(claims.contains("a shape whose elements fit in memory"), "{claims}");
    let claims = decode(&text("<f8", "True", "(100000000000000000,)")).unwrap_err().to_string();
    assert!(
        claims.contains("expected 800000000000000000 bytes of data for f64[100000000000000000], found 4 bytes"),
        "{claims}"
    );
    assert_error(
        decode(&file(1, "{'descr': '<f4', }", &[])),
        "x.npy, byte 28: expected a dictionary with the keys 'descr', 'fortran_order' and 'shape', found its end without one of them",
    );
    assert_error(
        decode(&file(1, "{'descr': '<f4', 'descr': '<f4'}", &[])),
        "x.npy, byte 27: expected one each of the keys 'descr', 'fortran_order' and 'shape', found \"'descr': '<f4'}\"",
    );
    let nested = format!("{{'shape': {}", "(".repeat(60_000));
    assert!(decode(&file(1, &nested, &[])).is_err());
}

#[test]
fn unsupported_dtypes_are_named() {
    let supported =
        "is not supported; the supported ones are f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, bool";
    for (descr, name) in [
        ("<V4", "'<V4' (raw bytes)"),
        ("<f16", "'<f16' (extended floats)"),
        ("<c8", "'<c8' (complex numbers)"),
        ("<U5", "'<U5' (strings)"),
        ("|S5", "'|S5' (strings)"),
        ("|O", "'|O' (Python objects)"),
        ("<M8[ns]", "'<M8[ns]' (times)"),
        ("|i4", "'|i4'"),
        ("f4", "'f4'"),
    ] {
        let result = decode(&file(1, &header(descr, "False", "(1,)"), &[0; 64]));
        assert_error(result, &format!("x.npy: dtype {name} {supported}"));
    }
    let records = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}";
    assert_error(decode(&file(1, records, &[])), &format!("x.npy: dtype of records {supported}"));
}

#[test]
fn a_missing_file_is_an_error() {
    let error = read_npy("no/such.npy").unwrap_err();
    assert!(error.to_string().starts_with("cannot read no/such.npy: "), "{error}");
    let error = write_npy("no/such.npy", &Array::scalar(1u8)).unwrap_err();
    assert!(error.to_string().starts_with("cannot write no/such.npy: "), "{error}");
}

#[test]
fn no_damage_makes_it_panic() {
    let files = [
        encode_npy(&array([2, 1], &[true, false])),
        file(3, &header(">f4", "True", "(2, 2)"), &[0; 16]),
        file(2, "{'descr': '<u2', 'fortran_order': False, 'shape': ()}", &[1, 2]),
    ];
    for bytes in files {
        assert!(decode(&bytes).is_ok());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err());
        }
        damaged(&bytes).for_each(|bytes| drop(decode(&bytes)));
    }
}

/// What another implementation writes.
fn written_by_npyz(dtype: DType, order: Order, elements: &Array) -> Vec<u8> {
    fn write<T: npyz::AutoSerialize + tancho_tensor::Element>(array: &Array, order: Order) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let shape: Vec<u64> = array.shape().iter().map(|&size| size as u64).collect();
        let builder = npyz::WriteOptions::<T>::new().default_dtype().shape(&shape).order(order).writer(&mut out);
        let mut writer = builder.begin_nd().unwrap();
        writer.extend(array.elements::<T>().unwrap().iter().copied()).unwrap();
        writer.finish().unwrap();
        out.into_inner()
    }
    macro_rules! write {
        ($($DType:ident $T:ident),*) => {
            match dtype {
                $( DType::$DType => write::<$T>(elements, order), )*
                DType::F16 | DType::BF16 => panic!("npyz writes no {dtype}"),
            }
        };
    }
    write!(F32 f32, F64 f64, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64, Bool bool)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn arrays_come_back_bit_for_bit(array in arrays()) {
        assert_same(&decode(&encode_npy(&array)).unwrap(), &array);
    }

    #[test]
    fn other_implementations_agree(array in arrays()) {
        let bytes = encode_npy(&array);
        let theirs = npyz::NpyFile::new(&bytes[..]).unwrap();
        let shape: Vec<u64> = array.shape().iter().map(|&size| size as u64).collect();
        prop_assert_eq!(theirs.shape(), &shape[..]);
        let descr = theirs.dtype().descr();
        prop_assert!(descr.trim_matches('\'').parse::<TypeStr>().is_ok());
        prop_assert_eq!(&bytes[bytes.len() - array.buffer().len()..], array.buffer().bytes());
        if array.dtype().is_half() {
            // The crate has no such elements.
            return Ok(());
        }
        assert_same(&decode(&written_by_npyz(array.dtype(), Order::C, &array)).unwrap(), &array);
        // Written in column-major order, the elements are those of the reversed axes in row-major order.
        let columns = decode(&written_by_npyz(array.dtype(), Order::Fortran, &array)).unwrap();
        let sizes = array.shape().sizes().to_vec();
        for position in 0..array.len() {
            let (mut rest, mut row_major, mut stride) = (position, 0, array.len());
            for &size in &sizes {
                stride /= size;
                row_major += rest % size * stride;
                rest /= size;
            }
            let size = array.dtype().size();
            let element = |array: &Array, at: usize| array.buffer().bytes()[at * size..][..size].to_vec();
            prop_assert_eq!(element(&columns, row_major), element(&array, position));
        }
    }
}
