//! Random kernels, shapes and elements, from a seed.

use tancho_codegen::emit::legal;
use tancho_codegen::kernel::{
    Access, AccessMap, Binary, Body, DTYPES, Form, Instruction, Kernel, LaneFunction, Reduction, Scalar, Store, Stride,
    Unary,
};
use tancho_ir::ops::{Comparison, ReduceKind};
use tancho_tensor::DType;

use crate::reference::{Case, Layout};

/// Pseudo-random numbers (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        let mut random = Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..4 {
            random.next();
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// The bits of an element: special, small or any.
    pub fn element(&mut self, dtype: DType) -> u64 {
        match self.below(4) {
            0 => self.pick(&special_values(dtype)),
            1 | 2 => self.small(dtype),
            _ if dtype == DType::Bool => self.next() >> 63,
            _ => self.next() & (u64::MAX >> (64 - dtype.bits())),
        }
    }

    /// The bits of a number between −8 and 8, so that sums stay finite.
    pub fn small(&mut self, dtype: DType) -> u64 {
        let number = self.below(129) as i64 - 64;
        match dtype {
            DType::F32 => u64::from((number as f32 / 7.0).to_bits()),
            DType::F64 => (number as f64 / 7.0).to_bits(),
            DType::Bool => number as u64 & 1,
            _ => (number / 8) as u64 & (u64::MAX >> (64 - dtype.bits())),
        }
    }
}

/// The bits of values at which operations change what they do.
pub fn special_values(dtype: DType) -> Vec<u64> {
    let floats = [
        0.0,
        1.0,
        1.5,
        2.5,
        0.49999997,
        127.5,
        128.0,
        255.9,
        32768.0,
        65535.5,
        2147483648.0,
        4294967040.0,
        4294967296.0,
        9_223_372_036_854_775_808.0,
        18_446_744_073_709_551_616.0,
        1e30,
        1e-30,
        f64::INFINITY,
        f64::NAN,
    ];
    match dtype {
        DType::F32 => {
            let mut values: Vec<u64> =
                floats.iter().flat_map(|&x| [x as f32, -x as f32]).map(|x| u64::from(x.to_bits())).collect();
            values.extend([1, 0x0040_0000, 0x7f7f_ffff, 0x7f80_0001]);
            values
        }
        DType::F64 => {
            let mut values: Vec<u64> = floats.iter().flat_map(|&x| [x, -x]).map(f64::to_bits).collect();
            values.extend([1, 0x7fef_ffff_ffff_ffff, 2147483647.5f64.to_bits(), 0x7ff0_0000_0000_0001]);
            values
        }
        DType::Bool => vec![0, 1],
        _ => {
            let ones = u64::MAX >> (64 - dtype.bits());
            let sign = 1 << (dtype.bits() - 1);
            let width = dtype.bits() as u64;
            vec![0, 1, 2, 3, 7, ones, ones - 1, sign, sign - 1, sign + 1, width, width - 1, width + 1, 100 & ones]
        }
    }
}

/// A body under construction.
struct Draft<'a> {
    random: &'a mut Random,
    body: Body,
    values: Vec<Scalar>,
    /// Values whose bits are known even where they are NaN: a bitcast may show them.
    plain: Vec<Scalar>,
}

