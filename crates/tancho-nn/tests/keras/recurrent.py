"""Values of recurrent layers and of attention: writes recurrent.safetensors and attention.safetensors beside this script.

Made with Keras 3 on its JAX backend: `KERAS_BACKEND=jax python recurrent.py`; numpy and safetensors are needed.

Of each case NAME: `NAME/x` and further inputs, `NAME/VARIABLE` for each variable, `NAME/y`, and the gradients of `sum(y * w)`
as `NAME/gradient/VARIABLE` and `NAME/gradient/x`, with the weights `NAME/w`.
"""
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np
from safetensors.numpy import save_file

random = np.random.default_rng(0)
found = {}


def draw(*shape):
    return random.normal(size=shape).astype("float32")


def record(name, layer, inputs, call, rename=lambda path: path):
    """Sets random variables, and keeps the layer's values and gradients."""
    call(layer, *inputs.values())
    values = [0.5 * draw(*weight.shape) for weight in layer.trainable_variables]
    order = list(inputs)
    w = draw(*np.shape(call(layer, *inputs.values())))

    def loss(values, inputs):
        with keras.StatelessScope(list(zip(layer.trainable_variables, values))):
            # JAX sorts the keys.
            y = call(layer, *(inputs[key] for key in order))
            return (y * w).sum(), y

    (_, y), (of_values, of_inputs) = jax.value_and_grad(loss, (0, 1), has_aux=True)(values, inputs)
    found[f"{name}/y"], found[f"{name}/w"] = np.array(y), w
    for key in inputs:
        found[f"{name}/{key}"], found[f"{name}/gradient/{key}"] = np.array(inputs[key]), np.array(of_inputs[key])
    for weight, value, gradient in zip(layer.trainable_variables, values, of_values):
        path = rename(weight.path)
        found[f"{name}/{path}"], found[f"{name}/gradient/{path}"] = value, np.array(gradient)


def last(path):
    return path.split("/")[-1]


def direction(path):
    parts = path.split("/")
    return f"{parts[-3].split('_')[0]}.{parts[-1]}"


def write(file):
    save_file({key: np.ascontiguousarray(value) for key, value in found.items()}, pathlib.Path(__file__).parent / file)
    found.clear()


L = keras.layers
x = draw(2, 5, 3)
plain = lambda layer, x: layer(x)
for kind, layer in {"simple_rnn": L.SimpleRNN, "lstm": L.LSTM, "gru": L.GRU}.items():
    record(f"{kind}", layer(4), {"x": x}, plain, last)
    record(f"{kind}_sequences", layer(4, return_sequences=True), {"x": x}, plain, last)
    record(f"{kind}_backwards", layer(4, return_sequences=True, go_backwards=True), {"x": x}, plain, last)
    record(f"{kind}_no_bias", layer(4, use_bias=False, activation="relu"), {"x": x}, plain, last)
    record(f"{kind}_bidirectional", L.Bidirectional(layer(4, return_sequences=True)), {"x": x}, plain, direction)
record("gru_reset_before", L.GRU(4, reset_after=False), {"x": x}, plain, last)
lstm = L.LSTM(4)
lstm.build(x.shape)
record("lstm_state", lstm, {"x": x, "h": draw(2, 4), "c": draw(2, 4)},
       lambda layer, x, h, c: layer.call(x, initial_state=[h, c]), last)
for merge in ["sum", "mul", "ave"]:
    record(f"merge_{merge}", L.Bidirectional(L.GRU(4), merge_mode=merge), {"x": x}, plain, direction)
write("recurrent.safetensors")


def attend(**options):
    # With scores Keras takes the formula, not a fused kernel.
    return lambda layer, *inputs: layer(*inputs, return_attention_scores=True, **options)[0]


def part(path):
    return ".".join(path.split("/")[-2:])


mask = random.random(size=(2, 4, 6)) < 0.6
mask[0, 1] = False
inputs = {"query": draw(2, 4, 3), "value": draw(2, 6, 5), "key": draw(2, 6, 7)}
record("attention", L.MultiHeadAttention(2, 3, value_dim=4), inputs, attend(), part)
record("attention_masked", L.MultiHeadAttention(2, 3), inputs, attend(attention_mask=mask), part)
found["attention_masked/mask"] = mask
record("attention_causal", L.MultiHeadAttention(2, 3, use_bias=False), inputs, attend(use_causal_mask=True), part)
record("attention_self", L.MultiHeadAttention(2, 3, output_shape=5), {"x": draw(2, 4, 6)},
       lambda layer, x: layer(x, x, return_attention_scores=True, use_causal_mask=True)[0], part)
write("attention.safetensors")
