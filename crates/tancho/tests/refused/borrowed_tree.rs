use tancho::prelude::*;

#[derive(Tree)]
struct Layer<'a> {
    w: &'a Tensor,
}

fn main() {}
