//! Kernels executed by their definition: every loop in order, every body by the evaluator, folds as the op `reduce`
//! documents them.

use std::ops::Range;
use std::sync::Arc;

use tancho_codegen::code::{self, Code};
use tancho_codegen::kernel::evaluate::{Point, evaluate_into};
use tancho_codegen::kernel::{Access, AccessMap, Binary, Body, Form, Instruction, Kernel, Place, Stride};
use tancho_codegen::wide::Isa;
use tancho_ir::ops::ReduceKind;
use tancho_ir::ops::reduce::order::{COLUMN_BLOCK, LANES, LAST_LANES, ROW_BLOCK};
use tancho_tensor::DType;

use crate::generate::Random;

/// A buffer and the strides through which an access reaches it.
#[derive(Clone, Debug)]
pub struct Layout {
    pub bytes: Vec<u8>,
    /// The element at index 0 along all dimensions.
    pub origin: usize,
    pub strides: Vec<i64>,
    pub dtype: DType,
}

impl Layout {
    pub fn new(dtype: DType, sizes: &[i64], strides: &[i64]) -> Layout {
        let (mut low, mut high) = (0, 0);
        for (&size, &stride) in sizes.iter().zip(strides) {
            let span = (size - 1).max(0) * stride;
            low += span.min(0);
            high += span.max(0);
        }
        let bytes = vec![0; (high - low + 1) as usize * dtype.size()];
        Layout { bytes, origin: -low as usize, strides: strides.to_vec(), dtype }
    }

    pub fn elements(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    pub fn fill(&mut self, dtype: DType, values: &[u64]) {
        for (element, &value) in self.bytes.chunks_exact_mut(dtype.size()).zip(values) {
            element.copy_from_slice(&value.to_le_bytes()[..dtype.size()]);
        }
    }

    fn offset(&self, indices: &[i64]) -> usize {
        let element: i64 = indices.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
        (self.origin as i64 + element) as usize * self.dtype.size()
    }

    /// The bits of an element; 0 where an empty dimension leaves none.
    fn load(&self, indices: &[i64]) -> u64 {
        let mut bits = [0; 8];
        if let Some(bytes) = self.bytes.get(self.offset(indices)..).and_then(|rest| rest.get(..self.dtype.size())) {
            bits[..bytes.len()].copy_from_slice(bytes);
        }
        u64::from_le_bytes(bits)
    }

    fn store(&mut self, indices: &[i64], bits: u64) {
        let (at, size) = (self.offset(indices), self.dtype.size());
        self.bytes[at..at + size].copy_from_slice(&bits.to_le_bytes()[..size]);
    }
}

/// A kernel with all that a call needs.
#[derive(Clone, Debug)]
pub struct Case {
    pub kernel: Kernel,
    pub sizes: Vec<i64>,
    pub body_sizes: Vec<i64>,
    /// One for each access.
    pub layouts: Vec<Layout>,
}

/// Calls a kernel's function with scratch memory of its own, which ends where a guard begins.
pub fn call(code: &Code, pointers: &[*mut u8], arguments: &[i64], rows: Range<i64>, inner: Range<i64>) {
    let bytes = code.kernel().expect("a kernel's code").scratch_bytes((inner.end - inner.start) as usize);
    let mut scratch = vec![0xa5u8; bytes + 128];
    let start = scratch.as_ptr().align_offset(64);
    // SAFETY: the pointers, arguments and scratch memory are those that the kernel asks for.
    unsafe {
        code.function()(
            pointers.as_ptr(),
            arguments.as_ptr(),
            scratch[start..].as_mut_ptr(),
            rows.start,
            rows.end,
            inner.start,
            inner.end,
        )
    };
    assert!(scratch[start + bytes..].iter().all(|&byte| byte == 0xa5), "wrote behind the scratch memory");
}

impl Case {
    /// Strides that are arguments become those of row-major buffers.
    pub fn contiguous(kernel: Kernel, sizes: &[i64]) -> Case {
        let layouts = kernel
            .accesses()
            .map(|access| {
                let mut next = 1;
                let mut strides = vec![0; sizes.len()];
                for dimension in (0..sizes.len()).rev() {
                    if access.moves_along(dimension) {
                        strides[dimension] = next;
                        next *= sizes[dimension].max(1);
                    }
                }
                Layout::new(access.dtype, sizes, &strides)
            })
            .collect();
        Case { kernel, sizes: sizes.to_vec(), body_sizes: Vec::new(), layouts }
    }

