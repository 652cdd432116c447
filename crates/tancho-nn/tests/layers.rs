//! The layers without state over time: against values of Keras (see keras/layers.py), with batches of unknown size, in a
//! traced step, and where they are used wrongly.

extern crate tancho_nn as tancho;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use tancho_core::{
    Array, DType, GradientTape, Padding, Result, Tensor, function, iota, ones, relu, softplus, spec, tensor, zeros,
};
use tancho_nn::init::{constant, l1, l2};
use tancho_nn::*;

type Values = BTreeMap<String, Array>;

static KERAS: LazyLock<Values> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras/layers.safetensors");
    tancho_formats::read_safetensors(path).expect("the values of Keras are readable")
});

/// The values of a case whose names begin so, under the rest of the name.
fn values(case: &str, group: &str, dtype: DType) -> BTreeMap<String, Tensor> {
    let prefix = format!("{case}/{group}/");
    let found = KERAS.iter().filter_map(|(name, array)| Some((name.strip_prefix(&prefix)?, array)));
    found.map(|(name, array)| (name.to_owned(), Tensor::from_array(array.clone()).to(dtype))).collect()
}

fn value(case: &str, name: &str) -> Option<Tensor> {
    KERAS.get(&format!("{case}/{name}")).map(|array| Tensor::from_array(array.clone()))
}

/// Each element to within a tolerance relative to the largest one.
#[track_caller]
fn assert_close(what: &str, got: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape(), "{what}: {:?}", got.check());
    let got = got.to(DType::F64).to_vec::<f64>().unwrap();
    let expected = expected.to(DType::F64).to_vec::<f64>().unwrap();
    let scale = expected.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
    for (place, (x, y)) in got.iter().zip(&expected).enumerate() {
        assert!((x - y).abs() <= tolerance * scale, "{what}: element {place} is {x}, not {y}");
    }
}

/// What a layer makes, in evaluation and in training, and all gradients in training.
#[track_caller]
fn check_in(case: &str, make: &dyn Fn() -> Box<dyn Layer>, dtype: DType, tolerance: f64) {
    let layer = make();
    let input = value(case, "input").unwrap();
    let input = if input.dtype().is_float() { input.to(dtype) } else { input };
    layer.call(&input, Mode::Eval).check().unwrap();

    let weights = values(case, "weights", dtype);
    let named = layer.named_variables();
    let names: Vec<&str> = named.iter().map(|named| named.name.as_str()).collect();
    assert_eq!(names.len(), weights.len(), "{case}: {names:?}");
    for variable in &named {
        let weight = weights.get(&variable.name).unwrap_or_else(|| panic!("{case}: Keras has no {}", variable.name));
        variable.variable.assign(weight).unwrap();
    }

    let result = layer.call(&input, Mode::Eval);
    assert_eq!(result.dtype(), dtype);
    assert_close(&format!("{case} in evaluation"), &result, &value(case, "eval").unwrap(), tolerance);

    let tape = GradientTape::persistent();
    if input.dtype().is_float() {
        tape.watch(&input);
    }
    let result = layer.call(&input, Mode::Train);
    let loss = (&result * value(case, "cotangent").unwrap().to(dtype)).sum(..);
    assert_close(&format!("{case} in training"), &result, &value(case, "train").unwrap(), tolerance);
    if let Some(expected) = value(case, "gradient") {
        assert_close(&format!("{case}: gradient"), &tape.gradient(&loss, &input), &expected, tolerance);
    }
    let (gradients, after) = (values(case, "gradients", dtype), values(case, "after", dtype));
    for variable in &named {
        let (what, variable) = (format!("{case}: {}", variable.name), &variable.variable);
        let name = what.rsplit(' ').next().unwrap();
        if variable.is_trainable() {
            assert_close(&what, &tape.gradient(&loss, variable), &gradients[name], tolerance);
        } else {
            assert_close(&what, variable, &after[name], tolerance);
        }
    }
}

/// In `f64`, and in `f32`: there, the errors of sums of some dozens of products stay below 1e-5 of the largest element.
#[track_caller]
fn check<L: Layer>(case: &str, make: impl Fn() -> L) {
    let make = || Box::new(make()) as Box<dyn Layer>;
    check_in(case, &make, DType::F64, 1e-12);
    check_in(case, &make, DType::F32, 1e-5);
}

