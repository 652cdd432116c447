//! Training loops: a model learns a parabola from a cloud of points, by a loop of one's own and by `compile` and `fit`.
use tancho::nn::files::{LoadModel, SaveModel};
use tancho::nn::init::normal_with;
use tancho::nn::{Checkpoint, Compile, Dense, Fit, Optimizer, Sgd, losses, plot};
use tancho::prelude::*;
use tancho_examples::plots_folder;

#[derive(Module)]
struct Model {
    dense1: Dense,
    dense2: Dense,
}

impl Model {
    fn new(units: usize) -> Self {
        Model {
            dense1: Dense::new(units)
                .activation(relu)
                .kernel_init(normal_with(0.0, 1.0))
                .bias_init(normal_with(0.0, 1.0)),
            dense2: Dense::new(1),
        }
    }
}

impl Layer for Model {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let x = x.slice((.., NewAxis)); //     x[:, tf.newaxis]
        let x = self.dense1.call(&x, mode);
        self.dense2.call(&x, mode).squeeze(1)
    }
}

/// A step of training: forward, gradient and update are traced as one function and compiled into one program.
fn step(model: &Model, optimizer: &Sgd, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let tape = GradientTape::new();
    let loss = (y - model.call(x, Mode::Train)).square().mean(..);
    let variables = model.variables();
    optimizer.apply(&tape.gradient(&loss, &variables), &variables)?;
    Ok(loss)
}

fn f(x: &Tensor) -> Tensor {
    x.square() + 2.0 * x - 5.0
}

fn main() -> Result<()> {
    let folder = plots_folder();

    // -- Data: a cloud of points that loosely follows a parabola -------------------------------
    let x = linspace(-2.0f32, 2.0, 209);
    let y = f(&x) + random::normal([209], Seed(1));
    let picture =
        |file: &str| plot(folder.join(file)).points("Data", &x, &y).curve("Ground truth", &x, f(&x)).labels("x", "y");
    let distance = |prediction: &Tensor| (prediction - f(&x)).square().mean(..).item::<f32>();

    let model = Model::new(64);
    let untrained = model.call(&x, Mode::Eval);
    picture("before.svg").curve("Untrained predictions", &x, &untrained).title("Before training").save()?;

    // -- By hand ---------------------------------------------------------------------------------
    let sgd = Sgd::new(0.001);
    let train = function(|x: Tensor, y: Tensor| step(&model, &sgd, &x, &y));
    for i in 0..1000 {
        let loss = train.call((&x, &y))?;
        if i % 100 == 0 {
            println!("Mean squared error: {:.3}", loss.item::<f32>()?);
        }
    }
    let by_hand = model.call(&x, Mode::Eval);

    // -- By compile and fit, with a progress bar where the output is a terminal ------------------
    let new_model = Model::new(64).compile(Sgd::new(0.01), losses::mse);
    let history = new_model.fit(&x, &y, Fit { epochs: 100, batch_size: 32, ..Fit::default() })?;
    for (epoch, loss) in history["loss"].iter().enumerate().step_by(10) {
        println!("Epoch {epoch:2}: loss {loss:.3}");
    }
    let by_fit = new_model.predict(&x)?;
    println!("Mean squared distance to the parabola, untrained: {:.3}", distance(&untrained)?);
    println!("Mean squared distance to the parabola, by hand: {:.3}", distance(&by_hand)?);
    println!("Mean squared distance to the parabola, by fit: {:.3}", distance(&by_fit)?);
    picture("after.svg")
        .curve("Trained by hand", &x, &by_hand)
        .curve("Trained by fit", &x, &by_fit)
        .title("After training")
        .save()?;
    plot(folder.join("training.svg"))
        .line("loss", &history["loss"])
        .y_range(0.0..)
        .title("Training progress")
        .labels("Epoch", "Loss [Mean Squared Error]")
        .save()?;

    // -- On disk: values that are put back by name, and a program that runs without this one -----
    Checkpoint::new(&new_model).save(folder.join("ckpt"))?;
    new_model.save(folder.join("my_model"), spec(DType::F32, [None]))?;
    let again = Program::load(folder.join("my_model"))?.call(std::slice::from_ref(&x))?;
    println!("The saved model predicts the same: {}", again[0].to_vec::<f32>()? == by_fit.to_vec::<f32>()?);

    why_nan(&x, &y)
}

/// The notebook printed nan for every step, even for the first, whose loss is computed before anything is updated. Neither
/// the points nor the weights that a new model begins with can give that, as the figures above show: the model must have
/// been broken before the loop ran. A notebook keeps its models from cell to cell. Once a loop has diverged, the weights are
/// nan, no gradient brings them back, and every later loop on the same model prints nan from its first step on.
fn why_nan(x: &Tensor, y: &Tensor) -> Result<()> {
    let model = Model::new(64);
    let losses = |rate: f64, steps: usize| {
        let sgd = Sgd::new(rate);
        let train = function(|x: Tensor, y: Tensor| step(&model, &sgd, &x, &y));
        (0..steps).map(|_| train.call((x, y))?.item::<f32>()).collect::<Result<Vec<f32>>>()
    };
    let diverging = losses(1.0, 100)?;
    let first_bad = diverging.iter().position(|loss| loss.is_nan()).unwrap_or(diverging.len());
    println!(
        "With a learning rate of 1: {:.3}, {:.3e}, … and nan from step {first_bad} on",
        diverging[0], diverging[1]
    );
    println!("The same model with a rate of 0.001 afterwards: {:.3}", losses(0.001, 1)?[0]);
    println!("A new model: {:.3}", step(&Model::new(64), &Sgd::new(0.001), x, y)?.item::<f32>()?);
    Ok(())
}
