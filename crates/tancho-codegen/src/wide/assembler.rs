//! Instructions to bytes: labels, the constants behind the code, and a listing.
//!
//! Instructions are encoded as they come. What refers to a place that is not known yet (branches, the address of the
//! constants, the size of the frame) ends in 32 bits, which are filled in at the end.

use iced_x86::{Code, Encoder, FastFormatter, Instruction, MemoryOperand, Register};
use rustc_hash::FxHashMap;

use crate::emit::EmitError;

/// A place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// What becomes the code of one function.
pub(super) struct Assembler {
    encoder: Encoder,
    position: usize,
    labels: Vec<Option<usize>>,
    /// Where 32 bits are missing: the distance from behind them to a label.
    jumps: Vec<(usize, Label)>,
    /// Where the size of the frame is missing.
    frames: Vec<usize>,
    constants: Vec<u8>,
    known_constants: FxHashMap<Vec<u8>, i64>,
    pool: Label,
    error: Option<String>,
    /// The text, if it is wanted.
    listing: Option<String>,
    formatter: FastFormatter,
}

impl Assembler {
    pub(super) fn new(with_listing: bool) -> Assembler {
        let mut assembler = Assembler {
            encoder: Encoder::new(64),
            position: 0,
            labels: Vec::new(),
            jumps: Vec::new(),
            frames: Vec::new(),
            constants: Vec::new(),
            known_constants: FxHashMap::default(),
            pool: Label(0),
            error: None,
            listing: with_listing.then(String::new),
            formatter: FastFormatter::new(),
        };
        assembler.pool = assembler.label();
        assembler
    }

    /// Appends an instruction. A failure is told at the end.
    pub(super) fn push(&mut self, instruction: Result<Instruction, iced_x86::IcedError>) {
        let encoded = instruction.and_then(|instruction| {
            if let Some(listing) = &mut self.listing {
                listing.push_str("  ");
                self.formatter.format(&instruction, listing);
                listing.push('\n');
            }
            self.encoder.encode(&instruction, self.position as u64)
        });
        match encoded {
            Ok(bytes) => self.position += bytes,
            Err(error) => self.error = self.error.take().or(Some(error.to_string())),
        }
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label here.
    pub(super) fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.position);
        if let Some(listing) = &mut self.listing {
            listing.push_str(&format!("label{}:\n", label.0));
        }
    }

    /// A branch with 32 bits of distance.
    pub(super) fn jump(&mut self, code: Code, label: Label) {
        let listing = self.listing.take();
        self.push(Instruction::with_branch(code, self.position as u64));
        self.listing = listing;
        if let Some(listing) = &mut self.listing {
            listing.push_str(&format!("  {:?} label{}\n", code.mnemonic(), label.0).to_lowercase());
        }
        self.jumps.push((self.position.saturating_sub(4), label));
    }

    /// The address of the constants.
    pub(super) fn load_pool_address(&mut self, register: Register) {
        let here = MemoryOperand::with_base_displ(Register::RIP, self.position as i64);
        self.push(Instruction::with2(Code::Lea_r64_m, register, here));
        self.jumps.push((self.position.saturating_sub(4), self.pool));
    }

    /// Makes room for the frame, whose size comes at the end.
    pub(super) fn subtract_frame(&mut self) {
        self.push(Instruction::with2(Code::Sub_rm64_imm32, Register::RSP, 0));
        self.frames.push(self.position.saturating_sub(4));
    }

    /// The offset of a vector of constants from the address of all.
    pub(super) fn constant(&mut self, bytes: Vec<u8>) -> i64 {
        let next = self.constants.len() as i64;
        let offset = *self.known_constants.entry(bytes.clone()).or_insert(next);
        if offset == next {
            self.constants.extend(bytes);
        }
        offset
    }

    /// The code, and the listing.
    pub(super) fn finish(mut self, frame_bytes: usize) -> Result<(Vec<u8>, String), EmitError> {
        if let Some(error) = self.error {
            return Err(EmitError::Generator(error));
        }
        let mut code = self.encoder.take_buffer();
        code.resize(code.len().next_multiple_of(64), 0xcc);
        self.labels[self.pool.0] = Some(code.len());
        code.extend(&self.constants);
        let mut patch = |at: usize, value: i64| code[at..at + 4].copy_from_slice(&(value as i32).to_le_bytes());
        for (at, label) in self.jumps {
            let target = self.labels[label.0].expect("every label is bound");
            patch(at, target as i64 - (at as i64 + 4));
        }
        for at in self.frames {
            patch(at, frame_bytes as i64);
        }
        Ok((code, self.listing.unwrap_or_default()))
    }
}
