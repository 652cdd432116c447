//! Each instruction of a body as operations on vectors.
//!
//! What the processor has for vectors is one operation; some others are expanded into a few. Whatever else there is makes
//! the lowering give `None`.

use rustc_hash::FxHashMap;
use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::codes::{Class, Does, Resizes};
use super::lower::Known;
use super::program::{Home, Op, Program, RowWord, Shape, Value, spread};
use crate::kernel::{Instruction, Kernel, Place, Scalar, Unary};

/// A comparison and a select of the same two floats, which are one instruction.
pub(super) fn fused_bound(kernel: &Kernel, value: Scalar) -> Option<(Does, Scalar, Scalar)> {
    let Instruction::Select(condition, x, y) = kernel.body.instruction(value) else { return None };
    let Instruction::Compare(comparison, left, right) = kernel.body.instruction(condition) else { return None };
    if !kernel.body.dtype(value).is_float() {
        return None;
    }
    let does = match comparison {
        Comparison::Lt if (left, right) == (x, y) => Does::LesserFloats,
        Comparison::Gt if (left, right) == (x, y) => Does::GreaterFloats,
        Comparison::Lt if (left, right) == (y, x) => Does::GreaterFloats,
        Comparison::Gt if (left, right) == (y, x) => Does::LesserFloats,
        _ => return None,
    };
    Some((does, x, y))
}

/// The number of the row or point that a value is, or whose lower bits it has.
pub(super) fn low_word(kernel: &Kernel, value: Scalar) -> Option<Instruction> {
    let is_word = |instruction: &Instruction| matches!(instruction, Instruction::Index(_) | Instruction::Size(_));
    match kernel.body.instruction(value) {
        Instruction::Convert(x) if matches!(kernel.body.dtype(value), DType::I32 | DType::U32) => {
            Some(kernel.body.instruction(x)).filter(is_word)
        }
        instruction => Some(instruction).filter(is_word),
    }
}

/// The vectors of a value: of one that is as wide as the narrowest, or has equal lanes, both are the same.
pub(super) type Parts = [Value; 2];

/// A value of the body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) parts: Parts,
    /// The width of a mask's lanes, in bytes; `None` where all lanes are equal, so that it is one for any width.
    mask_width: Option<usize>,
}

impl Group {
    /// With equal lanes.
    pub(super) fn uniform(value: Value) -> Group {
        Group { parts: [value; 2], mask_width: None }
    }
}

/// The state of one pass's lowering.
pub(super) struct Lowering<'k> {
    pub(super) kernel: &'k Kernel,
    /// With the lanes of what is computed now.
    pub(super) class: Class,
    /// With the narrowest lanes.
    pub(super) narrowest: Class,
    places: &'k [Place],
    pub(super) program: Program,
    /// Of the body's values.
    pub(super) values: Vec<Option<Group>>,
    /// Whether all lanes are equal, those of all values.
    pub(super) is_row: bool,
    /// Masks in another width than their own.
    resized: FxHashMap<(Scalar, usize), Parts>,
    /// Of complements, what they are those of.
    complements: FxHashMap<Value, Value>,
    /// The index of the first point in all lanes of 4 and of 8 bytes.
    counters: [Option<Value>; 2],
}

impl<'k> Lowering<'k> {
    /// Of the values of points.
    pub(super) fn new(kernel: &'k Kernel, class: Class, places: &'k [Place]) -> Self {
        Lowering {
            kernel,
            class,
            narrowest: class,
            places,
            program: Program::default(),
            values: vec![None; kernel.body.len()],
            is_row: false,
            resized: FxHashMap::default(),
            complements: FxHashMap::default(),
            counters: [None; 2],
        }
    }

    /// Of the values of a row, whose lanes are all equal.
    pub(super) fn of_row(kernel: &'k Kernel, class: Class, places: &'k [Place]) -> Self {
        Lowering { is_row: true, ..Lowering::new(kernel, class, places) }
    }

