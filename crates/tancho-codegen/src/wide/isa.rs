//! Which instructions code is made of: Cranelift's vectors, or those of the wide emitter.

use std::sync::OnceLock;

/// The emitter that makes the code of kernels, and the vectors that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Cranelift's vectors of 128 bits.
    Cranelift,
    /// The wide emitter with vectors of 256 bits.
    Avx2,
    /// The wide emitter with vectors of 512 bits, masks for tails, and 32 registers (F and DQ).
    Avx512,
}

impl Isa {
    pub const ALL: [Isa; 3] = [Isa::Cranelift, Isa::Avx2, Isa::Avx512];

    /// The name in `TANCHO_ISA`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Cranelift => "cranelift",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Whether this processor runs the code, on a system whose calling convention the wide emitter knows.
    #[cfg(all(target_arch = "x86_64", not(windows)))]
    pub fn is_supported(self) -> bool {
        match self {
            Isa::Cranelift => true,
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Isa::Avx512 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq"),
        }
    }

    #[cfg(not(all(target_arch = "x86_64", not(windows))))]
    pub fn is_supported(self) -> bool {
        self == Isa::Cranelift
    }

    /// The emitter of the process: the one that `TANCHO_ISA` names if the processor has it, else the best one.
    ///
    /// A name that is unknown, or an emitter that the processor lacks, is ignored. AVX-512 is only taken if it is named:
    /// its code has the same tests as the others, but they have not yet been run on such a processor.
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| Isa::choose(std::env::var("TANCHO_ISA").ok().as_deref()))
    }

    /// The emitter for a value of `TANCHO_ISA`.
    fn choose(asked: Option<&str>) -> Isa {
        let asked = Isa::ALL.into_iter().find(|isa| Some(isa.name()) == asked);
        let best = if Isa::Avx2.is_supported() { Isa::Avx2 } else { Isa::Cranelift };
        asked.filter(|isa| isa.is_supported()).unwrap_or(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_taken_where_the_processor_has_it() {
        let best = Isa::choose(None);
        assert_eq!(Isa::choose(Some("sse9")), best);
        assert_eq!(Isa::choose(Some("cranelift")), Isa::Cranelift);
        for isa in [Isa::Avx2, Isa::Avx512] {
            assert_eq!(Isa::choose(Some(isa.name())), if isa.is_supported() { isa } else { best });
        }
    }
}