    pub fn randomize(&mut self, random: &mut Random) {
        for layout in &mut self.layouts {
            let values: Vec<u64> = (0..layout.elements()).map(|_| random.element(layout.dtype)).collect();
            layout.fill(layout.dtype, &values);
        }
    }

    fn n_rows(&self) -> i64 {
        self.sizes[..self.kernel.outer].iter().product()
    }

    fn inner_size(&self) -> i64 {
        self.sizes[self.kernel.inner()]
    }

    /// One call for everything.
    #[track_caller]
    pub fn check(&self) {
        self.check_tiles(&[(0..self.n_rows(), 0..self.inner_size())]);
    }

    /// Calls for random tiles of the rows and, where the form allows it, of the inner dimension.
    #[track_caller]
    pub fn check_tiled(&self, random: &mut Random) {
        let mut cut = |end: i64| {
            let mut cuts = vec![0, end];
            cuts.extend((0..3).map(|_| random.below(end as u64 + 1) as i64));
            cuts.sort_unstable();
            cuts.windows(2).map(|pair| pair[0]..pair[1]).collect::<Vec<_>>()
        };
        let rows = cut(self.n_rows());
        let whole = 0..self.inner_size();
        let inner = if self.kernel.form == Form::Row { std::iter::once(whole).collect() } else { cut(whole.end) };
        let tiles: Vec<_> =
            rows.iter().flat_map(|rows| inner.iter().map(|inner| (rows.clone(), inner.clone()))).collect();
        self.check_tiles(&tiles);
    }

    #[track_caller]
    fn check_tiles(&self, tiles: &[(Range<i64>, Range<i64>)]) {
        let mut expected = self.clone();
        expected.execute();
        let kernel = Arc::new(self.kernel.clone());
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_supported()) {
            let code = code::compile_for(isa, std::slice::from_ref(&kernel)).unwrap().remove(0);
            self.check_code(&code, isa, tiles, &expected);
        }
    }

    /// Compares what a code does with what is expected.
    #[track_caller]
    fn check_code(&self, code: &Code, isa: Isa, tiles: &[(Range<i64>, Range<i64>)], expected: &Case) {
        let mut emitted = self.clone();
        let arguments = self.arguments();
        let pointers: Vec<*mut u8> = emitted
            .layouts
            .iter_mut()
            .map(|layout| layout.bytes.as_mut_ptr().wrapping_add(layout.origin * layout.dtype.size()))
            .collect();
        for (rows, inner) in tiles {
            call(code, &pointers, &arguments, rows.clone(), inner.clone());
        }
        let n_loads = self.kernel.loads.len();
        for access in 0..self.layouts.len() {
            let (left, right) = (&emitted.layouts[access], &expected.layouts[access]);
            let dtype = left.dtype;
            let pairs = left.bytes.chunks_exact(dtype.size()).zip(right.bytes.chunks_exact(dtype.size()));
            for (element, (left, right)) in pairs.enumerate() {
                if left != right && !(is_nan(dtype, left) && is_nan(dtype, right)) {
                    panic!(
                        "{isa:?}, access {access} (store {}), element {element}: emitted {left:x?}, expected {right:x?}\n\
                         sizes {:?}, strides {:?}, tiles {tiles:?}\n{}\n",
                        access as i64 - n_loads as i64,
                        self.sizes,
                        self.layouts[access].strides,
                        self.kernel
                    );
                }
            }
        }
    }

    fn arguments(&self) -> Vec<i64> {
        let mut arguments = self.sizes.clone();
        for (access, layout) in self.kernel.accesses().zip(&self.layouts) {
            match &access.map {
                AccessMap::Strides(strides) => {
                    let given = strides.iter().zip(&layout.strides).filter(|(stride, _)| **stride == Stride::Argument);
                    arguments.extend(given.map(|(_, &stride)| stride));
                }
                // Rows lie one after another, so that a row is as far as the last outer dimension's stride.
                AccessMap::Tile => arguments.push(layout.strides[self.kernel.outer - 1]),
            }
        }
        arguments.extend(&self.body_sizes);
        assert_eq!(arguments.len(), self.kernel.argument_count());
        arguments
    }

