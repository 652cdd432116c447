"""Values of the layers without state over time, for tests/layers.rs: writes layers.safetensors beside this file.

For each case: the input, the weights, the result in evaluation and in training, and in training the gradients of
sum(result * cotangent) by the input and by each trainable weight, and the non-trainable weights afterwards. All in float64,
from values that are exact in float32, so that a test in either can be as strict as its dtype.

Made with Python 3.11, Keras 3.15.1 on JAX 0.10.2, NumPy 2.4.6. Run: python layers.py
"""

import json
import os
import struct

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"

import jax
import keras
import numpy as np
from keras import layers as L
from keras.src.backend.common import dtypes

# On JAX, Keras computes much in float32 even where everything is float64, since this table has it so.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
keras.config.set_floatx("float64")
ROOT = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(7)
tensors = {}


def values(shape, low=-1.0, high=1.0):
    """Multiples of 1/1024, which no two elements of a small tensor share often: maxima are not ambiguous."""
    return np.round(random.uniform(low, high, shape) * 1024) / 1024


def case(name, layer, shape, x=None):
    x = values(shape, -2.0, 2.0) if x is None else x
    is_float = np.issubdtype(x.dtype, np.floating)
    layer.build(x.shape)
    for weight in layer.weights:
        low = 0.5 if weight.name == "moving_variance" else -1.0
        weight.assign(values(weight.shape, low))
        tensors[f"{name}/weights/{weight.name}"] = np.array(weight.value)
    trainable = [weight.value for weight in layer.trainable_weights]
    fixed = [weight.value for weight in layer.non_trainable_weights]

    tensors[f"{name}/input"] = x
    tensors[f"{name}/eval"] = np.array(layer.stateless_call(trainable, fixed, x, training=False)[0] if fixed else layer(x))
    cotangent = values(tensors[f"{name}/eval"].shape)
    tensors[f"{name}/cotangent"] = cotangent

    def loss(trainable, x):
        kwargs = {"training": True} if fixed else {}
        y, state = layer.stateless_call(trainable, fixed, x, **kwargs)
        return (y * cotangent).sum(), (y, state)

    which = (0, 1) if is_float else 0
    gradients, (y, state) = jax.grad(loss, which, has_aux=True)(trainable, x)
    by_weights, by_input = gradients if is_float else (gradients, None)
    tensors[f"{name}/train"] = np.array(y)
    if by_input is not None:
        tensors[f"{name}/gradient"] = np.array(by_input)
    for weight, gradient in zip(layer.trainable_weights, by_weights):
        tensors[f"{name}/gradients/{weight.name}"] = np.array(gradient)
    for weight, value in zip(layer.non_trainable_weights, state):
        tensors[f"{name}/after/{weight.name}"] = np.array(value)