#[test]
fn convolutions() {
    check("conv1d", || Conv1D::new(3, 3));
    check("conv1d_same_strides", || Conv1D::new(3, 4).strides(3).padding(Padding::Same).activation(relu));
    check("conv1d_causal", || Conv1D::new(2, 3).causal().dilation(2).without_bias());
    check("conv2d", || Conv2D::new(4, 3).activation(softplus));
    check("conv2d_same_strides", || Conv2D::new(2, [3, 2]).strides([2, 1]).padding(Padding::Same));
    check("conv2d_same_strides_odd", || Conv2D::new(2, [2, 5]).strides([3, 2]).padding(Padding::Same));
    check("conv2d_dilation", || Conv2D::new(2, [2, 3]).dilation([2, 1]).padding(Padding::Same));
    check("conv2d_groups", || Conv2D::new(6, 3).groups(2).padding(Padding::Same));
    check("conv3d", || Conv3D::new(2, 2).strides([1, 2, 1]));
    check("conv3d_same", || Conv3D::new(2, [1, 3, 2]).padding(Padding::Same));
}

#[test]
fn transposed_convolutions() {
    check("conv1d_transpose", || Conv1DTranspose::new(3, 3).strides(2));
    check("conv1d_transpose_short", || Conv1DTranspose::new(2, 2).strides(3));
    let layer = || Conv2DTranspose::new(2, 3).strides(2).padding(Padding::Same).activation(softplus);
    check("conv2d_transpose", layer);
    check("conv2d_transpose_even", || Conv2DTranspose::new(2, [4, 2]).strides([2, 3]).padding(Padding::Same));
    check("conv2d_transpose_dilation", || Conv2DTranspose::new(2, [2, 3]).dilation(2).without_bias());
    check("conv2d_transpose_output_valid", || Conv2DTranspose::new(2, 3).strides(2).output_padding(1));
    let layer = || Conv2DTranspose::new(2, [3, 4]).strides(2).padding(Padding::Same).output_padding(1);
    check("conv2d_transpose_output_same", layer);
    check("conv3d_transpose", || Conv3DTranspose::new(2, 2).strides([2, 1, 2]));
}

#[test]
fn depthwise_and_separable_convolutions() {
    check("depthwise_conv1d", || DepthwiseConv1D::new(3).depth_multiplier(2));
    check("depthwise_conv2d", || DepthwiseConv2D::new(3).strides(2).padding(Padding::Same).depth_multiplier(2));
    check("depthwise_conv2d_dilation", || DepthwiseConv2D::new([2, 3]).dilation(2).without_bias());
    check("separable_conv1d", || SeparableConv1D::new(4, 3).padding(Padding::Same));
    check("separable_conv2d", || SeparableConv2D::new(3, 3).strides(2).depth_multiplier(2).activation(softplus));
}

#[test]
fn pooling() {
    check("max_pool1d", MaxPool1D::default);
    check("max_pool2d", || MaxPool2D::new([2, 3]));
    check("max_pool2d_same", || MaxPool2D::new(3).strides(2).padding(Padding::Same));
    check("max_pool3d", || MaxPool3D::new(2).strides(1));
    check("average_pool1d", || AveragePool1D::new(3).strides(2).padding(Padding::Same));
    check("average_pool2d", || AveragePool2D::new(2));
    check("average_pool2d_same", || AveragePool2D::new([3, 2]).strides([2, 1]).padding(Padding::Same));
    check("average_pool3d", || AveragePool3D::new([1, 2, 2]));
}

#[test]
fn pooling_of_all_of_space() {
    check("global_max_pool1d", GlobalMaxPool1D::new);
    check("global_max_pool2d", || GlobalMaxPool2D::new().keep_axes());
    check("global_max_pool3d", GlobalMaxPool3D::new);
    check("global_average_pool1d", GlobalAveragePool1D::new);
    check("global_average_pool2d", GlobalAveragePool2D::new);
    check("global_average_pool3d", || GlobalAveragePool3D::new().keep_axes());
}

