//! Modules, functions, aliases and locations.

use tancho_formats::stablehlo::syntax::{Origin, Type, Visibility};

use crate::{parse_text, write_module};

const PROGRAM: &str = r#"
// What a program writes for a function of two arguments.
#loc1 = loc("x")
module @jit_f attributes {mhlo.num_partitions = 1 : i32, jax.uses_shape_polymorphism = false} {
  func.func public @main(%arg0: tensor<4xf32> {jax.buffer_donor = true} loc("x"), %arg1: tensor<4xf32> loc(#loc1))
      -> (tensor<4xf32> {jax.result_info = "result"}) attributes {note} {
    %0 = stablehlo.add %arg0, %arg1 : tensor<4xf32> loc(#loc4)
    return %0 : tensor<4xf32> loc(#loc)
  } loc(#loc)
  func.func private @declared(tensor<f32> {a = 1 : i64}, tensor<i32>) -> tensor<f32>
} loc(#loc)
#loc = loc(unknown)
#loc2 = loc("model.py":12:3 to :9)
#loc3 = loc(callsite(#loc2 at "main.py":1:1))
#loc4 = loc("jit(f)/add"(#loc3))
"#;

#[test]
fn a_program() {
    let module = parse_text(PROGRAM);
    assert_eq!(module.name.as_deref(), Some("jit_f"));
    assert_eq!(module.attributes.integer("mhlo.num_partitions"), Some(1));
    let main = module.function("main").unwrap();
    assert_eq!(main.visibility, Visibility::Public);
    assert_eq!(main.arguments[0].attributes.boolean("jax.buffer_donor"), Some(true));
    assert_eq!(main.results[0].attributes.string("jax.result_info"), Some("result"));
    assert!(main.attributes.contains("note"));
    let body = main.body.as_ref().unwrap();
    let add = &body.operations[0];
    assert_eq!((add.position.line, add.position.column), (7, 10));
    let expected = Origin { name: Some("jit(f)/add"), file: Some(("model.py", 12, 3)) };
    assert_eq!(module.origin(add.location.unwrap()), expected);
    assert_eq!(expected.to_string(), "jit(f)/add (model.py:12:3)");
    for argument in &main.arguments {
        assert_eq!(module.origin(argument.location.unwrap()).name, Some("x"));
    }
    let declared = module.function("declared").unwrap();
    assert_eq!((declared.visibility, declared.body.is_none()), (Visibility::Private, true));
    assert_eq!((declared.arguments[0].value, declared.arguments[0].attributes.integer("a")), (None, Some(1)));
}

#[test]
fn the_generic_form_of_a_program() {
    let generic = parse_text(
        r#"
"builtin.module"() <{sym_name = "jit_f"}> ({
  "func.func"() <{arg_attrs = [{jax.buffer_donor = true}, {}],
      function_type = (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>,
      res_attrs = [{jax.result_info = "result"}], sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%arg0: tensor<4xf32> loc("x"), %arg1: tensor<4xf32>):
    %0 = "stablehlo.add"(%arg0, %arg1) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    "func.return"(%0) : (tensor<4xf32>) -> ()
  }) {note} : () -> ()
  "func.func"() <{arg_attrs = [{a = 1 : i64}, {}], function_type = (tensor<f32>, tensor<i32>) -> tensor<f32>,
      sym_name = "declared", sym_visibility = "private"}> ({
  }) : () -> ()
}) {mhlo.num_partitions = 1 : i32, jax.uses_shape_polymorphism = false} : () -> ()
"#,
    );
    assert_eq!(write_module(&generic), write_module(&parse_text(PROGRAM)));
}

#[test]
fn functions_without_a_module() {
    let module = parse_text("func.func @a() { return }\nfunc @b() -> () { func.return }");
    let names: Vec<_> = module.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!((module.name, names), (None, vec!["a", "b"]));
}

#[test]
fn aliases() {
    let module = parse_text(
        "!t = tensor<2xf32>
         !pair = tuple<!t, !t>
         #one = dense<1.0> : !t
         #list = [#one, 3 : i64]
         func.func @f(%a: !t, %b: !pair) -> !t {
           %0 = stablehlo.constant #one
           %1 = stablehlo.add %0, %a {list = #list} : !t
           return %1 : !t
         }",
    );
    let function = &module.functions[0];
    assert_eq!(function.arguments[1].ty.to_string(), "tuple<tensor<2xf32>, tensor<2xf32>>");
    let add = &function.body.as_ref().unwrap().operations[1];
    assert_eq!(add.attribute("list").unwrap().as_array().unwrap().len(), 2);
    assert!(matches!(add.result_types[0], Type::Tensor(_)));
}

#[test]
fn locations_of_all_kinds() {
    let locate = |location: &str| {
        let module = parse_text(&format!("func.func @f() {{ return loc({location}) }}\n#loop = loc(\"a\"(#loop))"));
        let id = module.functions[0].body.as_ref().unwrap().operations[0].location.unwrap();
        module.origin(id).to_string()
    };
    assert_eq!(locate("unknown"), "unknown");
    assert_eq!(locate("\"f.py\":1:2"), "f.py:1:2");
    assert_eq!(locate("\"f.py\":1:2 to 3:4"), "f.py:1:2");
    assert_eq!(locate("\"name\""), "name");
    assert_eq!(locate("\"name\"(\"f.py\":1:2)"), "name (f.py:1:2)");
    assert_eq!(locate("callsite(\"a\" at \"b\")"), "a");
    assert_eq!(locate("fused[\"a\"(\"f.py\":1:2), \"b\"]"), "a (f.py:1:2)");
    assert_eq!(locate("fused<\"meta\">[\"a\"]"), "a");
    assert_eq!(locate("fused[]"), "unknown");
    assert_eq!(locate("#nowhere"), "unknown");
    assert_eq!(locate("#loop"), "a");
}

#[test]
fn other_symbols_of_a_module() {
    let module = parse_text("module { sdy.mesh @mesh = <[\"x\"=2]> loc(unknown)\n func.func @f() { return } }");
    assert_eq!(module.other_symbols, [("sdy.mesh".to_owned(), "mesh".to_owned())]);
}
