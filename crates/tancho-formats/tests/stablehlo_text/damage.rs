//! Damaged texts: an error, but no panic, no endless loop, no memory beyond what the text is worth.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::{check_error, parse_text, try_parse};

/// Small programs with every construct of the grammar.
const PROGRAMS: [&str; 8] = [
    r#"#loc1 = loc("x"(#loc2))
module @m attributes {a = 1 : i32, b = "s\0A"} {
  func.func public @main(%arg0: tensor<2x?xf32> {jax.x = true} loc(#loc1)) -> (tensor<2xf32> {r = ""}) {
    %cst = stablehlo.constant dense<[[1.0, -2.5e+3], [0x7FC00000, 4.0]]> : tensor<2x2xf32>
    %0 = stablehlo.reduce(%cst init: %cst) applies stablehlo.add across dimensions = [1]
        : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32> loc(callsite(#loc1 at fused<"m">["f.py":1:2, unknown]))
  } loc(unknown)
}
#loc2 = loc("f.py":1:2 to :3)
"#,
    r#"!t = tuple<tensor<f32>, !stablehlo.token>
#a = #stablehlo.gather<offset_dims = [0, 1], index_vector_dim = 2>
func.func private @f(%a: !t, %b: tensor<4x!quant.uniform<i8:f32, 1.0>>) attributes {x = #a,
    y = affine_map<(d0) -> (d0)>} {
  %0:2 = "t.op"(%a, %b) <{p = array<i64: 1, -2>, q = [@a::@b, f32, () -> i1]}> ({
  ^bb0(%c: tensor<i32>):
    %1 = stablehlo.compare LT, %c, %c, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  }, {}) {u, v = {w = unit}} : (!t, tensor<4x!quant.uniform<i8:f32, 1.0>>) -> (i1, i1)
  "t.use"(%0#1) : (i1) -> ()
  return
}
"#,
    r#"func.func @conv(%x: tensor<1x8x8x3xf32>, %k: tensor<3x3x3x4xf32>) {
  %0 = stablehlo.convolution(%x, %k) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window =
      {stride = [2, 2], pad = [[0, 1], [0, 1]], reverse = [true, false]} {batch_group_count = 1
      : i64, precision_config = [#stablehlo<precision DEFAULT>]}
      : (tensor<1x8x8x3xf32>, tensor<3x3x3x4xf32>) -> tensor<1x4x4x4xf32>
  return
}
"#,
    r#"func.func @loop(%a: tensor<i32>, %b: tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>) {
  %0:2 = stablehlo.while(%x = %a, %y = %b) : tensor<i32>, tensor<4xf32> attributes {n}
  cond { %1 = stablehlo.compare LT, %x, %a : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1> } do {
    %1 = stablehlo.add %y, %b : tensor<4xf32>
    stablehlo.return %x, %1 : tensor<i32>, tensor<4xf32> }
  return %0#0, %0#1 : tensor<i32>, tensor<4xf32>
}
"#,
    r#"func.func @more(%a: tensor<3x4xf32>, %s: tensor<f32>) {
  %0 = stablehlo.dot_general %a, %a, batching_dims = [0] x [0], contracting_dims = [1] x [1],
      precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = tf32>
      : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3xf32>
  %1 = stablehlo.slice %a [0:2, 1:4:2] : (tensor<3x4xf32>) -> tensor<2x2xf32>
  %2 = stablehlo.reduce_precision %a, format = e5m10 : tensor<3x4xf32>
  %3 = stablehlo.custom_call @"t g"(%a) {c = "\"x"} : (tensor<3x4xf32>) -> tensor<3xf32>
  %4 = stablehlo.composite "n" %a {decomposition = @d} : (tensor<3x4xf32>) -> tensor<3xf32>
  %5:2 = chlo.top_k(%a, k = 2) : tensor<3x4xf32> -> (tensor<3x2xf32>, tensor<3x2xi32>)
  %6 = stablehlo.tuple %a, %s : tuple<tensor<3x4xf32>, tensor<f32>>
  %7 = stablehlo.get_tuple_element %6[0] : (tuple<tensor<3x4xf32>, tensor<f32>>) -> tensor<3x4xf32>
  return
}
"#,
    r#"func.func @constants() {
  %0 = stablehlo.constant dense<"0x0100000002000000"> : tensor<2xi32>
  %1 = stablehlo.constant dense<[true, false]> : tensor<2xi1>
  %2 = stablehlo.constant dense<(1.0, 2.0)> : tensor<complex<f64>>
  %3 = stablehlo.constant dense_resource<w> : tensor<1xi32>
  %4 = stablehlo.constant dense<> : tensor<0x3xui8>
  return
}
{-# dialect_resources: { builtin: { w: "0x0400000007000000" } } #-}
"#,
    r#""builtin.module"() ({
  "func.func"() <{function_type = (tensor<4xf32>) -> tensor<4xf32>, sym_name = "main", res_attrs = [{a}]}> ({
  ^bb0(%arg0: tensor<4xf32>):
    "func.return"(%arg0) : (tensor<4xf32>) -> ()
  }) : () -> ()
}) {a = 1 : i32} : () -> ()
"#,
    r#"func.func @r(%a: tensor<4xf32>, %i: tensor<4xi32>, %z: tensor<f32>, %n: tensor<i32>) -> tensor<?xf32,
        #stablehlo.bounds<4>> {
  %0:2 = stablehlo.reduce(%a init: %z), (%i init: %n) across dimensions = [0]
      : (tensor<4xf32>, tensor<4xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)
   reducer(%p: tensor<f32>, %q: tensor<f32>) (%r: tensor<i32>, %s: tensor<i32>) {
    stablehlo.return %q, %r : tensor<f32>, tensor<i32>
  }
  %1:2 = chlo.scan(%a) inits(%z) dimension=0 { ^bb0(%x: tensor<f32>, %y: tensor<f32>): stablehlo.return %x,
      %y : tensor<f32>, tensor<f32> } : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)
  return
}
"#,
];

