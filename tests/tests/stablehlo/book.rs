//! The text of `docs/stablehlo.md`: the tables are those that the importer and the exporter work by.

use std::fmt::Write as _;

use tancho_formats::stablehlo::{counterpart, supported_ops};
use tancho_testing::samples::prototypes;

const HEAD: &str = "\
# StableHLO

Tancho reads StableHLO text (`.mlir`) as `jax.jit(f).lower(x).as_text()` and `jax.export` write it, runs it, and writes its own graphs in it.
This document is generated from the code; `UPDATE=1 cargo test -p tancho-tests docs` writes it anew.

## Reading
`tancho run`, `bench`, `dump`, `check` and `export` take a `.mlir` file wherever they take an `.ir` file.
The program is the function `@main`, or the only public one; the functions that it calls come with it.
Inputs are named by position (`--input 0=x.npy`), and results are written as `0.npy`, `1.npy` and so on.

```sh
tancho run program.mlir --input 0=x.npy --input 1=y.npy --output-dir results
tancho dump program.mlir --stage traced
```

- Both spellings of an op are read, the pretty and the generic one; so are the check dialect of StableHLO's own tests and the pass-through custom calls of JAX.
- Element types are `f32`, `f64`, `f16`, `bf16`, `i8` to `i64`, `ui8` to `ui64` and `i1`. Complex numbers, floats of 8 bits or fewer, integers of fewer than 8 bits, and quantized types are errors that name the type and its place.
- A size `?` of an argument becomes a symbol. Ops on sizes are followed, so that the dynamic forms of ops become ordinary ops with sizes in their attributes; where a size depends on values of tensors, the error names the op.
- `shape_assertion` becomes a constraint of the program, which a call checks.
- Regions may use values from around them. Recursion is an error.
- A custom call of an unknown target is an op that the host may provide; without one the program does not run.
- Collectives, tokens that leave a function, and what is for several devices are errors.

Where StableHLO leaves a choice, Tancho's is that of [ops.md](ops.md).

## Writing
`tancho export PROGRAM --format stablehlo --output FILE.mlir` writes a program in MLIR's generic form, which JAX's bindings read.
Called graphs become private functions, and places in source files become locations.
A graph whose sizes have symbols is written with `?` and the dynamic forms of the ops.

Three things that a reader of the exported text may want to know:
- XLA folds a `reduce` or `reduce_window` of a single element without its initial value: it takes for granted that the value changes nothing.
- XLA drops the whole window of a `scatter` that crosses the border, where StableHLO and Tancho drop the elements outside.
- A `cholesky` of a matrix that is not positive definite is NaN as a whole with XLA, and only from the bad pivot on with Tancho.

## Conformance
`tancho conformance stablehlo DIR` runs programs that know their own results: StableHLO's own `testdata` suite, the fixtures in `tests/stablehlo`, or what you have.

```sh
tancho conformance stablehlo tests/stablehlo
tancho conformance stablehlo testdata --filter scatter --mode compiled --timeout 10 --jobs 2
```

- Every `.mlir` file in the folder and below it is read. In a self-checking file each public function without arguments is a case. A file `program.mlir` with `input.I.npy` and `output.J.npy` beside it is a case, and one for each `N` with `N.input.I.npy` and `N.output.J.npy`.
- A case is run by the interpreter and compiled; `--mode interpreted` or `--mode compiled` runs it in one way.
- Cases run in processes of their own, `--jobs` at a time. One that takes longer than `--timeout` seconds (60) in a mode, crashes, or wants more memory than `--memory-limit` (4 GiB) fails, and the run goes on behind it.
- There is a line for each failure with the file, the case, the mode and the reason. The last line is `N passed, N failed`, with the number of unsupported and disabled cases in brackets where there are any. The exit status is 1 after a failure.
- A file whose first lines have `RUN-DISABLED` is run all the same: it counts as passed when it passes, and is shown as disabled, with its reason, when it does not.
- A case that is beyond what is supported counts as unsupported, by reason, not as failed.

| Check | Holds when |
| --- | --- |
| `check.expect_eq` | the elements are equal as numbers, or both are NaN |
| `check.expect_almost_eq` | the elements differ by at most the tolerance, or are equal, or both are NaN |
| `check.expect_close` | the elements are at most 3 units in the last place apart (or what `max_ulp_difference` says), counted through zero; two NaNs are 0 apart, and other values that are not finite must be equal |
| values in files | floats differ by at most `--atol` plus `--rtol` times what is expected (1e-5 each; at least 1e-2 where the program uses `bf16`, 1e-3 where it uses `f16`); integers are equal |
";

/// The document.
pub fn write_stablehlo_book() -> String {
    let mut out = HEAD.to_owned();
    let (supported, others): (Vec<_>, Vec<_>) = supported_ops().partition(|entry| entry.supported);
    // Writing to a string cannot fail.
    let _ = write!(out, "\n## What is read\n{} ops are read.\n\n| Op | Becomes |\n| --- | --- |\n", supported.len());
    for entry in supported {
        let _ = writeln!(out, "| `{}` | {} |", entry.name, cell(entry.how));
    }
    let _ = write!(out, "\n### What is not read\n| Op | Why |\n| --- | --- |\n");
    for entry in others {
        let _ = writeln!(out, "| `{}` | {} |", entry.name, cell(entry.how));
    }
    let _ = write!(
        out,
        "\n## What is written\nEvery op of Tancho but the effects has a counterpart.\n\n| Op | Becomes |\n| --- | --- |\n"
    );
    for op in prototypes() {
        let _ = writeln!(out, "| [`{}`](ops.md) | {} |", op.name(), cell(&counterpart(&op)));
    }
    out
}

/// A text that does not end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
