//! The training loop of TensorFlow's "basics" guide, by hand: a model, its gradient, and a step downhill.
use tancho::prelude::*;

#[derive(Tree)]
struct Dense {
    kernel: Variable,
    bias: Variable,
}

impl Dense {
    fn call(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.kernel) + &self.bias
    }
}

#[derive(Tree)]
struct Model {
    dense1: Dense,
    dense2: Dense,
}

impl Model {
    fn new(units: usize, key: &random::Key) -> Self {
        let [kernel1, bias1, kernel2] = key.split_array();
        // The bound of Glorot and Bengio for the layer that is not told how to begin.
        let bound = (6.0 / (units + 1) as f32).sqrt();
        Model {
            dense1: Dense {
                kernel: Variable::new(random::normal([1, units], kernel1)),
                bias: Variable::new(random::normal([units], bias1)),
            },
            dense2: Dense {
                kernel: Variable::new(random::uniform_in([units, 1], -bound, bound, kernel2)),
                bias: Variable::new(zeros(DType::F32, [1])),
            },
        }
    }

    fn call(&self, x: &Tensor) -> Tensor {
        let x = x.slice((.., NewAxis)); //     x[:, tf.newaxis]
        let x = self.dense1.call(&x).relu();
        self.dense2.call(&x).squeeze(1)
    }
}

fn main() -> Result<()> {
    // A cloud of points that loosely follows a parabola.
    let [noise, weights] = random::Key::new(1).split_array();
    let x = linspace(-2.0f32, 2.0, 209);
    let y = x.square() + 2.0 * &x - 5.0 + random::normal([209], noise);

    let model = Model::new(64, &weights);
    let variables = variables(&model);
    let learning_rate = 0.001;

    // The step is one traced function: forward, gradient and update compile into one program.
    let step = function(|x: Tensor, y: Tensor| {
        let tape = GradientTape::new();
        let loss = (y - model.call(&x)).square().mean(..);
        for (variable, gradient) in variables.iter().zip(tape.gradient(&loss, &variables)) {
            variable.assign_sub(learning_rate * gradient)?;
        }
        Ok(loss)
    });
    for i in 0..1000 {
        let loss = step.call((&x, &y))?;
        if i % 100 == 0 {
            println!("Mean squared error: {:.3}", loss.item::<f32>()?);
        }
    }
    assert_eq!(step.tracing_count(), 1);

    // The model has no key of its own: the same points as before, now with what was learnt.
    let predict = function(|x: Tensor| model.call(&x));
    let truth = x.square() + 2.0 * &x - 5.0;
    let error = (predict.call(&x)? - truth).square().mean(..).item::<f32>()?;
    println!("Mean squared distance to the parabola: {error:.3}");
    Ok(())
}
