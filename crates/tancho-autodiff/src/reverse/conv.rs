//! The conv family. Both cotangents are convolutions again.
//!
//! Along one spatial axis with stride `s`, low padding `l`, dilation `b` of the operand and `d` of the kernel, a result is
//!
//! `y[o] = Σ x[i]·k[j]` over all `i`, `j` with `o·s + j·d − l = i·b`.
//!
//! **By the operand**, `x̄[i] = Σ ȳ[o]·k[j]` over the same triples. With the kernel reversed, `j' = K − 1 − j`, the condition
//! reads `i·b + j'·d − l' = o·s` with `l' = (K − 1)·d − l`: a convolution of `ȳ` with stride and dilation exchanged. Input and
//! output features of the kernel change places, within each group; a convolution with groups of batches becomes one with
//! groups of features, and its result's features are split into batches.
//!
//! **By the kernel**, `k̄[j] = Σ x[i]·ȳ[o]`, the condition reads `j·d + o·s − l = i·b`: a convolution of `x` with `ȳ` as the kernel,
//! where batches and features of each change places, stride and dilation of the kernel are exchanged, and groups of
//! features become groups of batches and the other way round.
//!
//! High padding is what makes the result as large as it must be; it may be negative, and any of the sizes may be unknown.

use smallvec::SmallVec;
use tancho_ir::ops::window::dilated;
use tancho_ir::ops::{ConvAxes, ConvOp, WindowAxis};
use tancho_ir::{Dim, Dims, Value};

