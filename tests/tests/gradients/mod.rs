//! Gradients of every op: against finite differences, against `f64`, forward mode against reverse mode, compiled against
//! interpreted, and once more differentiated.
//!
//! By default a few samples of each op are checked, and all of them where the environment asks for a sweep.

mod samples;
mod programs;
mod table;
mod ties;