#[test]
fn normalisation_of_batches() {
    check("batch_norm", BatchNorm::new);
    check("batch_norm_space", || BatchNorm::new().momentum(0.9).epsilon(1e-5));
    check("batch_norm_axis", || BatchNorm::new().axis(1));
    check("batch_norm_bare", || BatchNorm::new().without_center().without_scale());
}

#[test]
fn normalisation_of_samples() {
    check("layer_norm", LayerNorm::new);
    check("layer_norm_axes", || LayerNorm::new().axes([1, -1]).epsilon(1e-5));
    check("layer_norm_last_two", || LayerNorm::new().axes([1, 2]).without_scale());
    check("layer_norm_bare", || LayerNorm::new().without_center());
    check("group_norm", || GroupNorm::new(2));
    check("group_norm_axis", || GroupNorm::new(3).axis(1).epsilon(1e-5));
    check("group_norm_instance", || GroupNorm::instance().without_center());
    check("group_norm_layer", || GroupNorm::new(1).without_scale());
    check("rms_norm", RmsNorm::new);
    check("rms_norm_axes", || RmsNorm::new().axes([1, 2]).epsilon(1e-3));
}

#[test]
fn other_layers() {
    // A table is of f32 whatever the numbers are.
    check_in("embedding", &|| Box::new(Embedding::new(5, 3)), DType::F32, 1e-5);
    check("flatten", Flatten::new);
    check("reshape", || Reshape::new([3, -1]));
    check("activation", || Activate::new(softplus));
}

#[test]
fn dropout_drops_in_training_only_and_keeps_the_mean() -> Result<()> {
    let x = ones(DType::F32, [100, 100]);
    let layer = Dropout::new(0.25).seed(1);
    assert_eq!(layer.call(&x, Mode::Eval).to_vec::<f32>()?, x.to_vec::<f32>()?);
    let first = layer.call(&x, Mode::Train);
    let dropped = first.to_vec::<f32>()?.iter().filter(|&&element| element == 0.0).count();
    assert!((2300..2700).contains(&dropped), "{dropped}");
    assert!(first.to_vec::<f32>()?.iter().all(|&element| element == 0.0 || element == 1.0 / 0.75));
    assert_ne!(layer.call(&x, Mode::Train).to_vec::<f32>()?, first.to_vec::<f32>()?);
    // The same seed, the same choices.
    assert_eq!(Dropout::new(0.25).seed(1).call(&x, Mode::Train).to_vec::<f32>()?, first.to_vec::<f32>()?);

    // The gradient is the mask, also where nothing is kept.
    for rate in [0.0, 0.25, 1.0] {
        let layer = Dropout::new(rate).seed(2);
        let tape = GradientTape::new();
        tape.watch(&x);
        let y = layer.call(&x, Mode::Train);
        assert_eq!(tape.gradient(&y.sum(..), &x).to_vec::<f32>()?, y.to_vec::<f32>()?);
    }
    assert_eq!(Dropout::new(0.5).named_variables()[0].name, "generator");
    assert!(Dropout::new(0.5).trainable_variables().is_empty());
    assert!(Dropout::new(0.0).variables().is_empty());
    Ok(())
}

#[test]
fn spatial_dropout_drops_whole_channels() -> Result<()> {
    let layer = SpatialDropout2D::new(0.5).seed(3);
    let y = layer.call(&ones(DType::F32, [4, 3, 3, 20]), Mode::Train);
    let channels = y.mean([1, 2]).to_vec::<f32>()?;
    assert!(channels.iter().all(|&mean| mean == 0.0 || mean == 2.0), "{channels:?}");
    assert!(channels.contains(&0.0) && channels.contains(&2.0));
    Ok(())
}

#[test]
fn dropout_makes_other_choices_at_each_call_of_a_traced_function() -> Result<()> {
    let layer = Dropout::new(0.5).seed(4);
    let traced = function(|x: Tensor| layer.call(&x, Mode::Train));
    let x = ones(DType::F32, [64]);
    assert_ne!(traced.call(&x)?.to_vec::<f32>()?, traced.call(&x)?.to_vec::<f32>()?);
    assert_eq!(traced.tracing_count(), 1);
    Ok(())
}

