//! The facade, from outside: values of every operation against ones computed by hand, errors with their lines, tracing
//! and calling. Each check of an operation runs it eagerly and within a traced function.

mod check;
mod elementwise;
mod reduce;
mod shape;
mod dot;
mod halves;
mod nn;
mod special;
mod sort;
mod index;
mod window;
mod conv;
mod linalg;
mod create;
mod random;
mod errors;
mod functions;
mod variables;
mod gradients;
mod transforms;
mod signatures;
mod cost;
mod cache;
mod retrace;
mod robust;
mod control;
mod loops;
mod effects;
