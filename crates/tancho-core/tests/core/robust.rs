//! Nothing panics, whatever it is given: every dtype, odd shapes, axes and sizes out of any range.

use tancho_core::*;

const AXES: [i64; 9] = [i64::MIN, -3, -2, -1, 0, 1, 2, 3, i64::MAX];

fn odd_tensors() -> Vec<Tensor> {
    let shapes: [&[usize]; 6] = [&[], &[0], &[1], &[2, 3], &[3, 0, 2], &[1, 1, 2, 1]];
    DType::ALL
        .into_iter()
        .flat_map(|dtype| shapes.map(|shape| ones(dtype, shape)))
        .chain([Tensor::from_error(Error::new("an error of the user's own"))])
        .collect()
}

/// Asks for the values, so that whatever happens has happened.
fn look(tensor: &Tensor) {
    let _ = (tensor.to_string(), tensor.shape(), tensor.dtype(), tensor.rank(), tensor.item::<f32>());
}

#[test]
fn functions_of_one_tensor() {
    #[rustfmt::skip]
    let operations: &[fn(&Tensor) -> Tensor] = &[
        Tensor::abs, Tensor::exp, Tensor::log, Tensor::sqrt, Tensor::sign, Tensor::floor, Tensor::round, Tensor::erf,
        Tensor::square, Tensor::reciprocal, Tensor::is_nan, Tensor::is_infinite, Tensor::logical_not, Tensor::count_ones,
        Tensor::t, Tensor::flatten, Tensor::relu, Tensor::gelu, Tensor::gelu_tanh, Tensor::silu, Tensor::softplus,
        |x| -x, |x| !x, |x| x.leaky_relu(0.1), |x| x.elu(1.0), |x| x.transpose(..), |x| x.slice(..), |x| x.clamp(0, 1),
        |x| x.slice(Ellipsis), |x| x.slice((Ellipsis, Ellipsis)), |x| x.slice(NewAxis), |x| layer_norm(x, x, x, 1e-5),
        |x| one_hot(x, 3, DType::F32), |x| one_hot(x, -3, DType::F32), |x| full(x, [2]), |x| x.pad(&[(1, -2)], 0),
    ];
    for x in odd_tensors() {
        operations.iter().for_each(|operation| look(&operation(&x)));
        DType::ALL.iter().for_each(|&dtype| look(&x.to(dtype)));
    }
}

#[test]
fn functions_of_two_tensors() {
    #[rustfmt::skip]
    let operations: &[fn(&Tensor, &Tensor) -> Tensor] = &[
        |x, y| x + y, |x, y| x / y, |x, y| x % y, |x, y| x << y, |x, y| x >> y, |x, y| x & y, |x, y| x.pow(y),
        |x, y| x.matmul(y),
        |x, y| x.eq(y), |x, y| x.select(y, y), |x, y| concat([x, y], 0), |x, y| stack([x, y], 0), |x, y| x.atan2(y),
        |x, y| tensordot(x, y, [0], [0]),
    ];
    let tensors = odd_tensors();
    let others: Vec<&Tensor> = tensors.iter().step_by(7).collect();
    for x in &tensors {
        for y in &others {
            operations.iter().for_each(|operation| look(&operation(x, y)));
        }
    }
}

#[test]
fn axes_and_sizes_out_of_range() {
    for x in odd_tensors().into_iter().step_by(3) {
        for axis in AXES {
            let reductions: &[fn(&Tensor, Axes) -> Tensor] =
                &[Tensor::sum, Tensor::mean, Tensor::var, Tensor::argmax, Tensor::logsumexp, Tensor::any, Tensor::norm];
            for reduce in reductions {
                look(&reduce(&x, axis.into()));
                look(&reduce(&x, keep([axis, 0])));
            }
            look(&x.softmax(axis));
            look(&x.squeeze(axis));
            look(&x.expand_dims(axis));
            look(&x.swap_axes(axis, -axis.max(-i64::MAX)));
            look(&x.flip(axis));
            look(&x.transpose([axis]));
            look(&x.slice(axis));
            look(&x.slice(between(axis, 1)));
            look(&x.slice(step(between(1, axis), axis)));
            look(&x.reshape([axis]));
            look(&x.reshape([-1, axis]));
            look(&x.broadcast_to([axis.min(1 << 20)]));
            look(&x.repeat(axis.min(1 << 10), 0));
            look(&x.pad(&[(axis.min(9), axis.min(9))], 0));
            look(&iota(DType::F32, [axis.min(9)], axis));
            x.split(axis.min(9) as usize, axis).iter().for_each(look);
        }
    }
    for size in [1usize << 40, usize::MAX] {
        look(&zeros(DType::F64, [size, size]));
        assert!(zeros(DType::F64, [size, 3]).check().is_err());
        assert!(ones(DType::I8, [1]).tile([size]).check().is_err());
    }
}

