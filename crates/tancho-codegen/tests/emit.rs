//! Emitted kernels against the reference executor, bit for bit.
#[path = "emit/generate.rs"]
mod generate;
#[path = "emit/reference.rs"]
mod reference;
#[path = "emit/half.rs"]
mod half;
#[path = "emit/wide.rs"]
mod wide;

use std::sync::Arc;

use generate::{Random, random_column, random_map, random_row};
use reference::{Case, Layout};
use tancho_codegen::kernel::{
    Access, AccessMap, Binary, Body, DTYPES, Form, Instruction, Kernel, LaneFunction, Reduction, Scalar, Store, Stride,
    Unary,
};
use tancho_codegen::{code, emit::legal};
use tancho_ir::ops::{Comparison, ReduceKind};
use tancho_tensor::DType;

/// A map kernel without outer dimensions over contiguous buffers, with a store for each of the values.
fn map_of(loads: &[DType], body: Body, stored: &[Scalar]) -> Kernel {
    let access = |dtype| Access { dtype, map: AccessMap::Strides(vec![Stride::One]) };
    Kernel {
        form: Form::Map,
        outer: 0,
        loads: loads.iter().map(|&dtype| access(dtype)).collect(),
        stores: stored.iter().map(|&value| Store { access: access(body.dtype(value)), value }).collect(),
        body,
        reductions: Vec::new(),
        kept: Vec::new(),
        sizes: 0,
    }
}

/// Every pair of special values, and some random ones, through every instruction that takes a dtype.
#[track_caller]
fn check_instructions(dtype: DType, build: impl Fn(&mut Body, Scalar, Scalar) -> Vec<Scalar>) {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), dtype);
    let y = body.push(Instruction::Load(1), dtype);
    let stored = build(&mut body, x, y);
    for chunk in stored.chunks(12) {
        let kernel = map_of(&[dtype, dtype], body.clone(), chunk);
        let mut random = Random::new(7);
        let specials = generate::special_values(dtype);
        let mut pairs: Vec<[u64; 2]> = specials.iter().flat_map(|&x| specials.iter().map(move |&y| [x, y])).collect();
        pairs.extend((0..200).map(|_| [random.element(dtype), random.element(dtype)]));
        let mut case = Case::contiguous(kernel, &[pairs.len() as i64]);
        for (load, layout) in case.layouts[..2].iter_mut().enumerate() {
            let values: Vec<u64> = pairs.iter().map(|pair| pair[load]).collect();
            layout.fill(dtype, &values);
        }
        case.check();
    }
}

#[test]
fn unary_instructions() {
    for dtype in DTYPES {
        check_instructions(dtype, |body, x, _| {
            let operations = Unary::ALL.into_iter().filter(|&operation| legal::unary(operation, dtype).is_some());
            operations.map(|operation| body.unary(operation, x)).collect()
        });
    }
}

#[test]
fn binary_instructions() {
    for dtype in DTYPES {
        check_instructions(dtype, |body, x, y| {
            binary_operations(dtype).map(|operation| body.binary(operation, x, y)).collect()
        });
    }
}

fn binary_operations(dtype: DType) -> impl Iterator<Item = Binary> {
    Binary::ALL.into_iter().filter(move |&operation| legal::binary(operation, dtype, false).is_some())
}

/// With a constant on the right or on the left.
#[test]
fn binary_instructions_with_constants() {
    for dtype in DTYPES {
        for constant in generate::special_values(dtype) {
            check_instructions(dtype, |body, x, _| {
                let constant = body.constant_bits(constant, dtype);
                let mut values = Vec::new();
                for operation in binary_operations(dtype) {
                    values.push(body.binary(operation, x, constant));
                    values.push(body.binary(operation, constant, x));
                }
                values
            });
        }
    }
}

#[test]
fn comparisons_and_selects() {
    for dtype in DTYPES {
        check_instructions(dtype, |body, x, y| {
            let mut values = Vec::new();
            for comparison in Comparison::ALL {
                let condition = body.compare(comparison, x, y);
                values.push(condition);
                values.push(body.select(condition, x, y));
                values.push(body.select(condition, y, x));
                let other = body.convert(x, DType::I16);
                let zero = body.integer(3, DType::I16);
                values.push(body.select(condition, other, zero));
                let other = body.convert(y, DType::F64);
                let zero = body.float(0.5, DType::F64);
                values.push(body.select(condition, zero, other));
                let flag = body.convert(x, DType::Bool);
                let both = body.binary(Binary::And, condition, flag);
                values.push(body.select(both, flag, condition));
                for second in Comparison::ALL {
                    values.push(body.compare(second, flag, condition));
                }
            }
            values
        });
    }
}