/// A layer gives for a batch whose size is not known while tracing what it gives eagerly, and does not retrace.
#[track_caller]
fn check_unknown_batch(layer: impl Layer, sizes: &[usize], mode: Mode) {
    let mut dims = vec![None];
    dims.extend(sizes.iter().map(|&size| Some(size)));
    let traced = function(|x: Tensor| layer.call(&x, mode)).with_signature([spec(DType::F32, dims)]).unwrap();
    for batch in [3usize, 1, 5] {
        let count: usize = sizes.iter().product();
        let x = (iota(DType::F32, [batch * count], 0) * 0.37).sin();
        let x = x.reshape([&[batch][..], sizes].concat());
        let got = traced.call(&x).unwrap();
        assert_close("traced", &got, &layer.call(&x, mode), 1e-5);
    }
    assert_eq!(traced.tracing_count(), 1);
}

#[test]
fn the_size_of_the_batch_may_be_unknown() {
    for mode in [Mode::Eval, Mode::Train] {
        check_unknown_batch(Conv1D::new(3, 2).causal(), &[5, 2], mode);
        check_unknown_batch(Conv2D::new(4, 3).padding(Padding::Same).groups(2), &[4, 5, 2], mode);
        check_unknown_batch(Conv3D::new(2, 2), &[3, 3, 2, 2], mode);
        check_unknown_batch(Conv2DTranspose::new(2, 3).strides(2).padding(Padding::Same), &[2, 3, 2], mode);
        check_unknown_batch(DepthwiseConv2D::new(2), &[3, 3, 2], mode);
        check_unknown_batch(SeparableConv2D::new(3, 2), &[3, 3, 2], mode);
        check_unknown_batch(MaxPool2D::new(2), &[4, 4, 2], mode);
        check_unknown_batch(AveragePool2D::new(2).padding(Padding::Same), &[3, 5, 2], mode);
        check_unknown_batch(GlobalAveragePool2D::new(), &[3, 5, 2], mode);
        check_unknown_batch(BatchNorm::new(), &[3, 4], mode);
        check_unknown_batch(LayerNorm::new().axes([1, 2]), &[3, 4], mode);
        check_unknown_batch(GroupNorm::new(2), &[3, 4], mode);
        check_unknown_batch(RmsNorm::new(), &[4], mode);
        check_unknown_batch(Embedding::new(3, 2), &[4], mode);
        check_unknown_batch(Flatten::new(), &[2, 3], mode);
        check_unknown_batch(Reshape::new([3, -1]), &[2, 6], mode);
        check_unknown_batch(Activate::new(relu), &[2], mode);
        check_unknown_batch(Dropout::new(0.0), &[2], mode);
    }
}

#[derive(Module)]
struct Net {
    convolution: Conv2D,
    normal: BatchNorm,
    pool: MaxPool2D,
    dropout: Dropout,
    flatten: Flatten,
    dense: Dense,
}

impl Layer for Net {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let x = self.convolution.call(x, mode);
        let x = relu(self.normal.call(&x, mode));
        let x = self.dropout.call(&self.pool.call(&x, mode), mode);
        self.dense.call(&self.flatten.call(&x, mode), mode)
    }
}

