//! The parser on texts that nobody meant: it gives an error or a graph that prints, and comes back in either case.

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

use tancho_ir::{Dim, Graph, Span, TensorType, parse, verify};
use tancho_tensor::DType;
use tancho_testing::samples::{samples, symbolic_samples};
use tancho_testing::values::Generator;

/// Texts of many ops, small enough to be damaged thousands of times.
fn texts() -> Vec<String> {
    let all = samples().into_iter().chain(symbolic_samples());
    let small = all.filter(|sample| sample.elements() < 100).step_by(7);
    let mut texts: Vec<String> =
        small.map(|sample| sample.graph().to_string()).filter(|text| text.len() < 2000).collect();
    texts.push(
        "func @f(%x: f32[?n]\n loc(\"a.rs\":1:2 in \"b\" at \"c.rs\":3:4)) -> f32[?n] {\n  require ?n >= 1 loc(in \"d\")\n  \
         %\"y:0\" = abs %x : f32[?n] after(%x)\n  return %\"y:0\" as \"z\"\n}\n"
            .into(),
    );
    texts
}

/// What a text is damaged with.
const PIECES: [&str; 40] = [
    "%",
    "%0",
    "%x0",
    "@f",
    "?n",
    "?",
    "\"",
    "\"\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    ",",
    ":",
    "=",
    "->",
    ">=",
    "...",
    "#",
    "#1",
    "*",
    "-",
    "-1",
    "0",
    "9223372036854775808",
    "1e400",
    "0x",
    "nan",
    "f32",
    "f32[]",
    "floordiv(",
    "min(",
    "loc(",
    "dense<",
    "; ",
    "é",
];

fn damage(text: &str, generator: &mut Generator) -> String {
    let mut text = text.to_owned();
    for _ in 0..1 + generator.below(3) {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        let start = places[generator.below(places.len())];
        let end = (start + generator.below(12)).min(text.len());
        let end = places[places.partition_point(|&place| place < end)];
        match generator.below(4) {
            0 => text.replace_range(start..end, ""),
            1 => text.replace_range(start..end, PIECES[generator.below(PIECES.len())]),
            2 => text.insert_str(start, PIECES[generator.below(PIECES.len())]),
            _ => {
                let copied = text[start..end].to_owned();
                text.insert_str(places[generator.below(places.len())], &copied);
            }
        }
    }
    text
}

/// What must hold of any text.
fn check_any_text(text: &str) {
    if let Ok(graph) = parse(text, "damaged") {
        let printed = graph.to_string();
        let again =
            parse(&printed, "printed").unwrap_or_else(|error| panic!("{error}\nof\n{text}\nprinted\n{printed}"));
        assert_eq!(again.to_string(), printed, "of\n{text}");
        assert!(again == graph, "of\n{text}");
        // The verifier takes whatever the parser gives.
        let _ = verify(&graph).map_err(|errors| errors.to_string());
    }
}

#[test]
fn damaged_texts_never_panic() {
    let texts = texts();
    let mut generator = Generator::new(2024);
    // `TANCHO_SWEEP=1000000 cargo test` looks longer.
    let count = std::env::var("TANCHO_SWEEP").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000);
    for _ in 0..count {
        let text = damage(&texts[generator.below(texts.len())], &mut generator);
        check_any_text(&text);
    }
}

#[test]
fn every_start_of_a_text_is_an_error() {
    for text in texts() {
        for (place, _) in text.char_indices().filter(|(place, _)| *place + 2 < text.len()) {
            if parse(&text[..place], "start").is_ok() {
                // A text of several functions has starts that are texts.
                assert!(text[place..].trim_start().starts_with("func"), "{}", &text[..place]);
            }
        }
    }
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None::<Box<FileFailurePersistence>>.map(|it| it as _),
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn random_characters_never_panic() {
    let strategy = proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40);
    let result = runner(2000).run(&strategy, |pieces| {
        check_any_text(&format!("func @f(%x: f32[?n]) -> f32[?n] {{\n  %0 = {}", pieces.join(" ")));
        check_any_text(&pieces.concat());
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
}

/// Any size that the operations on sizes make.
fn any_dim() -> impl Strategy<Value = Dim> {
    let leaf = prop_oneof![
        (-4i64..10).prop_map(Dim::known),
        Just(Dim::known(i64::MAX)),
        Just(Dim::known(i64::MIN)),
        proptest::sample::select(vec!["a", "b", "n.1", "two words", "7"]).prop_map(Dim::symbol),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        (0..7, inner.clone(), inner).prop_map(|(choice, x, y)| match choice {
            0 => x + y,
            1 => x - y,
            2 => x * y,
            3 => x.floor_div(&y).unwrap_or(x),
            4 => x.modulo(&y).unwrap_or(x),
            5 => x.minimum(&y),
            _ => x.maximum(&y),
        })
    })
}

#[test]
fn sizes_read_back() {
    let result = runner(5000).run(&any_dim(), |dim| {
        let mut graph = Graph::new("f");
        let of = TensorType { dtype: DType::I8, dims: [dim].into_iter().collect() };
        let value = graph.add_parameter(Some("x"), of, Span::NONE);
        graph.set_results(vec![value]);
        let text = graph.to_string();
        match parse(&text, "sizes") {
            Ok(again) => prop_assert!(again == graph, "{text} reads back as {again}"),
            Err(error) => prop_assert!(error.message.contains("too long an expression"), "{error}: {text}"),
        }
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
}