#[test]
fn conversions() {
    for from in DTYPES {
        check_instructions(from, |body, x, _| {
            DTYPES.into_iter().filter(|&to| to != from).map(|to| body.convert(x, to)).collect()
        });
    }
}

#[test]
fn bitcasts() {
    for from in DTYPES.into_iter().filter(|&dtype| dtype != DType::Bool) {
        check_instructions(from, |body, x, _| {
            let fits = |to: &DType| *to != from && *to != DType::Bool && to.size() == from.size();
            DTYPES.into_iter().filter(fits).map(|to| body.bitcast(x, to)).collect()
        });
    }
}

#[test]
fn fused_multiply_and_add() {
    for dtype in [DType::F32, DType::F64] {
        check_instructions(dtype, |body, x, y| {
            let constant = body.float(1.5, dtype);
            vec![body.fma(x, y, x), body.fma(x, constant, y), body.fma(constant, constant, y)]
        });
    }
}

#[test]
fn calls() {
    for function in LaneFunction::ALL {
        check_instructions(function.dtype(), |body, x, y| {
            let condition = body.compare(Comparison::Gt, x, y);
            let never = body.compare(Comparison::Lt, x, x);
            let always = body.push(Instruction::Constant(1), DType::Bool);
            let sum = body.add(x, y);
            let constant = body.convert(always, function.dtype());
            vec![
                body.call(function, [x, y], condition, sum),
                body.call(function, [y, x], never, sum),
                body.call(function, [y, constant], condition, constant),
                body.call(function, [x, sum], always, y),
            ]
        });
    }
}

/// How many random kernels of each form are tried; `TANCHO_SEEDS` sets another number.
fn seeds() -> u64 {
    std::env::var("TANCHO_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(120)
}

#[test]
fn random_maps() {
    for seed in 0..seeds() {
        let mut random = Random::new(seed);
        let case = random_map(&mut random);
        case.check();
        case.check_tiled(&mut random);
    }
}

#[test]
fn random_rows() {
    for seed in 0..seeds() {
        let mut random = Random::new(1_000_000 + seed);
        let case = random_row(&mut random);
        case.check();
        case.check_tiled(&mut random);
    }
}

#[test]
fn random_columns() {
    for seed in 0..seeds() {
        let mut random = Random::new(2_000_000 + seed);
        let case = random_column(&mut random);
        case.check();
        case.check_tiled(&mut random);
    }
}

/// All kinds of reduction over all dtypes, along rows and columns of lengths about the blocks' borders.
#[test]
fn reductions() {
    let kinds = |dtype: DType| {
        let all = [
            ReduceKind::Sum,
            ReduceKind::Product,
            ReduceKind::Max,
            ReduceKind::Min,
            ReduceKind::And,
            ReduceKind::Or,
            ReduceKind::ArgMax(DType::I32),
            ReduceKind::ArgMin(DType::I32),
            ReduceKind::ArgMax(DType::I64),
            ReduceKind::ArgMin(DType::I64),
        ];
        all.into_iter().filter(move |kind| kind.accepts(dtype))
    };
    for dtype in DTYPES {
        for (form, lengths) in [(Form::Row, ROW_LENGTHS), (Form::Column, COLUMN_LENGTHS)] {
            for arg in [false, true] {
                let mut body = Body::new();
                let x = body.push(Instruction::Load(0), dtype);
                let mut reductions = Vec::new();
                let mut stores = Vec::new();
                let is_arg = |kind: &ReduceKind| matches!(kind, ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_));
                for kind in kinds(dtype).filter(|kind| is_arg(kind) == arg) {
                    let result = kind.result_dtype(dtype);
                    let value = body.push(Instruction::Reduced(reductions.len() as u32), result);
                    reductions.push(Reduction { kind, value: x, dtype: result });
                    let strides = match form {
                        Form::Column => vec![Stride::Argument, Stride::Zero, Stride::One],
                        _ => vec![Stride::Argument, Stride::Zero],
                    };
                    stores.push(Store { access: Access { dtype: result, map: AccessMap::Strides(strides) }, value });
                }
                if reductions.is_empty() {
                    continue;
                }
                let strides = match form {
                    Form::Column => vec![Stride::Argument, Stride::Argument, Stride::One],
                    _ => vec![Stride::Argument, Stride::One],
                };
                let loads = vec![Access { dtype, map: AccessMap::Strides(strides) }];
                let kernel = Kernel { form, outer: 1, loads, body, reductions, stores, kept: Vec::new(), sizes: 0 };
                for &length in lengths {
                    for seed in 0..2 {
                        let mut random = Random::new(length as u64 * 2 + seed);
                        let sizes = match form {
                            Form::Column => vec![2, length, if length > 300 { 5 } else { 21 }],
                            _ => vec![2, length],
                        };
                        let mut case = Case::contiguous(kernel.clone(), &sizes);
                        let elements = case.layouts[0].elements();
                        // Few different values make ties; special ones make NaNs, infinities and zeros of both signs.
                        let values: Vec<u64> = (0..elements)
                            .map(|_| if seed == 0 { random.small(dtype) } else { random.element(dtype) })
                            .collect();
                        case.layouts[0].fill(dtype, &values);
                        case.check();
                    }
                }
            }
        }
    }
}

