//! Kernels that the wide emitter takes: bodies of one width or of two, bit for bit against the reference executor, and what they are
//! encoded as. The code of a class that this processor lacks is made, and not run.

use tancho_codegen::kernel::{
    Access, AccessMap, Binary, Body, Form, Instruction, Kernel, Reduction, Scalar, Store, Stride, Unary,
};
use tancho_codegen::math;
use tancho_codegen::wide::{self, Isa};
use tancho_ir::ops::{BinaryOp, Comparison, ReduceKind, UnaryOp};
use tancho_tensor::DType;

use crate::generate::{Random, finish, inner_size, outer_sizes};
use crate::reference::Case;

const SINGLE: [DType; 3] = [DType::F32, DType::I32, DType::U32];
const DOUBLE: [DType; 3] = [DType::F64, DType::I64, DType::U64];

/// Dtypes of one width, or of two.
fn some_dtypes(random: &mut Random) -> [DType; 3] {
    let all = [SINGLE, DOUBLE].concat();
    match random.below(5) {
        0 => SINGLE,
        1 => DOUBLE,
        2 => [DType::F32, DType::I32, DType::I64],
        _ => [random.pick(&all), random.pick(&all), random.pick(&all)],
    }
}

/// A body of values of 4 and 8 bytes, with the instructions that both classes have.
struct Draft<'a> {
    random: &'a mut Random,
    body: Body,
    values: Vec<Scalar>,
    /// Values that are not NaN: their bits are known.
    plain: Vec<Scalar>,
}

impl Draft<'_> {
    /// Mostly any of the values, so that many are alive at once.
    fn value_of(&mut self, dtype: DType) -> Scalar {
        let fitting: Vec<Scalar> =
            self.values.iter().copied().filter(|&value| self.body.dtype(value) == dtype).collect();
        if fitting.is_empty() || self.random.below(8) == 0 {
            let bits = self.random.element(dtype);
            return self.body.constant_bits(bits, dtype);
        }
        self.random.pick(&fitting)
    }

    fn grow(&mut self, dtypes: [DType; 3], n_instructions: usize) {
        let dtypes_and_bool = [dtypes[0], dtypes[0], dtypes[1], dtypes[2], DType::Bool];
        for _ in 0..n_instructions {
            let dtype = self.random.pick(&dtypes_and_bool);
            let (x, y) = (self.value_of(dtype), self.value_of(dtype));
            let value = match self.random.below(9) {
                0 | 1 if dtype.is_float() => {
                    let operation = self.random.pick(&[
                        Unary::Negate,
                        Unary::Abs,
                        Unary::Sqrt,
                        Unary::Ceil,
                        Unary::Floor,
                        Unary::Truncate,
                        Unary::Nearest,
                    ]);
                    self.body.unary(operation, x)
                }
                0 if matches!(dtype, DType::I32 | DType::I64) => self.body.unary(Unary::Abs, x),
                1 if dtype != DType::Bool => self.body.unary(Unary::Negate, x),
                0 | 1 => self.body.unary(Unary::Not, x),
                2..=4 if dtype.is_float() => {
                    let operation = self.random.pick(&[
                        Binary::Add,
                        Binary::Subtract,
                        Binary::Multiply,
                        Binary::Divide,
                        Binary::Minimum,
                        Binary::Maximum,
                    ]);
                    self.body.binary(operation, x, y)
                }
                2..=4 if dtype == DType::Bool => {
                    let operation = self.random.pick(&[Binary::Minimum, Binary::Maximum, Binary::Xor]);
                    self.body.binary(operation, x, y)
                }
                2 => {
                    let amount = self.random.below(70);
                    let amount = self.body.constant_bits(amount, dtype);
                    let operation =
                        self.random.pick(&[Binary::ShiftLeft, Binary::ShiftRightLogical, Binary::ShiftRightArithmetic]);
                    self.body.binary(operation, x, amount)
                }
                3 => {
                    let operation = self.random.pick(&[
                        Binary::Multiply,
                        Binary::Minimum,
                        Binary::Maximum,
                        Binary::ShiftRightArithmetic,
                    ]);
                    self.body.binary(operation, x, y)
                }
                4 => {
                    let operation = self.random.pick(&[
                        Binary::Add,
                        Binary::Subtract,
                        Binary::And,
                        Binary::Or,
                        Binary::Xor,
                        Binary::ShiftLeft,
                        Binary::ShiftRightLogical,
                    ]);
                    self.body.binary(operation, x, y)
                }
                5 => {
                    let comparison = self.random.pick(&Comparison::ALL);
                    self.body.compare(comparison, x, y)
                }
                6 => {
                    let condition = self.value_of(DType::Bool);
                    // Often a comparison of the values themselves, which is a minimum or a maximum.
                    let condition = match self.random.below(4) {
                        0 => self.body.compare(Comparison::Lt, x, y),
                        1 => self.body.compare(Comparison::Gt, y, x),
                        _ => condition,
                    };
                    self.body.select(condition, x, y)
                }
                7 if dtype.is_float() => {
                    let z = self.value_of(dtype);
                    let (x, y, z) = match self.random.below(6) {
                        0 => (x, x, z),
                        1 => (x, y, x),
                        2 => (x, y, y),
                        _ => (x, y, z),
                    };
                    self.body.fma(x, y, z)
                }
                7 if self.plain.contains(&x) => {
                    let to = self.random.pick(&dtypes);
                    if to.size() != dtype.size() {
                        continue;
                    }
                    self.body.bitcast(x, to)
                }
                _ => {
                    let to = self.random.pick(&dtypes_and_bool);
                    let is_lacking = |from: DType, to: DType| match to {
                        DType::U32 => from == DType::F32,
                        DType::I64 | DType::U64 => from.is_float(),
                        _ => false,
                    };
                    if is_lacking(dtype, to) {
                        continue;
                    }
                    self.body.convert(x, to)
                }
            };
            self.values.push(value);
        }
    }
}