#[test]
fn a_conv_net_trains_in_one_trace() -> Result<()> {
    set_seed(1);
    let net = Net {
        convolution: Conv2D::new(4, 3).without_bias(),
        normal: BatchNorm::new().momentum(0.8),
        pool: MaxPool2D::new(2),
        dropout: Dropout::new(0.1),
        flatten: Flatten::new(),
        dense: Dense::new(1).kernel_regularizer(l2(1e-4)),
    };
    // Whether the left half is brighter than the right one.
    let x = tancho_core::random::normal([64, 8, 8, 1], tancho_core::random::Seed(5));
    let halves = x.mean(-1).sum(1);
    let y = (halves.slice((.., ..4)).sum(1) - halves.slice((.., 4..)).sum(1)).sign().reshape([64, 1]);
    let sgd = Sgd::new(0.02);
    let step = function(|x: Tensor, y: Tensor| {
        let tape = GradientTape::new();
        let loss = losses::mse(&y, &net.call(&x, Mode::Train)).mean(..) + net.penalty().unwrap();
        let variables = net.trainable_variables();
        sgd.apply(&tape.gradient(&loss, &variables), &variables)?;
        Ok(loss)
    })
    .with_signature([spec(DType::F32, [None, Some(8), Some(8), Some(1)]), spec(DType::F32, [None, Some(1)])])?;
    let first = step.call((&x, &y))?.item::<f32>()?;
    for number in 0..200 {
        let from = 16 * (number % 4);
        step.call((x.slice(from..from + 16), y.slice(from..from + 16)))?;
    }
    let loss = losses::mse(&y, &net.call(&x, Mode::Eval)).mean(..).item::<f32>()?;
    assert!(first > 0.8 && loss < 0.25, "{first} -> {loss}");
    assert_eq!(step.tracing_count(), 1);

    let names: Vec<String> = net.named_variables().into_iter().map(|named| named.name).collect();
    let expected = [
        "convolution.kernel",
        "normal.gamma",
        "normal.beta",
        "normal.moving_mean",
        "normal.moving_variance",
        "dropout.generator",
        "dense.kernel",
        "dense.bias",
    ];
    assert_eq!(names, expected);
    assert_eq!(net.trainable_variables().len(), 5);
    // The averages are those of the last steps by now.
    let mean = net.convolution.call(&x, Mode::Eval).mean([0, 1, 2]);
    let distance = (net.normal.named_variables()[2].variable.read() - mean).abs().max(..).item::<f32>()?;
    assert!(distance < 0.1, "{distance}");
    Ok(())
}

#[test]
fn regularizers_add_to_the_penalty() -> Result<()> {
    let constant = || constant(2.0);
    let check = |module: &dyn Module, expected: f32| {
        let penalty = module.penalty().map_or(Ok(0.0), |penalty| penalty.item::<f32>()).unwrap();
        assert!((penalty - expected).abs() < 1e-4, "{} has {penalty}, not {expected}", module.kind());
    };
    check(&Conv2D::new(2, 3).kernel_init(constant()).kernel_regularizer(l1(0.1)).build(1), 0.1 * 2.0 * 18.0);
    check(&Conv2D::new(2, 3).bias_init(constant()).bias_regularizer(l2(0.1)).build(1), 0.1 * 4.0 * 2.0);
    check(&Conv1DTranspose::new(2, 3).kernel_init(constant()).kernel_regularizer(l1(0.1)).build(1), 0.1 * 2.0 * 6.0);
    check(&DepthwiseConv1D::new(3).depthwise_init(constant()).depthwise_regularizer(l1(0.1)).build(2), 1.2);
    check(&SeparableConv1D::new(2, 3).pointwise_init(constant()).pointwise_regularizer(l1(0.1)).build(2), 0.8);
    check(&BatchNorm::new().gamma_regularizer(l1(0.5)).build(3), 1.5);
    check(&LayerNorm::new().beta_init(constant()).beta_regularizer(l1(0.5)).build(&[3]), 3.0);
    check(&GroupNorm::new(1).gamma_regularizer(l1(0.5)).build(3), 1.5);
    check(&RmsNorm::new().scale_regularizer(l1(0.5)).build(&[3]), 1.5);
    check(&Embedding::new(3, 2).embeddings_init(constant()).embeddings_regularizer(l1(0.5)).build(), 6.0);
    check(&Conv2D::new(2, 3).build(1), 0.0);
    Ok(())
}

#[test]
fn half_precision_is_normalised_in_single_precision() -> Result<()> {
    // The squares are beyond the largest f16.
    let x = tensor([[1000.0f32, -1000.0], [3000.0, 1000.0]]).to(DType::F16);
    for layer in [&BatchNorm::new() as &dyn Layer, &LayerNorm::new(), &GroupNorm::new(1), &RmsNorm::new()] {
        let y = layer.call(&x, Mode::Train);
        assert_eq!(y.dtype(), DType::F16);
        let y = y.to(DType::F32).to_vec::<f32>()?;
        assert!(y.iter().all(|y| y.is_finite() && y.abs() > 0.4), "{y:?}");
        assert!(layer.variables().iter().all(|variable| variable.dtype() == DType::F32));
    }
    Ok(())
}

