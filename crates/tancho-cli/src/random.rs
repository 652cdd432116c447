//! Inputs that are made of random numbers, for measurements: floats from −1 to 1, integers from 0 to 100, either bool.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tancho_ir::{Graph, Symbol, TensorType};
use tancho_tensor::{Array, DType, Element, Shape, bf16, f16, with_element};

use crate::args::MadeInputArguments;
use crate::error::CliError;
use crate::inputs::{Input, describe_inputs, read_inputs, require_inputs};

/// The inputs of a measurement: those that are missing are made where that is asked for.
pub fn made_inputs(graph: &Graph, arguments: &MadeInputArguments) -> Result<Vec<Input>, CliError> {
    let inputs = read_inputs(graph, &arguments.files.inputs)?;
    match arguments.random {
        Some(seed) => fill_inputs(graph, inputs, &arguments.sizes, seed),
        None => require_inputs(graph, inputs, ", or --random SEED to have it made"),
    }
}

/// The shapes of the inputs, of which those that are there and `sizes` tell the sizes.
pub fn input_shapes(
    graph: &Graph,
    inputs: &[Option<Input>],
    sizes: &[(String, usize)],
) -> Result<Vec<(DType, Shape)>, CliError> {
    let parameters = describe_inputs(graph);
    let values = known_sizes(graph, &parameters, inputs, sizes)?;
    let shape = |((name, of), input): (&(String, TensorType), &Option<Input>)| match input {
        Some(input) => Ok((input.array.dtype(), input.array.shape().clone())),
        None => evaluate_shape(name, of, &values).map(|shape| (of.dtype, shape)).map_err(|error| match error {
            CliError::UnknownSize { name, size, flags } => CliError::CostSize { name, size, flags },
            other => other,
        }),
    };
    parameters.iter().zip(inputs).map(shape).collect()
}

/// Makes the inputs that are missing. Their sizes come from those that are there, and from `sizes`.
fn fill_inputs(
    graph: &Graph,
    inputs: Vec<Option<Input>>,
    sizes: &[(String, usize)],
    seed: u64,
) -> Result<Vec<Input>, CliError> {
    let parameters = describe_inputs(graph);
    let values = known_sizes(graph, &parameters, &inputs, sizes)?;
    let fill = |(position, ((name, of), input)): (usize, ((String, TensorType), Option<Input>))| match input {
        Some(input) => Ok(input),
        None => {
            let shape = evaluate_shape(&name, &of, &values)?;
            let seed = seed.wrapping_mul(31).wrapping_add(position as u64);
            Ok(Input { array: random_array(&name, &of, &shape, seed)?, file: PathBuf::from("made by --random") })
        }
    };
    parameters.into_iter().zip(inputs).enumerate().map(fill).collect()
}

/// The values of the symbols that are sizes of an input that is there, or stand on the command line.
fn known_sizes(
    graph: &Graph,
    parameters: &[(String, TensorType)],
    inputs: &[Option<Input>],
    sizes: &[(String, usize)],
) -> Result<BTreeMap<Symbol, i64>, CliError> {
    let mut symbols = BTreeSet::new();
    for (_, of) in parameters {
        of.dims.iter().for_each(|dim| dim.collect_symbols(&mut symbols));
    }
    let mut values = BTreeMap::new();
    for (name, size) in sizes {
        let symbol = Symbol::new(name);
        if !symbols.contains(&symbol) {
            let names: Vec<String> = symbols.iter().map(Symbol::to_string).collect();
            let symbols = if names.is_empty() { "it has none".into() } else { format!("it has {}", names.join(", ")) };
            return Err(CliError::UnknownSymbol { program: graph.name().to_owned(), symbol: name.clone(), symbols });
        }
        values.insert(symbol, i64::try_from(*size).unwrap_or(i64::MAX));
    }
    for ((_, of), input) in parameters.iter().zip(inputs) {
        let Some(input) = input else { continue };
        for (dim, &size) in of.dims.iter().zip(input.array.shape().iter()) {
            if let Some(symbol) = dim.as_symbol() {
                values.entry(symbol.clone()).or_insert(size as i64);
            }
        }
    }
    Ok(values)
}

fn evaluate_shape(name: &str, of: &TensorType, values: &BTreeMap<Symbol, i64>) -> Result<Shape, CliError> {
    let mut shape = Vec::new();
    for dim in &of.dims {
        let mut symbols = BTreeSet::new();
        dim.collect_symbols(&mut symbols);
        let unknown: Vec<&Symbol> = symbols.iter().filter(|symbol| !values.contains_key(symbol)).collect();
        if !unknown.is_empty() {
            let flags: Vec<String> = unknown.iter().map(|symbol| format!("--size {}=N", symbol.name())).collect();
            let (name, size) = (name.to_owned(), dim.to_string());
            return Err(CliError::UnknownSize { name, size, flags: flags.join(" ") });
        }
        let value = dim.evaluate(&|symbol| values.get(symbol).copied());
        shape.push(value.and_then(|value| usize::try_from(value).ok()).ok_or_else(|| CliError::InvalidSize {
            name: name.to_owned(),
            size: dim.to_string(),
            value: value.map_or_else(|| "out of range".into(), |value| value.to_string()),
        })?);
    }
    Ok(shape.into())
}

fn random_array(name: &str, of: &TensorType, shape: &Shape, seed: u64) -> Result<Array, CliError> {
    let count = shape.elements().unwrap_or(usize::MAX);
    let error = || CliError::Memory { name: name.to_owned(), bytes: count.saturating_mul(of.dtype.size()) };
    let mut generator = Generator { state: seed };
    with_element!(of.dtype, T => {
        let mut elements: Vec<T> = Vec::new();
        elements.try_reserve_exact(count).map_err(|_| error())?;
        elements.extend((0..count).map(|_| T::draw(&mut generator)));
        Array::new(shape.clone(), &elements).map_err(|_| error())
    })
}

/// Random numbers: the splitmix64 generator.
struct Generator {
    state: u64,
}

impl Generator {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// An element that can be drawn.
trait Drawn: Element {
    fn draw(generator: &mut Generator) -> Self;
}

macro_rules! floats {
    ($($rust:ty),*) => {$(
        impl Drawn for $rust {
            fn draw(generator: &mut Generator) -> Self {
                // 24 bits are exact in either type.
                (generator.next() >> 40) as $rust / (1u32 << 23) as $rust - 1.0
            }
        }
    )*};
}
floats!(f32, f64);

macro_rules! halves {
    ($($rust:ty),*) => {$(
        impl Drawn for $rust {
            fn draw(generator: &mut Generator) -> Self {
                <$rust>::from_f32(f32::draw(generator))
            }
        }
    )*};
}
halves!(f16, bf16);

macro_rules! integers {
    ($($rust:ty),*) => {$(
        impl Drawn for $rust {
            fn draw(generator: &mut Generator) -> Self {
                (generator.next() % 101) as $rust
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Drawn for bool {
    fn draw(generator: &mut Generator) -> Self {
        generator.next() % 2 == 1
    }
}
