//! What is wrong, and where.

use crate::{check_error, function};

#[track_caller]
fn check_op(op: &str, expected: &str) {
    check_error(&function("%a: tensor<4xf32>", op), &format!("2:{expected}"));
}

#[test]
fn names_of_values() {
    check_op("%0 = stablehlo.abs %b : tensor<4xf32>", "20: expected a value that is defined before, found %b");
    check_op("%a = stablehlo.abs %a : tensor<4xf32>", "1: expected a name that is not in use, found %a");
    check_op("%0 = stablehlo.abs %0 : tensor<4xf32>", "20: expected a value that is defined before, found %0");
    check_op("%0 = stablehlo.abs %a#1 : tensor<4xf32>", "20: expected one of 1 results, found %a#1");
    check_op("%0:2 = stablehlo.abs %a : tensor<4xf32>", "8: expected 1 results of stablehlo.abs, found names for 2");
    check_op("%0:0 = stablehlo.abs %a : tensor<4xf32>", "4: expected a number of results, found 0");
    check_error(
        "func.func @f(%a: tensor<f32>) { return }\nfunc.func @g() { return %a : tensor<f32> }",
        "2:25: expected a value that is defined before, found %a",
    );
    check_error("func.func @f(%a: i1, %a: i1) { return }", "1:22: expected a name that is not in use, found %a");
}

#[test]
fn types_of_values() {
    check_op(
        "%0 = stablehlo.abs %a : tensor<5xf32>",
        "6: expected stablehlo.abs to take %a as tensor<4xf32>, which it is, found tensor<5xf32>",
    );
    check_op(
        "%0 = stablehlo.add %a, %a : (tensor<4xf32>) -> tensor<4xf32>",
        "6: expected types of the 2 operands of stablehlo.add, found 1",
    );
    check_op(
        "%0 = stablehlo.select %a, %a, %a : tensor<4xf32>",
        "36: expected the types of stablehlo.select, found others",
    );
    check_op("%0 = stablehlo.abs %a : tensor<4yf32>", "33: expected 'x' after a size, found something else");
    check_op("%0 = stablehlo.abs %a : tensor<4x>", "34: expected a type, found '>'");
    check_op("%0 = stablehlo.abs %a : !unknown", "25: expected a type alias that is defined before, found '!unknown'");
}

#[test]
fn spellings() {
    check_op("%0 = stablehlo.pad %a, lo = [1] : tensor<4xf32>", "24: expected a keyword of stablehlo.pad, found lo");
    check_op("%0 = stablehlo.add %a, : tensor<4xf32>", "24: expected a value, found ':'");
    check_op(
        "%0 = stablehlo.reduce_precision %a, format = e5 : tensor<4xf32>",
        "46: expected a float format such as e5m10, found e5",
    );
    check_op("%0 = stablehlo.slice %a [0] : tensor<4xf32>", "27: expected ':', found ']'");
    check_op(
        "%0 = \"t.o\"(%a) {a = 1, a = 2} : (tensor<4xf32>) -> i1",
        "17: expected attributes with different names, found a twice",
    );
    check_op("%0 = \"t.o\"(%a)[^bb1] : () -> ()", "15: expected an op without successors, found '['");
    check_op(
        "%0 = tosa.add %a, %a : tensor<4xf32>",
        "15: expected an op of StableHLO, CHLO or func in this spelling; others in the generic form, found tosa.add",
    );
    check_op(
        "%0 = \"t.o\"() {a = #nothing} : () -> i1",
        "19: expected an attribute alias that is defined before, found '#nothing'",
    );
    check_op("%0 = \"unclosed", "15: expected the end of a string, found '\\n'");
    check_op(
        "%0 = \"t.o\"() {a = \"\\q\"} : () -> i1",
        "19: expected one of the escapes \\n, \\t, \\\", \\\\, \\xx, found another one",
    );
    check_op("&", "1: expected a token of MLIR, found '&'");
    check_op("é", "1: expected a token of MLIR, found 'é'");
}

#[test]
fn modules() {
    check_error("module {", "1:9: expected '}', found the end of the file");
    check_error("module {} module {}", "1:11: expected one module, found 'module'");
    check_error("module {} func.func @f() {return}", "1:11: expected the end of the file, found 'func.func'");
    check_error(
        "func.func @f() {return} func.func @f() {return}",
        "1:25: expected functions with different names, found @f twice",
    );
    check_error(
        "func.func @f(i1) {return}",
        "1:18: expected a declaration, since the arguments have no names, found '{'",
    );
    check_error("func.func @f() { return\n^bb1: return }", "2:1: expected a region of one block, found '^bb1'");
    check_error(
        "\"func.func\"() ({}) : () -> ()",
        "1:1: expected the attributes sym_name and function_type, found none",
    );
    check_error("hello", "1:1: expected func.func, found 'hello'");
}