/// A call fails with a message, which names the line of the call, and fails in a trace likewise.
#[track_caller]
fn check_error(layer: impl Layer, x: Tensor, expected: &str) {
    let line = std::panic::Location::caller().line();
    let message = layer.call(&x, Mode::Train).check().expect_err(expected).to_string();
    assert!(message.contains(expected), "{message}");
    assert!(message.contains(&format!("layers.rs:{line}")), "{message}");
    let traced = function(|x: Tensor| layer.call(&x, Mode::Train));
    let message = traced.call(&x).expect_err(expected).to_string();
    assert!(message.contains(expected), "in a trace: {message}");
}

#[test]
fn wrong_uses_are_errors() {
    let floats = |sizes: &[usize]| zeros(DType::F32, sizes);
    let image = || floats(&[1, 5, 5, 4]);
    let rank = "conv2d: takes an input [batch, height, width, channels] of rank 4, not one of shape (5, 5, 4)";
    check_error(Conv2D::new(2, 3), floats(&[5, 5, 4]), rank);
    check_error(Conv1D::new(2, 3), floats(&[5, 4]), "conv1d: takes an input [batch, steps, channels] of rank 3");
    check_error(Conv2D::new(2, 3), zeros(DType::I32, [1, 5, 5, 4]), "conv2d: takes an input of floats, not of i32");
    check_error(Conv2D::new(3, 3).groups(3), image(), "the 4 channels of the input cannot be divided into 3 groups");
    check_error(Conv2D::new(3, 3).groups(2), image(), "the 3 filters cannot be divided into 2 groups");
    check_error(Conv2D::new(3, 3).groups(0), image(), "the number of groups must be positive");
    check_error(Conv2D::new(0, 3), image(), "the number of filters must be positive");
    check_error(Conv2D::new(3, [3, 0]), image(), "the kernel size [3, 0] must be positive");
    check_error(Conv2D::new(3, 3).strides(0), image(), "the strides [0, 0] must be positive");
    check_error(Conv2D::new(3, 3).dilation([1, 0]), image(), "the dilation [1, 0] must be positive");
    check_error(Conv2D::new(3, usize::MAX), image(), "must be at most");
    check_error(Conv2D::new(usize::MAX, 3), image(), "is too large");
    check_error(Conv2D::new(2, 3).build(3), image(), "conv2d: the layer was built for 3 channels");
    check_error(Conv2D::new(2, 3).padding(Padding::Explicit(vec![(1, 1)])), image(), "1 paddings are given for 2 axes");
    let window = "conv2d: a window of 7 elements does not fit along axis 2 of the input (1, 5, 5, 4)";
    check_error(Conv2D::new(2, [1, 3]).dilation(3), image(), window);
    check_error(DepthwiseConv2D::new(9), image(), "depthwise_conv2d: a window of 9 elements does not fit along axis 1");
    check_error(SeparableConv2D::new(2, 9), image(), "separable_conv2d: a window of 9 elements does not fit");
    check_error(MaxPool2D::new([2, 6]), image(), "max_pool2d: a window of 6 elements does not fit along axis 2");
    check_error(Conv2DTranspose::new(2, 3).strides(2).output_padding(2), image(), "must be less than the strides");
    check_error(Conv2DTranspose::new(0, 3), image(), "conv2d_transpose: the number of filters must be positive");
    check_error(Conv2DTranspose::new(2, 3).build(3), image(), "the layer was built for 3 channels");
    check_error(DepthwiseConv2D::new(3).depth_multiplier(0), image(), "the depth multiplier must be positive");
    check_error(DepthwiseConv2D::new(3).depth_multiplier(usize::MAX), image(), "is too large");
    check_error(SeparableConv2D::new(0, 3), image(), "the number of filters must be positive");
    check_error(MaxPool2D::new(2), floats(&[1, 5, 4]), "max_pool2d: takes an input [batch, height, width, channels]");
    check_error(MaxPool2D::new(0), image(), "max_pool2d: the window size [0, 0] must be positive");
    check_error(AveragePool2D::new(2).strides([1, 0]), image(), "average_pool2d: the strides [1, 0] must be positive");
    check_error(GlobalMaxPool1D::new(), image(), "global_max_pool1d: takes an input [batch, steps, channels]");
    check_error(BatchNorm::new().axis(4), image(), "batch_norm: takes an input with an axis 4");
    check_error(BatchNorm::new(), floats(&[3]), "batch_norm: takes an input with a batch and features");
    check_error(BatchNorm::new().build(3), image(), "the layer was built for [3] along its axes");
    check_error(BatchNorm::new(), zeros(DType::I32, [2, 3]), "batch_norm: takes an input of floats, not of i32");
    check_error(LayerNorm::new().axes([1, 1]), image(), "layer_norm: takes one or several different axes, not [1, 1]");
    check_error(LayerNorm::new().axes([]), image(), "layer_norm: takes one or several different axes, not []");
    check_error(GroupNorm::new(3), image(), "group_norm: the 4 channels of the input cannot be divided into 3 groups");
    check_error(GroupNorm::new(0), image(), "cannot be divided into 0 groups");
    check_error(GroupNorm::new(1).axis(0), image(), "is that of the batch");
    check_error(RmsNorm::new().build(&[3]), image(), "rms_norm: the layer was built for [3] along its axes");
    check_error(Dropout::new(1.5), image(), "dropout: the rate 1.5 is not from 0 to 1");
    check_error(Dropout::new(f64::NAN), image(), "is not from 0 to 1");
    check_error(Dropout::new(0.5), zeros(DType::I32, [2]), "dropout: takes an input of floats, not of i32");
    check_error(SpatialDropout1D::new(0.5), image(), "spatial_dropout1d: takes an input [batch, steps, channels]");
    check_error(Embedding::new(0, 3), zeros(DType::I32, [2]), "embedding: a table of 0 vectors of 3 units is empty");
    check_error(Embedding::new(usize::MAX, 3), zeros(DType::I32, [2]), "is too large");
    check_error(Flatten::new(), zeros(DType::F32, ()), "flatten: takes an input with a batch");
    check_error(Reshape::new([3, -1]), image(), "reshape: samples of the input (1, 5, 5, 4) do not have the elements");
    check_error(Reshape::new([-1, -1]), image(), "one of them may be -1");
    check_error(Reshape::new([-2]), image(), "one of them may be -1");
    check_error(Reshape::new([0, -1]), image(), "do not have the elements of [0, -1]");
    check_error(Reshape::new([i64::MAX, i64::MAX]), image(), "reshape");
}

