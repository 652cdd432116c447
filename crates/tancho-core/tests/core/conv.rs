//! Values of JAX: of `conv_general_dilated`, and of its gradient for the transpose.

use tancho_core::*;

use crate::check::{check, check_error};

/// The numbers 0, 1, 2, …, each modulo a number and less another.
fn pattern<const N: usize>(shape: [usize; N], modulus: i64, less: i64) -> Tensor {
    let count = shape.iter().product::<usize>() as i64;
    Tensor::from_vec(shape.to_vec(), (0..count).map(|i| (i % modulus - less) as f32).collect())
}

fn image() -> Tensor {
    pattern([2, 4, 5, 2], 7, 3)
}

fn kernel() -> Tensor {
    pattern([3, 2, 2, 3], 5, 2)
}

fn grouped_kernel() -> Tensor {
    pattern([2, 2, 1, 4], 5, 2)
}

fn strides(strides: [i64; 2], padding: Padding) -> ConvOptions {
    ConvOptions { strides: strides.to_vec(), padding, ..ConvOptions::default() }
}

const VALID: [f64; 48] = [
    11.0, -7.0, -5.0, -5.0, -5.0, 5.0, -7.0, 11.0, -6.0, -2.0, -8.0, 11.0, 8.0, 3.0, 3.0, -8.0, -2.0, -1.0, 11.0, -7.0,
    -5.0, -5.0, -5.0, 5.0, -8.0, -2.0, -1.0, 11.0, -7.0, -5.0, -5.0, -5.0, 5.0, -7.0, 11.0, -6.0, 3.0, 8.0, -7.0, 8.0,
    3.0, 3.0, -8.0, -2.0, -1.0, 11.0, -7.0, -5.0,
];
const GROUPS: [f64; 48] = [
    4.0, 7.0, 4.0, -9.0, 6.0, 0.0, -12.0, 1.0, 1.0, -14.0, 7.0, 4.0, -11.0, 0.0, 5.0, -7.0, 7.0, 0.0, 1.0, 6.0, -12.0,
    0.0, 6.0, 2.0, 4.0, 7.0, 4.0, -9.0, 6.0, 0.0, -12.0, 1.0, -11.0, 0.0, 5.0, -7.0, 5.0, 7.0, -11.0, 3.0, 7.0, 0.0,
    1.0, 6.0, -12.0, 0.0, 6.0, 2.0,
];

#[test]
fn convolutions() {
    let x = image();
    check(&x, |x| x.conv(kernel(), &ConvOptions::default()), &[2, 2, 4, 3], &VALID);
    let same = strides([2, 2], Padding::Same);
    check(
        &x,
        move |x| x.conv(kernel(), &same),
        &[2, 2, 3, 3],
        &[
            11.0, -7.0, -5.0, -7.0, 11.0, -6.0, -7.0, 3.0, 3.0, -10.0, -6.0, 3.0, 10.0, -2.0, 6.0, 2.0, -2.0, 4.0,
            -8.0, -2.0, -1.0, -5.0, -5.0, 5.0, -5.0, -11.0, 8.0, -6.0, 6.0, -2.0, 7.0, 3.0, -6.0, 1.0, 3.0, -10.0,
        ],
    );
    let dilated = ConvOptions {
        dilation: vec![1, 2],
        input_dilation: vec![2, 1],
        ..strides([1, 2], Padding::Explicit(vec![(1, 0), (2, 1)]))
    };
    check(
        &x,
        move |x| x.conv(kernel(), &dilated).slice(0),
        &[6, 3, 3],
        &[
            -1.0, -6.0, 4.0, 3.0, 1.0, -6.0, -5.0, -5.0, 5.0, 0.0, 6.0, -3.0, 11.0, -5.0, 9.0, -6.0, 12.0, -10.0, -1.0,
            0.0, 1.0, -3.0, -7.0, 4.0, 3.0, 1.0, -6.0, -7.0, -11.0, 5.0, 7.0, -1.0, -14.0, 11.0, -5.0, 9.0, 6.0, 6.0,
            -9.0, 5.0, 6.0, 7.0, -3.0, -7.0, 4.0, -7.0, 7.0, 6.0, -18.0, -18.0, 12.0, 7.0, -1.0, -14.0,
        ],
    );
    let grouped = ConvOptions { groups: 2, ..ConvOptions::default() };
    check(&x.slice(0..1), move |x| x.conv(grouped_kernel(), &grouped), &[1, 3, 4, 4], &GROUPS);
}

