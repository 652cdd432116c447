//! Values of NumPy and JAX.

use tancho_core::*;

use crate::check::{check, check_error};

fn image() -> Tensor {
    tensor([[1.0f32, 5.0, 3.0], [4.0, -2.0, 8.0], [0.0, 7.0, 6.0]]).reshape([1, 3, 3, 1])
}

#[test]
fn running_folds() {
    let x = tensor([[1.0f32, 2.0, 3.0], [4.0, -5.0, 6.0]]);
    check(&x, |x| x.cumsum(1), &[2, 3], &[1.0, 3.0, 6.0, 4.0, -1.0, 5.0]);
    check(&x, |x| x.cumsum(0), &[2, 3], &[1.0, 2.0, 3.0, 5.0, -3.0, 9.0]);
    check(&x, |x| x.cumprod(-1), &[2, 3], &[1.0, 2.0, 6.0, 4.0, -20.0, -120.0]);
    check(&x, |x| x.cummax(1), &[2, 3], &[1.0, 2.0, 3.0, 4.0, 4.0, 6.0]);
    check(&x, |x| x.cummin(1), &[2, 3], &[1.0, 1.0, 1.0, 4.0, -5.0, -5.0]);
    check(&tensor([100i8, 100]), |x| x.cumsum(0), &[2], &[100.0, -56.0]);
    check(&tensor([false, true, false]), |x| x.cummax(0), &[3], &[0.0, 1.0, 1.0]);
    check(&tensor([1.0f32, f32::NAN, 0.0]), |x| x.cummin(0), &[3], &[1.0, f64::NAN, f64::NAN]);
    // 2048, 1, 1 in f16: each step alone would be lost.
    check(&tensor([2048.0f32, 1.0, 1.0]).to(DType::F16), |x| x.cumsum(0), &[3], &[2048.0, 2048.0, 2050.0]);
    check(&tensor([[0.0f32; 0]; 2]), |x| x.cumsum(0), &[2, 0], &[]);
}

#[test]
fn folds_with_a_function() {
    let x = tensor([[1.0f32, 2.0, 3.0], [4.0, -5.0, 6.0]]);
    check(&x, |x| x.reduce_with(.., 0, |sum, x| sum + x.square()), &[], &[91.0]);
    check(&x, |x| x.reduce_with(keep(1), 1, |sum, x| sum * 2 + x), &[2, 1], &[19.0, 20.0]);
    // The same with another constant is another operation.
    check(&x, |x| x.reduce_with(1, 1, |sum, x| sum * 3 + x), &[2], &[45.0, 54.0]);
    check(&x, |x| x.scan_with(1, 0, |sum, x| sum * 0.5 + x), &[2, 3], &[1.0, 2.5, 4.25, 4.0, -3.0, 4.5]);
    let largest = |x: Tensor| x.reduce_with(0, i32::MIN, |best, x| best.ge(&x).select(&best, &x));
    check(&tensor([3, 9, 4]), largest, &[], &[9.0]);
    check(&tensor([true, true]), |x| x.reduce_with(0, false, |a, b| a.ne(b)), &[], &[0.0]);
    let options = WindowOptions {
        strides: vec![1, 2],
        padding: Padding::Explicit(vec![(1, 0), (0, 2)]),
        dilation: vec![2, 1],
        ..WindowOptions::default()
    };
    let sums = move |x: Tensor| x.reshape([3, 3]).reduce_window_with([2, 1], &options, 0, |sum, x| sum + x);
    check(&image(), sums, &[2, 3], &[4.0, 8.0, 0.0, 1.0, 9.0, 0.0]);
}

#[test]
fn pooling() {
    let x = image();
    check(&x, |x| x.max_pool([2, 2], [1, 1], Padding::Valid), &[1, 2, 2, 1], &[5.0, 8.0, 7.0, 8.0]);
    check(&x, |x| x.max_pool([2, 2], [2, 2], Padding::Same), &[1, 2, 2, 1], &[5.0, 8.0, 7.0, 6.0]);
    check(&x, |x| x.avg_pool([2, 2], [1, 1], Padding::Valid), &[1, 2, 2, 1], &[2.0, 3.5, 2.25, 4.75]);
    check(&x, |x| x.avg_pool([2, 2], [2, 2], Padding::Same), &[1, 2, 2, 1], &[2.0, 5.5, 3.5, 6.0]);
    let around = || Padding::Explicit(vec![(1, 1), (0, 0)]);
    check(&x, move |x| x.avg_pool([2, 3], [4, 1], around()), &[1, 1, 1, 1], &[3.0]);
    check(&x.to(DType::BF16), |x| x.avg_pool([2, 2], [2, 2], Padding::Same), &[1, 2, 2, 1], &[2.0, 5.5, 3.5, 6.0]);
    let counts = tensor([[[1], [2], [3]]]);
    check(&counts, |x| x.max_pool([2], [], Padding::Same), &[1, 3, 1], &[2.0, 3.0, 3.0]);
}

