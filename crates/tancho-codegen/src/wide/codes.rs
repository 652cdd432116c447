//! The instructions of each register class, by what they do and the width of a lane.

use iced_x86::Code;

use super::program::Step;

/// The registers that vectors are held in, and how many bytes the lanes have: those of one value, or the narrowest of a
/// kernel. A value that is twice as wide as those is a pair of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) is_zmm: bool,
    /// 4 or 8.
    pub(super) lane_bytes: usize,
}

/// What an instruction does with two vectors (the second may lie in memory), or with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    AddFloats,
    SubtractFloats,
    MultiplyFloats,
    DivideFloats,
    /// The second where one is NaN or both are zeros, as is `Greater`.
    LesserFloats,
    GreaterFloats,
    Add,
    Subtract,
    Multiply,
    LesserSigned,
    GreaterSigned,
    LesserUnsigned,
    GreaterUnsigned,
    And,
    /// The second where the first is not set.
    AndNot,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    ShiftRightArithmetic,
    // Of one vector.
    Sqrt,
    /// With the rounding mode as the immediate.
    Round,
    AbsSigned,
    /// Of the lower halves of lanes of 8 bytes.
    MultiplyHalves,
    SignedToFloat,
    UnsignedToFloat,
    /// All but the sign bit zero where it does not fit.
    FloatToSigned,
    // Masks as vectors, which the 256-bit class has.
    EqualMask,
    GreaterMask,
    FloatMask,
}

/// What changes the width of lanes, from half a vector to a whole one or from a whole one to half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resizes {
    SignedToWide,
    UnsignedToWide,
    FloatToWide,
    SignedToWideFloat,
    WideFloatToFloat,
    /// All but the sign bit zero where it does not fit.
    WideFloatToSigned,
    /// The upper half of a vector.
    UpperHalf,
    /// The lower halves of lanes of 8 bytes, which the 512-bit class has.
    LowerWords,
}

impl Class {
    /// The same registers with lanes of so many bytes.
    pub(super) fn of(self, lane_bytes: usize) -> Class {
        Class { lane_bytes, ..self }
    }

    /// The vectors of a value, in the class of a kernel.
    pub(super) fn vectors_of(self, width: usize) -> usize {
        width / self.lane_bytes
    }

    /// From a part to the next.
    pub(super) fn step(self, accumulators: usize) -> Step {
        Step { lane_bytes: self.lane_bytes, lanes: self.lanes(), accumulators }
    }

    pub(super) fn bytes(self) -> usize {
        if self.is_zmm { 64 } else { 32 }
    }

    pub(super) fn lanes(self) -> usize {
        self.bytes() / self.lane_bytes
    }

    pub(super) fn registers(self) -> usize {
        if self.is_zmm { 32 } else { 16 }
    }

    fn pick(self, codes: [Code; 4]) -> Option<Code> {
        let code = codes[usize::from(self.is_zmm) * 2 + usize::from(self.lane_bytes == 8)];
        (code != Code::INVALID).then_some(code)
    }

