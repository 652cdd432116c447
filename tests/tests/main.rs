//! The tests of the whole, a module for each subject.

mod compiled;
mod effects;
mod halves;
mod crates;
mod filetests;
mod samples;
mod gradients;
mod compositions;
mod text;
mod stablehlo;
mod docs;
mod lengths;
mod loops;
