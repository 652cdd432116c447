//! Reads handwritten digits with a trained network, and shows what the compiler makes of it on the way:
//! `cargo run --release --bin digits`.
//!
//! The network is an ordinary Rust function over tensors. It is traced once, for any number of images; what follows is the
//! graph as traced, the graph after the passes, the kernels, how many of 1,000 digits are read right, and what it all costs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tancho::formats::{read_npy, read_safetensors};
use tancho::ir::{PrintOptions, parse, print};
use tancho::prelude::*;
use tancho::{compiled_kernels, threads};

type Fallible<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The pixels of one image.
const PIXELS: usize = 28 * 28;

/// What a right build reaches: the network reads this many of the 1,000 digits.
const RIGHT: i32 = 943;
/// How far the network's outputs, computed in f32, may be from those computed in f64.
const TOLERANCE: f64 = 1e-4;

/// A trained network of 784, 128 and 10 neurons.
#[derive(Clone)]
struct Network {
    dense1: Dense,
    dense2: Dense,
}

#[derive(Clone)]
struct Dense {
    kernel: Tensor,
    bias: Tensor,
}

impl Network {
    fn read(file: &Path) -> Fallible<Network> {
        let mut weights: BTreeMap<_, _> = read_safetensors(file)?;
        let mut weight = |name: &str| match weights.remove(name) {
            Some(array) => Ok(Tensor::from_array(array)),
            None => Err(format!("{}: no tensor {name}", file.display())),
        };
        Ok(Network {
            dense1: Dense { kernel: weight("dense1.kernel")?, bias: weight("dense1.bias")? },
            dense2: Dense { kernel: weight("dense2.kernel")?, bias: weight("dense2.bias")? },
        })
    }

    /// Images, with 0 for white and 255 for black, to ten numbers each: the largest is at the place of the digit.
    fn classify(&self, images: &Tensor) -> Tensor {
        let batch = images.shape()[0].clone();
        let x = (images.to(DType::F32) / 255.0).reshape([batch, PIXELS.into()]);
        let x = scope("dense1", || self.dense1.apply(&x).relu());
        scope("dense2", || self.dense2.apply(&x))
    }

    /// The network as a function for any number of images, which is traced and compiled when it is first needed.
    fn compile_later(&self) -> Result<Function<'static, (Tensor,), Tensor>> {
        let network = self.clone();
        function(move |images: Tensor| network.classify(&images)).with_name("digits").with_signature([any_images()])
    }
}

/// What stands for any number of images.
fn any_images() -> Spec {
    spec(DType::U8, [Dim::symbol("batch"), 28.into(), 28.into()])
}

impl Dense {
    fn apply(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.kernel) + &self.bias
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is as it should be.
fn run() -> Fallible<bool> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let network = Network::read(&data.join("mlp.safetensors"))?;
    let images = Tensor::from_array(read_npy(data.join("images.npy"))?);
    let labels = Tensor::from_array(read_npy(data.join("labels.npy"))?);
    let pixels = images.to_vec::<u8>()?;

    // Nothing was compiled in this process before.
    let classifier = network.compile_later()?;
    let (concrete, compile) = timed(|| classifier.concrete(any_images()));
    let concrete = concrete?;
    let kernels = compiled_kernels();
    // The same again finds its machine code in the cache.
    let again = network.compile_later()?;
    let (concrete_again, compile_again) = timed(|| again.concrete(any_images()));
    concrete_again?;

    heading("The first digit");
    show_image(&pixels[..PIXELS]);
    heading("Traced");
    print!("{}", without_weights(&concrete.dump(Stage::Traced), true)?);
    heading("Optimised");
    print!("{}", without_weights(&concrete.dump(Stage::Optimized), false)?);
    heading("Kernels");
    print!("{}", concrete.dump(Stage::Kernels));

    heading("Results");
    let logits = classifier.call(&images)?;
    let read = logits.argmax(1);
    let right = read.eq(labels.to(DType::I64)).to(DType::I32).sum(..).item::<i32>()?;
    let difference = largest_difference(&logits, &Tensor::from_array(read_npy(data.join("logits_f64.npy"))?))?;
    println!("The first digit is read as {}.", read.to_vec::<i64>()?[0]);
    println!("{right} of {} digits are read right.", pixels.len() / PIXELS);
    println!("The outputs differ by at most {difference:.1e} from those computed in f64.");