impl Draft<'_> {
    fn value_of(&mut self, dtype: DType) -> Scalar {
        let fitting: Vec<Scalar> =
            self.values.iter().copied().filter(|&value| self.body.dtype(value) == dtype).collect();
        if fitting.is_empty() || self.random.below(6) == 0 {
            if self.random.below(3) > 0 && !fitting.is_empty() || self.values.is_empty() {
                let bits = self.random.element(dtype);
                return self.body.constant_bits(bits, dtype);
            }
            let from = self.random.pick(&self.values);
            return self.body.convert(from, dtype);
        }
        // Mostly one of the last ones, so that chains grow.
        let last = fitting.len().saturating_sub(4);
        if self.random.below(3) > 0 { self.random.pick(&fitting[last..]) } else { self.random.pick(&fitting) }
    }

    fn add(&mut self, value: Scalar) {
        self.values.push(value);
    }

    fn grow(&mut self, n_instructions: usize) {
        for _ in 0..n_instructions {
            let recent = self.random.pick(&self.values);
            let dtype = self.body.dtype(recent);
            let x = self.value_of(dtype);
            let value = match self.random.below(10) {
                0 | 1 => {
                    let fitting: Vec<Unary> =
                        Unary::ALL.into_iter().filter(|&operation| legal::unary(operation, dtype).is_some()).collect();
                    let operation = self.random.pick(&fitting);
                    self.body.unary(operation, x)
                }
                2..=5 => {
                    let is_fitting = |&operation: &Binary| legal::binary(operation, dtype, false).is_some();
                    let fitting: Vec<Binary> = Binary::ALL.into_iter().filter(is_fitting).collect();
                    let operation = self.random.pick(&fitting);
                    let y = self.value_of(dtype);
                    self.body.binary(operation, x, y)
                }
                6 => {
                    let y = self.value_of(dtype);
                    let comparison = self.random.pick(&Comparison::ALL);
                    self.body.compare(comparison, x, y)
                }
                7 => {
                    let y = self.value_of(dtype);
                    let condition = self.value_of(DType::Bool);
                    self.body.select(condition, x, y)
                }
                8 if dtype.is_float() => {
                    let (y, z) = (self.value_of(dtype), self.value_of(dtype));
                    self.body.fma(x, y, z)
                }
                8 if self.plain.contains(&x) && dtype != DType::Bool => {
                    let fits = |to: &DType| *to != DType::Bool && to.size() == dtype.size();
                    let fitting: Vec<DType> = DTYPES.into_iter().filter(fits).collect();
                    let to = self.random.pick(&fitting);
                    self.body.bitcast(x, to)
                }
                8 => {
                    let fitting: Vec<LaneFunction> =
                        LaneFunction::ALL.into_iter().filter(|function| function.dtype() == dtype).collect();
                    if fitting.is_empty() {
                        continue;
                    }
                    let function = self.random.pick(&fitting);
                    let (y, condition) = (self.value_of(dtype), self.value_of(DType::Bool));
                    self.body.call(function, [x, y], condition, x)
                }
                _ => {
                    let to = self.random.pick(&DTYPES);
                    self.body.convert(x, to)
                }
            };
            self.add(value);
        }
    }
}

/// A size, small or at the border of a block or a group.
pub fn inner_size(random: &mut Random) -> i64 {
    random.pick(&[0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 100, 100, 50, 64])
}

fn stride_kinds(random: &mut Random, rank: usize, inner_kind: Option<Stride>) -> Vec<Stride> {
    (0..rank)
        .map(|dimension| {
            if dimension == rank - 1 {
                inner_kind.unwrap_or_else(|| {
                    random.pick(&[Stride::One, Stride::One, Stride::One, Stride::Argument, Stride::Zero])
                })
            } else {
                random.pick(&[Stride::Argument, Stride::Argument, Stride::Argument, Stride::Zero])
            }
        })
        .collect()
}

/// Strides of the given kinds that give each point of a store an element of its own: a permutation of the dimensions, with
/// signs and gaps.
fn strides_for(random: &mut Random, kinds: &[Stride], sizes: &[i64]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    if kinds.last() != Some(&Stride::One) {
        for index in (1..order.len()).rev() {
            order.swap(index, random.below(index as u64 + 1) as usize);
        }
    }
    let mut next = 1;
    let mut strides = vec![0; kinds.len()];
    for &dimension in order.iter().rev() {
        match kinds[dimension] {
            Stride::Zero => {}
            Stride::One => {
                strides[dimension] = 1;
                next = sizes[dimension].max(1);
            }
            Stride::Argument => {
                let gap = random.pick(&[1, 1, 1, 2]);
                let sign = random.pick(&[1, 1, -1]);
                strides[dimension] = next * gap * sign;
                next *= gap * sizes[dimension].max(1);
            }
        }
    }
    strides
}

