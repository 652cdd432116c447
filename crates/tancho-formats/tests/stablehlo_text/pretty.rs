//! Each op without regions in its own spelling, against its generic form.

use tancho_formats::stablehlo::syntax::{ElementType, Type};

use crate::{check_same, parse_op};

const F: &str = "%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>";

#[test]
fn elementwise_ops_have_one_type() {
    for op in "abs cbrt ceil cosine exponential exponential_minus_one floor log log_plus_one logistic \
               negate not popcnt count_leading_zeros round_nearest_afz round_nearest_even rsqrt sign sine \
               sqrt tan tanh convert real imag reshape cholesky"
        .split(' ')
    {
        check_same(
            F,
            &format!("%0 = stablehlo.{op} %a : tensor<4xf32>"),
            &format!("%0 = \"stablehlo.{op}\"(%a) : (tensor<4xf32>) -> tensor<4xf32>"),
        );
    }
    for op in "add and atan2 divide maximum minimum multiply or power remainder shift_left \
               shift_right_arithmetic shift_right_logical subtract xor"
        .split(' ')
    {
        check_same(
            F,
            &format!("%0 = stablehlo.{op} %a, %b : tensor<4xf32>"),
            &format!("%0 = \"stablehlo.{op}\"(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>"),
        );
    }
    check_same(
        F,
        "%0 = stablehlo.clamp %a, %b, %c : tensor<4xf32>",
        "%0 = \"stablehlo.clamp\"(%a, %b, %c) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>",
    );
}