def write(path):
    header, offset = {}, 0
    kinds = {"float64": "F64", "int64": "I64", "int32": "I32"}
    for name, array in tensors.items():
        header[name] = {"dtype": kinds[str(array.dtype)], "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


case("conv1d", L.Conv1D(3, 3), (2, 7, 2))
case("conv1d_same_strides", L.Conv1D(3, 4, strides=3, padding="same", activation="relu"), (2, 8, 2))
case("conv1d_causal", L.Conv1D(2, 3, padding="causal", dilation_rate=2, use_bias=False), (2, 6, 2))
case("conv2d", L.Conv2D(4, 3, activation="softplus"), (2, 5, 6, 3))
case("conv2d_same_strides", L.Conv2D(2, (3, 2), strides=(2, 1), padding="same"), (2, 5, 4, 3))
case("conv2d_same_strides_odd", L.Conv2D(2, (2, 5), strides=(3, 2), padding="same"), (1, 7, 6, 2))
case("conv2d_dilation", L.Conv2D(2, (2, 3), dilation_rate=(2, 1), padding="same"), (1, 5, 4, 2))
case("conv2d_groups", L.Conv2D(6, 3, groups=2, padding="same"), (2, 4, 4, 4))
case("conv3d", L.Conv3D(2, 2, strides=(1, 2, 1)), (1, 3, 4, 3, 2))
case("conv3d_same", L.Conv3D(2, (1, 3, 2), padding="same"), (1, 2, 3, 3, 2))
case("conv1d_transpose", L.Conv1DTranspose(3, 3, strides=2), (2, 4, 2))
case("conv1d_transpose_short", L.Conv1DTranspose(2, 2, strides=3), (2, 3, 2))
case("conv2d_transpose", L.Conv2DTranspose(2, 3, strides=2, padding="same", activation="softplus"), (1, 3, 4, 3))
case("conv2d_transpose_even", L.Conv2DTranspose(2, (4, 2), strides=(2, 3), padding="same"), (1, 3, 3, 2))
case("conv2d_transpose_dilation", L.Conv2DTranspose(2, (2, 3), dilation_rate=2, use_bias=False), (1, 3, 3, 2))
case("conv2d_transpose_output_valid", L.Conv2DTranspose(2, 3, strides=2, output_padding=1), (1, 3, 2, 2))
case("conv2d_transpose_output_same", L.Conv2DTranspose(2, (3, 4), strides=2, padding="same", output_padding=1), (1, 3, 3, 2))
case("conv3d_transpose", L.Conv3DTranspose(2, 2, strides=(2, 1, 2)), (1, 2, 2, 2, 2))
case("depthwise_conv1d", L.DepthwiseConv1D(3, depth_multiplier=2), (2, 6, 3))
case("depthwise_conv2d", L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2), (1, 5, 5, 3))
case("depthwise_conv2d_dilation", L.DepthwiseConv2D((2, 3), dilation_rate=2, use_bias=False), (1, 5, 6, 2))
case("separable_conv1d", L.SeparableConv1D(4, 3, padding="same"), (2, 6, 3))
case("separable_conv2d", L.SeparableConv2D(3, 3, strides=2, depth_multiplier=2, activation="softplus"), (1, 6, 5, 3))
case("max_pool1d", L.MaxPooling1D(), (2, 7, 2))
case("max_pool2d", L.MaxPooling2D((2, 3)), (2, 4, 6, 2))
case("max_pool2d_same", L.MaxPooling2D(3, strides=2, padding="same"), (1, 5, 6, 2))
case("max_pool3d", L.MaxPooling3D(2, strides=1), (1, 3, 3, 3, 2))
case("average_pool1d", L.AveragePooling1D(3, strides=2, padding="same"), (2, 6, 2))
case("average_pool2d", L.AveragePooling2D(2), (2, 5, 4, 2))
case("average_pool2d_same", L.AveragePooling2D((3, 2), strides=(2, 1), padding="same"), (1, 4, 4, 2))
case("average_pool3d", L.AveragePooling3D((1, 2, 2)), (1, 3, 4, 2, 2))
case("global_max_pool1d", L.GlobalMaxPooling1D(), (2, 5, 3))
case("global_max_pool2d", L.GlobalMaxPooling2D(keepdims=True), (2, 3, 4, 2))
case("global_max_pool3d", L.GlobalMaxPooling3D(), (2, 2, 3, 2, 2))
case("global_average_pool1d", L.GlobalAveragePooling1D(), (2, 5, 3))
case("global_average_pool2d", L.GlobalAveragePooling2D(), (2, 3, 4, 2))
case("global_average_pool3d", L.GlobalAveragePooling3D(keepdims=True), (2, 2, 3, 2, 2))
case("batch_norm", L.BatchNormalization(), (6, 4))
case("batch_norm_space", L.BatchNormalization(momentum=0.9, epsilon=1e-5), (3, 2, 4, 3))
case("batch_norm_axis", L.BatchNormalization(axis=1), (3, 2, 4, 3))
case("batch_norm_bare", L.BatchNormalization(center=False, scale=False), (4, 3, 2))
case("layer_norm", L.LayerNormalization(), (3, 5))
case("layer_norm_axes", L.LayerNormalization(axis=[1, 3], epsilon=1e-5), (2, 3, 2, 4))
case("layer_norm_last_two", L.LayerNormalization(axis=[1, 2], scale=False), (2, 3, 4))
case("layer_norm_bare", L.LayerNormalization(center=False), (2, 3, 4))
case("group_norm", L.GroupNormalization(2), (2, 3, 3, 4))
case("group_norm_axis", L.GroupNormalization(3, axis=1, epsilon=1e-5), (2, 6, 3))
case("group_norm_instance", L.GroupNormalization(-1, center=False), (2, 4, 3))
case("group_norm_layer", L.GroupNormalization(1, scale=False), (2, 3, 4))
case("rms_norm", L.RMSNormalization(), (3, 5))
case("rms_norm_axes", L.RMSNormalization(axis=[1, 2], epsilon=1e-3), (2, 3, 4))
case("embedding", L.Embedding(5, 3), None, np.array([[0, 3, 3], [4, 1, 0]], np.int32))
case("flatten", L.Flatten(), (2, 3, 2, 2))
case("reshape", L.Reshape((3, -1)), (2, 2, 6))
case("activation", L.Activation("softplus"), (2, 3))
write(os.path.join(ROOT, "layers.safetensors"))
print(len(tensors), "tensors")