use super::{Fault, Pullback};
use crate::build::{Build, Built};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &ConvOp) -> Result<(), Fault> {
    let (lhs, rhs, cotangent) = (pullback.operands[0], pullback.operands[1], pullback.cotangent());
    if pullback.wanted[0] {
        let share = by_operand(&mut pullback.build, op, lhs, rhs, cotangent)?;
        pullback.add_share(0, share)?;
    }
    if pullback.wanted[1] {
        let share = by_kernel(&mut pullback.build, op, lhs, rhs, cotangent)?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

/// The sizes along one spatial axis: of the operand, of the kernel and of the result.
struct Sizes {
    operand: Dim,
    kernel: Dim,
    result: Dim,
}

fn sizes_along(build: &Build<'_>, op: &ConvOp, number: usize, lhs: Value, rhs: Value, result: Value) -> Sizes {
    let size = |value: Value, axes: &ConvAxes| build.type_of(value).dims[axes.spatial[number]].clone();
    Sizes { operand: size(lhs, &op.lhs), kernel: size(rhs, &op.rhs), result: size(result, &op.output) }
}

fn by_operand(build: &mut Build<'_>, op: &ConvOp, lhs: Value, rhs: Value, cotangent: Value) -> Built {
    let groups = op.feature_groups.max(op.batch_groups);
    let window = (0..op.window.len()).map(|number| {
        let sizes = sizes_along(build, op, number, lhs, rhs, cotangent);
        transposed_window(
            &WindowAxis { size: sizes.kernel, ..op.window[number].clone() },
            &sizes.operand,
            &sizes.result,
        )
    });
    let window = window.map(|axis| WindowAxis { size: Dim::ONE, ..axis }).collect();
    let kernel = exchange_features(build, rhs, &op.rhs, groups)?;
    let transposed = ConvOp {
        window,
        reversed: op.reversed.iter().map(|reversed| !reversed).collect(),
        lhs: op.output.clone(),
        rhs: exchanged(&op.rhs),
        output: op.lhs.clone(),
        feature_groups: groups,
        batch_groups: 1,
    };
    let mut share = build.add(transposed, &[cotangent, kernel])?;
    if op.batch_groups > 1 {
        share = move_groups(build, share, op.lhs.feature, op.lhs.batch, op.batch_groups)?;
    }
    fit(build, share, lhs)
}

fn by_kernel(build: &mut Build<'_>, op: &ConvOp, lhs: Value, rhs: Value, cotangent: Value) -> Built {
    let window = (0..op.window.len()).map(|number| {
        let Sizes { operand, kernel, result } = sizes_along(build, op, number, lhs, rhs, cotangent);
        let WindowAxis { stride, low, base_dilation, dilation, .. } = op.window[number].clone();
        let needed = (kernel - Dim::ONE) * Dim::known(dilation) + dilated(&result, stride);
        let high = needed - low.clone() - dilated(&operand, base_dilation);
        WindowAxis { size: Dim::ONE, stride: dilation, low, high, base_dilation, dilation: stride }
    });
    let transposed = ConvOp {
        window: window.collect(),
        reversed: vec![false; op.window.len()],
        lhs: exchanged(&op.lhs),
        rhs: exchanged(&op.output),
        output: exchanged(&op.rhs),
        feature_groups: op.batch_groups,
        batch_groups: op.feature_groups,
    };
    let share = build.add(transposed, &[lhs, cotangent])?;
    let reversed = op.rhs.spatial.iter().zip(&op.reversed).filter(|(_, reversed)| **reversed);
    let share = build.reverse(share, reversed.map(|(&axis, _)| axis).collect())?;
    fit(build, share, rhs)
}

/// The window, over an axis of `places` places, that brings back what a window took from an axis of `size` elements; its
/// function must see the elements of a place in the opposite order.
pub(super) fn transposed_window(window: &WindowAxis, size: &Dim, places: &Dim) -> WindowAxis {
    let WindowAxis { size: kernel, stride, low, high: _, base_dilation, dilation } = window;
    let span = dilated(kernel, *dilation);
    let low = span.clone() - Dim::ONE - low.clone();
    // Such that the number of places is `(size − 1)·base_dilation / base_dilation + 1`.
    let padded = (size.clone() - Dim::ONE) * Dim::known(*base_dilation) + span;
    let high = padded - low.clone() - dilated(places, *stride);
    WindowAxis { size: kernel.clone(), stride: *base_dilation, low, high, base_dilation: *stride, dilation: *dilation }
}

/// The axes with batch and feature exchanged.
fn exchanged(axes: &ConvAxes) -> ConvAxes {
    ConvAxes { batch: axes.feature, feature: axes.batch, spatial: axes.spatial.clone() }
}

/// The kernel of the transposed convolution, whose output features stand along the axis of the input features: the groups
/// move from one axis to the other.
fn exchange_features(build: &mut Build<'_>, kernel: Value, axes: &ConvAxes, groups: usize) -> Built {
    if groups == 1 { Ok(kernel) } else { move_groups(build, kernel, axes.batch, axes.feature, groups) }
}

/// An axis is one of groups and one within them; the groups go in front of another axis.
fn move_groups(build: &mut Build<'_>, x: Value, from: usize, to: usize, groups: usize) -> Built {
    let dims = build.dims(x);
    let groups = Dim::from(groups);
    let within = dims[from].floor_div(&groups).expect("a positive number of groups");
    let mut split: Dims = dims.clone();
    split[from] = within.clone();
    split.insert(from, groups.clone());
    let x = build.reshape(x, split)?;
    // The axes of `x` as they were, the groups' axis being at `from`.
    let place = |axis: usize| if axis < from { axis } else { axis + 1 };
    let mut permutation: Vec<usize> = (0..dims.len()).map(place).collect();
    permutation.insert(to, from);
    let x = build.transpose(x, permutation)?;
    let mut merged: Dims = dims.clone();
    merged[from] = within;
    merged[to] = dims[to].clone() * groups;
    build.reshape(x, merged)
}

/// The value in the sizes of another one, where these are not seen to be the same.
fn fit(build: &mut Build<'_>, share: Value, like: Value) -> Built {
    let dims: SmallVec<[Dim; 4]> = build.dims(like);
    build.reshape(share, dims)
}
