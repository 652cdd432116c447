use tancho::prelude::*;

#[function]
fn twice(x: Tensor) -> Tensor {
    x * 2.0
}

fn main() {
    let x = tensor(1.0f32);
    let y = twice(x);
    println!("{}", x + y);
}
