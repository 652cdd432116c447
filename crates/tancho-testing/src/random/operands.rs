//! Values that ops take: those that are there, and new ones.

use tancho_ir::ops::{ElementwiseOp, ShapeOp};
use tancho_ir::{Dims, Span, TensorType, Value};
use tancho_tensor::{Array, DType, Shape};

use super::Grower;
use crate::values::{Flavour, array};

impl Grower {
    /// Mostly one of the newer values, so that graphs become deep.
    pub(super) fn any_value(&mut self) -> Value {
        let count = self.values.len();
        let newest = if self.random.below(3) > 0 { count.min(3) } else { count };
        self.values[count - 1 - self.random.below(newest)]
    }

    pub(super) fn any_value_of(&mut self, accepts: impl Fn(&TensorType) -> bool) -> Option<Value> {
        let graph = &self.graph;
        let fitting: Vec<Value> = self.values.iter().copied().filter(|&value| accepts(graph.type_of(value))).collect();
        (!fitting.is_empty()).then(|| *self.random.choose(&fitting))
    }

    /// A constant, which further ops do not take: most of them would compute with constants alone.
    pub(super) fn constant(&mut self, constant: Array) -> Value {
        self.graph.add_constant(constant, Span::NONE)
    }

    /// A constant scalar; now and then one of those values at which functions go wrong.
    pub(super) fn scalar(&mut self, dtype: DType) -> Value {
        let flavour = *self.random.choose(&[Flavour::Tame, Flavour::Whole, Flavour::Whole, Flavour::Wild]);
        let seed = self.random.next_u64();
        self.constant(array(dtype, &Shape::new(&[]), flavour, seed))
    }

    /// A constant whole number.
    pub(super) fn whole(&mut self, dtype: DType, number: i64) -> Value {
        self.constant(whole_numbers(dtype, &Shape::new(&[]), || number))
    }

    /// A value of a type: one that is there, or a new one.
    ///
    /// `None` where the type is too large.
    pub(super) fn value_of(&mut self, of: &TensorType) -> Option<Value> {
        if self.random.below(3) > 0
            && let Some(value) = self.any_value_of(|other| other == of)
        {
            return Some(value);
        }
        self.new_value_of(of)
    }

    /// A new value of a type: a constant, numbers in order, or a scalar repeated.
    pub(super) fn new_value_of(&mut self, of: &TensorType) -> Option<Value> {
        if !self.fits(of) {
            return None;
        }
        let shape = of.known_shape();
        match self.random.below(3) {
            0 if of.rank() > 0 && of.dtype != DType::Bool => {
                let axis = self.random.below(of.rank());
                self.add(ShapeOp::Iota { dtype: of.dtype, dims: of.dims.clone(), axis }, &[])
            }
            1 | 2 if let Some(shape) = shape => {
                let seed = self.random.next_u64();
                Some(self.constant(array(of.dtype, &shape, Flavour::Tame, seed)))
            }
            _ => {
                let scalar = self.scalar_of(of.dtype);
                self.add(ShapeOp::BroadcastInDim { dims: of.dims.clone(), axes: Vec::new() }, &[scalar])
            }
        }
    }

    /// A scalar of a dtype, which depends on the parameters where it can.
    pub(super) fn scalar_of(&mut self, dtype: DType) -> Value {
        if self.one_in(3) {
            return self.scalar(dtype);
        }
        if !self.symbols.is_empty() && dtype.is_integer() && self.one_in(3) {
            let dim = self.random.choose(&self.symbols).clone();
            return self.add(ShapeOp::DimensionSize { dim, dtype }, &[]).expect("any integer dtype will do");
        }
        let found = self.any_value_of(|of| of.rank() == 0);
        match found {
            Some(value) => self.converted(value, dtype).unwrap_or(value),
            None => self.scalar(dtype),
        }
    }

    /// The value with elements of a dtype.
    pub(super) fn converted(&mut self, value: Value, dtype: DType) -> Option<Value> {
        if self.graph.type_of(value).dtype == dtype {
            return Some(value);
        }
        self.add(ElementwiseOp::Convert(dtype), &[value])
    }

    /// A value from nothing.
    pub(super) fn make(&mut self) -> Option<Value> {
        let dims: Dims = (0..1 + self.random.below(2)).map(|_| self.any_size()).collect();
        let dtype = *self.random.choose(&DType::ALL);
        let value = self.new_value_of(&TensorType { dtype, dims })?;
        if self.values.last() != Some(&value) {
            self.values.push(value);
        }
        Some(value)
    }
}

/// An array of whole numbers, which are taken as they come.
pub(super) fn whole_numbers(dtype: DType, shape: &Shape, mut next: impl FnMut() -> i64) -> Array {
    let count = shape.elements().expect("the shape fits memory");
    let numbers: Vec<i64> = (0..count).map(|_| next()).collect();
    macro_rules! typed {
        ($convert:expr) => {
            Array::new(shape.clone(), &numbers.iter().map(|&number| $convert(number)).collect::<Vec<_>>())
        };
    }
    let made = match dtype {
        DType::F16 => typed!(|number| tancho_tensor::f16::from_f32(number as f32)),
        DType::BF16 => typed!(|number| tancho_tensor::bf16::from_f32(number as f32)),
        DType::F32 => typed!(|number| number as f32),
        DType::F64 => typed!(|number| number as f64),
        DType::I8 => typed!(|number| number as i8),
        DType::I16 => typed!(|number| number as i16),
        DType::I32 => typed!(|number| number as i32),
        DType::I64 => typed!(|number: i64| number),
        DType::U8 => typed!(|number| number as u8),
        DType::U16 => typed!(|number| number as u16),
        DType::U32 => typed!(|number| number as u32),
        DType::U64 => typed!(|number| number as u64),
        DType::Bool => typed!(|number| number != 0),
    };
    made.expect("memory for a test")
}
