//! Chapter 1, the perceptron: do I go to the concert? Weights say how much each fact matters, and a threshold how much it takes.
use tancho::nn::plot;
use tancho::prelude::*;
use tancho_examples::plots_folder;

/// The facts, and how much each of them matters to me. The fifth is in the sum of the chapter, but has no name in its table.
const CRITERIA: [(&str, f64); 5] = [
    ("Artist is good", 0.7),
    ("Weather is good", 0.6),
    ("Friend will come", 0.5),
    ("Food is served", 0.3),
    ("One more reason", 0.4),
];

/// Answers with 1 for yes and 0 for no, for one evening, `[5]`, or for many, `[n, 5]`.
fn activate(inputs: &Tensor, weights: &Tensor, threshold: f64) -> Tensor {
    let sum = (inputs * weights).sum(-1);
    sum.gt(threshold).to(DType::F64)
}

fn main() -> Result<()> {
    // -- Rosenblatt's algorithm, step by step ------------------------------------------------
    // 1. Set a threshold value.
    let threshold = 1.5;
    println!("Threshold = {threshold}");

    // 2. Multiply all inputs with their weights.
    let inputs = tensor([1.0f64, 0.0, 1.0, 0.0, 1.0]);
    let weights = tensor(CRITERIA.map(|(_, weight)| weight));
    let products = &inputs * &weights;
    let (values, shares) = (inputs.to_vec::<f64>()?, products.to_vec::<f64>()?);
    for (i, (name, weight)) in CRITERIA.iter().enumerate() {
        println!("x{n} * w{n} = {} * {weight} = {}   {name}", values[i], shares[i], n = i + 1);
    }

    // 3. Sum all the results.
    let sum = products.sum(..).item::<f64>()?;
    println!("The weighted sum = {sum:.1}");

    // 4. Activate the output.
    let goes = activate(&inputs, &weights, threshold).item::<f64>()? == 1.0;
    let (sign, answer) = if goes { ('>', "Yes, I will go to the concert") } else { ('≤', "No, I stay at home") };
    println!("{sum:.1} {sign} {threshold}: {answer}");

    // -- Other people, other evenings ----------------------------------------------------------
    // All 32 evenings that there can be, as one tensor: bit i of the number of an evening says whether fact i is true.
    let evenings: Vec<f64> = (0..32).flat_map(|evening| (0..5).map(move |i| f64::from(evening >> i & 1))).collect();
    let evenings = tensor(evenings).reshape([32, 5]);
    let sums = (&evenings * &weights).sum(-1);
    // A lower threshold: more wanting to go. A higher weight: the weather is more important.
    let in_the_open = tensor([0.7f64, 1.2, 0.5, 0.3, 0.4]);
    for (who, weights, threshold) in [
        ("I", &weights, threshold),
        ("Somebody who loves concerts (threshold 1)", &weights, 1.0),
        ("Somebody who hates rain (weight 1.2)", &in_the_open, threshold),
    ] {
        let evenings_out = activate(&evenings, weights, threshold).sum(..).item::<f64>()?;
        println!("{who}: {evenings_out} of 32 evenings");
    }

    plot(plots_folder().join("perceptron.svg"))
        .bars("weighted sum", &sums)
        .curve("threshold", [-0.5, 31.5], [threshold, threshold])
        .title("32 evenings: above the line I go")
        .labels("Evening", "Weighted sum")
        .save()
}