    /// The instruction; `None` where the class has none for the width.
    pub(super) fn code(self, does: Does) -> Option<Code> {
        use Code::*;
        // In the order: 256 bits with lanes of 4 and 8 bytes, 512 bits likewise.
        self.pick(match does {
            Does::AddFloats => [
                VEX_Vaddps_ymm_ymm_ymmm256,
                VEX_Vaddpd_ymm_ymm_ymmm256,
                EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er,
                EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er,
            ],
            Does::SubtractFloats => [
                VEX_Vsubps_ymm_ymm_ymmm256,
                VEX_Vsubpd_ymm_ymm_ymmm256,
                EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er,
                EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er,
            ],
            Does::MultiplyFloats => [
                VEX_Vmulps_ymm_ymm_ymmm256,
                VEX_Vmulpd_ymm_ymm_ymmm256,
                EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er,
                EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er,
            ],
            Does::DivideFloats => [
                VEX_Vdivps_ymm_ymm_ymmm256,
                VEX_Vdivpd_ymm_ymm_ymmm256,
                EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er,
                EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er,
            ],
            Does::LesserFloats => [
                VEX_Vminps_ymm_ymm_ymmm256,
                VEX_Vminpd_ymm_ymm_ymmm256,
                EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae,
                EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae,
            ],
            Does::GreaterFloats => [
                VEX_Vmaxps_ymm_ymm_ymmm256,
                VEX_Vmaxpd_ymm_ymm_ymmm256,
                EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae,
                EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae,
            ],
            Does::Add => [
                VEX_Vpaddd_ymm_ymm_ymmm256,
                VEX_Vpaddq_ymm_ymm_ymmm256,
                EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::Subtract => [
                VEX_Vpsubd_ymm_ymm_ymmm256,
                VEX_Vpsubq_ymm_ymm_ymmm256,
                EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpsubq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::Multiply => [
                VEX_Vpmulld_ymm_ymm_ymmm256,
                INVALID,
                EVEX_Vpmulld_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpmullq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::LesserSigned => [
                VEX_Vpminsd_ymm_ymm_ymmm256,
                INVALID,
                EVEX_Vpminsd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpminsq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::GreaterSigned => [
                VEX_Vpmaxsd_ymm_ymm_ymmm256,
                INVALID,
                EVEX_Vpmaxsd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpmaxsq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::LesserUnsigned => [
                VEX_Vpminud_ymm_ymm_ymmm256,
                INVALID,
                EVEX_Vpminud_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpminuq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::GreaterUnsigned => [
                VEX_Vpmaxud_ymm_ymm_ymmm256,
                INVALID,
                EVEX_Vpmaxud_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpmaxuq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::And => [
                VEX_Vpand_ymm_ymm_ymmm256,
                VEX_Vpand_ymm_ymm_ymmm256,
                EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpandq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::AndNot => [
                VEX_Vpandn_ymm_ymm_ymmm256,
                VEX_Vpandn_ymm_ymm_ymmm256,
                EVEX_Vpandnd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpandnq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::Or => [
                VEX_Vpor_ymm_ymm_ymmm256,
                VEX_Vpor_ymm_ymm_ymmm256,
                EVEX_Vpord_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vporq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::Xor => [
                VEX_Vpxor_ymm_ymm_ymmm256,
                VEX_Vpxor_ymm_ymm_ymmm256,
                EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpxorq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::ShiftLeft => [
                VEX_Vpsllvd_ymm_ymm_ymmm256,
                VEX_Vpsllvq_ymm_ymm_ymmm256,
                EVEX_Vpsllvd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpsllvq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::ShiftRight => [
                VEX_Vpsrlvd_ymm_ymm_ymmm256,
                VEX_Vpsrlvq_ymm_ymm_ymmm256,
                EVEX_Vpsrlvd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpsrlvq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::ShiftRightArithmetic => [
                VEX_Vpsravd_ymm_ymm_ymmm256,
                INVALID,
                EVEX_Vpsravd_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vpsravq_zmm_k1z_zmm_zmmm512b64,
            ],
            Does::Sqrt => [
                VEX_Vsqrtps_ymm_ymmm256,
                VEX_Vsqrtpd_ymm_ymmm256,
                EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er,
                EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er,
            ],
            Does::Round => [
                VEX_Vroundps_ymm_ymmm256_imm8,
                VEX_Vroundpd_ymm_ymmm256_imm8,
                EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae,
                EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae,
            ],
            Does::AbsSigned => {
                [VEX_Vpabsd_ymm_ymmm256, INVALID, EVEX_Vpabsd_zmm_k1z_zmmm512b32, EVEX_Vpabsq_zmm_k1z_zmmm512b64]
            }
            Does::SignedToFloat => [
                VEX_Vcvtdq2ps_ymm_ymmm256,
                INVALID,
                EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er,
                EVEX_Vcvtqq2pd_zmm_k1z_zmmm512b64_er,
            ],
            Does::UnsignedToFloat => {
                [INVALID, INVALID, EVEX_Vcvtudq2ps_zmm_k1z_zmmm512b32_er, EVEX_Vcvtuqq2pd_zmm_k1z_zmmm512b64_er]
            }
            Does::FloatToSigned => [
                VEX_Vcvttps2dq_ymm_ymmm256,
                INVALID,
                EVEX_Vcvttps2dq_zmm_k1z_zmmm512b32_sae,
                EVEX_Vcvttpd2qq_zmm_k1z_zmmm512b64_sae,
            ],
            Does::MultiplyHalves => {
                [INVALID, VEX_Vpmuludq_ymm_ymm_ymmm256, INVALID, EVEX_Vpmuludq_zmm_k1z_zmm_zmmm512b64]
            }
            Does::EqualMask => [VEX_Vpcmpeqd_ymm_ymm_ymmm256, VEX_Vpcmpeqq_ymm_ymm_ymmm256, INVALID, INVALID],
            Does::GreaterMask => [VEX_Vpcmpgtd_ymm_ymm_ymmm256, VEX_Vpcmpgtq_ymm_ymm_ymmm256, INVALID, INVALID],
            Does::FloatMask => [VEX_Vcmpps_ymm_ymm_ymmm256_imm8, VEX_Vcmppd_ymm_ymm_ymmm256_imm8, INVALID, INVALID],
        })
    }

    /// An instruction whose lanes go in and out with different widths; `None` where the class has none.
    pub(super) fn resize(self, does: Resizes) -> Option<Code> {
        use Code::*;
        let [narrow, wide] = match does {
            Resizes::SignedToWide => [VEX_Vpmovsxdq_ymm_xmmm128, EVEX_Vpmovsxdq_zmm_k1z_ymmm256],
            Resizes::UnsignedToWide => [VEX_Vpmovzxdq_ymm_xmmm128, EVEX_Vpmovzxdq_zmm_k1z_ymmm256],
            Resizes::FloatToWide => [VEX_Vcvtps2pd_ymm_xmmm128, EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae],
            Resizes::SignedToWideFloat => [VEX_Vcvtdq2pd_ymm_xmmm128, EVEX_Vcvtdq2pd_zmm_k1z_ymmm256b32_er],
            Resizes::WideFloatToFloat => [VEX_Vcvtpd2ps_xmm_ymmm256, EVEX_Vcvtpd2ps_ymm_k1z_zmmm512b64_er],
            Resizes::WideFloatToSigned => [VEX_Vcvttpd2dq_xmm_ymmm256, EVEX_Vcvttpd2dq_ymm_k1z_zmmm512b64_sae],
            Resizes::UpperHalf => [VEX_Vextracti128_xmmm128_ymm_imm8, EVEX_Vextracti64x4_ymmm256_k1z_zmm_imm8],
            Resizes::LowerWords => [INVALID, EVEX_Vpmovqd_ymmm256_k1z_zmm],
        };
        let code = if self.is_zmm { wide } else { narrow };
        (code != INVALID).then_some(code)
    }

    /// The even halves of lanes of 8 bytes of two vectors, in blocks of 128 bits, and what puts the blocks in order; of the
    /// 256-bit class.
    pub(super) fn even_words(self) -> [(Code, u8); 2] {
        [(Code::VEX_Vshufps_ymm_ymm_ymmm256_imm8, 0x88), (Code::VEX_Vpermpd_ymm_ymmm256_imm8, 0xd8)]
    }

    /// Puts half a vector into the upper half of another.
    pub(super) fn join(self) -> Code {
        if self.is_zmm {
            Code::EVEX_Vinserti64x4_zmm_k1z_zmm_ymmm256_imm8
        } else {
            Code::VEX_Vinserti128_ymm_ymm_xmmm128_imm8
        }
    }

    /// A general register, of as many bytes as a lane, into all lanes; of the 256-bit class only the first lane of half a
    /// vector.
    pub(super) fn spread_general(self) -> Code {
        match (self.is_zmm, self.lane_bytes) {
            (false, 4) => Code::VEX_Vmovd_xmm_rm32,
            (false, _) => Code::VEX_Vmovq_xmm_rm64,
            (true, 4) => Code::EVEX_Vpbroadcastd_zmm_k1z_r32,
            (true, _) => Code::EVEX_Vpbroadcastq_zmm_k1z_r64,
        }
    }

    /// The first lane of half a vector into all lanes, of the 256-bit class.
    pub(super) fn spread_first(self) -> Code {
        if self.lane_bytes == 4 { Code::VEX_Vpbroadcastd_ymm_xmmm32 } else { Code::VEX_Vpbroadcastq_ymm_xmmm64 }
    }

    /// A comparison into a mask register, of the 512-bit class.
    pub(super) fn compare_to_mask(self, is_float: bool, is_signed: bool) -> Code {
        use Code::*;
        match (self.lane_bytes, is_float, is_signed) {
            (4, true, _) => EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae,
            (4, false, true) => EVEX_Vpcmpd_kr_k1_zmm_zmmm512b32_imm8,
            (4, false, false) => EVEX_Vpcmpud_kr_k1_zmm_zmmm512b32_imm8,
            (_, true, _) => EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae,
            (_, false, true) => EVEX_Vpcmpq_kr_k1_zmm_zmmm512b64_imm8,
            (_, false, false) => EVEX_Vpcmpuq_kr_k1_zmm_zmmm512b64_imm8,
        }
    }

    /// The lanes of a mask register as a vector.
    pub(super) fn mask_to_vector(self) -> Code {
        if self.lane_bytes == 4 { Code::EVEX_Vpmovm2d_zmm_kr } else { Code::EVEX_Vpmovm2q_zmm_kr }
    }

    /// `op1 = op1·op3 + op2`, `op1 = op2·op1 + op3`, `op1 = op2·op3 + op1`.
    pub(super) fn multiply_add(self) -> [Code; 3] {
        use Code::*;
        match (self.is_zmm, self.lane_bytes) {
            (false, 4) => {
                [VEX_Vfmadd132ps_ymm_ymm_ymmm256, VEX_Vfmadd213ps_ymm_ymm_ymmm256, VEX_Vfmadd231ps_ymm_ymm_ymmm256]
            }
            (false, _) => {
                [VEX_Vfmadd132pd_ymm_ymm_ymmm256, VEX_Vfmadd213pd_ymm_ymm_ymmm256, VEX_Vfmadd231pd_ymm_ymm_ymmm256]
            }
            (true, 4) => [
                EVEX_Vfmadd132ps_zmm_k1z_zmm_zmmm512b32_er,
                EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er,
                EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er,
            ],
            (true, _) => [
                EVEX_Vfmadd132pd_zmm_k1z_zmm_zmmm512b64_er,
                EVEX_Vfmadd213pd_zmm_k1z_zmm_zmmm512b64_er,
                EVEX_Vfmadd231pd_zmm_k1z_zmm_zmmm512b64_er,
            ],
        }
    }

    /// A shift of all lanes by an immediate: to the left, to the right, to the right with the sign.
    pub(super) fn shift_by(self, does: Does) -> Option<Code> {
        use Code::*;
        self.pick(match does {
            Does::ShiftLeft => [
                VEX_Vpslld_ymm_ymm_imm8,
                VEX_Vpsllq_ymm_ymm_imm8,
                EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8,
                EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8,
            ],
            Does::ShiftRight => [
                VEX_Vpsrld_ymm_ymm_imm8,
                VEX_Vpsrlq_ymm_ymm_imm8,
                EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8,
                EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8,
            ],
            _ => [
                VEX_Vpsrad_ymm_ymm_imm8,
                INVALID,
                EVEX_Vpsrad_zmm_k1z_zmmm512b32_imm8,
                EVEX_Vpsraq_zmm_k1z_zmmm512b64_imm8,
            ],
        })
    }

    pub(super) fn load(self) -> Code {
        if self.is_zmm { Code::EVEX_Vmovups_zmm_k1z_zmmm512 } else { Code::VEX_Vmovups_ymm_ymmm256 }
    }

    pub(super) fn store(self) -> Code {
        if self.is_zmm { Code::EVEX_Vmovups_zmmm512_k1z_zmm } else { Code::VEX_Vmovups_ymmm256_ymm }
    }

    /// Loads and stores of the 512-bit class whose lanes a mask register chooses.
    pub(super) fn masked_moves(self) -> [Code; 2] {
        use Code::*;
        match (self.is_zmm, self.lane_bytes) {
            (false, 4) => [VEX_Vmaskmovps_ymm_ymm_m256, VEX_Vmaskmovps_m256_ymm_ymm],
            (false, _) => [VEX_Vmaskmovpd_ymm_ymm_m256, VEX_Vmaskmovpd_m256_ymm_ymm],
            (true, 4) => [EVEX_Vmovups_zmm_k1z_zmmm512, EVEX_Vmovups_zmmm512_k1z_zmm],
            (true, _) => [EVEX_Vmovupd_zmm_k1z_zmmm512, EVEX_Vmovupd_zmmm512_k1z_zmm],
        }
    }

    /// The first lane as an element.
    pub(super) fn store_one(self) -> Code {
        use Code::*;
        match (self.is_zmm, self.lane_bytes) {
            (false, 4) => VEX_Vmovss_m32_xmm,
            (false, _) => VEX_Vmovsd_m64_xmm,
            (true, 4) => EVEX_Vmovss_m32_k1_xmm,
            (true, _) => EVEX_Vmovsd_m64_k1_xmm,
        }
    }

    /// Exchanges lanes that lie so far apart: the instruction, whether it takes the vector twice, and its immediate.
    pub(super) fn exchange(self, distance: usize) -> (Code, bool, u8) {
        use Code::*;
        match (self.is_zmm, self.lane_bytes * distance) {
            (false, 4) => (VEX_Vpermilps_ymm_ymmm256_imm8, false, 0xb1),
            (false, 8) => (VEX_Vpermilps_ymm_ymmm256_imm8, false, 0x4e),
            (false, _) => (VEX_Vpermpd_ymm_ymmm256_imm8, false, 0x4e),
            (true, 4) => (EVEX_Vpermilps_zmm_k1z_zmmm512b32_imm8, false, 0xb1),
            (true, 8) => (EVEX_Vpermilps_zmm_k1z_zmmm512b32_imm8, false, 0x4e),
            (true, 16) => (EVEX_Vshuff64x2_zmm_k1z_zmm_zmmm512b64_imm8, true, 0xb1),
            (true, _) => (EVEX_Vshuff64x2_zmm_k1z_zmm_zmmm512b64_imm8, true, 0x4e),
        }
    }

    /// One element into all lanes.
    pub(super) fn broadcast(self) -> Code {
        use Code::*;
        match (self.is_zmm, self.lane_bytes) {
            (false, 4) => VEX_Vbroadcastss_ymm_m32,
            (false, _) => VEX_Vbroadcastsd_ymm_m64,
            (true, 4) => EVEX_Vbroadcastss_zmm_k1z_xmmm32,
            (true, _) => EVEX_Vbroadcastsd_zmm_k1z_xmmm64,
        }
    }
}