const ROW_LENGTHS: &[i64] = &[0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 100, 4095, 4097, 9000];
const COLUMN_LENGTHS: &[i64] = &[0, 1, 3, 4, 5, 100, 255, 256, 257, 700];

/// NaNs, infinities and zeros alone, where signs and ties decide.
#[test]
fn arg_reductions_of_special_values() {
    for dtype in [DType::F32, DType::F64] {
        let specials: Vec<u64> = match dtype {
            DType::F32 => [f32::NEG_INFINITY, 0.0, -0.0, f32::NAN].map(|x| u64::from(x.to_bits())).to_vec(),
            _ => [f64::NEG_INFINITY, 0.0, -0.0, f64::NAN].map(f64::to_bits).to_vec(),
        };
        for n_values in 1..=specials.len() {
            for length in [1, 5, 16, 40] {
                let mut body = Body::new();
                let x = body.push(Instruction::Load(0), dtype);
                let result = body.push(Instruction::Reduced(0), DType::I64);
                let reductions = vec![Reduction { kind: ReduceKind::ArgMax(DType::I64), value: x, dtype: DType::I64 }];
                let access = |dtype, last| Access { dtype, map: AccessMap::Strides(vec![Stride::Argument, last]) };
                let kernel = Kernel {
                    form: Form::Row,
                    outer: 1,
                    loads: vec![access(dtype, Stride::One)],
                    body,
                    reductions,
                    stores: vec![Store { access: access(DType::I64, Stride::Zero), value: result }],
                    kept: Vec::new(),
                    sizes: 0,
                };
                let mut case = Case::contiguous(kernel, &[50, length]);
                let mut random = Random::new(length as u64);
                let values: Vec<u64> =
                    (0..50 * length).map(|_| specials[random.below(n_values as u64) as usize]).collect();
                case.layouts[0].fill(dtype, &values);
                case.check();
            }
        }
    }
}

/// A block of a matrix product: rows apart, elements side by side.
#[test]
fn tiles() {
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), DType::F32);
    let bias = body.push(Instruction::Load(1), DType::F32);
    let sum = body.add(x, bias);
    let tile = Access { dtype: DType::F32, map: AccessMap::Tile };
    let bias_access =
        Access { dtype: DType::F32, map: AccessMap::Strides(vec![Stride::Zero, Stride::Zero, Stride::One]) };
    let kernel = Kernel {
        form: Form::Map,
        outer: 2,
        loads: vec![tile.clone(), bias_access],
        body,
        reductions: Vec::new(),
        stores: vec![Store { access: tile, value: sum }],
        kept: Vec::new(),
        sizes: 0,
    };
    let mut case = Case::contiguous(kernel, &[2, 3, 37]);
    case.randomize(&mut Random::new(5));
    case.check();
    case.check_tiled(&mut Random::new(6));
}

