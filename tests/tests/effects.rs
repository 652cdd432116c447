//! Effects happen in the order of the program: by the interpreter and compiled, fused or not, optimised or not, on any
//! number of threads.

use std::cell::RefCell;
use std::sync::{Arc, Once};

use tancho_interp::{Host, interpret_hosted};
use tancho_ir::{Graph, parse};
use tancho_runtime::{Argument, CompileOptions, Executable, register_host_function, set_print_sink, set_threads};
use tancho_tensor::Array;

thread_local! {
    /// What was printed, and what functions of the host were called with, on this thread.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(line: &str) {
    LINES.with_borrow_mut(|lines| lines.push(line.to_owned()));
}

/// Lets programs print to the list of the thread that calls them, so that tests can run side by side.
fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = set_print_sink(Some(Arc::new(note)));
        register_host_function("effects.note", |call, operands| Ok(host_note(&call.config, operands)));
    });
}

/// Notes its configuration and operands, and gives the operands.
fn host_note(config: &str, operands: &[Array]) -> Vec<Array> {
    let operands: Vec<Array> = operands.to_vec();
    note(&format!("{config} {}", operands.iter().map(Array::to_string).collect::<Vec<_>>().join(" ")));
    operands
}

/// The lines that a run prints, and the error that it ends with.
type Outcome = (Vec<String>, Option<String>);

fn lines_of(run: impl FnOnce() -> Result<(), String>) -> Outcome {
    LINES.take();
    let error = run().err();
    (LINES.take(), error)
}

/// The ways to run a graph, each with its name.
fn runs(graph: &Graph, arguments: &[Array]) -> Vec<(String, Outcome)> {
    capture();
    let interpret = || {
        let host = Host { custom_calls: &|call, operands| Some(Ok(host_note(&call.config, operands))), print: &note };
        interpret_hosted(graph, arguments, &host).map(drop).map_err(|error| error.to_string())
    };
    let mut runs = vec![("interpreter".to_owned(), lines_of(interpret))];
    for (fuse, optimize) in [(false, false), (true, false), (false, true), (true, true)] {
        let executable = Executable::compile(graph.clone(), &CompileOptions { fuse, optimize })
            .unwrap_or_else(|error| panic!("{error}\n{graph}"));
        for threads in [1, 4] {
            set_threads(threads);
            let call = || {
                let mut lent: Vec<Argument<'_>> = arguments.iter().map(Argument::Lend).collect();
                executable.call(&mut lent).map(drop).map_err(|error| error.to_string())
            };
            let name = format!("fuse {fuse}, optimize {optimize}, {threads} threads");
            runs.push((name, lines_of(call)));
            let give = || {
                let copies = arguments.iter().map(|array| Argument::Give(copy(array)));
                executable.call(&mut copies.collect::<Vec<_>>()).map(drop).map_err(|error| error.to_string())
            };
            runs.push((format!("given arguments, fuse {fuse}, optimize {optimize}"), lines_of(give)));
        }
    }
    runs
}

fn copy(array: &Array) -> Array {
    tancho_tensor::with_element!(array.dtype(), T => {
        Array::new(array.shape().clone(), array.elements::<T>().expect("its dtype")).expect("memory for a test")
    })
}

fn vector(elements: &[f32]) -> Array {
    Array::new([elements.len()], elements).expect("memory for a test")
}

#[track_caller]
fn check(text: &str, arguments: &[Array], expected: &[&str]) {
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    tancho_ir::verify(&graph).unwrap_or_else(|errors| panic!("{errors}"));
    for (name, (lines, error)) in runs(&graph, arguments) {
        assert_eq!(lines, expected, "{name}");
        assert_eq!(error, None, "{name}");
    }
}

/// Checks the lines before a failing assertion, and the beginning of the error.
#[track_caller]
fn check_failure(text: &str, arguments: &[Array], expected: &[&str], message: &str) {
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    for (name, (lines, error)) in runs(&graph, arguments) {
        assert_eq!(lines, expected, "{name}");
        let error = error.unwrap_or_else(|| panic!("{name}: no error"));
        // The interpreter says behind the message which graphs it was in.
        assert!(error.starts_with(message), "{name}: {error}");
        assert!(name == "interpreter" || error == message, "{name}: {error}");
    }
}

/// Prints twice what it takes, and gives one more.
const LOG: &str = "
    func @log(%x: i32[]) -> i32[] {
        %a:0 = print %x, format=\"log {}\" : ()
        %one = constant 1 : i32[]
        %y = add %x, %one : i32[]
        %b:0 = print %y, format=\"logged {}\" : () after(%a)
        return %y }
    func @below_two(%i: i32[], %x: f32[3]) -> bool[] {
        %two = constant 2 : i32[]
        %less = compare %i, %two, lt : bool[]
        return %less }";

