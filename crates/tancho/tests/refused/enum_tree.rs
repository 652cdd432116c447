use tancho::prelude::*;

#[derive(Tree)]
enum Layer {
    Dense(Tensor),
    Identity,
}

fn main() {}
