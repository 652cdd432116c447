use tancho_core::*;

use crate::check::{check, check_error};

fn table() -> Tensor {
    tensor([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]])
}

#[test]
fn parts_at_indices() {
    let x = table();
    check(&x, |x| x.take(tensor([2, 0, 2]), 0), &[3, 2], &[5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
    check(&x, |x| x.take(1, 0), &[2], &[3.0, 4.0]);
    check(&x, |x| x.take(tensor([[1u8], [0]]), -1), &[3, 2, 1], &[2.0, 1.0, 4.0, 3.0, 6.0, 5.0]);
    // Out of range is clamped, and a negative index does not count from the end.
    check(&x, |x| x.take(tensor([-1i64, 7]), 0), &[2, 2], &[1.0, 2.0, 5.0, 6.0]);
    check(&x, |x| x.take(tensor([0; 0]), 0), &[0, 2], &[]);
    check(&tensor([true, false]), |x| x.take(tensor([1, 1, 0]), 0), &[3], &[0.0, 0.0, 1.0]);
    check(&x.to(DType::BF16), |x| x.take(tensor([1]), 0), &[1, 2], &[3.0, 4.0]);
    check(&tensor([2, 0]), |indices| table().take(indices, 0), &[2, 2], &[5.0, 6.0, 1.0, 2.0]);
}

#[test]
fn elements_along_an_axis() {
    let x = table();
    check(&x, |x| x.take_along_axis(tensor([[1], [0], [9]]), 1), &[3, 1], &[2.0, 3.0, 6.0]);
    check(&x, |x| x.take_along_axis(tensor([[2, 0]]), 0), &[1, 2], &[5.0, 2.0]);
    check(&x, |x| x.take_along_axis(tensor([[-1], [1]]), 0), &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    check(&x, |x| x.slice(0..1).take_along_axis(tensor([[1], [0]]), 1), &[2, 1], &[2.0, 1.0]);
}

#[test]
fn parts_at_index_vectors() {
    let x = table();
    check(&x, |x| x.gather_nd(tensor([[2, 1], [0, 0]])), &[2], &[6.0, 1.0]);
    check(&x, |x| x.gather_nd(tensor([[2], [1]])), &[2, 2], &[5.0, 6.0, 3.0, 4.0]);
    check(&x, |x| x.gather_nd(tensor([[[5, -5]]])), &[1, 1], &[5.0]);
}

#[test]
fn slices_at_computed_places() {
    let x = table();
    check(&x, |x| x.dynamic_slice([1, 0], [2, 1]), &[2, 1], &[3.0, 5.0]);
    check(&x, |x| x.dynamic_slice([tensor(9), tensor(-9)], [1, 2]), &[1, 2], &[5.0, 6.0]);
    check(&x, |x| x.dynamic_slice([tensor(1u8), tensor(1i64)], [1, 1]), &[1, 1], &[4.0]);
    check(&tensor(1), |i| table().dynamic_slice([&i, &(&i - 1)], [2, 2]), &[2, 2], &[3.0, 4.0, 5.0, 6.0]);
    check(&x, |x| x.dynamic_update_slice(tensor([[9.0f32]]), [1, 1]), &[3, 2], &[1.0, 2.0, 3.0, 9.0, 5.0, 6.0]);
    check(
        &x,
        |x| x.dynamic_update_slice(-x.slice(0..2), [tensor(5), tensor(5)]),
        &[3, 2],
        &[1.0, 2.0, -1.0, -2.0, -3.0, -4.0],
    );
    check(&tensor(7.0f32), |x| x.dynamic_slice([0; 0], ()), &[], &[7.0]);
}

#[test]
fn updates_at_index_vectors() {
    let x = table();
    let rows = tensor([[0], [2], [0], [5]]);
    let updates = tensor([[1.0f32, 1.0], [2.0, 2.0], [10.0, 20.0], [7.0, 7.0]]);
    let after = |expected: [f64; 6], f: fn(Tensor, &Tensor, &Tensor) -> Tensor| {
        let (rows, updates) = (rows.clone(), updates.clone());
        check(&x, move |x| f(x, &rows, &updates), &[3, 2], &expected);
    };
    after([12.0, 23.0, 3.0, 4.0, 7.0, 8.0], |x, i, u| tensor_scatter_nd_add(x, i, u));
    after([-10.0, -19.0, 3.0, 4.0, 3.0, 4.0], |x, i, u| tensor_scatter_nd_sub(x, i, u));
    after([10.0, 20.0, 3.0, 4.0, 5.0, 6.0], |x, i, u| tensor_scatter_nd_max(x, i, u));
    after([1.0, 1.0, 3.0, 4.0, 2.0, 2.0], |x, i, u| tensor_scatter_nd_min(x, i, u));
    after([10.0, 20.0, 3.0, 4.0, 2.0, 2.0], |x, i, u| tensor_scatter_nd_update(x, i, u));
    // One element for each vector; scalars broadcast, and what is out of range is dropped.
    check(
        &x,
        |x| tensor_scatter_nd_add(x, tensor([[1, 1], [-1, 0], [0, 2]]), 10),
        &[3, 2],
        &[1.0, 2.0, 3.0, 14.0, 5.0, 6.0],
    );
    let halves = x.to(DType::F16);
    check(&halves, |x| tensor_scatter_nd_update(x, tensor([[2]]), 0.5), &[3, 2], &[1.0, 2.0, 3.0, 4.0, 0.5, 0.5]);
}

#[test]
fn folds_of_segments() {
    let x = table();
    let segments = || tensor([1, 1, 0]);
    check(&x, move |x| segment_sum(x, segments(), 3), &[3, 2], &[5.0, 6.0, 4.0, 6.0, 0.0, 0.0]);
    check(&x, move |x| segment_prod(x, segments(), 3), &[3, 2], &[5.0, 6.0, 3.0, 8.0, 1.0, 1.0]);
    check(&x, move |x| segment_max(x, segments(), 2), &[2, 2], &[5.0, 6.0, 3.0, 4.0]);
    let inf = f64::INFINITY;
    check(&x, move |x| segment_min(x, segments(), 3), &[3, 2], &[5.0, 6.0, 1.0, 2.0, inf, inf]);
    check(&x, |x| segment_sum(x, tensor([[0, 1], [1, 0], [-1, 7]]), 2), &[2], &[5.0, 5.0]);
    check(&tensor([3, 4]), |x| segment_max(x, tensor([0, 0]), 2), &[2], &[4.0, f64::from(i32::MIN)]);
    check(&tensor([true, false]), |x| segment_max(x, tensor([0, 1]), 3), &[3], &[1.0, 0.0, 0.0]);
    // 2048 + 1 + 1 in f16: each step alone would be lost.
    let halves = tensor([2048.0f32, 1.0, 1.0]).to(DType::F16);
    check(&halves, |x| segment_sum(x, tensor([0, 0, 0]), 1), &[1], &[2050.0]);
}

#[test]
fn sizes_that_vary() {
    let embed = function(|x: Tensor, i: Tensor| (x.take(&i, 0), segment_sum(x.take(&i, 0), &i, x.shape()[0].clone())));
    let embed = embed.with_signature([spec(DType::F32, [None, Some(2)]), spec(DType::I32, [None])]).unwrap();
    for indices in [vec![2, 0], vec![1, 1, 1, 0]] {
        let (parts, sums) = embed.call((table(), tensor(&indices))).unwrap();
        let parts = parts.to_vec::<f32>().unwrap();
        assert!(
            indices.iter().zip(parts.chunks(2)).all(|(&i, part)| part == [2.0 * i as f32 + 1.0, 2.0 * i as f32 + 2.0])
        );
        let sums = sums.to_vec::<f32>().unwrap();
        assert_eq!(sums[2], indices.iter().filter(|&&i| i == 1).count() as f32 * 3.0);
    }
    assert_eq!(embed.tracing_count(), 1);
}

#[test]
fn mistakes() {
    #[track_caller]
    fn fails(result: Tensor, expected: &str) {
        check_error(result.array().map(|_| ()), file!(), expected);
    }
    let x = table();
    fails(x.take(tensor([0.5f32]), 0), "take: takes indices that are integers, not f32[1]");
    fails(x.take(0, 2), "take: axis 2 is out of range for rank 2");
    fails(x.slice(0..0).take(0, 0), "take: axis 0 of f32[0, 2] has no element to take");
    fails(x.take_along_axis(tensor([0]), 0), "take_along_axis: ranks differ: f32[3, 2] and indices i32[1]");
    fails(
        x.take_along_axis(tensor([[0, 0, 0]]), 0),
        "take_along_axis: shapes do not broadcast beside axis 0: f32[3, 2] and indices i32[1, 3]",
    );
    fails(x.gather_nd(0), "gather_nd: takes indices whose last axis has the index vectors, not i32[]");
    fails(x.gather_nd(tensor([0, 0, 0])), "gather_nd: index vectors of 3 elements do not fit f32[3, 2] of rank 2");
    fails(x.dynamic_slice([0], [1, 1]), "dynamic_slice: 1 starts for f32[3, 2] of rank 2");
    fails(x.dynamic_slice([0.5, 0.5], [1, 1]), "dynamic_slice: the start f64[] is no integer scalar");
    fails(x.dynamic_slice([0, 0], [4, 1]), "dynamic_slice: 4 elements do not fit axis 0 of f32[3, 2]");
    let ranks = "dynamic_update_slice: ranks differ: f32[3, 2] and f32[1]";
    fails(x.dynamic_update_slice(tensor([1.0f32]), [0, 0]), ranks);
    fails(
        tensor_scatter_nd_add(&x, tensor([[0], [1]]), tensor([1.0f32, 2.0, 3.0])),
        "tensor_scatter_nd_add: f32[3] does not broadcast to f32[2, 2] at axis 1",
    );
    fails(segment_sum(&x, tensor([0, 1]), 2), "segment_sum: the segments i32[2] do not begin the shape of f32[3, 2]");
    fails(segment_sum(tensor([true]), tensor([0]), 2), "segment_sum: takes numbers, not bool");
}
