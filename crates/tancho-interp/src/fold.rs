//! Folds whose function is a graph: one element after another, as the definitions have it.

use tancho_ir::Bindings;
use tancho_ir::ops::{FoldOp, WindowAxis};
use tancho_tensor::{Array, DType, Shape};

use crate::Host;
use crate::region::Region;
use crate::value::{Cells, Failure, position, try_for_each_index, word};
use crate::window::{Window, covered};

pub(crate) fn evaluate(
    op: &FoldOp,
    operands: &[Array],
    results: &[(DType, Shape)],
    bindings: &Bindings,
    host: &Host<'_>,
) -> Result<Vec<Array>, Failure> {
    match op {
        FoldOp::Reduce { axes, body } => {
            let mut fold = Fold::new(operands, results, Region::new(body, host))?;
            let operand = operands[0].shape();
            let kept: Vec<usize> = (0..operand.rank()).filter(|axis| !axes.contains(axis)).collect();
            let mut from = 0;
            try_for_each_index(operand, |index| {
                let index: Vec<usize> = kept.iter().map(|&axis| index[axis]).collect();
                fold.add(position(&results[0].1, &index), Some(from))?;
                from += 1;
                Ok(())
            })?;
            fold.finish()
        }
        FoldOp::ReduceWindow { window, body } => {
            let windows = prepare(window, bindings)?;
            let sizes: Vec<usize> = windows.iter().map(|window| window.size).collect();
            let mut fold = Fold::new(operands, results, Region::new(body, host))?;
            let mut at = 0;
            try_for_each_index(&results[0].1, |places| {
                try_for_each_index(&sizes, |offsets| {
                    fold.add(at, covered(&windows, operands[0].shape(), places, offsets))
                })?;
                at += 1;
                Ok(())
            })?;
            fold.finish()
        }
        FoldOp::SelectAndScatter { window, select, scatter } => {
            let windows = prepare(window, bindings)?;
            let (mut select, mut scatter) = (Region::new(select, host), Region::new(scatter, host));
            select_and_scatter(&windows, operands, &mut select, &mut scatter)
        }
        FoldOp::Scan { axis, reverse, body } => {
            let fold = Fold::new(operands, results, Region::new(body, host))?;
            scan(*axis, *reverse, operands[0].shape(), fold)
        }
    }
}

fn prepare(window: &[WindowAxis], bindings: &Bindings) -> Result<Vec<Window>, Failure> {
    window.iter().map(|axis| Window::new(axis, bindings)).collect()
}

/// The accumulators of several operands that are folded together.
struct Fold<'a> {
    inputs: &'a [Array],
    initial: Vec<u64>,
    accumulators: Vec<Cells>,
    body: Region<'a>,
}

impl<'a> Fold<'a> {
    fn new(operands: &'a [Array], results: &[(DType, Shape)], body: Region<'a>) -> Result<Self, Failure> {
        let (inputs, initial) = operands.split_at(operands.len() / 2);
        let initial: Vec<u64> = initial.iter().map(|scalar| word(scalar, 0)).collect();
        let filled = |((dtype, shape), &word): (&(DType, Shape), &u64)| Cells::filled(*dtype, shape, word);
        let accumulators = results.iter().zip(&initial).map(filled).collect::<Result<_, _>>()?;
        Ok(Fold { inputs, initial, accumulators, body })
    }

    /// Folds the inputs' elements at a position into the accumulators at another; no position means the initial scalars.
    fn add(&mut self, at: usize, from: Option<usize>) -> Result<(), Failure> {
        let mut arguments: Vec<u64> = self.accumulators.iter().map(|cells| cells.get(at)).collect();
        match from {
            Some(from) => arguments.extend(self.inputs.iter().map(|input| word(input, from))),
            None => arguments.extend(&self.initial),
        }
        let next = self.body.call(&arguments)?;
        self.accumulators.iter_mut().zip(next).for_each(|(cells, &word)| cells.set(at, word));
        Ok(())
    }

    fn finish(self) -> Result<Vec<Array>, Failure> {
        self.accumulators.into_iter().map(Cells::finish).collect()
    }
}

fn select_and_scatter(
    windows: &[Window],
    operands: &[Array],
    select: &mut Region<'_>,
    scatter: &mut Region<'_>,
) -> Result<Vec<Array>, Failure> {
    let (operand, source, initial) = (&operands[0], &operands[1], word(&operands[2], 0));
    let sizes: Vec<usize> = windows.iter().map(|window| window.size).collect();
    let mut result = Cells::filled(operand.dtype(), operand.shape(), initial)?;
    let mut from = 0;
    try_for_each_index(source.shape(), |places| {
        let mut chosen: Option<usize> = None;
        try_for_each_index(&sizes, |offsets| {
            let Some(element) = covered(windows, operand.shape(), places, offsets) else { return Ok(()) };
            let stays = match chosen {
                Some(chosen) => select.decide(&[word(operand, chosen), word(operand, element)])?,
                None => false,
            };
            if !stays {
                chosen = Some(element);
            }
            Ok(())
        })?;
        // A window that lies in padding alone selects nothing.
        if let Some(chosen) = chosen {
            let sum = scatter.call(&[result.get(chosen), word(source, from)])?[0];
            result.set(chosen, sum);
        }
        from += 1;
        Ok(())
    })?;
    Ok(vec![result.finish()?])
}

fn scan(axis: usize, reverse: bool, shape: &Shape, mut fold: Fold<'_>) -> Result<Vec<Array>, Failure> {
    if shape.contains(&0) {
        return fold.finish();
    }
    // The index of a lane has the place 0 along the axis.
    let lanes: Vec<usize> = (0..shape.rank()).map(|other| if other == axis { 1 } else { shape[other] }).collect();
    try_for_each_index(&lanes, |lane| {
        let mut sums = fold.initial.clone();
        for step in 0..shape[axis] {
            let mut index = lane.to_vec();
            index[axis] = if reverse { shape[axis] - 1 - step } else { step };
            let at = position(shape, &index);
            sums.extend(fold.inputs.iter().map(|input| word(input, at)));
            sums = fold.body.call(&sums)?.to_vec();
            fold.accumulators.iter_mut().zip(&sums).for_each(|(cells, &word)| cells.set(at, word));
        }
        Ok(())
    })?;
    fold.finish()
}
