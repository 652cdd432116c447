use tancho_core::{DType, Tensor, bf16, function, spec, tensor};

use crate::check::{check, check_error};

const NAN: f64 = f64::NAN;

#[test]
fn sorts_are_stable_with_nan_last() {
    let x = tensor([[3.0f32, f32::NAN, -1.0, 0.0, -0.0], [2.0, 2.0, f32::NEG_INFINITY, f32::INFINITY, 1.0]]);
    let inf = f64::INFINITY;
    let ascending = [-1.0, 0.0, 0.0, 3.0, NAN, -inf, 1.0, 2.0, 2.0, inf];
    check(&x, |x| x.sort(-1), &[2, 5], &ascending);
    check(&x, |x| x.argsort(1), &[2, 5], &[2.0, 3.0, 4.0, 0.0, 1.0, 2.0, 4.0, 0.0, 1.0, 3.0]);
    check(&x, |x| x.sort_descending(1), &[2, 5], &[NAN, 3.0, 0.0, 0.0, -1.0, inf, 2.0, 2.0, 1.0, -inf]);
    check(&x, |x| x.argsort_descending(-1), &[2, 5], &[1.0, 0.0, 3.0, 4.0, 2.0, 3.0, 0.0, 1.0, 4.0, 2.0]);
    check(&x, |x| x.take_along_axis(x.argsort(-1), -1), &[2, 5], &ascending);
    // Along the first axis, where zeros of either sign keep their places.
    check(&x.slice((.., 3..)), |x| 1 / x.sort(0), &[2, 2], &[inf, -inf, 0.0, 1.0]);
}

#[test]
fn sorts_take_every_dtype() {
    check(&tensor([3u8, 200, 7]), |x| x.sort(0), &[3], &[3.0, 7.0, 200.0]);
    check(&tensor([3i64, -200, 7]), |x| x.sort_descending(0), &[3], &[7.0, 3.0, -200.0]);
    check(&tensor([true, false, true]), |x| x.argsort(0), &[3], &[1.0, 0.0, 2.0]);
    check(&tensor([2.5, -1.0].map(bf16::from_f32)), |x| x.sort(0), &[2], &[-1.0, 2.5]);
    check(&tensor([1.5f32, f32::NAN, -2.0]), |x| x.to(DType::F16).sort(0), &[3], &[-2.0, 1.5, NAN]);
    check(&tensor([[0.0f32; 0]; 2]), |x| x.sort(1), &[2, 0], &[]);
}

#[test]
fn sorts_with_a_function() {
    let x = tensor([-3, 2, -1, 1]);
    check(&x, |x| x.sort_by(0, |a, b| a.abs().lt(b.abs())), &[4], &[-1.0, 1.0, 2.0, -3.0]);
    // Another function is another operation, also where it differs in a constant alone.
    check(&x, |x| x.sort_by(0, |a, b| (a - 2).abs().lt((b - 2).abs())), &[4], &[2.0, 1.0, -1.0, -3.0]);
    check(&x, |x| x.sort_by(0, |a, b| (a + 3).abs().lt((b + 3).abs())), &[4], &[-3.0, -1.0, 1.0, 2.0]);
}

#[test]
fn the_largest_with_their_places() {
    let x = tensor([[1.0f32, 5.0, 5.0, -1.0], [f32::NAN, 0.0, 2.0, 3.0]]);
    check(&x, |x| x.top_k(2).0, &[2, 2], &[5.0, 5.0, NAN, 3.0]);
    check(&x, |x| x.top_k(2).1, &[2, 2], &[1.0, 2.0, 0.0, 3.0]);
    let (values, places) = x.top_k(3);
    assert_eq!((values.dtype(), places.dtype()), (DType::F32, DType::I32));
    check(&x, |x| x.top_k(x.shape().size(-1) / 4).0, &[2, 1], &[5.0, NAN]);
}

#[test]
fn sizes_that_vary() {
    let sorted = function(|x: Tensor| (x.sort(0), x.argsort(0), x.top_k(2).1));
    let sorted = sorted.with_signature([spec(DType::F32, [None])]).unwrap();
    for x in [vec![2.0f32, 1.0, 3.0], vec![5.0, 4.0], vec![1.0; 100]] {
        let (values, places, largest) = sorted.call(tensor(&x)).unwrap();
        let mut expected = x.clone();
        expected.sort_by(f32::total_cmp);
        assert_eq!(values.to_vec::<f32>().unwrap(), expected);
        let places = places.to_vec::<i64>().unwrap();
        assert!(places.iter().zip(&expected).all(|(&place, &value)| x[place as usize] == value));
        assert_eq!(x[largest.to_vec::<i32>().unwrap()[1] as usize], expected[x.len() - 2]);
    }
    assert_eq!(sorted.tracing_count(), 1);
}

#[test]
fn mistakes() {
    #[track_caller]
    fn fails(result: Tensor, expected: &str) {
        check_error(result.array().map(|_| ()), file!(), expected);
    }
    let x = tensor([2.0f32, 1.0]);
    fails(x.sort(1), "sort: axis 1 is out of range for rank 1");
    fails(x.slice(0).argsort(0), "argsort: axis 0 is out of range for rank 0");
    fails(x.top_k(3).0, "top_k: the 3 largest of the last axis of f32[2]");
    fails(x.top_k(3).1, "top_k: the 3 largest of the last axis of f32[2]");
    fails(x.slice(0).top_k(1).1, "top_k: takes a tensor of rank 1 or more, not f32[]");
    fails(x.sort_by(0, |a, b| a + b), "sort_by: the function gives f32[], not bool[]");
    fails(x.sort_by(0, |a, b| a.matmul(b)), "matmul: takes tensors of rank 1 or more, not f32[] and f32[]");
    fails(
        x.matmul(tensor([1])).sort_by(0, |a, b| a.lt(b)),
        "matmul: inner dimensions differ: lhs f32[2] has 2, rhs i32[1] has 1",
    );
}

#[test]
fn each_result_has_the_line() {
    let line = line!() + 1;
    let (values, places) = tensor([2.0f32]).top_k(2);
    for result in [&values, &places, &(values.sort(0) + 1)] {
        let text = result.check().unwrap_err().to_string();
        assert!(text.starts_with("top_k: ") && text.ends_with(&format!("({}:{line}:45)", file!())), "{text}");
    }
    let line = line!() + 1;
    let unsorted = tensor([2.0f32]).sort_by(0, |a, _| a);
    let text = unsorted.check().unwrap_err().to_string();
    assert!(text.ends_with(&format!("({}:{line}:37)", file!())), "{text}");
    let traced = function(|x: Tensor| {
        let _ = x.top_k(2);
        x.sort_by(0, |a, b| a.lt(b))
    });
    check_error(traced.call(tensor([2.0f32])), file!(), "top_k: the 2 largest of the last axis of f32[1]");
}
