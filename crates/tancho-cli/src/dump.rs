//! `tancho dump`: a program at a stage of its compilation, as text or as a picture.

use std::cell::RefCell;
use std::sync::Arc;

use tancho_ir::{Graph, PrintOptions, print, to_dot};
use tancho_passes::{Context, Moment, Options, find_pass, optimize};
use tancho_runtime::{CompileError, CompileOptions, Executable, Stage};
use tancho_tensor::Array;

use crate::args::{After, DumpArguments, Format, StageName};
use crate::error::CliError;
use crate::program::read_program;

pub fn dump(arguments: &DumpArguments) -> Result<String, CliError> {
    let stage = arguments.stage.unwrap_or(StageName::Optimized);
    if arguments.after.is_some() && stage != StageName::Optimized {
        return Err(CliError::AfterWithoutPasses { stage });
    }
    let graph = read_program(&arguments.program)?;
    match stage {
        StageName::Traced => Ok(dump_graph(&graph, arguments)),
        StageName::Optimized => match &arguments.after {
            Some(after) => Ok(dump_graph(&graph_after(graph, after)?, arguments)),
            None => Ok(dump_graph(compile(graph)?.optimized(), arguments)),
        },
        StageName::Kernels => dump_code(graph, Stage::Kernels, arguments.format),
        StageName::Clif => dump_code(graph, Stage::Clif, arguments.format),
        StageName::Asm => dump_code(graph, Stage::Asm, arguments.format),
    }
}

fn compile(graph: Graph) -> Result<Arc<Executable>, CompileError> {
    Executable::compile(graph, &CompileOptions::default())
}

fn dump_code(graph: Graph, stage: Stage, format: Format) -> Result<String, CliError> {
    let executable = compile(graph)?;
    Ok(match format {
        Format::Text => executable.dump(stage),
        Format::Dot => executable.to_dot(stage),
    })
}

fn dump_graph(graph: &Graph, arguments: &DumpArguments) -> String {
    match arguments.format {
        Format::Text => {
            let options = PrintOptions { spans: !arguments.no_locations, elide_above: arguments.elide };
            print(graph, &options)
        }
        Format::Dot => to_dot(graph),
    }
}

/// The graph as a run of a pass leaves it.
fn graph_after(mut graph: Graph, after: &After) -> Result<Graph, CliError> {
    let Some(pass) = find_pass(&after.pass) else {
        return Err(CliError::UnknownPass { name: after.pass.clone() });
    };
    let seen: RefCell<(usize, Option<Graph>)> = RefCell::default();
    let observe = |name: &'static str, moment: Moment, graph: &Graph| {
        if name == pass.name && moment == Moment::After {
            let (runs, found) = &mut *seen.borrow_mut();
            *runs += 1;
            if *runs == after.run {
                *found = Some(graph.clone());
            }
        }
    };
    optimize(&mut graph, &Context::new(&evaluate), &Options { observe: Some(&observe), ..Options::default() });
    let (last, found) = seen.into_inner();
    found.ok_or(CliError::PassRun { name: pass.name, asked: after.run, last })
}

/// Constants are folded by compiled code, as they are when the program is compiled.
fn evaluate(graph: &Graph) -> Option<Vec<Array>> {
    let options = CompileOptions { optimize: false, ..CompileOptions::default() };
    let executable = Executable::compile(graph.clone(), &options).ok()?;
    Some(executable.call(&mut []).ok()?.into_vec())
}