#[test]
fn sizes_that_vary() {
    let pool = function(|x: Tensor| (x.avg_pool([2], [2], Padding::Same), x.squeeze([0, 2]).cumsum(0)));
    let pool = pool.with_signature([spec(DType::F32, [Some(1), None, Some(1)])]).unwrap();
    for n in [1usize, 4, 5] {
        let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let (means, sums) = pool.call(Tensor::from_vec([1, n, 1], x.clone())).unwrap();
        let expected: Vec<f32> = x.chunks(2).map(|pair| pair.iter().sum::<f32>() / pair.len() as f32).collect();
        assert_eq!(means.to_vec::<f32>().unwrap(), expected);
        let sums = sums.to_vec::<f32>().unwrap();
        assert_eq!(sums[n - 1], x.iter().sum::<f32>());
    }
    assert_eq!(pool.tracing_count(), 1);
}

#[test]
fn mistakes() {
    #[track_caller]
    fn fails(result: Tensor, expected: &str) {
        check_error(result.array().map(|_| ()), file!(), expected);
    }
    let x = tensor([1.0f32, 2.0]);
    fails(x.cumsum(1), "cumsum: axis 1 is out of range for rank 1");
    fails(tensor([true]).cumsum(0), "cumsum: takes numbers, not bool[1]");
    fails(x.reduce_with(0, 0, |a, b| a.lt(b)), "reduce_with: the function gives bool[], not f32[]");
    let initial = "reduce_with: the initial value f32[2] is not a scalar of f32";
    fails(x.reduce_with(0, &x, |a, b| a + b), initial);
    fails(
        x.max_pool([2], [2], Padding::Same),
        "max_pool: takes a tensor with a first axis, spatial axes and a last axis, not f32[2]",
    );
    let x = image();
    fails(x.max_pool([2], [2, 2], Padding::Same), "max_pool: a window of 1 sizes is given for 2 axes");
    fails(x.max_pool([2, 0], [2, 2], Padding::Same), "max_pool: the sizes [2, 0] are not all positive");
    fails(x.max_pool([2, 2], [2], Padding::Same), "max_pool: 1 strides are given for 2 axes of the window");
    fails(x.max_pool([2, 2], [2, -1], Padding::Same), "max_pool: the strides [2, -1] are not all positive");
    let far = Padding::Explicit(vec![(0, 0), (0, i64::MIN)]);
    let too_far = "max_pool: the paddings [(0, 0), (0, -9223372036854775808)] are not all at most 2147483647";
    fails(x.max_pool([2, 2], [2, 2], far), too_far);
    let padding = Padding::Explicit(vec![(0, 0)]);
    fails(x.max_pool([2, 2], [2, 2], padding), "max_pool: 1 paddings are given for 2 axes of the window");
    let integers = "avg_pool: takes floats, not i32[1, 3, 3, 1]; use .to(DType::F32) on it";
    fails(x.to(DType::I32).avg_pool([2, 2], [], Padding::Valid), integers);
}

#[test]
fn a_function_within_a_fold_uses_what_it_is_given_alone() {
    let scaled =
        function(|x: Tensor, factor: Tensor| x.reduce_with(0, 0, |sum, x| sum + x * &factor)).with_name("scaled");
    let text = scaled.call((tensor([1.0f32]), tensor(2.0f32))).unwrap_err().to_string();
    assert!(text.contains("belongs to the outer trace of @scaled") && text.contains(file!()), "{text}");
    // A value is a constant of the fold.
    let factor = tensor(2.0f32);
    check(&tensor([1.0f32, 3.0]), |x| x.reduce_with(0, 0, |sum, x| sum + x * &factor), &[], &[8.0]);
    // So is a traced function.
    let twice = function(|x: Tensor| x * 2);
    let sum = |x: Tensor| x.reduce_with(0, 0, |sum, x| sum + twice.call(x).unwrap_or_else(Tensor::from_error));
    check(&tensor([1.0f32, 3.0]), sum, &[], &[8.0]);
    let by_size = function(|x: Tensor| x.reduce_with(0, 0, |sum, y| sum + y * &x.shape()[0]));
    let by_size = by_size.with_signature([spec(DType::F32, [None])]).unwrap();
    let error = "reduce_with: a size that varies cannot be used within the function";
    check_error(by_size.call(tensor([1.0f32])), file!(), error);
}