    heading("Times");
    if cfg!(debug_assertions) {
        println!("This build is not optimised. For the times of one that is: cargo run --release --bin digits\n");
    }
    show_time(&format!("compile, from the Rust function to {kernels} kernels in machine code"), compile);
    show_time("  of it trace, passes and fusion: all but the machine code", compile_again);
    show_time("call for one digit", median_call(&classifier, &first_images(&pixels, 1))?);
    show_time(&format!("call for 1000 digits, {} thread(s)", threads()), median_call(&classifier, &images)?);
    let kernels_before = compiled_kernels();
    let plan = new_batch_sizes(&classifier, &pixels)?;
    let new_kernels = compiled_kernels() - kernels_before;
    show_time(&format!("a new batch size: a plan, and {new_kernels} new kernels"), plan);

    let mut all_is_well = true;
    let mut require = |condition: bool, what: String| {
        if !condition {
            eprintln!("error: {what}");
            all_is_well = false;
        }
    };
    require(right == RIGHT, format!("{right} digits are read right, not {RIGHT}"));
    require(difference < TOLERANCE, format!("the outputs differ by {difference:e}, which is not below {TOLERANCE:e}"));
    require(new_kernels == 0, format!("new batch sizes compiled {new_kernels} new kernels"));
    require(classifier.tracing_count() == 1, format!("the function was traced {} times", classifier.tracing_count()));
    Ok(all_is_well)
}

fn heading(text: &str) {
    println!("\n── {text} {}\n", "─".repeat(76 - text.chars().count()));
}

/// An image as shades; a character is twice as high as it is wide, so that it stands for two pixels.
fn show_image(pixels: &[u8]) {
    for rows in pixels.chunks(2 * 28) {
        let (upper, lower) = rows.split_at(28);
        let shade = |(&x, &y): (&u8, &u8)| [' ', '░', '▒', '▓', '█'][(usize::from(x) + usize::from(y)) * 5 / 511];
        println!("    {}", upper.iter().zip(lower).map(shade).collect::<String>());
    }
}

/// A graph's text without the values of the network's weights.
fn without_weights(text: &str, spans: bool) -> Fallible<String> {
    let options = PrintOptions { elide_above: Some(4), spans };
    Ok(print(&parse(text, "dump")?, &options))
}

fn largest_difference(found: &Tensor, expected: &Tensor) -> Fallible<f64> {
    Ok((found.to(DType::F64) - expected).abs().max(..).item::<f64>()?)
}

fn first_images(pixels: &[u8], n_images: usize) -> Tensor {
    Tensor::from_vec([n_images, 28, 28], pixels[..n_images * PIXELS].to_vec())
}

/// The median time of a call.
fn median_call(classifier: &Function<(Tensor,), Tensor>, images: &Tensor) -> Result<Duration> {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 11 || (begin.elapsed() < Duration::from_millis(300) && times.len() < 10_001) {
        let (logits, time) = timed(|| classifier.call(images));
        logits?;
        times.push(time);
    }
    Ok(median(times))
}

/// The median of what a batch size costs when it is new, beyond what a call of that size costs later.
fn new_batch_sizes(classifier: &Function<(Tensor,), Tensor>, pixels: &[u8]) -> Result<Duration> {
    let mut times = Vec::new();
    for n_images in 2..=32 {
        let images = first_images(pixels, n_images);
        let (first, first_time) = timed(|| classifier.call(&images));
        first?;
        let mut later = Vec::new();
        for _ in 0..21 {
            later.push(timed(|| classifier.call(&images)).1);
        }
        times.push(first_time.saturating_sub(median(later)));
    }
    Ok(median(times))
}

fn timed<R>(body: impl FnOnce() -> R) -> (R, Duration) {
    let begin = Instant::now();
    let result = body();
    (result, begin.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn show_time(what: &str, time: Duration) {
    println!("{what:<64} {:>9.3} ms", time.as_secs_f64() * 1e3);
}