    /// The vectors of a value of the body that is known, or a constant.
    pub(super) fn of(&mut self, value: Scalar) -> Option<Parts> {
        if self.values[value.index()].is_none()
            && let Instruction::Constant(bits) = self.kernel.body.instruction(value)
        {
            let dtype = self.kernel.body.dtype(value);
            let bits = match dtype {
                DType::Bool if bits != 0 => u64::MAX,
                _ => spread(bits, dtype.size()),
            };
            self.values[value.index()] = Some(Group::uniform(self.vector(bits)));
        }
        self.values[value.index()].map(|group| group.parts)
    }

    /// The vectors of a mask with lanes of so many bytes.
    fn mask(&mut self, value: Scalar, width: usize) -> Option<Parts> {
        let parts = self.of(value)?;
        let own = self.mask_width(value);
        if own.is_none_or(|own| own == width) {
            return Some(parts);
        }
        if let Some(&resized) = self.resized.get(&(value, width)) {
            return Some(resized);
        }
        let resized = if width == 8 { self.widen(Resizes::SignedToWide, parts)? } else { self.lower_words(parts)? };
        self.resized.insert((value, width), resized);
        Some(resized)
    }

    fn mask_width(&self, value: Scalar) -> Option<usize> {
        self.values[value.index()].and_then(|group| group.mask_width)
    }

    /// The vectors of masks with lanes of one width, and that width if some have one.
    fn masks<const N: usize>(&mut self, values: [Scalar; N]) -> Option<([Parts; N], Option<usize>)> {
        let widths = values.iter().filter_map(|&value| self.mask_width(value));
        let width = widths.min();
        let mut parts = [[Value(0); 2]; N];
        for (parts, value) in parts.iter_mut().zip(values) {
            *parts = match width {
                Some(width) => self.mask(value, width)?,
                None => self.of(value)?,
            };
        }
        Some((parts, width))
    }

    /// A function of each vector of values; of equal ones once.
    pub(super) fn each<const N: usize>(
        &mut self,
        values: [Parts; N],
        function: impl Fn(&mut Self, [Value; N]) -> Option<Value>,
    ) -> Option<Parts> {
        let first = function(self, values.map(|parts| parts[0]))?;
        if values.iter().all(|parts| parts[0] == parts[1]) {
            return Some([first; 2]);
        }
        Some([first, function(self, values.map(|parts| parts[1]))?])
    }

    /// A vector of constants with these 8 bytes.
    fn vector(&mut self, bits: u64) -> Value {
        let known = self.program.homes.iter().position(|home| *home == Home::Constant(bits));
        match known {
            Some(index) => Value(index as u32),
            None => self.program.value(Home::Constant(bits)),
        }
    }

    pub(super) fn constant(&mut self, bits: u64) -> Value {
        self.vector(spread(bits, self.class.lane_bytes))
    }

    pub(super) fn float(&mut self, value: f64) -> Value {
        let is_single = self.class.lane_bytes == 4;
        self.constant(if is_single { u64::from((value as f32).to_bits()) } else { value.to_bits() })
    }

    pub(super) fn sign(&mut self) -> Value {
        self.constant(1 << (self.class.lane_bytes * 8 - 1))
    }

