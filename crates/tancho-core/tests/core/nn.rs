use tancho_core::*;

use crate::check::{check, check_near};

const NEAR: f64 = 1e-6;

fn row() -> Tensor {
    tensor([-2.0f32, 0.0, 1.0])
}

#[test]
fn activations() {
    let x = row();
    check(&x, |x| x.relu(), &[3], &[0.0, 0.0, 1.0]);
    check(&tensor([-2, 3]), |x| relu(&x), &[2], &[0.0, 3.0]);
    check_near(&x, |x| x.gelu(), &[3], &[-0.04550026389635842, 0.0, 0.8413447460685429], NEAR);
    check_near(&x, |x| gelu_tanh(&x), &[3], &[-0.04540230591222, 0.0, 0.8411919906082768], NEAR);
    check_near(&x, |x| x.silu(), &[3], &[-2.0 / (1.0 + 2f64.exp()), 0.0, 1.0 / (1.0 + (-1f64).exp())], NEAR);
    check_near(&x, |x| x.softplus(), &[3], &[(-2f64).exp().ln_1p(), 2f64.ln(), 1f64.exp().ln_1p()], NEAR);
    check(&tensor([1000.0f32, -1000.0]), |x| x.softplus(), &[2], &[1000.0, 0.0]);
    check(&x, |x| x.leaky_relu(0.5), &[3], &[-1.0, 0.0, 1.0]);
    check_near(&x, |x| x.elu(2.0), &[3], &[2.0 * (-2f64).exp_m1(), 0.0, 1.0], NEAR);
    check_near(
        &x,
        |x| sigmoid(&x) + tanh(&x),
        &[3],
        &[-2.0, 0.0, 1.0].map(|x: f64| 1.0 / (1.0 + (-x).exp()) + x.tanh()),
        NEAR,
    );
}

#[test]
fn softmax_along_axes() {
    let exponentials = [-2.0, 0.0, 1.0].map(f64::exp);
    let sum: f64 = exponentials.iter().sum();
    let expected = exponentials.map(|x| x / sum);
    check_near(&row(), |x| x.softmax(-1), &[3], &expected, NEAR);
    check_near(&row(), |x| softmax(x + 10000, 0), &[3], &expected, 1e-3);
    check_near(&row(), |x| x.log_softmax(..), &[3], &expected.map(f64::ln), NEAR);
    check(&tensor([[1.0f32, 1.0], [1.0, 1.0]]), |x| x.softmax(..), &[2, 2], &[0.25; 4]);
    check(&tensor([[1.0f32, 1.0], [1.0, 1.0]]), |x| x.softmax(0), &[2, 2], &[0.5; 4]);
}

#[test]
fn layer_norm_over_the_last_axes() {
    let x = tensor([[1.0f64, 3.0], [-5.0, 5.0]]);
    let (gamma, beta) = (tensor([1.0, 2.0]), tensor([0.0, 1.0]));
    let normal = [1.0 / (1.0f64 + 1e-5).sqrt(), 5.0 / (25.0f64 + 1e-5).sqrt()];
    let expected = [-normal[0], 2.0 * normal[0] + 1.0, -normal[1], 2.0 * normal[1] + 1.0];
    check_near(&x, |x| layer_norm(&x, &gamma, &beta, 1e-5), &[2, 2], &expected, 1e-14);
}

#[test]
fn one_hot_ignores_what_is_out_of_range() {
    let x = tensor([1u8, 3]);
    check(&x, |x| one_hot(&x, 3, DType::F32), &[2, 3], &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    check(&x, |x| one_hot(&x, 300, DType::I64).sum(1), &[2], &[1.0, 1.0]);
}