#[test]
fn callees_loops_and_branches_print_in_program_order() {
    let text = format!(
        "{LOG}
        func @turn(%i: i32[], %x: f32[3]) -> (i32[], f32[3]) {{
            %double = add %x, %x : f32[3]
            %p:0 = print %i, %x, format=\"turn {{}}: {{}}\" : ()
            %next = call @log(%i) : i32[] after(%p)
            %q:0 = print %double, format=\"then {{}}\" : () after(%next)
            return %next, %double }}
        func @yes(%x: f32[3]) -> f32[3] {{
            %p:0 = print format=\"yes\" : ()
            %y = negate %x : f32[3]
            %q:0 = print %y, format=\"{{}}\" : () after(%p)
            return %y }}
        func @no(%x: f32[3]) -> f32[3] {{
            %p:0 = print format=\"no\" : ()
            return %x }}
        func @main(%x: f32[3]) -> f32[3] {{
            %zero = constant 0 : i32[]
            %c0 = call @log(%zero) : i32[]
            %p0:0 = print format=\"begin {{{{}}}}\" : () after(%c0)
            %w:2 = while %zero, %x, condition=@below_two, body=@turn : (i32[], f32[3]) after(%p0)
            %c1 = call @log(%w#0) : i32[] after(%w)
            %true = constant true : bool[]
            %false = constant false : bool[]
            %b0 = case %false, %w#1, branches=[@no, @yes] : f32[3] after(%c1)
            %b1 = case %true, %b0, branches=[@no, @yes] : f32[3] after(%b0)
            %p1:0 = print %x, format=\"end {{}}\" : () after(%b1)
            return %b1 }}"
    );
    let [one, two, four, minus] = [1f32, 2.0, 4.0, -4.0].map(|scale| vector(&[scale, 2.0 * scale, 3.0 * scale]));
    check(
        &text,
        std::slice::from_ref(&one),
        &[
            "log 0",
            "logged 1",
            "begin {}",
            &format!("turn 0: {one}"),
            "log 0",
            "logged 1",
            &format!("then {two}"),
            &format!("turn 1: {two}"),
            "log 1",
            "logged 2",
            &format!("then {four}"),
            "log 2",
            "logged 3",
            "no",
            "yes",
            &minus.to_string(),
            &format!("end {one}"),
        ],
    );
}

/// Without its order, each of these would happen elsewhere: what is computed first is printed last.
#[test]
fn the_order_of_effects_is_not_that_of_values() {
    check(
        "func @say(%x: i32[]) -> () { %p:0 = print %x, format=\"said {}\" : () return }
         func @say_twice(%x: i32[]) -> () {
            %a:0 = call @say(%x) : ()
            %b:0 = call @say(%x) : () after(%a)
            return }
         func @main(%x: i32[]) -> () {
            %a:0 = call @say_twice(%x) : ()
            %y = negate %x : i32[]
            %b:0 = print %y, format=\"negated {}\" : () after(%a)
            %c:0 = call @say_twice(%y) : () after(%b)
            %d = custom_call %x, target=\"effects.note\", config=\"host\", has_side_effect=true : i32[] after(%c)
            %e:0 = print %x, format=\"end {}\" : () after(%d)
            return }",
        &[Array::scalar(3i32)],
        &["said 3", "said 3", "negated -3", "said -3", "said -3", "host 3", "end 3"],
    );
}

/// A condition prints once more than the body; neither result is used.
#[test]
fn effects_happen_without_anybody_who_uses_results() {
    check(
        "func @below(%i: i32[]) -> bool[] {
            %three = constant 3 : i32[]
            %less = compare %i, %three, lt : bool[]
            %p:0 = print %i, %less, format=\"{} {}\" : ()
            return %less }
         func @next(%i: i32[]) -> i32[] {
            %one = constant 1 : i32[]
            %j = add %i, %one : i32[]
            return %j }
         func @loop(%i: i32[]) -> i32[] {
            %w = while %i, bound=3, condition=@below, body=@next : i32[]
            return %w }
         func @unused(%i: i32[]) -> i32[] { return %i }
         func @main(%i: i32[]) -> () {
            %a = call @loop(%i) : i32[]
            %b = call @unused(%a) : i32[] after(%a)
            %c = custom_call %i, target=\"effects.note\", config=\"note\", has_side_effect=true : i32[] after(%b)
            %d = case %i, %i, branches=[@unused, @loop] : i32[] after(%c)
            return }",
        &[Array::scalar(1i32)],
        &["1 true", "2 true", "3 false", "note 1", "1 true", "2 true", "3 false"],
    );
}

