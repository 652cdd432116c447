use tancho::prelude::*;

#[derive(Tree)]
struct Layer {
    w: Tensor,
}

impl Layer {
    #[function]
    fn apply(&mut self, x: Tensor) -> Tensor {
        x * &self.w
    }
}

fn main() {}
