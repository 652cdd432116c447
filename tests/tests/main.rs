//! The tests of the whole, a module for each subject.

mod compiled;
mod halves;
mod crates;
mod filetests;
mod samples;
mod text;
mod stablehlo;
mod docs;