    /// Runs the kernel.
    pub fn execute(&mut self) {
        let places = self.kernel.places();
        let n_rows = self.n_rows();
        for row in 0..n_rows {
            let mut outer = vec![0; self.kernel.outer];
            let mut rest = row;
            for dimension in (0..self.kernel.outer).rev() {
                outer[dimension] = rest % self.sizes[dimension];
                rest /= self.sizes[dimension];
            }
            match self.kernel.form {
                Form::Map => self.execute_map(&outer),
                Form::Row => self.execute_row(&outer, &places),
                Form::Column | Form::Sequence => {
                    for inner in 0..self.inner_size() {
                        self.execute_column(&outer, inner, &places);
                    }
                }
            }
        }
    }

    /// The bits of all values at a point.
    fn values(&self, indices: &[i64], reduced: &[u64], values: &mut Vec<u64>) {
        let loads: Vec<u64> =
            self.layouts[..self.kernel.loads.len()].iter().map(|layout| layout.load(indices)).collect();
        let point = Point { loads: &loads, reduced, indices, sizes: &self.body_sizes };
        evaluate_into(&self.kernel.body, &point, values);
    }

    fn store(&mut self, store: usize, indices: &[i64], values: &[u64]) {
        let value = self.kernel.stores[store].value;
        self.layouts[self.kernel.loads.len() + store].store(indices, values[value.index()]);
    }

    fn execute_map(&mut self, outer: &[i64]) {
        let mut values = Vec::new();
        for inner in 0..self.inner_size() {
            let indices = [outer, &[inner]].concat();
            self.values(&indices, &[], &mut values);
            for store in 0..self.kernel.stores.len() {
                self.store(store, &indices, &values);
            }
        }
    }

    fn reduce(&self, points: &[Vec<i64>], places: &[Place]) -> Vec<u64> {
        let mut reduced = vec![0; self.kernel.reductions.len()];
        let last = self.kernel.reductions.iter().map(|reduction| places[reduction.value.index()].stage).max();
        for stage in 0..=last.unwrap_or(0) {
            let mut columns = vec![Vec::new(); reduced.len()];
            let mut values = Vec::new();
            for point in points {
                self.values(point, &reduced, &mut values);
                for (column, reduction) in columns.iter_mut().zip(&self.kernel.reductions) {
                    column.push(values[reduction.value.index()]);
                }
            }
            for (index, reduction) in self.kernel.reductions.iter().enumerate() {
                if places[reduction.value.index()].stage == stage {
                    let dtype = self.kernel.body.dtype(reduction.value);
                    reduced[index] = fold(reduction.kind, dtype, &columns[index], self.kernel.form);
                }
            }
        }
        reduced
    }

    fn execute_row(&mut self, outer: &[i64], places: &[Place]) {
        let points: Vec<Vec<i64>> = (0..self.inner_size()).map(|inner| [outer, &[inner]].concat()).collect();
        let reduced = self.reduce(&points, places);
        let mut values = Vec::new();
        for store in 0..self.kernel.stores.len() {
            let Store { is_per_point } = Store::of(&self.kernel, store, places);
            if !is_per_point {
                let first = [outer, &[0]].concat();
                self.values(&first, &reduced, &mut values);
                self.store(store, &first, &values);
            }
        }
        for point in &points {
            self.values(point, &reduced, &mut values);
            for store in 0..self.kernel.stores.len() {
                if Store::of(&self.kernel, store, places).is_per_point {
                    self.store(store, point, &values);
                }
            }
        }
    }

