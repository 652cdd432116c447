//! Loops over the rows of leaves, for closures on lists of tensors.
//!
//! A scan is a `while` loop over a counter, the carry, and a buffer for each leaf that the body gives beside the carry. A
//! trip reads its row of each input where the counter says, and writes its rows into the buffers. The buffers are the loop's
//! own, so that compiled code writes into them in place.
//!
//! Few trips of a small body become calls of the body instead, and eagerly a scan is a Rust loop.

use std::panic::Location;

use tancho_ir::ops::{BinaryOp, Comparison, IndexOp, Op};
use tancho_ir::{Dim as IrDim, Dims, TensorType, Value};
use tancho_tensor::{Array, DType};

use crate::apply::{Attributes, apply_at};
use crate::builder::Build;
use crate::compare::{Sides, leaf_paths, leaf_types};
use crate::error::{Error, Fault, Result};
use crate::operand::Operand;
use crate::ops::control::fault;
use crate::ops::loops::{check_types, parameters_for, pays_to_unroll};
use crate::region::{Callee, OpenRegion, Region, stage_while};
use crate::shape::Dim;
use crate::signature::legal_names;
use crate::tensor::Tensor;
use crate::trace::{self, Kind, Session};
use crate::tree::{Tree, flatten};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Reverse,
}

/// How messages name a scan's carry.
pub(super) const CARRY: Sides<'static> = Sides { root: "carry", first: "", second: "the body gives", behind: "" };

/// How messages name what a body gives beside the carry.
pub(super) const ROWS: Sides<'static> =
    Sides { root: "result", first: "in one trip", second: "", behind: "in another" };

/// The body of a scan: the next carry and the row of the results, for the carry and the row of the inputs.
pub(super) type Step<'a> = &'a mut dyn FnMut(Vec<Tensor>, Vec<Tensor>) -> Result<(Vec<Tensor>, Vec<Tensor>)>;

/// A loop over the rows of leaves.
pub(super) struct Rows {
    op: &'static str,
    direction: Direction,
    carry_paths: Vec<String>,
    xs: Vec<Tensor>,
    xs_paths: Vec<String>,
    location: &'static Location<'static>,
}

impl Rows {
    pub(super) fn new(
        op: &'static str,
        direction: Direction,
        carry_paths: Vec<String>,
        xs: &impl Tree,
        location: &'static Location<'static>,
    ) -> Rows {
        Rows { op, direction, carry_paths, xs: flatten(xs), xs_paths: leaf_paths(xs, "xs"), location }
    }

    pub(super) fn run(&self, carry: Vec<Tensor>, step: Step<'_>) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        trace::active_error().map_or(Ok(()), Err)?;
        let types = leaf_types(&carry)?;
        let xs = leaf_types(&self.xs)?;
        let length = self.length(&xs)?;
        match length.as_known() {
            Some(0) => Ok((carry, self.empty_rows(&types, &xs, step)?)),
            _ if trace::is_active() => self.stage(carry, &types, &length, step),
            Some(known) => self.run_eagerly(carry, &types, known, step),
            // Operations on tensors that have no value say what is wrong.
            None => Err(self.fault(format!("the length {length} is known only in the trace that it is from"))),
        }
    }

    /// The length that all leaves of `xs` have.
    fn length(&self, xs: &[TensorType]) -> Result<IrDim> {
        let mut length: Option<(&IrDim, &str)> = None;
        for (path, of) in self.xs_paths.iter().zip(xs) {
            let Some(size) = of.dims.first() else {
                return Err(self.fault(format!("{path} is {of}, which has no axis to go along")));
            };
            if let Some((first, first_path)) = length {
                match size.always_equals(first) {
                    Some(true) => {}
                    None => trace::require_equal(size, first, self.location),
                    Some(false) => {
                        let message = format!("{first_path} has length {first}, but {path} has length {size}");
                        return Err(self.fault(message));
                    }
                }
                // A known size says more than an unknown one.
                if size.as_known().is_none() {
                    continue;
                }
            }
            length = Some((size, path));
        }
        match length {
            Some((length, _)) => Ok(length.clone()),
            None => Err(self.fault("there is no tensor to go along; for_loop takes a number of trips".into())),
        }
    }

    fn run_eagerly(
        &self,
        carry: Vec<Tensor>,
        types: &[TensorType],
        length: i64,
        step: Step<'_>,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let mut carry = carry;
        let mut columns: Vec<Vec<Tensor>> = Vec::new();
        let mut first_types: Option<Vec<TensorType>> = None;
        for trip in 0..length {
            let row = if self.direction == Direction::Reverse { length - 1 - trip } else { trip };
            let number = Tensor::from_array(Array::scalar(row));
            let xs = self.xs.iter().map(|x| self.read_row(x, &number)).collect();
            let (next, results) = step(carry, xs)?;
            self.check_carry(types, &leaf_types(&next)?)?;
            let result_types = leaf_types(&results)?;
            if let Some(first) = &first_types {
                check_types(self.op, &self.result_paths(results.len()), first, &result_types, ROWS, self.location)?;
            }
            first_types = Some(result_types);
            columns.resize_with(results.len(), Vec::new);
            columns.iter_mut().zip(results).for_each(|(column, result)| column.push(result));
            carry = next;
        }
        Ok((carry, self.stack_columns(columns)))
    }

