//! Programs that are damaged, deep, or large on purpose give an error, in bounded time, and never a panic.

use std::fmt::Write as _;
use std::path::Path;

use tancho_formats::stablehlo::{ImportError, ImportOptions, import_stablehlo};

fn import(text: &str) -> Result<(), ImportError> {
    let options = ImportOptions { checks: true, ..ImportOptions::default() };
    import_stablehlo(text, "damaged.mlir", &options).map(|imported| {
        // What is imported is a graph, whatever was damaged.
        tancho_ir::verify(&imported.graph).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    })
}

fn programs() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stablehlo_import/programs");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let program = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with("//"));
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    files.iter().map(|file| program(std::fs::read_to_string(file).unwrap())).collect()
}

/// A generator of numbers without a seed from outside.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

#[test]
fn words_that_are_exchanged_give_errors_or_graphs() {
    let programs = programs();
    let words: Vec<Vec<&str>> = programs.iter().map(|text| split(text)).collect();
    let pool: Vec<&str> = words.iter().flatten().copied().filter(|word| !word.trim().is_empty()).collect();
    let extra = ["-1", "0", "9223372036854775807", "?", "1x", "f64", "i1", "[]", "[0, 0]", "true"];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let rounds = if std::env::var_os("TANCHO_SLOW_TESTS").is_some() { 200_000 } else { 4_000 };
    for _ in 0..rounds {
        let mut text = words[numbers.below(words.len())].clone();
        for _ in 0..1 + numbers.below(3) {
            let place = numbers.below(text.len());
            match numbers.below(5) {
                0 => drop(text.remove(place)),
                1 => text[place] = extra[numbers.below(extra.len())],
                2 => {
                    // A word of the same kind keeps the text readable, so that the damage gets to the importer.
                    let kind = kind_of(text[place]);
                    let same: Vec<&str> = pool.iter().copied().filter(|word| kind_of(word) == kind).collect();
                    if !same.is_empty() {
                        text[place] = same[numbers.below(same.len())];
                    }
                }
                3 => {
                    let other = numbers.below(text.len());
                    text.swap(place, other);
                }
                _ => text[place] = pool[numbers.below(pool.len())],
            }
            if text.is_empty() {
                text.push("module");
            }
        }
        let _ = import(&text.concat());
    }
}

/// Words, numbers and punctuation, with the space between them.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%' | '@' | '#');
        let end = match word(first) {
            true => rest.find(|c: char| !word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (part, behind) = rest.split_at(end);
        parts.push(part);
        rest = behind;
    }
    parts
}

fn kind_of(word: &str) -> char {
    match word.chars().next() {
        Some(c) if c.is_ascii_digit() => '0',
        Some(c) if c.is_ascii_alphabetic() && word.contains('.') => 'o',
        Some(c) if c.is_ascii_alphabetic() => 'a',
        Some(c) => c,
        None => ' ',
    }
}

#[test]
fn truncated_programs_give_errors_or_graphs() {
    for text in programs() {
        for (end, _) in text.char_indices().step_by(7) {
            let _ = import(&text[..end]);
        }
    }
}

/// A chain of functions, each of which calls the next one `calls` times.
fn chain(length: usize, calls: usize) -> String {
    let mut text = String::new();
    for number in 0..length {
        let name = if number == 0 { "main".to_owned() } else { format!("f{number}") };
        let _ = writeln!(text, "func.func @{name}(%x: tensor<f32>) -> tensor<f32> {{");
        let mut last = "%x".to_owned();
        for call in 0..calls {
            let next = number + 1;
            let _ = match next < length {
                true => writeln!(text, "  %{call} = call @f{next}({last}) : (tensor<f32>) -> tensor<f32>"),
                false => writeln!(text, "  %{call} = stablehlo.add {last}, {last} : tensor<f32>"),
            };
            last = format!("%{call}");
        }
        let _ = writeln!(text, "  return {last} : tensor<f32>\n}}");
    }
    text
}

#[test]
fn calls_that_double_are_shared() {
    import(&chain(60, 2)).unwrap();
}

#[test]
fn deep_calls_are_refused() {
    let error = import(&chain(100_000, 1)).unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    assert!(error.to_string().contains("within one another"), "{error}");
}

/// Functions that make shapes from values and double with every call: each call stands in its place.
#[test]
fn calls_in_place_that_double_are_bounded() {
    let mut text = String::new();
    for number in 0..60 {
        let name = if number == 0 { "main".to_owned() } else { format!("f{number}") };
        let next = number + 1;
        let _ = writeln!(text, "func.func @{name}(%x: tensor<?xf32>, %n: tensor<1xi32>) -> tensor<?xf32> {{");
        if number == 0 {
            text.push_str("  %d = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?xf32>) -> tensor<i32>\n");
            text.push_str("  %m = stablehlo.reshape %d : (tensor<i32>) -> tensor<1xi32>\n");
        } else {
            text.push_str("  %m = stablehlo.add %n, %n : tensor<1xi32>\n");
        }
        for call in 0..2 {
            let _ = match number == 59 {
                false => writeln!(
                    text,
                    "  %{call} = call @f{next}(%x, %m) : (tensor<?xf32>, tensor<1xi32>) -> tensor<?xf32>"
                ),
                true => {
                    writeln!(text, "  %{call} = stablehlo.dynamic_iota %m, dim = 0 : (tensor<1xi32>) -> tensor<?xf32>")
                }
            };
        }
        text.push_str("  return %1 : tensor<?xf32>\n}\n");
    }
    let error = import(&text).unwrap_err();
    assert!(error.is_unsupported(), "{error}");
}

#[test]
fn deep_regions_do_not_exhaust_the_stack() {
    for depth in [20, 60, 63] {
        let mut text = String::from("func.func @main(%p: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {\n");
        for level in 0..depth {
            let _ = writeln!(text, "%{level} = \"stablehlo.if\"(%p) ({{");
        }
        text.push_str("stablehlo.return %x : tensor<f32>\n");
        for level in (0..depth).rev() {
            text.push_str("}, {\nstablehlo.return %x : tensor<f32>\n}) : (tensor<i1>) -> tensor<f32>\n");
            let _ = match level {
                0 => writeln!(text, "return %0 : tensor<f32>\n}}"),
                level => writeln!(text, "stablehlo.return %{level} : tensor<f32>"),
            };
        }
        let _ = import(&text);
    }
}

#[test]
fn huge_splats_take_no_memory() {
    import(
        "func.func @main() -> tensor<1000000x1000000xf32> {
           %0 = stablehlo.constant dense<1.0> : tensor<1000000x1000000xf32>
           return %0 : tensor<1000000x1000000xf32>
         }",
    )
    .unwrap();
}

/// Sizes that double with every op.
#[test]
fn long_sizes_are_refused() {
    let mut text = String::from("func.func @main(%x0: tensor<?xf32>) -> tensor<?xf32> {\n");
    for step in 0..60 {
        let next = step + 1;
        let _ = writeln!(
            text,
            "%s{step} = stablehlo.pad %x{step}, %c, low = [0], high = [0], interior = [1] : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
             %x{next} = stablehlo.concatenate %x{step}, %s{step}, dim = 0 : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>"
        );
    }
    text = text.replacen("{\n", "{\n%c = stablehlo.constant dense<1.0> : tensor<f32>\n", 1);
    text.push_str("return %x60 : tensor<?xf32>\n}");
    let error = import(&text).unwrap_err();
    assert!(error.is_unsupported(), "{error}");
}
