use tancho::prelude::*;

fn main() {
    let add = function(|x: Tensor, y: Tensor| x + y);
    add.call(tensor(1.0f32)).unwrap();
}