    /// The results of no trips: a trace of one says of which types its rows would be.
    fn empty_rows(&self, types: &[TensorType], xs: &[TensorType], step: Step<'_>) -> Result<Vec<Tensor>> {
        // A region lies within a trace.
        let around = match trace::is_active() {
            true => None,
            false => Some(Session::open(self.op, Kind::Function { slot: 0 }, self.location)?),
        };
        let mut parameters = parameters_for(&self.carry_paths, types);
        parameters.extend(self.xs_paths.iter().cloned().zip(xs.iter().map(row_type)));
        let (region, mut carry) = OpenRegion::begin("body", &distinct(parameters), self.location)?;
        let rows = carry.split_off(types.len());
        let (next, results) = step(carry, rows)?;
        let all: Vec<Tensor> = next.into_iter().chain(results).collect();
        let body = region.close(&all, self.location)?;
        let given: Vec<TensorType> = body.result_types().cloned().collect();
        let (next, rows) = given.split_at(types.len());
        self.check_carry(types, next)?;
        drop(around);
        Ok(rows.iter().map(|of| self.zeros(&stacked(of, &IrDim::ZERO))).collect())
    }

    fn stage(
        &self,
        carry: Vec<Tensor>,
        types: &[TensorType],
        length: &IrDim,
        step: Step<'_>,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let n_carry = carry.len();
        let mut parameters = vec![("trip".to_owned(), TensorType::scalar(DType::I64))];
        parameters.extend(parameters_for(&self.carry_paths, types));
        // A row is read from what has one, and written to what has one, also where the length turns out to be 0.
        let missing = (IrDim::ONE - length.clone()).maximum(&IrDim::ZERO);
        let xs: Vec<Tensor> = self.xs.iter().map(|x| self.pad_rows(x, &missing)).collect();
        // The results of the body: the next trip, the row, the carry, and the row of each result.
        let (region, mut leaves) = OpenRegion::begin("body", &parameters, self.location)?;
        let trip = leaves.remove(0);
        let row = match self.direction {
            Direction::Forward => trip.clone(),
            Direction::Reverse => self.apply(&[&trip], "row", &|builder, values| {
                let length = builder.size(length, DType::I64)?;
                let last = builder.binary_constant(BinaryOp::Subtract, length, 1.0)?;
                builder.binary(BinaryOp::Subtract, last, values[0])
            }),
        };
        let rows = xs.iter().map(|x| self.read_row(x, &row)).collect();
        let (next, results) = step(leaves, rows)?;
        let next_trip =
            self.apply(&[&trip], "next", &|builder, values| builder.binary_constant(BinaryOp::Add, values[0], 1.0));
        let all: Vec<Tensor> = [next_trip, row].into_iter().chain(next).chain(results).collect();
        let mut body = region.close(&all, self.location)?;
        let result_types: Vec<TensorType> = body.result_types().skip(2).cloned().collect();
        self.check_carry(types, &result_types[..n_carry])?;

        if let Some(n_trips) = length.as_known()
            && pays_to_unroll(n_trips, &body)
        {
            return self.unroll(carry, body, n_trips);
        }
        let buffers: Vec<TensorType> =
            result_types[n_carry..].iter().map(|of| stacked(of, &(length.clone() + missing.clone()))).collect();
        body.collect_rows(1, 2 + n_carry, &buffers, self.location).map_err(|fault| self.fault(fault.0))?;
        body.remove_result(1);
        parameters.extend(buffers.iter().map(|of| ("rows".to_owned(), of.clone())));
        let condition = self.condition(&distinct(parameters), length)?;
        let mut state = vec![Tensor::from_array(Array::scalar(0i64))];
        state.extend(carry);
        state.extend(buffers.iter().map(|of| self.zeros(of)));
        let operands: Vec<&Tensor> = state.iter().collect();
        let mut carry = stage_while(self.op, &operands, condition, body, Some(length.clone()), self.location)?;
        carry.remove(0);
        let rows = carry.split_off(n_carry);
        Ok((carry, rows.iter().map(|rows| self.first_rows(rows, length)).collect()))
    }

    /// Whether the first parameter is below the length.
    fn condition(&self, parameters: &[(String, TensorType)], length: &IrDim) -> Result<Region> {
        let (region, leaves) = OpenRegion::begin("condition", parameters, self.location)?;
        let goes_on = self.apply(&[&leaves[0]], "condition", &|builder, values| {
            let length = builder.size(length, DType::I64)?;
            builder.compare(Comparison::Lt, values[0], length)
        });
        region.close(&[goes_on], self.location)
    }

