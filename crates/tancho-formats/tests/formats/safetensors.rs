use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use tancho_formats::{FormatError, decode_safetensors, encode_safetensors, read_safetensors, write_safetensors};
use tancho_tensor::{Array, DType, bf16, f16, with_element};

use super::{array, arrays, assert_error, assert_same, damaged};

fn decode(bytes: &[u8]) -> Result<BTreeMap<String, Array>, FormatError> {
    decode_safetensors(bytes, Path::new("w.safetensors"))
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn named<const N: usize>(arrays: [(&str, Array); N]) -> BTreeMap<String, Array> {
    arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect()
}

#[track_caller]
fn assert_all_same(found: &BTreeMap<String, Array>, expected: &BTreeMap<String, Array>) {
    assert!(found.keys().eq(expected.keys()));
    found.values().zip(expected.values()).for_each(|(found, expected)| assert_same(found, expected));
}

#[test]
fn every_dtype_comes_back_from_a_file() {
    let mut arrays = BTreeMap::new();
    for dtype in DType::ALL {
        let array = with_element!(dtype, T => array([1, 2], &[T::default(); 2]));
        arrays.insert(format!("of {dtype}"), array);
    }
    arrays.insert("no \"elements\"\n".to_owned(), array::<f32, 2>([0, 3], &[]));
    arrays.insert(String::new(), Array::scalar(f32::NAN));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    write_safetensors(&path, &arrays).unwrap();
    assert_all_same(&read_safetensors(&path).unwrap(), &arrays);
    assert_eq!(std::fs::read(&path).unwrap(), encode_safetensors(&arrays).unwrap());
    assert_all_same(&decode(&encode_safetensors(&BTreeMap::new()).unwrap()).unwrap(), &BTreeMap::new());
}

#[test]
fn sixteen_bit_floats() {
    let header = |dtype| format!("{{\"h\":{{\"dtype\":\"{dtype}\",\"shape\":[2],\"data_offsets\":[0,4]}}}}");
    let halves = named([("h", array([2], &[f16::from_f32(1.0), f16::from_f32(-0.5)]))]);
    assert_all_same(&decode(&file(&header("F16"), &[0x00, 0x3c, 0x00, 0xb8])).unwrap(), &halves);
    let brains = named([("h", array([2], &[bf16::from_f32(1.0), bf16::from_f32(-2.0)]))]);
    assert_all_same(&decode(&file(&header("BF16"), &[0x80, 0x3f, 0x00, 0xc0])).unwrap(), &brains);
}

#[test]
fn equal_content_gives_equal_bytes() {
    let arrays = named([("b", array([1], &[1u8])), ("a", array([1], &[2.0f64])), ("c", array([1], &[3u8]))]);
    let header = "{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},\
                  \"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]},\
                  \"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}";
    let header = format!("{header:<width$}", width = header.len().next_multiple_of(8));
    let data = [&2.0f64.to_le_bytes()[..], &[1, 3]].concat();
    assert_eq!(encode_safetensors(&arrays).unwrap(), file(&header, &data));
}

#[test]
fn damage_is_named_with_its_place() {
    let bool_header = "{\"b\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    let half_header = "{\"h\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    let supported =
        "is not supported; the supported ones are f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, bool";
    assert_error(decode(&file(half_header, &[0])), &format!("w.safetensors, \"h\": dtype F8_E4M3 {supported}"));
    assert_error(
        decode(&file(bool_header, &[1, 7])),
        "w.safetensors, byte 64: expected a bool of \"b\", 0 or 1, found the byte 7",
    );
    assert_error(
        decode(&[1, 2]),
        "w.safetensors, byte 2: expected 8 bytes with the length of the header, found 2 bytes",
    );
    let long = [255; 9];
    assert_error(
        decode(&long),
        "w.safetensors, byte 0: expected a header of at most the 1 bytes that follow, found 18446744073709551615 bytes",
    );
    assert_error(
        decode(&file("{\"a\": nonsense}", &[])),
        "w.safetensors, byte 15: expected a header of tensors in JSON, found expected ident at line 1 column 8",
    );
    assert_error(
        decode(&file("{\"\u{e9}", &[])[..11]),
        "w.safetensors, byte 0: expected a header of at most the 3 bytes that follow, found 4 bytes",
    );
    assert_error(
        decode(&file(bool_header, &[1])),
        "w.safetensors, byte 64: expected the file to end with the data of the last tensor, found another length",
    );
    assert_error(
        decode(&file(bool_header, &[1, 0, 0])),
        "w.safetensors, byte 66: expected the file to end with the data of the last tensor, found another length",
    );
    let huge = "{\"b\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,2]}}";
    assert_error(
        decode(&file(huge, &[1, 0])),
        "w.safetensors, byte 8: expected tensors one behind the other, each as long as its shape says, found overflow computing buffer size from shape and/or element type",
    );
    assert!(decode(&file(&"[".repeat(100_000), &[])).is_err());
    assert!(read_safetensors("no/such").unwrap_err().to_string().starts_with("cannot read no/such: "));
}

#[test]
fn a_name_that_the_format_keeps_is_refused() {
    let arrays = named([("__metadata__", Array::scalar(1u8))]);
    assert_error(encode_safetensors(&arrays), "cannot encode arrays: \"__metadata__\" cannot be the name of an array");
}

#[test]
fn no_damage_makes_it_panic() {
    let arrays = named([("x", array([2], &[true, false])), ("y", array([1, 1], &[1.5f32]))]);
    let bytes = encode_safetensors(&arrays).unwrap();
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err());
    }
    damaged(&bytes).for_each(|bytes| drop(decode(&bytes)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn arrays_come_back_bit_for_bit(arrays in proptest::collection::btree_map(".{0,6}", arrays(), 0..5)) {
        assert_all_same(&decode(&encode_safetensors(&arrays).unwrap()).unwrap(), &arrays);
    }
}
