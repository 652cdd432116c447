//! A step of training by hand: layers are built, differentiated and updated in one trace.

extern crate tancho_nn as tancho;

use tancho_core::{GradientTape, Result, Tensor, function, linspace, relu};
use tancho_nn::{Dense, Layer, Mode, Module, Optimizer, Sgd, losses};

#[derive(Module)]
struct Model {
    dense1: Dense,
    dense2: Dense,
}

impl Layer for Model {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let x = x.reshape([x.shape().size(0), 1.into()]);
        self.dense2.call(&self.dense1.call(&x, mode), mode).squeeze(1)
    }
}

#[test]
fn a_traced_step_builds_the_layers_and_lowers_the_loss() -> Result<()> {
    let model = Model { dense1: Dense::new(64).activation(relu), dense2: Dense::new(1) };
    let x = linspace(-2.0f32, 2.0, 209);
    let y = x.square() + 2.0 * &x - 5.0;
    let sgd = Sgd::new(0.01);
    let step = function(|x: Tensor, y: Tensor| {
        let tape = GradientTape::new();
        let loss = losses::mse(&y, &model.call(&x, Mode::Train)).mean(..);
        let variables = model.variables();
        sgd.apply(&tape.gradient(&loss, &variables), &variables)?;
        Ok(loss)
    });
    let first = step.call((&x, &y))?.item::<f32>()?;
    for _ in 0..300 {
        step.call((&x, &y))?;
    }
    let last = step.call((&x, &y))?.item::<f32>()?;
    assert!(first > 5.0 && last < 0.3, "{first} -> {last}");
    assert_eq!(step.tracing_count(), 1);
    assert_eq!(model.parameter_count(), 193);
    Ok(())
}
