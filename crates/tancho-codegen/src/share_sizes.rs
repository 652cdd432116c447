//! Equal sizes of products and procedures become one.
//!
//! Launches are made one by one, so that the same size is many expressions, each in memory of its own. A plan evaluates all
//! of them, mostly when a processor's caches hold other things; then fetching them takes longer than the arithmetic.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use tancho_ir::Dim;

use crate::program::{Launch, MatrixView, ProductLhs, Program};

type Known = HashMap<Dim, Dim, FxBuildHasher>;

/// Lets equal sizes of products and procedures share their memory.
pub(crate) fn share_sizes(program: &mut Program) {
    let mut known = Known::default();
    for launch in &mut program.launches {
        match launch {
            Launch::Product(product) => {
                let sizes = product.batch.iter_mut().chain([&mut product.m, &mut product.n, &mut product.k]);
                sizes.for_each(|dim| share(&mut known, dim));
                if let ProductLhs::Matrix(view) = &mut product.lhs {
                    share_matrix(&mut known, view);
                }
                share_matrix(&mut known, &mut product.rhs);
            }
            Launch::Procedure(launch) => launch.sizes.iter_mut().for_each(|dim| share(&mut known, dim)),
            Launch::Loop(_) | Launch::While(_) | Launch::Case(_) | Launch::Host(_) => {}
        }
    }
}

fn share_matrix(known: &mut Known, view: &mut MatrixView) {
    let strides = view.batch_strides.iter_mut().chain([&mut view.row_stride, &mut view.column_stride]);
    strides.chain([&mut view.operand.offset]).for_each(|dim| share(known, dim));
}

fn share(known: &mut Known, dim: &mut Dim) {
    if dim.as_known().is_none() {
        *dim = known.entry(dim.clone()).or_insert_with(|| dim.clone()).clone();
    }
}
