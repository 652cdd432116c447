use tancho_core::{DType, DotAxes, Tensor, arange, matmul, tensor, tensordot};

use crate::check::check;

fn counted(sizes: &[usize]) -> Tensor {
    arange(0, sizes.iter().product::<usize>() as i64, 1).to(DType::F32).reshape(sizes)
}

#[test]
fn matmul_of_every_rank() {
    let (m, v) = (counted(&[2, 3]), tensor([1.0f32, 2.0, 3.0]));
    check(&m, |m| m.matmul(m.t()), &[2, 2], &[5.0, 14.0, 14.0, 50.0]);
    check(&m, |m| m.matmul(&v), &[2], &[8.0, 26.0]);
    check(&v, |v| v.matmul(m.t()), &[2], &[8.0, 26.0]);
    check(&v, |v| matmul(&v, &v), &[], &[14.0]);
    check(&counted(&[2, 1, 2]), |x| x.matmul(counted(&[2, 1])), &[2, 1, 1], &[1.0, 3.0]);
    check(&counted(&[2, 1, 2]), |x| x.matmul(counted(&[2, 2, 1])), &[2, 1, 1], &[1.0, 13.0]);
    check(&counted(&[1, 2]), |x| x.matmul(counted(&[2, 2, 1])), &[2, 1, 1], &[1.0, 3.0]);
    check(&tensor([0.0f32, 1.0]), |x| x.matmul(counted(&[2, 2, 1])), &[2, 1], &[1.0, 3.0]);
    check(&counted(&[2, 1, 1, 2]), |x| x.matmul(counted(&[3, 2, 1])), &[2, 3, 1, 1], &[1.0, 3.0, 5.0, 3.0, 13.0, 23.0]);
    check(&tensor([[1, 2]]), |x| x.matmul(tensor([[3], [4]])), &[1, 1], &[11.0]);
    check(&counted(&[0, 3]), |x| x.matmul(counted(&[3, 2])), &[0, 2], &[]);
    check(&counted(&[1, 0]), |x| x.matmul(counted(&[0, 2])), &[1, 2], &[0.0, 0.0]);
}

#[test]
fn general_products() {
    let x = counted(&[2, 3]);
    check(&x, |x| tensordot(&x, &x, [0, 1], [0, 1]), &[], &[55.0]);
    check(&x, |x| tensordot(&x, &x, [1], [1]), &[2, 2], &[5.0, 14.0, 14.0, 50.0]);
    let axes = DotAxes { batch: (vec![0], vec![0]), contract: (vec![-1], vec![1]) };
    check(&x, |x| x.dot_general(&x, &axes), &[2], &[5.0, 50.0]);
}
