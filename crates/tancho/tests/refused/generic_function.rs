use tancho::prelude::*;

#[function]
fn twice<T: Tree>(x: T, y: Tensor) -> Tensor {
    y * 2.0
}

fn main() {}