/// A map whose result takes the place of its operand.
#[test]
fn in_place() {
    for n in [1, 15, 16, 17, 100] {
        let mut body = Body::new();
        let x = body.push(Instruction::Load(0), DType::F32);
        let y = body.push(Instruction::Load(1), DType::F32);
        let product = body.multiply(x, y);
        let difference = body.subtract(product, x);
        let kernel = Arc::new(map_of(&[DType::F32, DType::F32], body, &[difference, product]));
        let code = code::compile(&[kernel]).unwrap().remove(0);
        let mut left: Vec<f32> = (0..n).map(|i| i as f32 * 0.7 - 3.0).collect();
        let mut right: Vec<f32> = (0..n).map(|i| 5.0 - i as f32 * 0.3).collect();
        let expected: Vec<(f32, f32)> = left.iter().zip(&right).map(|(x, y)| (x * y - x, x * y)).collect();
        let (a, b) = (left.as_mut_ptr().cast::<u8>(), right.as_mut_ptr().cast::<u8>());
        reference::call(&code, &[a, b, a, b], &[n as i64], 0..1, 0..n as i64);
        let results: Vec<(f32, f32)> = left.into_iter().zip(right).collect();
        assert_eq!(results, expected, "{n} elements");
    }
}

#[test]
fn equal_kernels_share_code() {
    let kernel = |constant: f64| {
        let mut body = Body::new();
        let x = body.push(Instruction::Load(0), DType::F32);
        let constant = body.float(constant, DType::F32);
        let sum = body.add(x, constant);
        Arc::new(map_of(&[DType::F32], body, &[sum]))
    };
    let first = code::compile(&[kernel(12345.0), kernel(54321.0), kernel(12345.0)]).unwrap();
    assert!(Arc::ptr_eq(&first[0], &first[2]) && !Arc::ptr_eq(&first[0], &first[1]));
    let again = code::compile(&[kernel(54321.0)]).unwrap();
    assert!(Arc::ptr_eq(&first[1], &again[0]));
    assert!(first[0].clif().contains("fadd"), "{}", first[0].clif());
    assert!(first[0].asm().contains("vaddps"), "{}", first[0].asm());
}

/// Code that lives in one memory goes with its last holder, in any order, while other code runs.
#[test]
fn codes_are_made_and_dropped_from_many_threads() {
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            scope.spawn(move || {
                for round in 0..20u32 {
                    let mut body = Body::new();
                    let x = body.push(Instruction::Load(0), DType::F32);
                    // Some kernels are alike between the threads.
                    let constant = body.float(f64::from(round * 3 + thread % 2), DType::F32);
                    let sum = body.multiply(x, constant);
                    let code = code::compile(&[Arc::new(map_of(&[DType::F32], body, &[sum]))]).unwrap().remove(0);
                    let (mut x, mut y) = ([2f32; 20], [0f32; 20]);
                    let pointers = [x.as_mut_ptr().cast(), y.as_mut_ptr().cast()];
                    reference::call(&code, &pointers, &[20], 0..1, 0..20);
                    assert_eq!(y, [2.0 * (round * 3 + thread % 2) as f32; 20]);
                }
            });
        }
    });
}

#[test]
fn the_table_lists_every_instruction() {
    let rows = legal::rows();
    for operation in Unary::ALL {
        assert!(rows.iter().any(|row| row.instruction == operation.name()), "{operation:?}");
    }
    for operation in Binary::ALL {
        assert!(rows.iter().any(|row| row.instruction == operation.name()), "{operation:?}");
    }
}

#[test]
fn layouts_reach_every_element() {
    let layout = Layout::new(DType::F32, &[3, 2], &[-2, 1]);
    assert_eq!((layout.elements(), layout.origin), (6, 4));
}

/// What is printed is read back, and printed alike.
#[test]
fn kernels_print_and_parse() {
    for seed in 0..200 {
        for generate in [random_map, random_row, random_column] {
            let kernel = generate(&mut Random::new(3_000_000 + seed)).kernel;
            let text = kernel.to_string();
            let parsed = Kernel::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(parsed.to_string(), text);
            assert!(parsed == kernel, "{text}");
        }
    }
}

#[test]
fn constants_print_and_parse() {
    for dtype in DTYPES {
        let mut body = Body::new();
        let values: Vec<Scalar> =
            generate::special_values(dtype).into_iter().map(|bits| body.constant_bits(bits, dtype)).collect();
        let kernel = map_of(&[], body, &values);
        assert_eq!(Kernel::parse(&kernel.to_string()), Ok(kernel));
    }
}