#[test]
fn a_channel_size_that_is_not_known_is_an_error() {
    let layer = Conv1D::new(2, 3);
    let traced =
        function(|x: Tensor| layer.call(&x, Mode::Eval)).with_signature([spec(DType::F32, [None, None, None])]);
    let message = match traced.and_then(|traced| traced.call(zeros(DType::F32, [1, 5, 2]))) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert!(message.contains("conv1d: axis -1 of the input"), "{message}");
    assert!(message.contains("must be known where the layer is built"), "{message}");
}

#[test]
fn an_error_of_the_input_is_handed_on() {
    let broken = ones(DType::F32, [2, 3]).matmul(ones(DType::F32, [2, 3]));
    let layers: [&dyn Layer; 12] = [
        &Conv2D::new(1, 1),
        &Conv2DTranspose::new(1, 1),
        &DepthwiseConv2D::new(1),
        &SeparableConv2D::new(1, 1),
        &MaxPool2D::new(1),
        &GlobalMaxPool2D::new(),
        &BatchNorm::new(),
        &GroupNorm::new(1),
        &Dropout::new(0.5),
        &Embedding::new(1, 1),
        &Flatten::new(),
        &Activate::new(relu),
    ];
    for layer in layers {
        let message = layer.call(&broken, Mode::Train).check().unwrap_err().to_string();
        assert!(message.starts_with("matmul: inner dimensions differ"), "{message}");
    }
}

#[test]
fn layers_are_called_in_summaries_as_in_programs() {
    let check = |layer: &dyn Layer, expected: &str| assert_eq!(layer.kind(), expected);
    check(&Conv2D::new(1, 1), "Conv2D");
    check(&Conv::<4>::new(1, 1), "Conv");
    check(&Conv3DTranspose::new(1, 1), "Conv3DTranspose");
    check(&DepthwiseConv1D::new(1), "DepthwiseConv1D");
    check(&SeparableConv2D::new(1, 1), "SeparableConv2D");
    check(&AveragePool1D::new(1), "AveragePool1D");
    check(&GlobalMaxPool3D::new(), "GlobalMaxPool3D");
    check(&BatchNorm::new(), "BatchNorm");
}
