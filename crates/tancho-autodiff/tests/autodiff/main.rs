//! Derivatives against differences of the interpreter's results, against each other, and at the places where the choice is
//! ours.

mod harness;

mod elementwise;
mod shape;
mod reduce;
mod dot;
mod control;
mod loops;
mod framework;
mod compiled;