#[test]
fn a_kernel_reads_as_it_is_documented() {
    let text = "kernel row outer=1 {\n  load a: f32 [*, 1]\n  reduce r0 = max v0 : f32\n  v0 = load a : f32\n  \
                v1 = reduced r0 : f32\n  v2 = subtract v0, v1 : f32\n  keep v0\n  store v2: f32 [*, 1]\n}";
    let kernel = Kernel::parse(text).unwrap();
    assert_eq!(kernel.to_string(), text);
    let spread = text.replace('\n', "\n\n").replace(" = ", "   =   ").replace('{', "{ // a comment");
    assert_eq!(Kernel::parse(&spread), Ok(kernel));
}

#[test]
fn parse_errors_have_places() {
    #[track_caller]
    fn check(body: &str, expected: &str) {
        let text = format!("kernel row outer=1 sizes=1 {{\n  load a: f32 [*, 1]\n{body}\n}}");
        assert_eq!(Kernel::parse(&text).unwrap_err().to_string(), expected);
    }
    check("  v1 = load a : f32", "3:3: expected a statement or `v0 =`, found `v1`");
    check("  v0 = load b : f32", "3:13: there is no load `b`");
    check("  v0 = load a : f64", "3:17: expected the dtype f32, found f64");
    check("  v0 = load a : f33", "3:17: `f33` is no dtype");
    check("  v0 = load a : f32 f", "3:21: expected the end of the line");
    check("  v0 = frobnicate v0 : f32", "3:8: there is no operation `frobnicate`");
    check("  v0 = negate v0 : f32", "3:15: v0 is not known here");
    check("  v0 = constant 256 : u8", "3:17: `256` is no constant of dtype u8");
    check("  v0 = constant true : bool\n  v1 = negate v0 : bool", "4:20: negate does not take bool");
    check("  v0 = constant 1 : i8\n  v1 = constant 1 : i8", "4:3: v1 repeats v0");
    check("  v0 = index 2 : i64", "3:14: a dimension is at most 1, not 2");
    check("  v0 = size 1 : i64", "3:13: there are 1 sizes");
    check("  v0 = reduced r0 : f32", "3:16: there is no reduction r0");
    check("  reduce r0 = sum v0 : f32\n  v0 = reduced r0 : f32", "4:16: r0 folds a value that comes later");
    check("  reduce r0 = sum v0 : f32", "3:3: there is no value v0");
    check("  reduce r0 = and v0 : f32\n  v0 = load a : f32", "3:3: and does not take f32");
    check("  reduce r0 = argmax v0 : i8\n  v0 = load a : f32", "3:3: argmax of f32 does not give i8");
    check("  reduce r0 = mean v0 : f32", "3:15: `mean` is no kind of reduction");
    check("  store v0: f32 [*, 1]", "3:9: v0 is not known here");
    check("  v0 = load a : f32\n  store v0: f64 [*, 1]", "4:9: v0 is f32, the access is f64");
    check("  v0 = load a : f32\n  store v0: f32 [*]", "4:19: expected `,`");
    check("  v0 = load a : f32\n  store v0: f32 [*, 2]", "4:21: expected a stride: `0`, `1` or `*`");
    check("}\n", "5:1: expected the end of the text");
    let header = |text: &str| Kernel::parse(text).unwrap_err().to_string();
    assert_eq!(header(""), "1:1: expected `kernel`, found the end of the text");
    assert_eq!(header("kernel map outer=0 {\n"), "1:1: expected `}`, found the end of the text");
    assert_eq!(header("kernel map outer=99 {"), "1:18: the number of outer dimensions is at most 64, not 99");
    assert_eq!(header("kernel ring outer=0 {"), "1:8: expected `map`, `row` or `column`, found `ring`");
    assert_eq!(header("kernel map outer=0 {\n reduce r0 = sum v0 : f32\n}"), "2:2: a map kernel has no reductions");
}

/// Texts with errors of any kind are refused or read, and what is read is well formed enough to be compiled.
#[test]
fn mutilated_texts_do_not_panic() {
    let mut random = Random::new(11);
    for seed in 0..300 {
        let kernel = random_row(&mut Random::new(4_000_000 + seed)).kernel;
        let mut bytes = kernel.to_string().into_bytes();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] = random.pick(b"v0123459 :=,[]*{}\nrabf\xc3"),
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(kernel) = Kernel::parse(&String::from_utf8_lossy(&bytes)) {
            assert_eq!(Kernel::parse(&kernel.to_string()).as_ref(), Ok(&kernel));
            code::compile(&[Arc::new(kernel)]).unwrap();
        }
    }
}