/// A kernel of a form with loads, and a draft of its body.
fn begin<'a>(random: &'a mut Random, form: Form, sizes: &[i64], n_sizes: usize) -> (Kernel, Draft<'a>) {
    let rank = sizes.len();
    let outer = if form.is_column() { rank - 2 } else { rank - 1 };
    let n_loads = 1 + random.below(3) as usize;
    // Few dtypes at a time: conversions join them.
    let dtypes = [random.pick(&DTYPES), random.pick(&[DType::F32, DType::F64, DType::I32])];
    let loads: Vec<Access> = (0..n_loads)
        .map(|_| {
            let kinds = stride_kinds(random, rank, None);
            Access { dtype: random.pick(&dtypes), map: AccessMap::Strides(kinds) }
        })
        .collect();
    let mut body = Body::new();
    let mut values: Vec<Scalar> = loads
        .iter()
        .enumerate()
        .map(|(load, access)| body.push(Instruction::Load(load as u32), access.dtype))
        .collect();
    let plain = values.clone();
    for dimension in 0..rank {
        if random.below(4) == 0 {
            values.push(body.push(Instruction::Index(dimension as u32), DType::I64));
        }
    }
    for size in 0..n_sizes {
        values.push(body.push(Instruction::Size(size as u32), DType::I64));
    }
    let kernel = Kernel {
        form,
        outer,
        loads,
        body: Body::new(),
        reductions: Vec::new(),
        stores: Vec::new(),
        kept: Vec::new(),
        sizes: n_sizes,
    };
    (kernel, Draft { random, body, values, plain })
}

/// Gives every access a buffer.
pub fn finish(random: &mut Random, kernel: Kernel, sizes: &[i64]) -> Case {
    let layouts = kernel
        .accesses()
        .map(|access| {
            let AccessMap::Strides(kinds) = &access.map else { unreachable!("no tiles are generated") };
            let strides = strides_for(random, kinds, sizes);
            Layout::new(access.dtype, sizes, &strides)
        })
        .collect();
    let body_sizes = (0..kernel.sizes).map(|_| random.below(100) as i64 - 50).collect();
    let mut case = Case { kernel, sizes: sizes.to_vec(), body_sizes, layouts };
    case.randomize(random);
    case
}

pub fn outer_sizes(random: &mut Random) -> Vec<i64> {
    (0..random.below(5)).map(|_| random.pick(&[1, 2, 3, 3, 2, 1, 2, 3, 4, 0])).collect()
}

pub fn random_map(random: &mut Random) -> Case {
    let mut sizes = outer_sizes(random);
    sizes.push(inner_size(random));
    let n_sizes = random.below(2) as usize;
    let (mut kernel, mut draft) = begin(random, Form::Map, &sizes, n_sizes);
    let n_instructions = 1 + draft.random.below(24) as usize;
    draft.grow(n_instructions);
    for _ in 0..1 + draft.random.below(3) {
        let value = *draft.values.last().expect("there are loads");
        let value = if draft.random.below(2) == 0 { value } else { draft.random.pick(&draft.values) };
        let kinds: Vec<Stride> = (0..sizes.len())
            .map(|dimension| {
                if dimension + 1 < sizes.len() {
                    Stride::Argument
                } else {
                    draft.random.pick(&[Stride::One, Stride::One, Stride::Argument])
                }
            })
            .collect();
        let dtype = draft.body.dtype(value);
        kernel.stores.push(Store { access: Access { dtype, map: AccessMap::Strides(kinds) }, value });
    }
    kernel.body = draft.body;
    finish(random, kernel, &sizes)
}

const KINDS: [ReduceKind; 8] = [
    ReduceKind::Sum,
    ReduceKind::Product,
    ReduceKind::Max,
    ReduceKind::Min,
    ReduceKind::And,
    ReduceKind::Or,
    ReduceKind::ArgMax(DType::I32),
    ReduceKind::ArgMin(DType::I64),
];

