use tancho_core::{DType, Tensor, keep, tensor};

use crate::check::{check, check_near};

fn matrix() -> Tensor {
    tensor([[1.0f32, 5.0, 3.0], [4.0, 2.0, 9.0]])
}

#[test]
fn sums_and_extremes_along_axes() {
    let x = matrix();
    check(&x, |x| x.sum(..), &[], &[24.0]);
    check(&x, |x| x.sum(0), &[3], &[5.0, 7.0, 12.0]);
    check(&x, |x| x.sum(-1), &[2], &[9.0, 15.0]);
    check(&x, |x| x.sum([0, 1]), &[], &[24.0]);
    check(&x, |x| x.sum(keep(1)), &[2, 1], &[9.0, 15.0]);
    check(&x, |x| x.sum(keep(..)), &[1, 1], &[24.0]);
    check(&x, |x| x.sum(Vec::<i64>::new()), &[2, 3], &[1.0, 5.0, 3.0, 4.0, 2.0, 9.0]);
    check(&x, |x| x.prod(1), &[2], &[15.0, 72.0]);
    check(&x, |x| x.max(0), &[3], &[4.0, 5.0, 9.0]);
    check(&x, |x| x.min(keep(0)), &[1, 3], &[1.0, 2.0, 3.0]);
    check(&tensor([[1, 2], [3, 4]]), |x| x.sum(0), &[2], &[4.0, 6.0]);
}

#[test]
fn reductions_of_nothing_give_the_identity() {
    let empty = Tensor::from_vec([0, 2], Vec::<f32>::new());
    check(&empty, |x| x.sum(0), &[2], &[0.0, 0.0]);
    check(&empty, |x| x.prod(0), &[2], &[1.0, 1.0]);
    check(&empty, |x| x.max(0), &[2], &[f64::NEG_INFINITY; 2]);
    check(&empty, |x| x.mean(0), &[2], &[f64::NAN, f64::NAN]);
}

#[test]
fn means_and_spreads() {
    let x = matrix();
    check(&x, |x| x.mean(..), &[], &[4.0]);
    check(&x, |x| x.mean(keep(-1)), &[2, 1], &[3.0, 5.0]);
    check_near(&x, |x| x.var(1), &[2], &[8.0 / 3.0, 26.0 / 3.0], 1e-6);
    check_near(&x, |x| x.std(keep(1)), &[2, 1], &[(8.0f64 / 3.0).sqrt(), (26.0f64 / 3.0).sqrt()], 1e-6);
    check(&tensor([3.0f64, 4.0]), |x| x.norm(..), &[], &[5.0]);
}

#[test]
fn places_of_extremes() {
    let x = matrix();
    check(&x, |x| x.argmax(1), &[2], &[1.0, 2.0]);
    check(&x, |x| x.argmin(0), &[3], &[0.0, 1.0, 0.0]);
    check(&x, |x| x.argmax(keep(1)), &[2, 1], &[1.0, 2.0]);
    check(&x, |x| x.argmax(..), &[], &[5.0]);
    check(&x, |x| x.argmin(keep(..)), &[1, 1], &[0.0]);
    assert_eq!(x.argmax(0).dtype(), DType::I64);
}

#[test]
fn all_and_any() {
    let x = tensor([[true, false], [true, true]]);
    check(&x, |x| x.all(1), &[2], &[0.0, 1.0]);
    check(&x, |x| x.any(..), &[], &[1.0]);
}

#[test]
fn logsumexp_does_not_overflow() {
    let x = tensor([[1000.0f64, 1000.0], [-1000.0, -1000.0]]);
    let ln2 = std::f64::consts::LN_2;
    check_near(&x, |x| x.logsumexp(1), &[2], &[1000.0 + ln2, -1000.0 + ln2], 1e-15);
    let infinite = tensor([f64::NEG_INFINITY, f64::NEG_INFINITY]);
    check(&infinite, |x| x.logsumexp(keep(0)), &[1], &[f64::NEG_INFINITY]);
    check(&tensor([f64::INFINITY, 0.0]), |x| x.logsumexp(..), &[], &[f64::INFINITY]);
}
