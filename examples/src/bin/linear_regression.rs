//! Chapter 2, learning is looping: a trainer walks a cost function down to the line that fits a cloud of points best.
use tancho::nn::plot;
use tancho::prelude::*;
use tancho_examples::plots_folder;

/// Fits `y = weight · x + bias` to points.
struct Trainer {
    x: Tensor,
    y: Tensor,
    learning_rate: f64,
    weight: Variable,
    bias: Variable,
}

impl Trainer {
    /// Takes any number of points. Weight and bias begin with zero.
    fn new(x: Tensor, y: Tensor, learning_rate: f64) -> Self {
        Trainer { x, y, learning_rate, weight: Variable::new(0.0f64), bias: Variable::new(0.0f64) }
    }

    /// How far each prediction is from its label.
    fn errors(&self) -> Tensor {
        &self.y - (&self.x * &self.weight + &self.bias)
    }

    /// E = 1/N · Σ (y − (m·x + b))²: squares are positive, and can be differentiated.
    fn cost(&self) -> Tensor {
        self.errors().square().mean(..)
    }

    /// The partial derivatives of the cost, by weight and by bias, as one works them out by hand.
    fn derivatives(&self) -> [Tensor; 2] {
        let errors = self.errors();
        [-2.0 * (&self.x * &errors).mean(..), -2.0 * errors.mean(..)]
    }

    /// Moves weight and bias a small part of the way that lowers the cost.
    fn update_weights(&self) -> Result<()> {
        let [by_weight, by_bias] = self.derivatives();
        self.weight.assign_sub(self.learning_rate * by_weight)?;
        self.bias.assign_sub(self.learning_rate * by_bias)
    }

    /// Goes over all points so many times; gives the cost before each.
    fn train(&self, rounds: usize) -> Result<Vec<f64>> {
        let step = function(|| {
            let cost = self.cost();
            self.update_weights()?;
            Ok(cost)
        });
        let mut costs = Vec::new();
        for round in 0..rounds {
            let cost = step.call(())?.item::<f64>()?;
            if round.is_multiple_of(rounds / 10) {
                println!("Round {round:5}: cost {cost:9.4}, {}", self.line()?);
            }
            costs.push(cost);
        }
        Ok(costs)
    }

    fn line(&self) -> Result<String> {
        Ok(format!("y = {:.4}x + {:.4}", self.weight.item::<f64>()?, self.bias.item::<f64>()?))
    }
}

fn main() -> Result<()> {
    // What 60 houses cost by their size. They follow a line, but not closely.
    let [size_key, noise] = random::Key::new(5).split_array();
    let size = random::uniform_in([60], 4.0f64, 20.0, size_key);
    let noise = random::normal_of(DType::F64, [60], noise);
    let price: Tensor = 1.8 * &size + 9.0 + 2.5 * noise;

    let trainer = Trainer::new(size.clone(), price.clone(), 0.004);
    println!("Before training: cost {:.4}, {}", trainer.cost().item::<f64>()?, trainer.line()?);

    // A tape finds the same derivatives as one finds by hand.
    let tape = GradientTape::new();
    let by_tape = tape.gradient(&trainer.cost(), [&trainer.weight, &trainer.bias]);
    for ((of, by_hand), by_tape) in ["weight", "bias"].iter().zip(trainer.derivatives()).zip(by_tape) {
        println!("Slope by the {of}: {:.6}, by the tape {:.6}", by_hand.item::<f64>()?, by_tape.item::<f64>()?);
    }

    let costs = trainer.train(5000)?;
    println!("After training: cost {:.4}, {}", trainer.cost().item::<f64>()?, trainer.line()?);

    // For a line there is a formula too, so that one can see how near the walk has come.
    let (x, y) = (&size - size.mean(..), &price - price.mean(..));
    let slope = (&x * &y).sum(..) / x.square().sum(..);
    let intercept = (price.mean(..) - &slope * size.mean(..)).item::<f64>()?;
    println!("By the formula:            y = {:.4}x + {intercept:.4}", slope.item::<f64>()?);

    // Inference: the trained model is asked for a house that it has not seen.
    let predicted: Tensor = 12.5 * &trainer.weight + &trainer.bias;
    println!("A house of 125 m² is expected to cost {:.0}0,000", predicted.item::<f64>()?);

    let ends = tensor([4.0f64, 20.0]);
    plot(plots_folder().join("linear_regression.svg"))
        .points("houses", &size, &price)
        .curve("untrained", &ends, [0.0, 0.0])
        .curve("trained", &ends, &ends * &trainer.weight + &trainer.bias)
        .title("What houses cost by their size")
        .labels("Size [10 m²]", "Price [10,000]")
        .save()?;
    plot(plots_folder().join("linear_regression_cost.svg"))
        .line("cost", &costs)
        .logarithmic_y()
        .title("The walk downhill")
        .labels("Round", "Cost [mean squared error]")
        .save()
}