fn add_reductions(draft: &mut Draft<'_>, kernel: &mut Kernel) {
    for _ in 0..1 + draft.random.below(2) {
        let value = draft.random.pick(&draft.values);
        let dtype = draft.body.dtype(value);
        let fitting: Vec<ReduceKind> = KINDS.into_iter().filter(|kind| kind.accepts(dtype)).collect();
        let kind = draft.random.pick(&fitting);
        let result = kind.result_dtype(dtype);
        let number = kernel.reductions.len() as u32;
        kernel.reductions.push(Reduction { kind, value, dtype: result });
        let reduced = draft.body.push(Instruction::Reduced(number), result);
        draft.add(reduced);
    }
}

pub fn random_row(random: &mut Random) -> Case {
    let mut sizes = outer_sizes(random);
    let inner = if random.below(8) == 0 { random.pick(&[4095, 4096, 4097, 9000]) } else { inner_size(random) };
    if inner > 4000 {
        sizes.truncate(1);
    }
    sizes.push(inner);
    let (mut kernel, mut draft) = begin(random, Form::Row, &sizes, 1);
    for _ in 0..1 + draft.random.below(3) {
        let n_instructions = draft.random.below(8) as usize;
        draft.grow(n_instructions);
        add_reductions(&mut draft, &mut kernel);
    }
    draft.grow(5);
    kernel.body = draft.body.clone();
    let places = kernel.places();
    let per_point: Vec<Scalar> = draft.values.iter().copied().filter(|value| places[value.index()].per_point).collect();
    for _ in 0..draft.random.below(3) {
        if !per_point.is_empty() {
            kernel.kept.push(draft.random.pick(&per_point));
        }
    }
    for _ in 0..1 + draft.random.below(3) {
        let value = draft.random.pick(&draft.values);
        let is_per_row = !places[value.index()].per_point && draft.random.below(2) == 0;
        let kinds: Vec<Stride> = (0..sizes.len())
            .map(|dimension| match dimension + 1 < sizes.len() {
                true => Stride::Argument,
                false if is_per_row => Stride::Zero,
                false => draft.random.pick(&[Stride::One, Stride::One, Stride::Argument]),
            })
            .collect();
        let dtype = draft.body.dtype(value);
        kernel.stores.push(Store { access: Access { dtype, map: AccessMap::Strides(kinds) }, value });
    }
    finish(random, kernel, &sizes)
}

pub fn random_column(random: &mut Random) -> Case {
    let mut sizes = outer_sizes(random);
    sizes.truncate(2);
    let (reduced, inner) = match random.below(10) {
        0 => (random.pick(&[255, 256, 257, 600]), random.pick(&[3, 17])),
        1 => (random.pick(&[2, 5]), random.pick(&[1023, 1025, 2100])),
        _ => (random.pick(&[0, 1, 2, 3, 4, 5, 8, 11]), inner_size(random)),
    };
    if reduced * inner > 1000 {
        sizes.truncate(1);
    }
    sizes.extend([reduced, inner]);
    let rank = sizes.len();
    let form = random.pick(&[Form::Column, Form::Column, Form::Sequence]);
    let (mut kernel, mut draft) = begin(random, form, &sizes, 1);
    for _ in 0..1 + draft.random.below(2) {
        let n_instructions = draft.random.below(8) as usize;
        draft.grow(n_instructions);
        add_reductions(&mut draft, &mut kernel);
    }
    draft.grow(5);
    kernel.body = draft.body.clone();
    let places = kernel.places();
    for _ in 0..1 + draft.random.below(3) {
        let value = draft.random.pick(&draft.values);
        let is_per_step = places[value.index()].per_step;
        let kinds: Vec<Stride> = (0..rank)
            .map(|dimension| match dimension {
                _ if dimension + 2 < rank => Stride::Argument,
                _ if dimension + 2 == rank && is_per_step => Stride::Argument,
                _ if dimension + 2 == rank => Stride::Zero,
                _ => draft.random.pick(&[Stride::One, Stride::One, Stride::Argument]),
            })
            .collect();
        let dtype = draft.body.dtype(value);
        kernel.stores.push(Store { access: Access { dtype, map: AccessMap::Strides(kinds) }, value });
    }
    finish(random, kernel, &sizes)
}
