//! Trains a convolutional network on 9,000 handwritten digits and reads 1,000 others with it:
//! `cargo run --release --bin mnist [THREADS]`.
//!
//! The same seed gives the same bits, on any number of threads: the last line is a checksum of all that was learnt.

use std::path::Path;
use std::time::Instant;

use tancho::nn::data::read_npy;
use tancho::nn::metrics::accuracy;
use tancho::nn::optimizers::schedules::cosine_decay;
use tancho::nn::{
    Adam, BatchNorm, Compile, Conv2D, Dense, Dropout, Fit, Flatten, MaxPool2D, Metric, Sequential, Verbose, losses,
    set_seed,
};
use tancho::prelude::*;

const EPOCHS: usize = 8;
const BATCH: usize = 32;

fn main() -> Result<()> {
    if let Some(threads) = std::env::args().nth(1).and_then(|threads| threads.parse().ok()) {
        tancho::set_threads(threads);
    }
    let (x, y) = read_digits("train_images.npy.gz", "train_labels.npy.gz")?;
    let (test_x, test_y) = read_digits("images.npy", "labels.npy")?;

    set_seed(1);
    let model = Sequential::new()
        .add(Conv2D::new(16, 3).padding(Padding::Same).without_bias())
        .add(BatchNorm::new())
        .add(|x: &Tensor| relu(x))
        .add(MaxPool2D::new(2))
        .add(Conv2D::new(32, 3).padding(Padding::Same).without_bias())
        .add(BatchNorm::new())
        .add(|x: &Tensor| relu(x))
        .add(MaxPool2D::new(2))
        .add(Flatten::new())
        .add(Dropout::new(0.4))
        .add(Dense::new(128).activation(relu))
        .add(Dropout::new(0.4))
        .add(Dense::new(10));
    let steps = (x.shape().size(0).as_known().unwrap_or(0).div_ceil(BATCH) * EPOCHS) as u64;
    let model = model
        .compile(Adam::new(cosine_decay(0.002, steps)), losses::SparseCategoricalCrossentropy::new().from_logits())
        .metrics([Box::new(accuracy()) as Box<dyn Metric>]);

    let start = Instant::now();
    let options = Fit { epochs: EPOCHS, batch_size: BATCH, verbose: Verbose::Lines, seed: Some(1), ..Fit::default() };
    model.fit(&x, &y, options)?;
    println!("{}", model.model().summary());
    println!("trained for {EPOCHS} epochs in {:.1} s", start.elapsed().as_secs_f64());

    let read = model.predict(&test_x)?.argmax(-1);
    let right = read.eq(test_y.to(DType::I64)).to(DType::I32).sum(..).item::<i32>()?;
    println!("{right} of {} digits are read right", test_y.shape().size(0));
    println!("checksum of the variables: {:016x}", checksum(&*model)?);
    Ok(())
}

/// Images as `f32[n, 28, 28, 1]` from 0 to 1, and what they show.
fn read_digits(images: &str, labels: &str) -> Result<(Tensor, Tensor)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let images = read_npy(folder.join(images))?;
    Ok((images.slice((Ellipsis, NewAxis)).to(DType::F32) / 255.0, read_npy(folder.join(labels))?))
}

/// A number that depends on every bit of every variable.
fn checksum(model: &impl Module) -> Result<u64> {
    let mut sum = 0u64;
    for variable in model.variables() {
        for byte in variable.read().array()?.buffer().bytes() {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    Ok(sum)
}
