//! What programs run on.

use std::fmt;
use std::thread::available_parallelism;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    name: &'static str,
    n_cores: usize,
    instruction_sets: Vec<&'static str>,
}

/// The devices of this machine: its processor.
pub fn devices() -> Vec<Device> {
    let n_cores = available_parallelism().map_or(1, usize::from);
    vec![Device { name: "cpu", n_cores, instruction_sets: instruction_sets() }]
}

impl Device {
    pub fn name(&self) -> &str {
        self.name
    }

    pub fn n_cores(&self) -> usize {
        self.n_cores
    }

    /// The extensions of the instruction set that matter here and that the processor has.
    pub fn instruction_sets(&self) -> &[&'static str] {
        &self.instruction_sets
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = if self.n_cores == 1 { "core" } else { "cores" };
        write!(f, "{} ({} {cores}, {}", self.name, self.n_cores, std::env::consts::ARCH)?;
        self.instruction_sets.iter().try_for_each(|set| write!(f, " {set}"))?;
        f.write_str(")")
    }
}

#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt)*) => {
            [$(($name, std::arch::is_x86_feature_detected!($name))),*]
        };
    }
    let sets = detected!("sse4.2" "avx" "avx2" "fma" "f16c" "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vnni");
    sets.into_iter().filter(|(_, detected)| *detected).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction_sets() -> Vec<&'static str> {
    Vec::new()
}