#[test]
fn layouts_and_dtypes() {
    let first = ConvOptions { layout: ConvLayout::ChannelsFirst, ..ConvOptions::default() };
    let channels_first = move |x: Tensor| {
        let kernel = kernel().transpose([3, 2, 0, 1]);
        x.transpose([0, 3, 1, 2]).conv(kernel, &first).transpose([0, 2, 3, 1])
    };
    check(&image(), channels_first, &[2, 2, 4, 3], &VALID);
    for dtype in [DType::F64, DType::F16, DType::BF16, DType::I32] {
        let options = ConvOptions::default();
        check(&image().to(dtype), move |x| x.conv(kernel().to(dtype), &options), &[2, 2, 4, 3], &VALID);
    }
    // One spatial axis, and none.
    let line = tensor([[[1.0f32], [2.0], [4.0]]]);
    check(&line, |x| x.conv(tensor([[[1.0f32]], [[10.0]]]), &ConvOptions::default()), &[1, 2, 1], &[21.0, 42.0]);
    check(&tensor([[1.0f32, 2.0]]), |x| x.conv(tensor([[1.0f32], [10.0]]), &ConvOptions::default()), &[1, 1], &[21.0]);
}

#[test]
fn transposes_are_gradients() {
    let y = pattern([1, 2, 3, 3], 5, 2);
    #[track_caller]
    fn transposed(y: &Tensor, kernel: Tensor, options: ConvOptions, shape: &[usize], expected: &[f64]) {
        check(y, |y| y.conv_transpose(&kernel, &options), shape, expected);
        let first = ConvOptions { layout: ConvLayout::ChannelsFirst, ..options.clone() };
        let channels_first = |y: Tensor| {
            let kernel = kernel.transpose([3, 2, 0, 1]);
            y.transpose([0, 3, 1, 2]).conv_transpose(kernel, &first).transpose([0, 2, 3, 1])
        };
        check(y, channels_first, shape, expected);
    }
    let same = strides([2, 2], Padding::Same);
    transposed(
        &y,
        kernel(),
        same,
        &[1, 4, 6, 2],
        &[
            5.0, -4.0, 2.0, -2.0, -4.0, 9.0, -3.0, 0.0, 2.0, -3.0, 2.0, -3.0, -1.0, 5.0, -4.0, 2.0, -2.0, -4.0, 9.0,
            -3.0, 2.0, 2.0, -3.0, 2.0, -4.0, -1.0, 2.0, 5.0, -1.0, -4.0, -2.0, 5.0, 2.0, -2.0, 4.0, -5.0, -4.0, -2.0,
            0.0, -3.0, 5.0, -1.0, -2.0, 2.0, -1.0, 5.0, -4.0, 2.0,
        ],
    );
    let valid = ConvOptions::default();
    transposed(
        &y,
        kernel(),
        valid,
        &[1, 4, 4, 2],
        &[
            5.0, -4.0, -2.0, 7.0, -1.0, -3.0, 2.0, -3.0, -3.0, 5.0, -10.0, 5.0, 18.0, -9.0, -1.0, 0.0, -6.0, -3.0,
            10.0, -10.0, -10.0, 18.0, -2.0, -1.0, 9.0, -4.0, -6.0, 5.0, -3.0, -3.0, 5.0, -4.0,
        ],
    );
    // The stride is larger than the kernel, whose window leaves elements out.
    let wide = strides([3, 3], Padding::Valid);
    transposed(
        &y,
        kernel(),
        wide,
        &[1, 6, 9, 2],
        &[
            5.0, -4.0, 2.0, -2.0, 0.0, 0.0, -4.0, 9.0, -3.0, 0.0, 0.0, 0.0, 2.0, -3.0, 2.0, -3.0, 0.0, 0.0, -1.0, 5.0,
            -4.0, 2.0, 0.0, 0.0, -2.0, -4.0, 9.0, -3.0, 0.0, 0.0, 2.0, 2.0, -3.0, 2.0, 0.0, 0.0, -2.0, -1.0, 5.0, -4.0,
            0.0, 0.0, 0.0, -2.0, -4.0, 9.0, 0.0, 0.0, -3.0, 2.0, 2.0, -3.0, 0.0, 0.0, -2.0, 0.0, -3.0, 9.0, 0.0, 0.0,
            -1.0, -2.0, 2.0, -4.0, 0.0, 0.0, 5.0, -4.0, 2.0, -2.0, 0.0, 0.0, -4.0, -2.0, 0.0, -3.0, 0.0, 0.0, 5.0,
            -1.0, -2.0, 2.0, 0.0, 0.0, -1.0, 5.0, -4.0, 2.0, 0.0, 0.0, 9.0, -4.0, -2.0, 0.0, 0.0, 0.0, -4.0, 5.0, -1.0,
            -2.0, 0.0, 0.0, -2.0, -1.0, 5.0, -4.0, 0.0, 0.0,
        ],
    );
    let explicit = strides([2, 1], Padding::Explicit(vec![(1, 0), (1, 1)]));
    transposed(
        &y,
        kernel(),
        explicit,
        &[1, 4, 2, 2],
        &[-6.0, -2.0, 11.0, -1.0, 1.0, 1.0, 0.0, 3.0, 5.0, -4.0, -3.0, 7.0, -6.0, 5.0, -3.0, -3.0],
    );
    let dilated = ConvOptions { dilation: vec![2, 2], ..ConvOptions::default() };
    transposed(
        &y.slice((.., .., 0..1)),
        kernel(),
        dilated,
        &[1, 6, 3, 2],
        &[
            5.0, -4.0, 0.0, 0.0, 2.0, -2.0, -2.0, 0.0, 0.0, 0.0, -3.0, 9.0, -1.0, 5.0, 0.0, 0.0, -4.0, 2.0, -4.0, -2.0,
            0.0, 0.0, 0.0, -3.0, -2.0, -1.0, 0.0, 0.0, 5.0, -4.0, 9.0, -4.0, 0.0, 0.0, -2.0, 0.0,
        ],
    );
    let grouped = ConvOptions { groups: 2, ..ConvOptions::default() };
    let y = pattern([1, 2, 2, 4], 5, 2);
    transposed(
        &y,
        grouped_kernel(),
        grouped,
        &[1, 3, 3, 2],
        &[5.0, 1.0, -4.0, 0.0, 8.0, 1.0, -8.0, -2.0, -6.0, 0.0, -4.0, -4.0, 5.0, 5.0, 4.0, -4.0, 1.0, 8.0],
    );
}

