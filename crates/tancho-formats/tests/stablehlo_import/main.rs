//! StableHLO programs to graphs: small programs with the graphs that they become, StableHLO's own test programs, and
//! programs that are damaged.

mod damage;
mod programs;
mod suite;