#[test]
fn types_may_be_written_in_full() {
    check_same(
        "%a: tensor<4xf32>, %b: tensor<?xf32>, %p: tensor<4xi1>",
        "%0 = stablehlo.convert %a : (tensor<4xf32>) -> tensor<4xf64>
         %1 = stablehlo.add %a, %b {note = \"x\"} : (tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32>
         %2 = stablehlo.is_finite %a : (tensor<4xf32>) -> tensor<4xi1>
         %3 = stablehlo.select %p, %a, %b : (tensor<4xi1>, tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32>
         %4 = stablehlo.select %p, %a, %a : tensor<4xi1>, tensor<4xf32>
         %5 = stablehlo.complex %a, %a : tensor<4xcomplex<f32>>
         %6 = stablehlo.real %5 : (tensor<4xcomplex<f32>>) -> tensor<4xf32>",
        "%0 = \"stablehlo.convert\"(%a) : (tensor<4xf32>) -> tensor<4xf64>
         %1 = \"stablehlo.add\"(%a, %b) {note = \"x\"} : (tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32>
         %2 = \"stablehlo.is_finite\"(%a) : (tensor<4xf32>) -> tensor<4xi1>
         %3 = \"stablehlo.select\"(%p, %a, %b) : (tensor<4xi1>, tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32>
         %4 = \"stablehlo.select\"(%p, %a, %a) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
         %5 = \"stablehlo.complex\"(%a, %a) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xcomplex<f32>>
         %6 = \"stablehlo.real\"(%5) : (tensor<4xcomplex<f32>>) -> tensor<4xf32>",
    );
}

#[test]
fn result_accuracy_is_an_attribute() {
    let op = parse_op(
        F,
        "%0 = stablehlo.exponential %a {result_accuracy = #stablehlo.result_accuracy<atol = 1.0e-5, ulps = 2, \
         mode = #stablehlo.result_accuracy_mode<TOLERANCE>>} : tensor<4xf32>",
    );
    let accuracy = op.attribute("result_accuracy").unwrap().as_structured().unwrap();
    assert_eq!((accuracy.dialect.as_str(), accuracy.name.as_str()), ("stablehlo", "result_accuracy"));
    assert_eq!(accuracy.fields.get("atol").unwrap().as_float(), Some(1e-5));
    assert_eq!(accuracy.fields.integer("ulps"), Some(2));
    assert_eq!(accuracy.fields.get("mode").unwrap().as_enum(), Some("TOLERANCE"));
}

#[test]
fn ops_without_operands() {
    check_same(
        "",
        "%0 = stablehlo.iota dim = 1 : tensor<2x3xi32>
         %1 = stablehlo.replica_id : tensor<ui32>
         %2 = stablehlo.partition_id : tensor<ui32>
         %3 = stablehlo.create_token : !stablehlo.token
         %4 = stablehlo.after_all %3, %3 : !stablehlo.token
         %5 = stablehlo.constant dense<1.5> : tensor<2xf32>
         %6 = stablehlo.constant {note} dense<[1, 2]> : tensor<2xi8>
         %7 = stablehlo.constant() <{value = dense<3> : tensor<1xi8>}> \
             : () -> tensor<1x!quant.uniform<i8:f32, 2.0:15>>
         stablehlo.optimization_barrier()",
        "%0 = \"stablehlo.iota\"() <{iota_dimension = 1 : i64}> : () -> tensor<2x3xi32>
         %1 = \"stablehlo.replica_id\"() : () -> tensor<ui32>
         %2 = \"stablehlo.partition_id\"() : () -> tensor<ui32>
         %3 = \"stablehlo.create_token\"() : () -> !stablehlo.token
         %4 = \"stablehlo.after_all\"(%3, %3) : (!stablehlo.token, !stablehlo.token) -> !stablehlo.token
         %5 = \"stablehlo.constant\"() <{value = dense<1.5> : tensor<2xf32>}> : () -> tensor<2xf32>
         %6 = \"stablehlo.constant\"() <{value = dense<[1, 2]> : tensor<2xi8>}> {note} : () -> tensor<2xi8>
         %7 = \"stablehlo.constant\"() {value = dense<3> : tensor<1xi8>} \
             : () -> tensor<1x!quant.uniform<i8:f32, 2.0:15>>
         \"stablehlo.optimization_barrier\"() : () -> ()",
    );
}

#[test]
fn ops_with_keywords() {
    let arguments = "%a: tensor<3x4xf32>, %s: tensor<f32>, %i: tensor<i64>, %n: tensor<2xi64>, %v: tensor<3xf32>";
    let cases = [
        (
            "stablehlo.broadcast_in_dim %v, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>",
            "\"stablehlo.broadcast_in_dim\"(%v) <{broadcast_dimensions = array<i64: 1>}> \
                : (tensor<3xf32>) -> tensor<2x3xf32>",
        ),
        (
            "stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f32>) -> tensor<2x3xf32>",
            "\"stablehlo.broadcast_in_dim\"(%s) {broadcast_dimensions = array<i64>} \
                : (tensor<f32>) -> tensor<2x3xf32>",
        ),
        (
            "stablehlo.dynamic_broadcast_in_dim %v, %n, dims = [1] \
                : (tensor<3xf32>, tensor<2xi64>) -> tensor<?x3xf32>",
            "\"stablehlo.dynamic_broadcast_in_dim\"(%v, %n) {broadcast_dimensions = array<i64: 1>} \
             : (tensor<3xf32>, tensor<2xi64>) -> tensor<?x3xf32>",
        ),
        (
            "stablehlo.broadcast %v, sizes = [2, 1] : (tensor<3xf32>) -> tensor<2x1x3xf32>",
            "\"stablehlo.broadcast\"(%v) {broadcast_sizes = array<i64: 2, 1>} : (tensor<3xf32>) -> tensor<2x1x3xf32>",
        ),
        (
            "stablehlo.transpose %a, dims = [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>",
            "\"stablehlo.transpose\"(%a) {permutation = array<i64: 1, 0>} : (tensor<3x4xf32>) -> tensor<4x3xf32>",
        ),
        (
            "stablehlo.reverse %a, dims = [0, 1] : tensor<3x4xf32>",
            "\"stablehlo.reverse\"(%a) {dimensions = array<i64: 0, 1>} : (tensor<3x4xf32>) -> tensor<3x4xf32>",
        ),
        (
            "stablehlo.slice %a [0:2, 1:4:2] : (tensor<3x4xf32>) -> tensor<2x2xf32>",
            "\"stablehlo.slice\"(%a) {start_indices = array<i64: 0, 1>, limit_indices = array<i64: 2, 4>, \
             strides = array<i64: 1, 2>} : (tensor<3x4xf32>) -> tensor<2x2xf32>",
        ),
        (
            "stablehlo.dynamic_slice %a, %i, %i, sizes = [1, 4] \
                : (tensor<3x4xf32>, tensor<i64>, tensor<i64>) -> tensor<1x4xf32>",
            "\"stablehlo.dynamic_slice\"(%a, %i, %i) {slice_sizes = array<i64: 1, 4>} \
             : (tensor<3x4xf32>, tensor<i64>, tensor<i64>) -> tensor<1x4xf32>",
        ),
        (
            "stablehlo.dynamic_update_slice %a, %a, %i, %i \
                : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<i64>, tensor<i64>) -> tensor<3x4xf32>",
            "\"stablehlo.dynamic_update_slice\"(%a, %a, %i, %i) \
             : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<i64>, tensor<i64>) -> tensor<3x4xf32>",
        ),
        (
            "stablehlo.pad %v, %s, low = [-1], high = [2], interior = [0] \
                : (tensor<3xf32>, tensor<f32>) -> tensor<4xf32>",
            "\"stablehlo.pad\"(%v, %s) {edge_padding_low = array<i64: -1>, edge_padding_high = array<i64: 2>, \
             interior_padding = array<i64: 0>} : (tensor<3xf32>, tensor<f32>) -> tensor<4xf32>",
        ),
        (
            "stablehlo.concatenate %v, %v, dim = 0 : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>",
            "\"stablehlo.concatenate\"(%v, %v) {dimension = 0 : i64} \
                : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>",
        ),
        (
            "stablehlo.dynamic_iota %n, dim = 0 : (tensor<2xi64>) -> tensor<?x?xi32>",
            "\"stablehlo.dynamic_iota\"(%n) {iota_dimension = 0 : i64} : (tensor<2xi64>) -> tensor<?x?xi32>",
        ),
        (
            "stablehlo.dynamic_reshape %a, %n : (tensor<3x4xf32>, tensor<2xi64>) -> tensor<?x?xf32>",
            "\"stablehlo.dynamic_reshape\"(%a, %n) : (tensor<3x4xf32>, tensor<2xi64>) -> tensor<?x?xf32>",
        ),
        (
            "stablehlo.real_dynamic_slice %a, %n, %n, %n \
                : (tensor<3x4xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<?x?xf32>",
            "\"stablehlo.real_dynamic_slice\"(%a, %n, %n, %n) \
             : (tensor<3x4xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<?x?xf32>",
        ),
        (
            "stablehlo.get_dimension_size %a, dim = 1 : (tensor<3x4xf32>) -> tensor<i32>",
            "\"stablehlo.get_dimension_size\"(%a) {dimension = 1 : i64} : (tensor<3x4xf32>) -> tensor<i32>",
        ),
        (
            "stablehlo.bitcast_convert %a : (tensor<3x4xf32>) -> tensor<3x4xi32>",
            "\"stablehlo.bitcast_convert\"(%a) : (tensor<3x4xf32>) -> tensor<3x4xi32>",
        ),
        (
            "stablehlo.cholesky %a, lower = true : tensor<3x4xf32>",
            "\"stablehlo.cholesky\"(%a) {lower = true} : (tensor<3x4xf32>) -> tensor<3x4xf32>",
        ),
        (
            "stablehlo.reduce_precision %a, format = e5m10 : tensor<3x4xf32>",
            "\"stablehlo.reduce_precision\"(%a) {exponent_bits = 5 : i32, mantissa_bits = 10 : i32} \
             : (tensor<3x4xf32>) -> tensor<3x4xf32>",
        ),
        (
            "stablehlo.compare LT, %a, %a, TOTALORDER : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xi1>",
            "\"stablehlo.compare\"(%a, %a) {comparison_direction = #stablehlo<comparison_direction LT>, \
             compare_type = #stablehlo<comparison_type TOTALORDER>} \
                 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xi1>",
        ),
        (
            "stablehlo.compare  GE, %a, %a : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xi1>",
            "\"stablehlo.compare\"(%a, %a) {comparison_direction = #stablehlo<comparison_direction GE>} \
             : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xi1>",
        ),
        (
            "stablehlo.dot %v, %v, precision = [DEFAULT, HIGHEST] : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
            "\"stablehlo.dot\"(%v, %v) {precision_config = [#stablehlo<precision DEFAULT>, \
                #stablehlo<precision HIGHEST>]} \
             : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
        ),
        (
            "stablehlo.dot_general %a, %a, batching_dims = [0] x [0], contracting_dims = [1] x [1], \
                precision = [DEFAULT, DEFAULT], \
             algorithm = <lhs_precision_type = tf32, accumulation_type = f32, lhs_component_count = 1, \
                 allow_imprecise_accumulation = false> \
             : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3xf32>",
            "\"stablehlo.dot_general\"(%a, \
                %a) <{dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], \
             rhs_batching_dimensions = [0], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>, \
             precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>], \
                 algorithm = #stablehlo.dot_algorithm<\
             lhs_precision_type = tf32, accumulation_type = f32, lhs_component_count = 1, \
                 allow_imprecise_accumulation = false>}> \
             : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3xf32>",
        ),
        (
            "stablehlo.dot_general %a, %a, contracting_dims = [1] x [1] \
                : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x3xf32>",
            "\"stablehlo.dot_general\"(%a, \
                %a) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], \
             rhs_contracting_dimensions = [1],>}> : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x3xf32>",
        ),
        (
            "stablehlo.einsum %v, %v, config = \"a,a->\" : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
            "\"stablehlo.einsum\"(%v, %v) {einsum_config = \"a,a->\"} \
                : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
        ),
        (
            "stablehlo.fft %a, type =  RFFT, length = [4] : (tensor<3x4xf32>) -> tensor<3x3xcomplex<f32>>",
            "\"stablehlo.fft\"(%a) {fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 4>} \
             : (tensor<3x4xf32>) -> tensor<3x3xcomplex<f32>>",
        ),
        (
            "stablehlo.rng %s, %s, %n, distribution =  NORMAL \
                : (tensor<f32>, tensor<f32>, tensor<2xi64>) -> tensor<2x3xf32>",
            "\"stablehlo.rng\"(%s, %s, %n) {rng_distribution = #stablehlo<rng_distribution NORMAL>} \
             : (tensor<f32>, tensor<f32>, tensor<2xi64>) -> tensor<2x3xf32>",
        ),
        (
            "stablehlo.custom_call @target(%v, %v) {backend_config = \"x\"} \
                : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
            "\"stablehlo.custom_call\"(%v, %v) {call_target_name = \"target\", backend_config = \"x\"} \
             : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
        ),
        (
            "stablehlo.custom_call @\"not a word\"() : () -> tensor<f32>",
            "\"stablehlo.custom_call\"() {call_target_name = \"not a word\"} : () -> tensor<f32>",
        ),
        (
            "stablehlo.composite \"my.op\" %v, %v {composite_attributes = {n = 1 \
                : i64}, decomposition = @g, version = 1 : i32} \
             : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
            "\"stablehlo.composite\"(%v, %v) {name = \"my.op\", composite_attributes = {n = 1 \
                : i64}, decomposition = @g, version = 1 : i32} \
             : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>",
        ),
        (
            "func.call @g(%v) : (tensor<3xf32>) -> tensor<f32>",
            "\"func.call\"(%v) <{callee = @g}> : (tensor<3xf32>) -> tensor<f32>",
        ),
        ("call @g() : () -> tensor<f32>", "\"func.call\"() <{callee = @g}> : () -> tensor<f32>"),
        ("chlo.erf %v : tensor<3xf32> -> tensor<3xf32>", "\"chlo.erf\"(%v) : (tensor<3xf32>) -> tensor<3xf32>"),
        (
            "chlo.broadcast_add %v, %s : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>",
            "\"chlo.broadcast_add\"(%v, %s) : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>",
        ),
        (
            "chlo.next_after %v, %v : tensor<3xf32>, tensor<3xf32> -> tensor<3xf32>",
            "\"chlo.next_after\"(%v, %v) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>",
        ),
        (
            "chlo.constant dense<1> : tensor<2xi32>",
            "\"chlo.constant\"() {value = dense<1> : tensor<2xi32>} : () -> tensor<2xi32>",
        ),
        (
            "sdy.sharding_constraint %v <@mesh, [{\"x\"}]> : tensor<3xf32>",
            "\"sdy.sharding_constraint\"(%v) <{sharding = #sdy.sharding<@mesh, [{\"x\"}]>}> \
                : (tensor<3xf32>) -> tensor<3xf32>",
        ),
    ];
    for (pretty, generic) in cases {
        check_same(arguments, &format!("%0 = {pretty}"), &format!("%0 = {generic}"));
    }
}

#[test]
fn ops_with_several_results() {
    check_same(
        "%a: tensor<4xf32>, %k: tensor<2xui64>",
        "%0:2 = stablehlo.optimization_barrier %a, %k : tensor<4xf32>, tensor<2xui64>
         %s, %o = stablehlo.rng_bit_generator %k, algorithm =  THREE_FRY \
             : (tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui32>)
         %1:2 = chlo.top_k(%a, k = 2) : tensor<4xf32> -> (tensor<2xf32>, tensor<2xi32>)
         %2 = stablehlo.tuple %0#0, %1#1 : tuple<tensor<4xf32>, tensor<2xi32>>
         %3 = stablehlo.get_tuple_element %2[1] : (tuple<tensor<4xf32>, tensor<2xi32>>) -> tensor<2xi32>",
        "%0:2 = \"stablehlo.optimization_barrier\"(%a, %k) \
            : (tensor<4xf32>, tensor<2xui64>) -> (tensor<4xf32>, tensor<2xui64>)
         %s:2 = \"stablehlo.rng_bit_generator\"(%k) {rng_algorithm = #stablehlo<rng_algorithm THREE_FRY>}
             : (tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui32>)
         %v, %i = \"chlo.top_k\"(%a) {k = 2 : i64} : (tensor<4xf32>) -> (tensor<2xf32>, tensor<2xi32>)
         %2 = \"stablehlo.tuple\"(%0#0, %i) : (tensor<4xf32>, tensor<2xi32>) -> tuple<tensor<4xf32>, tensor<2xi32>>
         %3 = \"stablehlo.get_tuple_element\"(%2) {index = 1 : i32} \
             : (tuple<tensor<4xf32>, tensor<2xi32>>) -> tensor<2xi32>",
    );
}

#[test]
fn convolutions() {
    let arguments = "%x: tensor<1x8x8x3xf32>, %k: tensor<3x3x3x4xf32>";
    let types = "(tensor<1x8x8x3xf32>, tensor<3x3x3x4xf32>) -> tensor<1x4x4x4xf32>";
    check_same(
        arguments,
        &format!(
            "%0 = stablehlo.convolution(%x, %k) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], \
             window = {{stride = [2, 2], pad = [[0, 1], [-1, 1]], lhs_dilate = [1, 1], rhs_dilate = [1, 2], \
                 reverse = [true, false]}} \
             {{batch_group_count = 1 : i64, feature_group_count = 1 : i64}} : {types}"
        ),
        &format!(
            "%0 = \"stablehlo.convolution\"(%x, %k) <{{dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, \
                i, o]->[b, 0, 1, f]>, \
             window_strides = array<i64: 2, 2>, padding = dense<[[0, 1], [-1, 1]]> \
                 : tensor<2x2xi64>, lhs_dilation = array<i64: 1, 1>, \
             rhs_dilation = array<i64: 1, 2>, window_reversal = array<i1: true, false>, \
             batch_group_count = 1 : i64, feature_group_count = 1 : i64}}> : {types}"
        ),
    );
    let op = parse_op(
        arguments,
        &format!(
            "%0 = stablehlo.convolution(%x, %k) dim_numbers = [f, 1, b, 0]x[o, 0, 1, i]->[0, b, 1, f], \
                window = {{}} : {types}"
        ),
    );
    let numbers = op.attribute("dimension_numbers").unwrap().as_structured().unwrap();
    assert_eq!(numbers.name, "conv");
    let integer = |name: &str| numbers.fields.integer(name).unwrap();
    assert_eq!((integer("input_batch_dimension"), integer("input_feature_dimension")), (2, 0));
    assert_eq!(numbers.fields.integers("input_spatial_dimensions"), Some(vec![3, 1]));
    assert_eq!((integer("kernel_input_feature_dimension"), integer("kernel_output_feature_dimension")), (3, 0));
    assert_eq!(numbers.fields.integers("kernel_spatial_dimensions"), Some(vec![1, 2]));
    assert_eq!((integer("output_batch_dimension"), integer("output_feature_dimension")), (1, 3));
    assert_eq!(numbers.fields.integers("output_spatial_dimensions"), Some(vec![0, 2]));
}

#[test]
fn element_types() {
    for element in ElementType::ALL {
        if matches!(element, ElementType::Quantized | ElementType::Other) {
            continue;
        }
        let op = parse_op("", &format!("%0 = \"test.op\"() : () -> tensor<2x?x{element}>"));
        let Type::Tensor(tensor) = &op.result_types[0] else { panic!("{:?}", op.result_types) };
        assert_eq!((&tensor.dims[..], tensor.element), (&[Some(2), None][..], *element));
        assert_eq!(tensor.to_string(), format!("tensor<2x?x{element}>"));
    }
}

#[test]
fn types_of_all_kinds() {
    for (text, expected) in [
        ("tensor<f32>", "tensor<f32>"),
        ("tensor<0x4xi8>", "tensor<0x4xi8>"),
        ("tensor<*xf32>", "tensor<*xf32>"),
        ("tensor<?x8xf32, #stablehlo.bounds<4, ?>>", "tensor<?x8xf32>"),
        ("tensor<2x!quant.uniform<i8:f32, 2.0:-1>>", "tensor<2x!quant.uniform>"),
        ("tuple<>", "tuple<>"),
        ("tuple<tensor<f32>, tuple<tensor<2xi1>>>", "tuple<tensor<f32>, tuple<tensor<2xi1>>>"),
        ("!stablehlo.token", "!stablehlo.token"),
        ("index", "index"),
        ("!other.type<[1, \"a>\"], () -> x>", "!other.type<[1, \"a>\"], () -> x>"),
    ] {
        let op = parse_op("", &format!("%0 = \"test.op\"() : () -> {text}"));
        assert_eq!(op.result_types[0].to_string(), expected);
    }
}