/// The memory of a value that is printed later is not written over by what is computed in its place.
#[test]
fn printed_values_are_those_of_the_program() {
    check(
        "func @never(%x: f32[2]) -> bool[] { %0 = constant false : bool[] return %0 }
         func @same(%x: f32[2]) -> f32[2] { return %x }
         func @main(%x: f32[2], %i: i32[]) -> f32[2] {
            %y = negate %x : f32[2]
            %one = constant dense<1.0> : f32[1]
            %u = dynamic_update_slice %y, %one, %i : f32[2]
            %v = dynamic_update_slice %u, %one, %i : f32[2]
            %a:0 = print %y, format=\"{}\" : ()
            %w = while %v, condition=@never, body=@same : f32[2] after(%a)
            %b:0 = print %u, %x, format=\"{} {}\" : () after(%w)
            return %w }",
        &[vector(&[5.0, 6.0]), Array::scalar(1i32)],
        &[&vector(&[-5.0, -6.0]).to_string(), &format!("{} {}", vector(&[-5.0, 1.0]), vector(&[5.0, 6.0]))],
    );
}

const COUNTED: &str = "
    func @below(%i: i32[], %limit: i32[]) -> bool[] {
        %less = compare %i, %limit, lt : bool[]
        return %less }
    func @check(%i: i32[], %limit: i32[]) -> i32[] {
        %two = constant 2 : i32[]
        %less = compare %i, %two, lt : bool[]
        %a:0 = print %i, format=\"turn {}\" : ()
        %b:0 = assert %less, %i, %limit, message=\"{} of {}\" : () after(%a) loc(\"model.rs\":7:3)
        %one = constant 1 : i32[]
        %j = add %i, %one : i32[]
        return %j }";

#[test]
fn an_assertion_in_a_loop_fails_with_message_and_span() {
    let text = format!(
        "{COUNTED}
         func @main(%limit: i32[]) -> i32[] {{
            %zero = constant 0 : i32[]
            %w = while %zero, %limit, condition=@below, body=@check : i32[]
            %p:0 = print %w, format=\"done {{}}\" : () after(%w)
            return %w }}"
    );
    check(&text, &[Array::scalar(2i32)], &["turn 0", "turn 1", "done 2"]);
    let message = "assertion failed: 2 of 4 (model.rs:7:3)";
    check_failure(&text, &[Array::scalar(4i32)], &["turn 0", "turn 1", "turn 2"], message);
}

#[test]
fn an_assertion_in_a_callee_names_the_call() {
    let text = "
        func @positive(%x: f32[?n]) -> () {
            %zero = constant 0.0 : f32[]
            %zeros = broadcast_in_dim %zero, dims=[] : f32[?n]
            %holds = compare %x, %zeros, gt : bool[?n]
            %a:0 = assert %holds, message=\"must be positive\" : () loc(\"layer.rs\":3:5)
            return }
        func @main(%x: f32[2]) -> f32[2] {
            %a:0 = call @positive(%x) : () loc(\"main.rs\":9:1)
            %y = negate %x : f32[2]
            return %y }";
    check(text, &[vector(&[1.0, 2.0])], &[]);
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let x = vector(&[1.0, -2.0]);
    let mut errors = runs(&graph, &[x]).into_iter().map(|(_, (_, error))| error.expect("an error"));
    let interpreted = errors.next().expect("the interpreter's error");
    assert!(interpreted.starts_with("assertion failed: must be positive (layer.rs:3:5)"), "{interpreted}");
    for error in errors {
        assert_eq!(error, "assertion failed: must be positive (layer.rs:3:5, in positive at main.rs:9:1)");
    }
}

/// What a call leaves behind when it fails does not keep the next one from running.
#[test]
fn a_call_after_a_failed_one_runs() {
    let text = "
        func @main(%holds: bool[]) -> bool[] {
            %a:0 = assert %holds, message=\"no\" : ()
            %y = not %holds : bool[]
            return %y }";
    let graph = parse(text, "test.ir").unwrap_or_else(|error| panic!("{error}"));
    let executable = Executable::compile(graph, &CompileOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    for holds in [true, false, true] {
        let found = executable.call(&mut [Argument::Give(Array::scalar(holds))]);
        match found {
            Ok(results) => assert!(holds && results[0].same_bits(&Array::scalar(false))),
            Err(error) => assert_eq!((holds, error.to_string().as_str()), (false, "assertion failed: no")),
        }
    }
}
