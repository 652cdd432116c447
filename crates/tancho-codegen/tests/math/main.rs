//! The expansions of elementwise ops, evaluated and held against oracles.
//!
//! - f32 functions: f64 functions of `libm`, whose error is a tiny part of a unit in the last place of f32, or of `special.rs`;
//!   every 4099th argument, or every one if the environment variable `TANCHO_SWEEP` is set.
//! - f64 functions: 192 bits of `astro-float`, on seeded arguments; 50 times as many if `TANCHO_SWEEP` is set. For those that
//!   it lacks, `references.txt` has values.
//! - What is exact: plain Rust, for 8 bits with all pairs of values.

mod harness;
mod oracle;
mod exponentials;
mod hyperbolic;
mod trigonometric;
mod roots_and_errors;
mod special;
mod simple;
mod integers;
mod conversions;
mod bounds;