    pub(super) fn one(&mut self, does: Does, x: Value, immediate: Option<u8>) -> Option<Value> {
        let code = self.class.code(does)?;
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::One { code, to, x, immediate, in_register: false, shape: Shape::Whole });
        Some(to)
    }

    pub(super) fn two(&mut self, does: Does, x: Value, y: Value) -> Option<Value> {
        let code = self.class.code(does)?;
        let commutes = matches!(
            does,
            Does::AddFloats
                | Does::MultiplyFloats
                | Does::Add
                | Does::Multiply
                | Does::MultiplyHalves
                | Does::LesserSigned
                | Does::GreaterSigned
                | Does::LesserUnsigned
                | Does::GreaterUnsigned
                | Does::And
                | Does::Or
                | Does::Xor
                | Does::EqualMask
        );
        let (x, y) = if commutes && !self.program.is_computed(x) { (y, x) } else { (x, y) };
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::Two { code, to, x, y, immediate: None });
        Some(to)
    }

    /// The complement of all bits.
    pub(super) fn not(&mut self, x: Value) -> Option<Value> {
        let ones = self.vector(u64::MAX);
        let complement = self.two(Does::Xor, x, ones)?;
        self.complements.insert(complement, x);
        Some(complement)
    }

    pub(super) fn select(&mut self, mask: Value, x: Value, y: Value) -> Value {
        let (mask, x, y) = match self.complements.get(&mask) {
            Some(&mask) => (mask, y, x),
            None => (mask, x, y),
        };
        let (to, width) = (self.program.value(Home::Computed), self.class.lane_bytes);
        self.program.ops.push(Op::Select { to, mask, x, y, width });
        to
    }

    pub(super) fn multiply_add(&mut self, x: Value, y: Value, z: Value) -> Value {
        let (to, width) = (self.program.value(Home::Computed), self.class.lane_bytes);
        self.program.ops.push(Op::MultiplyAdd { to, x, y, z, width });
        to
    }

    /// The index along the inner dimension, of all vectors of a part.
    fn counted(&mut self, width: usize) -> Option<Parts> {
        self.class = self.narrowest.of(width);
        let counter = match self.counters[width / 8] {
            Some(counter) => counter,
            None => {
                let to = self.program.value(Home::Computed);
                self.program.ops.push(Op::Counter { to, width });
                *self.counters[width / 8].insert(to)
            }
        };
        let mut parts = [counter; 2];
        for (part, to) in parts.iter_mut().enumerate().take(self.narrowest.vectors_of(width)) {
            let steps = self.program.value(Home::Steps { first: part * self.class.lanes(), width });
            *to = self.two(Does::Add, counter, steps)?;
        }
        if self.narrowest.vectors_of(width) == 1 {
            parts[1] = parts[0];
        }
        Some(parts)
    }

    /// Neighbouring elements of an access.
    fn load(&mut self, access: usize, width: usize) -> Parts {
        let mut parts = [Value(0); 2];
        let n_vectors = self.narrowest.vectors_of(width);
        for (part, to) in parts.iter_mut().enumerate().take(n_vectors) {
            *to = self.program.value(Home::Computed);
            self.program.ops.push(Op::Load { to: *to, access, part, width });
        }
        if n_vectors == 1 { [parts[0]; 2] } else { parts }
    }

    /// A value that is known before the pass, or computed from operands that are.
    pub(super) fn evaluate_or_find(&mut self, value: Scalar, known: &[Option<Known>]) -> Option<()> {
        let Some(known) = known[value.index()] else { return self.evaluate(value) };
        let found = match known {
            Known::Slot(slot) => Group::uniform(self.program.value(Home::Slot(slot))),
            Known::Access(access) => {
                let parts = self.load(access, self.kernel.body.dtype(value).size());
                Group { parts, mask_width: None }
            }
        };
        self.values[value.index()] = Some(found);
        Some(())
    }

    /// Computes a value whose operands are known.
    fn evaluate(&mut self, value: Scalar) -> Option<()> {
        let dtype = self.kernel.body.dtype(value);
        let instruction = self.kernel.body.instruction(value);
        // Of `bool`s it is not used.
        let width = dtype.size();
        self.class = self.narrowest.of(if dtype == DType::Bool { self.narrowest.lane_bytes } else { width });
        let mut mask_width = None;
        let parts = if let Some((does, x, y)) = fused_bound(self.kernel, value) {
            let operands = [self.of(x)?, self.of(y)?];
            self.each(operands, |lowering, [x, y]| lowering.two(does, x, y))?
        } else if let Some(word) = low_word(self.kernel, value) {
            self.word(word, value, width)?
        } else {
            match instruction {
                Instruction::Constant(_) => self.of(value)?,
                Instruction::Load(load) if self.places[value.index()].per_point => self.load(load as usize, width),
                Instruction::Load(load) => {
                    let to = self.program.value(Home::Computed);
                    self.program.ops.push(Op::Broadcast { to, access: load as usize, width });
                    [to; 2]
                }
                Instruction::Reduced(_) | Instruction::Index(_) | Instruction::Size(_) | Instruction::Call { .. } => {
                    return None;
                }
                Instruction::Unary(Unary::Not, x) if dtype == DType::Bool => {
                    mask_width = self.mask_width(x);
                    let x = self.of(x)?;
                    self.each([x], |lowering, [x]| lowering.not(x))?
                }
                Instruction::Unary(operation, x) => {
                    let x = self.of(x)?;
                    self.each([x], |lowering, [x]| lowering.unary(operation, dtype, x))?
                }
                Instruction::Binary(operation, x, y) if dtype == DType::Bool => {
                    let (operands, width) = self.masks([x, y])?;
                    mask_width = width;
                    self.each(operands, |lowering, [x, y]| lowering.plain(operation, dtype, x, y))?
                }
                Instruction::Binary(operation, left, right) => {
                    let operands = [self.of(left)?, self.of(right)?];
                    self.each(operands, |lowering, operands| {
                        lowering.binary(operation, dtype, [left, right], operands)
                    })?
                }
                Instruction::Fma(x, y, z) => {
                    let operands = [self.of(x)?, self.of(y)?, self.of(z)?];
                    self.each(operands, |lowering, [x, y, z]| Some(lowering.multiply_add(x, y, z)))?
                }
                Instruction::Compare(comparison, x, y) if self.kernel.body.dtype(x) == DType::Bool => {
                    let (operands, width) = self.masks([x, y])?;
                    mask_width = width;
                    self.each(operands, |lowering, [x, y]| lowering.compare(comparison, DType::Bool, x, y))?
                }
                Instruction::Compare(comparison, x, y) => {
                    let compared = self.kernel.body.dtype(x);
                    self.class = self.narrowest.of(compared.size());
                    mask_width = Some(compared.size());
                    let operands = [self.of(x)?, self.of(y)?];
                    self.each(operands, |lowering, [x, y]| lowering.compare(comparison, compared, x, y))?
                }
                Instruction::Select(condition, x, y) if dtype == DType::Bool => {
                    let (operands, width) = self.masks([condition, x, y])?;
                    mask_width = width;
                    self.class = self.narrowest.of(width.unwrap_or(self.narrowest.lane_bytes));
                    self.each(operands, |lowering, [mask, x, y]| Some(lowering.select(mask, x, y)))?
                }
                Instruction::Select(condition, x, y) => {
                    let operands = [self.mask(condition, width)?, self.of(x)?, self.of(y)?];
                    self.each(operands, |lowering, [mask, x, y]| Some(lowering.select(mask, x, y)))?
                }
                Instruction::Convert(x) => {
                    let from = self.kernel.body.dtype(x);
                    if dtype == DType::Bool {
                        mask_width = if from == DType::Bool { self.mask_width(x) } else { Some(from.size()) };
                    }
                    let x =
                        if from == DType::Bool && dtype != DType::Bool { self.mask(x, width)? } else { self.of(x)? };
                    self.convert(from, dtype, x)?
                }
                Instruction::Bitcast(x) => self.of(x)?,
            }
        };
        let mask_width = mask_width.filter(|_| !self.is_row);
        self.values[value.index()] = Some(Group { parts, mask_width });
        Some(())
    }

    /// A number of the row or point, or its lower half.
    fn word(&mut self, word: Instruction, value: Scalar, width: usize) -> Option<Parts> {
        let word = match word {
            Instruction::Index(_) if self.places[value.index()].per_point => return self.counted(width),
            Instruction::Index(dimension) => RowWord::Index(dimension as usize),
            Instruction::Size(size) => RowWord::Size(size as usize),
            _ => return None,
        };
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::Word { to, word, width });
        Some([to; 2])
    }
}
