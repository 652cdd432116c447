use tancho::prelude::*;

#[function]
async fn twice(x: Tensor) -> Tensor {
    x * 2.0
}

fn main() {}