/// A kernel with side-by-side and constant accesses, tiles among them.
fn random_kernel(random: &mut Random) -> Case {
    let dtypes = some_dtypes(random);
    let mut sizes = outer_sizes(random);
    sizes.push(inner_size(random));
    let rank = sizes.len();
    // More accesses than there are registers for their addresses, now and then.
    let n_loads = if random.below(5) == 0 { 14 } else { 1 + random.below(4) };
    let kinds = |random: &mut Random, is_store: bool| -> Vec<Stride> {
        let outer = |random: &mut Random| {
            if is_store { Stride::Argument } else { random.pick(&[Stride::Argument, Stride::Argument, Stride::Zero]) }
        };
        let mut kinds: Vec<Stride> = (1..rank).map(|_| outer(random)).collect();
        let is_constant = !is_store && random.below(4) == 0;
        kinds.push(if is_constant { Stride::Zero } else { Stride::One });
        kinds
    };
    let loads: Vec<Access> = (0..n_loads)
        .map(|_| Access { dtype: random.pick(&dtypes), map: AccessMap::Strides(kinds(random, false)) })
        .collect();
    let mut body = Body::new();
    let mut values: Vec<Scalar> =
        loads.iter().zip(0..).map(|(access, load)| body.push(Instruction::Load(load), access.dtype)).collect();
    let plain = values.clone();
    let n_sizes = add_numbers(random, &mut body, &mut values, rank);
    let n_instructions = random.pick(&[1, 2, 5, 10, 30, 80]);
    let mut draft = Draft { random, body, values, plain };
    draft.grow(dtypes, n_instructions);
    let mut stored: Vec<Scalar> =
        draft.values.iter().rev().copied().filter(|&value| draft.body.dtype(value) != DType::Bool).collect();
    stored.dedup();
    stored.truncate(1 + draft.random.below(6) as usize);
    let body = draft.body;
    let stores = stored
        .iter()
        .map(|&value| {
            let map = AccessMap::Strides(kinds(random, true));
            Store { access: Access { dtype: body.dtype(value), map }, value }
        })
        .collect();
    let kernel = Kernel {
        form: Form::Map,
        outer: rank - 1,
        loads,
        body,
        reductions: Vec::new(),
        stores,
        kept: Vec::new(),
        sizes: n_sizes,
    };
    finish(random, kernel, &sizes)
}

/// Now and then indices and sizes, as they are or as integers of 4 bytes. Gives the number of sizes.
fn add_numbers(random: &mut Random, body: &mut Body, values: &mut Vec<Scalar>, rank: usize) -> usize {
    if random.below(3) > 0 {
        return 0;
    }
    let indices = (0..rank as u32).map(Instruction::Index);
    for number in indices.chain([Instruction::Size(0)]) {
        let number = body.push(number, DType::I64);
        let to = random.pick(&[DType::I64, DType::I32, DType::U32]);
        values.push(body.convert(number, to));
    }
    1
}

#[test]
fn random_maps() {
    let (mut n_taken, mut n_spilling) = (0, 0);
    let seeds = 4 * crate::seeds();
    for seed in 0..seeds {
        let mut random = Random::new(5_000_000 + seed);
        let case = random_kernel(&mut random);
        case.check();
        case.check_tiled(&mut random);
        for isa in [Isa::Avx2, Isa::Avx512] {
            if let Some(text) = wide::listing(&case.kernel, isa) {
                let text = text.unwrap_or_else(|error| panic!("{isa:?}: {error}\n{}", case.kernel));
                n_taken += 1;
                // The first store of a vector into the frame is that of the tail's mask.
                n_spilling += u64::from(text.matches("vmovups [rsp").count() > 1);
            }
        }
    }
    assert!(n_taken * 10 >= 2 * seeds * 8, "takes {n_taken} of {seeds}, by each of two");
    assert!(n_spilling > 0);
}

