//! Convolutions of small integers, and the order of the sum.

use tancho_ir::Dim;
use tancho_ir::Op;
use tancho_ir::ops::{ConvAxes, ConvOp, WindowAxis};
use tancho_tensor::Array;

use super::{array, check};

fn axes(all: &[usize]) -> ConvAxes {
    ConvAxes { batch: all[0], feature: all[1], spatial: all[2..].to_vec() }
}

/// `[batch, feature, place]` and kernels `[output, input, place]`.
fn line(window: WindowAxis) -> ConvOp {
    ConvOp {
        window: vec![window],
        reversed: vec![false],
        lhs: axes(&[0, 1, 2]),
        rhs: axes(&[0, 1, 2]),
        output: axes(&[0, 1, 2]),
        feature_groups: 1,
        batch_groups: 1,
    }
}

fn counted<const RANK: usize>(shape: [usize; RANK]) -> Array {
    array(shape, &(1..=shape.iter().product::<usize>() as i32).collect::<Vec<_>>())
}

#[test]
fn windows_move_over_one_axis() {
    let (x, k) = (counted([1, 2, 6]), array([2, 2, 3], &[1, 2, 3, 4, 5, 6, -1, 0, 1, 2, -2, 3]));
    let check =
        |op: ConvOp, shape, expected: &[i32]| check(Op::Conv(op), &[x.clone(), k.clone()], array(shape, expected));
    let window = WindowAxis::default;
    let padded = |low, high| WindowAxis { low: Dim::known(low), high: Dim::known(high), ..window() };
    check(line(window()), [1, 2, 4], &[136, 157, 178, 199, 27, 30, 33, 36]);
    check(line(WindowAxis { stride: 2, ..padded(1, 2) }), [1, 2, 4], &[91, 157, 199, 54, 12, 30, 36, 18]);
    let holes = WindowAxis { base_dilation: 2, ..padded(-1, 1) };
    let expected = [44, 97, 51, 111, 58, 125, 65, 139, 72, -16, 44, -18, 49, -20, 54, -22, 59, -24];
    check(line(holes), [1, 2, 9], &expected);
    check(line(WindowAxis { dilation: 2, ..window() }), [1, 2, 2], &[161, 182, 33, 36]);
    // The kernel from its end: 3·1 + 2·2 + 1·3 + 6·7 + 5·8 + 4·9 in the first place.
    let reversed = ConvOp { reversed: vec![true], ..line(padded(0, -3)) };
    check(reversed, [1, 2, 1], &[128, 21 - 16 + 18 + 1 - 3]);
    check(line(padded(0, -4)), [1, 2, 0], &[]);
}

#[test]
fn groups_have_their_own_features_or_batches() {
    let op = ConvOp { feature_groups: 2, ..line(WindowAxis::default()) };
    let expected = array([1, 4, 3], &[44, 54, 64, 100, 126, 152, 492, 534, 576, 676, 734, 792]);
    check(Op::Conv(op), &[counted([1, 4, 4]), counted([4, 2, 2])], expected);
    let op = ConvOp { batch_groups: 2, ..line(WindowAxis::default()) };
    check(Op::Conv(op), &[counted([4, 2, 2]), counted([2, 2, 2])], array([2, 2, 1], &[30, 278, 70, 382]));
}

#[test]
fn axes_stand_in_any_order() {
    let window = |stride, low, high| WindowAxis {
        stride,
        low: Dim::known(low),
        high: Dim::known(high),
        ..WindowAxis::default()
    };
    let op = ConvOp {
        window: vec![window(1, 0, 1), window(2, 1, 0)],
        reversed: vec![false; 2],
        lhs: axes(&[0, 3, 1, 2]),
        rhs: axes(&[3, 2, 0, 1]),
        output: axes(&[0, 3, 1, 2]),
        feature_groups: 1,
        batch_groups: 1,
    };
    let expected = array([1, 3, 2, 2], &[286, 308, 692, 760, 606, 660, 1204, 1336, 211, 246, 338, 420]);
    check(Op::Conv(op), &[counted([1, 3, 4, 2]), counted([2, 2, 2, 2])], expected);
}

#[test]
fn padding_is_a_zero_that_is_multiplied() {
    let op = line(WindowAxis { low: Dim::ONE, ..WindowAxis::default() });
    let (x, k) = (array([1, 1, 2], &[1.0f32, 2.0]), array([1, 1, 2], &[f32::INFINITY, 1.0]));
    check(Op::Conv(op.clone()), &[x, k], array([1, 1, 2], &[f32::NAN, f32::INFINITY]));
    // The features of a place come one after another, so that the large numbers cancel before the small one is added.
    let x = array([1, 2, 2], &[1e20f32, 1.0, -1e20, 1.0]);
    let k = array([1, 2, 2], &[1.0f32, 1.0, 1.0, 0.0]);
    check(Op::Conv(line(WindowAxis::default())), &[x, k], array([1, 1, 1], &[1.0f32]));
    // No products at all.
    let empty = [array::<f32, 3>([1, 0, 3], &[]), array::<f32, 3>([2, 0, 2], &[])];
    check(Op::Conv(line(WindowAxis::default())), &empty, array([1, 2, 2], &[0.0f32; 4]));
}
