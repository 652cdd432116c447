use tancho::prelude::*;

#[derive(Tree)]
struct Model {
    w: Variable,
}

fn main() {
    let model = Model { w: Variable::new(1.0f32) };
    let tape = GradientTape::new();
    let y = model.w.square();
    let _ = tape.gradient(&y, &model);
}