/// A row kernel: folds of loads, of what is computed from them and, in later stages, from their results;
/// values that are kept, and stores for points and for rows.
fn random_row(random: &mut Random) -> Case {
    let dtypes = some_dtypes(random);
    let mut sizes = outer_sizes(random);
    sizes.push(random.pick(&[0, 1, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 100, 4096, 4101]));
    let rank = sizes.len();
    let kinds = |last: Stride| [vec![Stride::Argument; rank - 1], vec![last]].concat();
    let access = |dtype: DType, last: Stride| Access { dtype, map: AccessMap::Strides(kinds(last)) };
    let n_loads = 1 + random.below(2);
    let loads: Vec<Access> = (0..n_loads)
        .map(|_| {
            let last = random.pick(&[Stride::One, Stride::One, Stride::One, Stride::Zero]);
            access(random.pick(&dtypes), last)
        })
        .collect();
    let mut body = Body::new();
    let mut values: Vec<Scalar> =
        loads.iter().zip(0..).map(|(access, load)| body.push(Instruction::Load(load), access.dtype)).collect();
    let plain = values.clone();
    let n_sizes = add_numbers(random, &mut body, &mut values, rank);
    let mut draft = Draft { random, body, values, plain };
    let (mut reductions, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..1 + draft.random.below(2) {
        let n_instructions = draft.random.below(8) as usize;
        draft.grow(dtypes, n_instructions);
        for _ in 0..1 + draft.random.below(2) {
            let dtype = draft.random.pick(&dtypes);
            let value = draft.value_of(dtype);
            let kinds: &[ReduceKind] = match dtype {
                DType::F32 | DType::F64 => &[ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min, ReduceKind::Product],
                DType::I32 | DType::U32 => &[ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min, ReduceKind::And],
                _ => &[ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min, ReduceKind::Or],
            };
            let reduction = Reduction { kind: draft.random.pick(kinds), value, dtype };
            let result = draft.body.push(Instruction::Reduced(reductions.len() as u32), dtype);
            reductions.push(reduction);
            if draft.random.below(2) == 0 {
                kept.push(value);
            }
            draft.values.push(result);
        }
    }
    draft.grow(dtypes, 4);
    let (body, values, random) = (draft.body, draft.values, draft.random);
    let mut kernel =
        Kernel { form: Form::Row, outer: rank - 1, loads, body, reductions, stores: Vec::new(), kept, sizes: n_sizes };
    let places = kernel.places();
    for &value in values.iter().rev().filter(|&&value| kernel.body.dtype(value) != DType::Bool).take(5) {
        let is_per_point = places[value.index()].per_point || random.below(3) == 0;
        let last = if is_per_point { Stride::One } else { Stride::Zero };
        kernel.stores.push(Store { access: access(kernel.body.dtype(value), last), value });
    }
    finish(random, kernel, &sizes)
}

#[test]
fn random_rows() {
    let mut n_taken = [0; 2];
    let seeds = crate::seeds();
    for seed in 0..seeds {
        let mut random = Random::new(6_000_000 + seed);
        let case = random_row(&mut random);
        case.check();
        case.check_tiled(&mut random);
        for (isa, n_taken) in [Isa::Avx2, Isa::Avx512].into_iter().zip(&mut n_taken) {
            if let Some(text) = wide::listing(&case.kernel, isa) {
                let _ = text.unwrap_or_else(|error| panic!("{isa:?}: {error}\n{}", case.kernel));
                *n_taken += 1;
            }
        }
    }
    assert!(n_taken[0] * 10 >= seeds * 5, "takes {n_taken:?} of {seeds}");
}

fn unary_kernel(op: UnaryOp, dtype: DType) -> Kernel {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), dtype);
    let value = math::expand_unary(&mut body, op, x);
    crate::map_of(&[dtype], body, &[value])
}

