//! StableHLO: what is exported reads back and means the same, and the fixtures give the values of JAX.

pub mod book;
mod export;
mod fixtures;
mod suite;