    fn unroll(&self, carry: Vec<Tensor>, body: Region, n_trips: i64) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let callee = Callee::new(body);
        let n_carry = carry.len();
        let mut carry = carry;
        let mut columns: Vec<Vec<Tensor>> = Vec::new();
        for trip in 0..n_trips {
            let trip = Tensor::from_array(Array::scalar(trip));
            let operands: Vec<&Tensor> = std::iter::once(&trip).chain(&carry).collect();
            let mut next = callee.stage(self.op, &operands, self.location)?.split_off(2);
            let results = next.split_off(n_carry);
            columns.resize_with(results.len(), Vec::new);
            columns.iter_mut().zip(results).for_each(|(column, result)| column.push(result));
            carry = next;
        }
        Ok((carry, self.stack_columns(columns)))
    }

    fn check_carry(&self, types: &[TensorType], next: &[TensorType]) -> Result<()> {
        check_types(self.op, &self.carry_paths, types, next, CARRY, self.location)
    }

    fn result_paths(&self, count: usize) -> Vec<String> {
        (0..count).map(|place| format!("leaf {place} of the result")).collect()
    }

    /// One row of a tensor.
    fn read_row(&self, x: &Tensor, row: &Tensor) -> Tensor {
        self.apply(&[x, row], "read", &|builder, values| {
            let zero = builder.scalar(DType::I64, 0.0)?;
            let mut sizes = builder.dims(values[0]);
            let row_dims = sizes.iter().skip(1).cloned().collect();
            sizes[0] = IrDim::ONE;
            let mut operands = values.to_vec();
            operands.resize(sizes.len() + 1, zero);
            let row = builder.add(Op::Index(IndexOp::DynamicSlice { sizes }), &operands)?;
            builder.reshape(row, row_dims)
        })
    }

    /// A tensor with more rows, of zeros.
    fn pad_rows(&self, x: &Tensor, count: &IrDim) -> Tensor {
        if *count == IrDim::ZERO {
            return x.clone();
        }
        self.apply(&[x], "pad", &|builder, values| {
            let zero = builder.scalar(builder.dtype(values[0]), 0.0)?;
            let none = Dims::from_elem(IrDim::ZERO, builder.rank(values[0]));
            let mut high = none.clone();
            high[0] = count.clone();
            builder.pad(values[0], zero, none, high)
        })
    }

    fn first_rows(&self, x: &Tensor, count: &IrDim) -> Tensor {
        self.apply(&[x], "first", &|builder, values| {
            let mut limit = builder.dims(values[0]);
            if limit[0] == *count {
                return Ok(values[0]);
            }
            limit[0] = count.clone();
            let rank = limit.len();
            builder.slice(values[0], Dims::from_elem(IrDim::ZERO, rank), limit, vec![1; rank])
        })
    }

    /// The results of all trips, in the order of the trips.
    fn stack_columns(&self, columns: Vec<Vec<Tensor>>) -> Vec<Tensor> {
        let columns = columns.into_iter().map(|mut column| {
            if self.direction == Direction::Reverse {
                column.reverse();
            }
            self.stack(column)
        });
        columns.collect()
    }

    fn stack(&self, rows: Vec<Tensor>) -> Tensor {
        let inputs: Vec<&Tensor> = rows.iter().collect();
        self.apply(&inputs, "stack", &|builder, values| {
            let rows = values.iter().map(|&value| {
                let mut dims = builder.dims(value);
                dims.insert(0, IrDim::ONE);
                builder.reshape(value, dims)
            });
            let rows = rows.collect::<std::result::Result<Vec<Value>, Fault>>()?;
            builder.concatenate(&rows, 0)
        })
    }

    fn zeros(&self, of: &TensorType) -> Tensor {
        let sizes: Vec<Dim> = of.dims.iter().cloned().map(Dim::from).collect();
        self.apply_with(&[], Attributes::none().dtype(of.dtype).sizes(&sizes), &|builder, _| {
            let zero = builder.scalar(of.dtype, 0.0)?;
            builder.broadcast_to(zero, &of.dims)
        })
    }

    /// Carries out a part of the scan that no attributes but its name tell from others.
    fn apply(&self, inputs: &[&Tensor], part: &'static str, build: Build) -> Tensor {
        self.apply_with(inputs, Attributes::none().text(part), build)
    }

    fn apply_with(&self, inputs: &[&Tensor], attributes: Attributes, build: Build) -> Tensor {
        let mut inputs: Vec<Operand<'_>> = inputs.iter().map(|input| Operand::Lend(input)).collect();
        apply_at(self.op, attributes, &mut inputs, self.location, build)
    }

    fn fault(&self, message: String) -> Error {
        fault(self.op, message, self.location)
    }
}

/// The type of a row.
fn row_type(of: &TensorType) -> TensorType {
    TensorType { dtype: of.dtype, dims: of.dims.iter().skip(1).cloned().collect() }
}

/// The type of rows, stacked.
fn stacked(of: &TensorType, length: &IrDim) -> TensorType {
    TensorType { dtype: of.dtype, dims: std::iter::once(length).chain(&of.dims).cloned().collect() }
}

/// Parameters with distinct names.
fn distinct(parameters: Vec<(String, TensorType)>) -> Vec<(String, TensorType)> {
    let (names, types): (Vec<String>, Vec<TensorType>) = parameters.into_iter().unzip();
    legal_names(&names).into_iter().zip(types).collect()
}