/// The elementary functions, on elements of all kinds, at lengths about the vectors' borders.
#[test]
fn elementary_functions() {
    let (mut left, mut n_ternary) = (Vec::new(), 0);
    for dtype in [DType::F32, DType::F64] {
        for op in UnaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)) {
            let kernel = unary_kernel(op, dtype);
            let texts = [Isa::Avx2, Isa::Avx512].map(|isa| wide::listing(&kernel, isa));
            match texts {
                [Some(narrow), Some(wide)] => {
                    let _ = narrow.unwrap_or_else(|error| panic!("{error}\n{kernel}"));
                    let wide = wide.unwrap_or_else(|error| panic!("{error}\n{kernel}"));
                    n_ternary += usize::from(wide.contains("vpternlog"));
                    assert!(!wide.contains("vblend"), "{wide}");
                }
                [None, None] => left.push((op.name(), dtype)),
                _ => panic!("only one class takes {} of {dtype}", op.name()),
            }
            for length in [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 31, 33, 1000] {
                let mut case = Case::contiguous(kernel.clone(), &[length]);
                case.randomize(&mut Random::new(length as u64));
                case.check();
            }
        }
    }
    assert!(n_ternary > 10, "selects are ternary operations on bits");
    assert_eq!(left, LEFT_TO_CRANELIFT, "what the wide emitter does not take");
}

/// Those that call functions for some lanes, or store `bool`s.
const LEFT_TO_CRANELIFT: &[(&str, DType)] = &[
    ("cosine", DType::F32),
    ("is_finite", DType::F32),
    ("sine", DType::F32),
    ("tan", DType::F32),
    ("cosine", DType::F64),
    ("is_finite", DType::F64),
    ("sine", DType::F64),
    ("tan", DType::F64),
];

/// The gaussian error linear unit and the chain of the benchmarks.
#[test]
fn fused_bodies() {
    for dtype in [DType::F32, DType::F64] {
        let mut body = Body::new();
        let x = body.push(Instruction::Load(0), dtype);
        let y = body.push(Instruction::Load(1), dtype);
        let scale = body.float(std::f64::consts::FRAC_1_SQRT_2, dtype);
        let scaled = body.multiply(x, scale);
        let error = math::expand_unary(&mut body, UnaryOp::Erf, scaled);
        let (one, half, zero) = (body.float(1.0, dtype), body.float(0.5, dtype), body.float(0.0, dtype));
        let sum = body.add(error, one);
        let halved = body.multiply(x, half);
        let gelu = body.multiply(halved, sum);
        let product = body.multiply(x, y);
        let sum = body.add(product, half);
        let positive = math::expand_binary(&mut body, BinaryOp::Maximum, sum, zero);
        let product = body.multiply(positive, y);
        let chain = body.subtract(product, x);
        let kernel = crate::map_of(&[dtype, dtype], body, &[gelu, chain]);
        for length in 0..70 {
            let mut case = Case::contiguous(kernel.clone(), &[length]);
            case.randomize(&mut Random::new(length as u64));
            case.check();
        }
        let text = |isa| wide::listing(&kernel, isa).expect("is taken").expect("is encoded");
        let (narrow, wide) = (text(Isa::Avx2), text(Isa::Avx512));
        assert!(narrow.starts_with("; emitted by wide avx2\n") && wide.starts_with("; emitted by wide avx512\n"));
        assert!(narrow.contains("vmaskmov") && narrow.contains("ymm15") && !narrow.contains("zmm"), "{narrow}");
        // The tail's lanes, a select, and the upper registers.
        for part in ["{k2}{z}", "zmm31"] {
            assert!(wide.contains(part), "{part}\n{wide}");
        }
        assert!(!wide.contains("ymm"), "{wide}");
    }
}

/// What is not taken goes to Cranelift, whatever is asked for.
#[test]
fn other_kernels_go_to_cranelift() {
    #[track_caller]
    fn check(lines: &str, is_taken: bool) {
        let kernel = Kernel::parse(&format!("kernel map outer=0 {{\n{lines}\n}}")).expect("is a kernel");
        assert_eq!(wide::listing(&kernel, Isa::Avx2).is_some(), is_taken);
        assert!(wide::listing(&kernel, Isa::Cranelift).is_none());
    }
    check("load a: f32 [1]\nv0 = load a : f32\nv1 = sqrt v0 : f32\nstore v1: f32 [1]", true);
    check("load a: f32 [*]\nv0 = load a : f32\nv1 = sqrt v0 : f32\nstore v1: f32 [1]", false);
    check("load a: f32 [1]\nv0 = load a : f32\nv1 = sqrt v0 : f32\nstore v1: f32 [*]", false);
    check("load a: i32 [1]\nv0 = load a : i32\nv1 = divide v0, v0 : i32\nstore v1: i32 [1]", false);
    check("load a: f32 [1]\nv0 = load a : f32\nv1 = convert v0 : f64\nstore v1: f64 [1]", true);
    check("load a: f32 [1]\nv0 = load a : f32\nv1 = convert v0 : i64\nstore v1: i64 [1]", false);
    check("load a: i8 [1]\nv0 = load a : i8\nstore v0: i8 [1]", false);
}
