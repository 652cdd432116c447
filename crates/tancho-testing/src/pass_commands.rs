//! The commands of file tests that optimise: `; test pass=NAME` and `; test pipeline`.
//!
//! The output is the graph as the pass leaves it. Beside it, without being asked, each file checks that
//! - the output verifies,
//! - the interpreter finds the same bits before and after, on seeded inputs full of special values, and
//! - the pass changes nothing when it runs a second time.

use tancho_interp::interpret;
use tancho_ir::{Graph, ParseOptions, Symbol, parse, verify};
use tancho_passes::{Context, Options, find_pass, optimize};
use tancho_tensor::Array;

use crate::filetest::{Command, Report, reports};
use crate::values::{Flavour, array};

/// `pass` and `pipeline`.
pub fn pass_commands() -> Vec<Command> {
    vec![
        Command {
            name: "pass",
            options: ParseOptions::default(),
            run: |graph, name| {
                let name = name.ok_or_else(|| vec![Report::new("no pass is named: `; test pass=NAME`")])?;
                run_pass(graph, name)
            },
            before_after: Some(means_the_same),
        },
        Command {
            name: "pipeline",
            options: ParseOptions::default(),
            run: |graph, _| {
                let options = Options { verify: true, ..Options::default() };
                optimized(graph, "pipeline", |graph| optimize(graph, &context(), &options).changes())
            },
            before_after: Some(means_the_same),
        },
    ]
}

/// A context that folds with the interpreter.
pub fn context() -> Context<'static> {
    Context::new(&|graph| interpret(graph, &[]).ok())
}

fn run_pass(graph: &Graph, name: &str) -> Result<String, Vec<Report>> {
    let pass =
        find_pass(&name.replace('-', "_")).ok_or_else(|| vec![Report::new(format!("no pass is named {name}"))])?;
    optimized(graph, pass.name, |graph| (pass.run)(graph, &context()).0)
}

fn optimized(graph: &Graph, name: &str, run: impl Fn(&mut Graph) -> usize) -> Result<String, Vec<Report>> {
    let mut graph = graph.clone();
    run(&mut graph);
    verify(&graph).map_err(|errors| reports(&errors))?;
    let output = graph.to_string();
    match run(&mut graph) {
        0 => Ok(output),
        changes => {
            Err(vec![Report::new(format!("{name} makes {changes} changes when it runs again:\n{output}{graph}"))])
        }
    }
}

fn means_the_same(before: &Graph, output: &str) -> Result<(), String> {
    let after = parse(output, "output").map_err(|error| error.to_string())?;
    check_same_meaning(before, &after)
}

/// Whether the interpreter finds the same bits for two graphs, for three sets of seeded inputs.
///
/// # Errors
/// The inputs for which it does not, or why it finds none.
pub fn check_same_meaning(before: &Graph, after: &Graph) -> Result<(), String> {
    for seed in 0..3 {
        let inputs = fitting_inputs(before, seed)?;
        let [expected, found] = [before, after].map(|graph| interpret(graph, &inputs));
        let (expected, found) = match (expected, found) {
            (Ok(expected), Ok(found)) => (expected, found),
            (Err(error), _) => return Err(format!("before: {error}")),
            (_, Err(error)) => return Err(format!("after: {error}")),
        };
        let same = expected.len() == found.len() && expected.iter().zip(&found).all(|(x, y)| x.same_bits(y));
        if !same {
            let list = |arrays: &[Array]| arrays.iter().map(|array| format!("{array}\n")).collect::<String>();
            let (inputs, expected, found) = (list(&inputs), list(&expected), list(&found));
            return Err(format!("the results differ for\n{inputs}before\n{expected}after\n{found}"));
        }
    }
    Ok(())
}

/// Inputs for the parameters, with the first size for all symbols that the graph's constraints permit.
fn fitting_inputs(graph: &Graph, seed: u64) -> Result<Vec<Array>, String> {
    for size in [3 + seed as i64, 1, 2, 4, 6, 8, 12] {
        let value_of = |_: &Symbol| Some(size);
        let fits = graph.constraints().iter().all(|constraint| constraint.relation.holds(&value_of) == Some(true));
        let shapes: Option<Vec<_>> = graph.parameter_types().map(|of| of.evaluate(&value_of)).collect();
        if let (true, Some(shapes)) = (fits, shapes) {
            let types = graph.parameter_types().zip(&shapes).enumerate();
            return Ok(types
                .map(|(position, (of, shape))| array(of.dtype, shape, Flavour::Wild, 100 * seed + position as u64))
                .collect());
        }
    }
    Err("no size that all symbols have at once fits the constraints of the graph".into())
}