#[test]
fn what_is_not_used_is_not_kept() {
    let before = tancho_tensor::pool::statistics().in_use;
    for length in 0..4 {
        let large = zeros(DType::F32, [(1 << 21) + length]);
        look(&(iota(DType::F32, [(1 << 21) + length], 0) + large).slice(0));
    }
    // Other tests run beside this one, but hold little. Eight tensors of 8 MiB would be 64.
    let after = tancho_tensor::pool::statistics().in_use;
    assert!(after < before + (32 << 20), "{before} bytes before, {after} after");
}

#[test]
fn places_folds_and_windows() {
    let places = tensor([[0], [7], [-1]]);
    #[rustfmt::skip]
    let operations: &[&dyn Fn(&Tensor) -> Tensor] = &[
        &|x| x.sort(0), &|x| x.argsort_descending(-1), &|x| x.sort_by(0, |a, b| a.lt(b)), &|x| x.top_k(1).1,
        &|x| x.top_k(i64::MIN).0, &|x| x.take(&places, 0), &|x| places.take(x, 0), &|x| x.take(x, 1), &|x| x.gather_nd(x),
        &|x| x.take_along_axis(&places, 1), &|x| x.dynamic_slice([x], [1]), &|x| x.dynamic_slice([0, 0], [i64::MIN, 1]),
        &|x| x.dynamic_update_slice(x, [i64::MAX]), &|x| tensor_scatter_nd_add(x, &places, x),
        &|x| tensor_scatter_nd_max(x, x, x), &|x| segment_sum(x, x, 2), &|x| segment_min(x, tensor(3), 5),
        &|x| x.cumsum(0), &|x| x.cumprod(1), &|x| x.cummax(-1), &|x| x.scan_with(0, x, |a, b| a + b),
        &|x| x.reduce_with(.., 0, |a, b| a.maximum(b)), &|x| x.reduce_with(0, false, |a, b| a.lt(b)),
        &|x| x.max_pool([1], [], Padding::Same), &|x| x.avg_pool([i64::MAX], [i64::MAX], Padding::Same),
        &|x| x.cholesky(), &|x| x.triangular_solve(x, TriangularOptions::default()), &|x| x.bitcast_convert(DType::F32),
        &|x| rng_bit_generator(x, DType::U8, [i64::MIN], RandomAlgorithm::Philox).1, &|x| x.reduce_precision(90, 90),
    ];
    for x in odd_tensors() {
        operations.iter().for_each(|operation| look(&operation(&x)));
    }
}

#[test]
fn convolutions_with_odd_options() {
    let numbers = [i64::MIN, -1, 0, 1, 3, i64::MAX];
    let (line, kernel) = (ones(DType::F32, [1, 4, 1]), ones(DType::F32, [2, 1, 1]));
    let mut all_options = vec![
        ConvOptions { groups: usize::MAX, ..ConvOptions::default() },
        ConvOptions { padding: Padding::Explicit(Vec::new()), ..ConvOptions::default() },
    ];
    for number in numbers {
        let list = || vec![number];
        all_options.extend([
            ConvOptions { strides: list(), padding: Padding::Same, ..ConvOptions::default() },
            ConvOptions { dilation: list(), ..ConvOptions::default() },
            ConvOptions { dilation: list(), padding: Padding::Same, ..ConvOptions::default() },
            ConvOptions {
                input_dilation: list(),
                padding: Padding::Explicit(vec![(-3, -3)]),
                ..ConvOptions::default()
            },
            ConvOptions { padding: Padding::Explicit(vec![(number, 0)]), ..ConvOptions::default() },
            ConvOptions { padding: Padding::Explicit(vec![(number, -number.saturating_abs())]), ..Default::default() },
        ]);
    }
    for options in all_options {
        look(&line.conv(&kernel, &options));
        look(&line.conv_transpose(&kernel, &options));
    }
    for x in odd_tensors() {
        look(&x.conv(&x, &ConvOptions::default()));
        look(&x.conv_transpose(&x, &ConvOptions { layout: ConvLayout::ChannelsFirst, ..ConvOptions::default() }));
    }
}
