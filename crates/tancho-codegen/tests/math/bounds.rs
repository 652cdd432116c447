//! The list of the bounds.

use std::collections::BTreeSet;

use tancho_codegen::math;
use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::DType;

/// Each op that takes a float is exact, or has a bound for both dtypes; and nothing else has one.
#[test]
fn the_bounds_are_complete() {
    let exact = "abs add ceil divide floor is_finite maximum minimum multiply negate next_after remainder round_nearest_afz \
                 round_nearest_even sign sqrt subtract";
    let exact: BTreeSet<&str> = exact.split_whitespace().collect();
    for dtype in [DType::F32, DType::F64] {
        let unary = UnaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)).map(UnaryOp::name);
        let binary = BinaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)).map(BinaryOp::name);
        let inexact: BTreeSet<&str> = unary.chain(binary).filter(|name| !exact.contains(name)).collect();
        let bounded = math::BOUNDS.iter().filter(|bound| bound.1 == dtype).map(|bound| bound.0);
        assert_eq!(bounded.collect::<BTreeSet<_>>(), inexact);
    }
}
