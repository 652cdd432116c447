//! Chapter 2, pattern recognition: a perceptron learns on which side of a line points lie, without being told the line.
use tancho::nn::plot;
use tancho::prelude::*;
use tancho_examples::plots_folder;

const POINTS: usize = 500;
const SIDE: f32 = 400.0;

/// The line that the perceptron is not told.
fn f(x: impl Into<Tensor>) -> Tensor {
    x.into() * 1.2 + 50.0
}

/// A perceptron that begins with random weights, one for each input and one for the bias.
struct Perceptron {
    weights: Variable,
    learning_rate: f32,
}

impl Perceptron {
    fn new(inputs: usize, learning_rate: f32, key: &random::Key) -> Self {
        Perceptron { weights: Variable::new(random::uniform_in([inputs + 1], -1.0f32, 1.0, key)), learning_rate }
    }

    /// 1 where the weighted sum is above zero, for inputs `[…, 3]`.
    fn activate(&self, inputs: &Tensor) -> Tensor {
        (inputs * &self.weights).sum(-1).gt(0.0).to(DType::F32)
    }

    /// Looks at each point once. A mistake changes the weights by a small part of the inputs, towards the right answer. One
    /// point comes after the other, each with the weights that the one before has left: a loop within the traced function.
    fn train(&self, inputs: &Tensor, desired: &Tensor) -> Result<()> {
        let learn = |weights: Tensor, (inputs, desired): (Tensor, Tensor)| {
            let guess = (&inputs * &weights).sum(-1).gt(0.0).to(DType::F32);
            let error = desired - guess;
            (weights + self.learning_rate * &error * inputs, error)
        };
        let (weights, _) = scan(self.weights.read(), (inputs.clone(), desired.clone()), learn);
        self.weights.assign(weights)
    }
}

fn main() -> Result<()> {
    // 500 random points, and the answers that are desired: 1 above the line, 0 below it.
    let [x_key, y_key, weights] = random::Key::new(3).split_array();
    let x = random::uniform_in([POINTS], 0.0f32, SIDE, x_key);
    let y = random::uniform_in([POINTS], 0.0f32, SIDE, y_key);
    let desired = y.gt(f(&x)).to(DType::F32);

    // The bias is one more input, which is always 1: without it, two zeros could only ever be answered with no.
    let inputs = stack([&x, &y, &ones(DType::F32, [POINTS])], 1);
    let perceptron = Perceptron::new(2, 0.00001, &weights);
    let count_wrong = || perceptron.activate(&inputs).ne(&desired).to(DType::I32).sum(..).item::<i32>();
    println!("Before training: {} of {POINTS} points are on the wrong side", count_wrong()?);
    draw("pattern_before.svg", "Before training", &perceptron, &x, &y, &desired)?;

    // Learning is looping.
    let epoch = function(|inputs: Tensor, desired: Tensor| perceptron.train(&inputs, &desired));
    for round in 1..=1000 {
        epoch.call((&inputs, &desired))?;
        if [1, 10, 100, 1000].contains(&round) {
            println!("After {round:4} rounds: {:3} wrong", count_wrong()?);
        }
    }
    println!("After training: {} of {POINTS} points are on the wrong side", count_wrong()?);
    let [slope, intercept] = learned_line(&perceptron)?;
    println!("The line is y = 1.2x + 50; the perceptron has learned y = {slope:.2}x + {intercept:.0}");
    draw("pattern_after.svg", "After training", &perceptron, &x, &y, &desired)
}

/// The line on which the weighted sum is zero.
fn learned_line(perceptron: &Perceptron) -> Result<[f32; 2]> {
    let weights = perceptron.weights.to_vec::<f32>()?;
    Ok([-weights[0] / weights[1], -weights[2] / weights[1]])
}

fn draw(file: &str, title: &str, perceptron: &Perceptron, x: &Tensor, y: &Tensor, desired: &Tensor) -> Result<()> {
    let [slope, intercept] = learned_line(perceptron)?;
    let ends = tensor([0.0f32, SIDE]);
    // Light colours show how the perceptron answers, and dots what is desired.
    let answer = |points: &Tensor| {
        let bias = ones(DType::F32, [points.shape().size(0), 1.into()]);
        perceptron.activate(&concat([points, &bias], 1))
    };
    plot(plots_folder().join(file))
        .classes(&["below the line", "above the line"], x, y, desired)
        .regions(answer)
        .curve("y = 1.2x + 50", &ends, f(&ends))
        .curve("learned", &ends, slope * &ends + intercept)
        .x_range(0.0..=f64::from(SIDE))
        .y_range(0.0..=f64::from(SIDE))
        .title(title)
        .labels("x", "y")
        .size(640.0, 480.0)
        .save()
}