    fn execute_column(&mut self, outer: &[i64], inner: i64, places: &[Place]) {
        let size = self.sizes[self.kernel.outer];
        let points: Vec<Vec<i64>> = (0..size).map(|step| [outer, &[step, inner]].concat()).collect();
        let reduced = self.reduce(&points, places);
        let mut values = Vec::new();
        for store in 0..self.kernel.stores.len() {
            if self.kernel.stores[store].access.moves_along(self.kernel.outer) {
                for point in &points {
                    self.values(point, &reduced, &mut values);
                    self.store(store, point, &values);
                }
            } else {
                let first = [outer, &[0, inner]].concat();
                self.values(&first, &reduced, &mut values);
                self.store(store, &first, &values);
            }
        }
    }
}

struct Store {
    is_per_point: bool,
}

impl Store {
    fn of(kernel: &Kernel, store: usize, places: &[Place]) -> Store {
        let store = &kernel.stores[store];
        let moves = |access: &Access| access.moves_along(kernel.inner());
        Store { is_per_point: places[store.value.index()].per_point || moves(&store.access) }
    }
}

fn is_nan(dtype: DType, bytes: &[u8]) -> bool {
    match dtype {
        DType::F32 => bytes.try_into().is_ok_and(|bytes| f32::from_le_bytes(bytes).is_nan()),
        DType::F64 => bytes.try_into().is_ok_and(|bytes| f64::from_le_bytes(bytes).is_nan()),
        _ => false,
    }
}

/// Folds elements in the documented order.
fn fold(kind: ReduceKind, dtype: DType, elements: &[u64], form: Form) -> u64 {
    let operation = match kind {
        ReduceKind::Sum => Binary::Add,
        ReduceKind::Product => Binary::Multiply,
        ReduceKind::Max => Binary::Maximum,
        ReduceKind::Min => Binary::Minimum,
        ReduceKind::And => Binary::And,
        ReduceKind::Or => Binary::Or,
        ReduceKind::ArgMax(_) => return first_extreme(dtype, elements, true),
        ReduceKind::ArgMin(_) => return first_extreme(dtype, elements, false),
    };
    let mut body = Body::new();
    let x = body.push(Instruction::Load(0), dtype);
    let y = body.push(Instruction::Load(1), dtype);
    body.binary(operation, x, y);
    let mut values = Vec::new();
    let mut combine = |x: u64, y: u64| {
        evaluate_into(&body, &Point { loads: &[x, y], ..Point::default() }, &mut values);
        values[2]
    };
    let identity = tancho_codegen::emit::identity(kind, dtype);
    let mut total = None;
    let block = match form {
        Form::Row => ROW_BLOCK,
        Form::Sequence => usize::MAX,
        Form::Map | Form::Column => COLUMN_BLOCK,
    };
    for block in elements.chunks(block) {
        let folded = if form == Form::Row {
            let mut lanes = [identity; LANES];
            for (index, &element) in block.iter().enumerate() {
                lanes[index % LANES] = combine(lanes[index % LANES], element);
            }
            let mut half = LANES / 2;
            while half >= LAST_LANES {
                for lane in 0..half {
                    lanes[lane] = combine(lanes[lane], lanes[lane + half]);
                }
                half /= 2;
            }
            let (first, second) = (combine(lanes[0], lanes[1]), combine(lanes[2], lanes[3]));
            combine(first, second)
        } else {
            block.iter().fold(identity, |x, &y| combine(x, y))
        };
        total = Some(total.map_or(folded, |total| combine(total, folded)));
    }
    total.unwrap_or(identity)
}

fn first_extreme(dtype: DType, elements: &[u64], is_max: bool) -> u64 {
    let mut best = 0;
    for index in 1..elements.len() {
        let better = match dtype {
            DType::F32 | DType::F64 => {
                let number = |bits: u64| {
                    if dtype == DType::F32 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) }
                };
                let (new, old) = (number(elements[index]), number(elements[best]));
                (new.is_nan() && !old.is_nan()) || if is_max { new > old } else { new < old }
            }
            _ => {
                let unused = 64 - dtype.bits();
                let number = |bits: u64| {
                    if dtype.is_signed() { i128::from((bits << unused) as i64 >> unused) } else { i128::from(bits) }
                };
                let (new, old) = (number(elements[index]), number(elements[best]));
                if is_max { new > old } else { new < old }
            }
        };
        if better {
            best = index;
        }
    }
    best as u64
}