#[test]
fn the_programs_are_well() {
    PROGRAMS.iter().for_each(|program| drop(parse_text(program)));
}

#[test]
fn truncated_programs() {
    for program in PROGRAMS {
        for end in (0..program.len()).filter(|end| program.is_char_boundary(*end)) {
            // A prefix may be a program of its own; all that counts is that there is an answer.
            let _ = try_parse(&program[..end]);
        }
    }
}

#[test]
fn mutated_programs() {
    const ROUNDS: usize = 20_000;
    let pieces: Vec<&str> =
        r#"( ) { } [ ] < > , : = - -> %0 %0:99999999 @f #a !t " \ 0x 9223372036854775808 1.0e dense<
        tensor< 9999999x loc( stablehlo.return ^bb0 é {-#"#
            .split_whitespace()
            .collect();
    let mut state = 1u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for round in 0..ROUNDS {
        let mut text = PROGRAMS[round % PROGRAMS.len()].as_bytes().to_vec();
        for _ in 0..1 + random(3) {
            let start = random(text.len());
            let end = (start + random(6)).min(text.len());
            match random(4) {
                0 => drop(text.drain(start..end)),
                1 => drop(text.splice(start..end, pieces[random(pieces.len())].bytes())),
                2 => {
                    let from = random(text.len());
                    let piece = text[from..(from + random(60)).min(text.len())].to_vec();
                    drop(text.splice(start..start, piece));
                }
                _ => text[start] = b"(){}[]<>,:=-%@#!\"\\0x9aZ. \n?*"[random(28)],
            }
            if text.is_empty() {
                break;
            }
        }
        let _ = try_parse(&String::from_utf8_lossy(&text));
    }
}

#[test]
fn nesting_has_a_limit() {
    let nest = |open: &str, inner: &str, close: &str, depth: usize| open.repeat(depth) + inner + &close.repeat(depth);
    let attribute = |text: String| format!("func.func @f() {{ \"t.o\"() {{a = {text}}} : () -> () return }}");
    for depth in [10, 25, 1000, 100_000] {
        for text in [
            attribute(nest("[", "1", "]", depth)),
            attribute(nest("{x = ", "1", "}", depth)),
            attribute(nest("tuple<", "i1", ">", depth)),
            attribute(nest("() -> (", "i1", ")", depth)),
            attribute(nest("tensor<2xf32, ", "1", ">", depth)),
            attribute(nest("#stablehlo.dot<a = ", "1", ">", depth)),
            attribute(format!("loc({})", nest("fused[", "unknown", "]", depth))),
            attribute(format!("loc({})", nest("\"a\"(", "unknown", ")", depth))),
            attribute(format!("dense<{}> : tensor<1xi1>", nest("[", "1", "]", depth))),
            format!("func.func @f() {{ {} return }}", nest("\"t.o\"() ({ ", "", " }) : () -> ()", depth)),
            format!("func.func @f() {{ {} return }}", nest("stablehlo.while() cond {} do { ", "", " }", depth)),
            format!("{{-# {} #-}}", nest("a: {", "a: 1", "}", depth)),
        ] {
            let result = try_parse(&text);
            // Brackets that the shape does not have are an error of their own.
            let is_list = text.contains("dense<");
            assert_eq!(
                result.is_ok(),
                depth <= 25 && !is_list,
                "depth {depth}: {:?}",
                result.err().map(|error| error.to_string())
            );
        }
    }
    let text = attribute(nest("[", "1", "]", 100));
    check_error(&text, "1:94: expected at most 64 levels of nesting, found one more");
    // Brackets that are skipped are not nested in anything.
    parse_text(&attribute(nest("#other.x<", "1", ">", 100_000)));
}

#[test]
fn aliases_of_aliases_have_a_limit() {
    let mut types = String::from("!t0 = tensor<f32>\n");
    let mut attributes = String::from("#a0 = [1]\n");
    for index in 1..40 {
        writeln!(types, "!t{index} = tuple<!t{0}, !t{0}>", index - 1).unwrap();
        writeln!(attributes, "#a{index} = [#a{0}, #a{0}]", index - 1).unwrap();
    }
    check_error(&types, "9:1: expected an alias or encoding of at most 1024 parts, found 1277");
    check_error(&attributes, "9:1: expected an alias or encoding of at most 1024 parts, found 1277");
}

/// Texts of a megabyte or more that would take very long if anything were quadratic.
#[test]
fn long_texts_take_linear_time() {
    const N: usize = 20_000;
    let started = Instant::now();
    let mut chain = String::from("func.func @f(%0: tensor<4xf32>) {\n");
    for index in 0..N {
        writeln!(
            chain,
            "%{} = stablehlo.add %{index}, %{index}
            : tensor<4xf32> loc(\"x{index}\")",
            index + 1
        )
        .unwrap();
    }
    chain.push_str("return\n}");
    assert_eq!(parse_text(&chain).functions[0].values.len(), N + 1);

    let mut calls = chain.clone();
    (0..N).for_each(|index| write!(calls, "func.func @f{index}(%a: i1) {{return}}").unwrap());
    parse_text(&calls);

    let attributes: String = (0..N).map(|index| format!("a{index} = {index}, ")).collect();
    parse_text(&format!("func.func @f() {{ \"t.o\"() {{{attributes} z}} : () -> () return }}"));

    let blob = format!(
        "func.func @f() {{ %0 = stablehlo.constant dense<\"0x{}\"> : tensor<{}xf32> return }}",
        "0000803F".repeat(1_000_000),
        1_000_000
    );
    parse_text(&blob);

    let list = vec!["1.5"; 500_000].join(", ");
    parse_text(&format!("func.func @f() {{ %0 = stablehlo.constant dense<[{list}]> : tensor<500000xf32> return }}"));

    let name = "n".repeat(500_000);
    let types = vec!["i1"; 10_000].join(", ");
    parse_text(&format!("func.func @f() {{ %{name}:10000 = \"t.o\"() : () -> ({types}) return }}"));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
