use tancho_core::{Ellipsis, NewAxis, Tensor, arange, between, concat, stack, step, tensor};

use crate::check::check;

fn matrix() -> Tensor {
    tensor([[1, 2, 3], [4, 5, 6]])
}

const ALL: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

#[test]
fn reshapes() {
    let x = matrix();
    check(&x, |x| x.reshape([3, 2]), &[3, 2], &ALL);
    check(&x, |x| x.reshape([-1]), &[6], &ALL);
    check(&x, |x| x.reshape([1, -1, 2]), &[1, 3, 2], &ALL);
    check(&x, |x| x.reshape(x.shape()), &[2, 3], &ALL);
    check(&x, |x| x.reshape([&x.shape()[1] * 2, 1.into()]), &[6, 1], &ALL);
    check(&x, |x| x.flatten(), &[6], &ALL);
    check(&x, |x| x.expand_dims(-1), &[2, 3, 1], &ALL);
    check(&x, |x| x.expand_dims(1).squeeze(1), &[2, 3], &ALL);
    check(&x, |x| x.reshape([1, 6, 1]).squeeze(..), &[6], &ALL);
    check(&tensor([7]), |x| x.reshape(()), &[], &[7.0]);
    check(&Tensor::from_vec([0, 3], Vec::<f32>::new()), |x| x.reshape([3, -1]), &[3, 0], &[]);
}

#[test]
fn transposes_and_broadcasts() {
    let x = matrix();
    let transposed = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
    check(&x, |x| x.t(), &[3, 2], &transposed);
    check(&x, |x| x.transpose(..), &[3, 2], &transposed);
    check(&x, |x| x.transpose([1, 0]), &[3, 2], &transposed);
    check(&x, |x| x.swap_axes(0, -1), &[3, 2], &transposed);
    check(&x, |x| x.reshape([1, 2, 3]).t(), &[1, 3, 2], &transposed);
    check(&tensor([1, 2]), |x| x.t(), &[2], &[1.0, 2.0]);
    check(&tensor([1, 2]), |x| x.broadcast_to([2, 2]), &[2, 2], &[1.0, 2.0, 1.0, 2.0]);
}

#[test]
fn slices() {
    let x = matrix();
    check(&x, |x| x.slice(..), &[2, 3], &ALL);
    check(&x, |x| x.slice(1), &[3], &[4.0, 5.0, 6.0]);
    check(&x, |x| x.slice((-1, -1)), &[], &[6.0]);
    check(&x, |x| x.slice((.., 1..)), &[2, 2], &[2.0, 3.0, 5.0, 6.0]);
    check(&x, |x| x.slice((.., ..-1)), &[2, 2], &[1.0, 2.0, 4.0, 5.0]);
    check(&x, |x| x.slice((0..=0, -2..)), &[1, 2], &[2.0, 3.0]);
    check(&x, |x| x.slice((.., NewAxis, 0)), &[2, 1], &[1.0, 4.0]);
    check(&x, |x| x.slice((Ellipsis, 2)), &[2], &[3.0, 6.0]);
    check(&x, |x| x.slice((NewAxis, Ellipsis)), &[1, 2, 3], &ALL);
    check(&x, |x| x.slice((step(.., -1), step(.., 2))), &[2, 2], &[4.0, 6.0, 1.0, 3.0]);
    check(&x, |x| x.slice((0, step(between(2, 0), -1))), &[2], &[3.0, 2.0]);
    check(&x, |x| x.slice((0, ..100)), &[3], &[1.0, 2.0, 3.0]);
    check(&x, |x| x.slice((0, between(2, 1))), &[0], &[]);
    check(&arange(0, 10, 1), |x| x.slice(step(between(1, -1), 3)), &[3], &[1.0, 4.0, 7.0]);
    check(&arange(0, 10, 1), |x| x.slice(step(between(-2, 2), -3)), &[2], &[8.0, 5.0]);
}

#[test]
fn joins_and_splits() {
    let x = matrix();
    check(&x, |x| concat([&x, &x], 0).sum(0), &[3], &[10.0, 14.0, 18.0]);
    check(&x, |x| concat([x.clone(), x.slice((.., ..1))], -1), &[2, 4], &[1.0, 2.0, 3.0, 1.0, 4.0, 5.0, 6.0, 4.0]);
    check(&x, |x| concat([&x], 1), &[2, 3], &ALL);
    check(&x, |x| stack([x.slice(0), x.slice(1)], 1), &[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    check(&x, |x| stack([1, 2].map(|n| x.sum(..) * n), 0), &[2], &[21.0, 42.0]);
    check(&x, |x| x.split(3, 1).remove(1), &[2, 1], &[2.0, 5.0]);
    check(&x, |x| x.split(2, 0).remove(1), &[1, 3], &[4.0, 5.0, 6.0]);
}

#[test]
fn pads_flips_and_repeats() {
    let x = tensor([[1, 2]]);
    check(&x, |x| x.pad(&[(0, 1), (1, 0)], 9), &[2, 3], &[9.0, 1.0, 2.0, 9.0, 9.0, 9.0]);
    check(&x, |x| x.flip(1), &[1, 2], &[2.0, 1.0]);
    check(&matrix(), |x| x.flip(..), &[2, 3], &[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    check(&x, |x| x.tile([2, 2]), &[2, 4], &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    check(&x, |x| x.repeat(2, 1), &[1, 4], &[1.0, 1.0, 2.0, 2.0]);
}
