use tancho::prelude::*;

#[function]
fn add(x: Tensor, y: Tensor) -> Tensor {
    x + y
}

fn main() {
    add(tensor(1.0f32));
}