#[test]
fn sizes_that_vary() {
    let options = ConvOptions { strides: vec![2], padding: Padding::Same, ..ConvOptions::default() };
    let kernel = tensor([[[1.0f32]], [[10.0]], [[100.0]]]);
    let there_and_back = function(|x: Tensor| {
        let y = x.conv(&kernel, &options);
        (y.conv_transpose(&kernel, &options), y)
    });
    let there_and_back = there_and_back.with_signature([spec(DType::F32, [None, None, Some(1)])]).unwrap();
    for n in [4usize, 6, 7] {
        let (back, y) = there_and_back.call(ones(DType::F32, [2, n, 1])).unwrap();
        assert_eq!(
            (back.shape().known(), y.shape().known()),
            (Some(vec![2, n.div_ceil(2) * 2, 1]), Some(vec![2, n.div_ceil(2), 1]))
        );
        let first = if n % 2 == 0 { 111.0 } else { 110.0 };
        assert_eq!(y.to_vec::<f32>().unwrap()[0], first);
    }
    assert_eq!(there_and_back.tracing_count(), 1);
}

#[test]
fn mistakes() {
    #[track_caller]
    fn fails(result: Tensor, expected: &str) {
        check_error(result.array().map(|_| ()), file!(), expected);
    }
    let (x, kernel) = (image(), kernel());
    let default = ConvOptions::default();
    fails(x.conv(kernel.slice(0), &default), "conv: ranks differ: input f32[2, 4, 5, 2], kernel f32[2, 2, 3]");
    let dtypes = "conv: dtypes differ: input f32[2, 4, 5, 2], kernel f64[3, 2, 2, 3]; use .to(dtype) on one";
    fails(x.conv(kernel.to(DType::F64), &default), dtypes);
    let features = "conv: f32[2, 4, 5, 2] has 2 features, but f32[2, 2, 1, 4] takes 1";
    fails(x.conv(grouped_kernel(), &default), features);
    let one = ConvOptions { strides: vec![1], ..ConvOptions::default() };
    fails(x.conv(&kernel, &one), "conv: 1 strides are given for 2 axes of the window");
    let none = ConvOptions { groups: 0, ..ConvOptions::default() };
    fails(x.conv(&kernel, &none), "conv: there are no groups");
    let holes = ConvOptions { input_dilation: vec![2, 2], ..ConvOptions::default() };
    fails(x.conv_transpose(&kernel, &holes), "conv_transpose: takes no input dilation, since it makes one");
    let thirds = ConvOptions { groups: 3, ..ConvOptions::default() };
    let uneven = "conv_transpose: 4 output features of f32[2, 2, 1, 4] are no multiple of 3 groups";
    fails(x.conv_transpose(grouped_kernel(), &thirds), uneven);
}
