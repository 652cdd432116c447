"""Writes `NAME.safetensors` for each program below: inputs, and JAX's values and derivatives.

The inputs are multiples of 2^-6, so that f32 and f64 have the same ones. All else is computed in f64, so that it is right
for f32 as well, to all the digits that f32 has.

A file holds `in/X` for each input, `value` for what the program gives, a scalar, `grad/X` for its gradient by an input,
`direction/X` for a direction, `tangent` for the value's derivative in it, and `product/X` for that of the gradient; or
whatever else a program says.
"""

import json
import os
import struct

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

ROOT = os.path.dirname(os.path.abspath(__file__))
NAMES = {np.dtype(np.float64): "F64", np.dtype(np.int32): "I32"}


def save(name, arrays):
    """Writes arrays as safetensors: the length of a header, the header, which is JSON, and the elements."""
    header, parts, offset = {}, [], 0
    for key in sorted(arrays):
        array = np.asarray(arrays[key])
        assert np.all(np.isfinite(array)), (name, key)
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        header[key] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        parts.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(ROOT, f"{name}.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
    print(f"{name}: value {np.asarray(arrays.get('value', 0)).ravel()[:3]}, {8 + len(text) + offset} bytes")


class Draw:
    """Inputs from a seed."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def __call__(self, *shape, scale=1.0, shift=0.0):
        values = self.random.standard_normal(shape) * scale + shift
        return np.round(values * 64) / 64

    def integers(self, below, *shape):
        return self.random.integers(0, below, shape).astype(np.int32)


def fixture(name, loss, inputs, more=None):
    """The value of `loss(inputs)`, its gradient by all floats, and derivatives in one direction."""
    floats = {key: jnp.asarray(array) for key, array in inputs.items() if array.dtype == np.float64}

    def of(sources):
        return loss({**inputs, **sources})

    draw = Draw(len(name))
    directions = {key: draw(*array.shape) for key, array in floats.items()}
    value, grads = jax.value_and_grad(of)(floats)
    _, tangent = jax.jvp(of, (floats,), (directions,))
    # The products of the Hessian matrix with the direction.
    _, products = jax.jvp(jax.grad(of), (floats,), (directions,))
    arrays = {"value": value, "tangent": tangent}
    for folder, part in {"in": inputs, "grad": grads, "direction": directions, "product": products}.items():
        arrays |= {f"{folder}/{key}": array for key, array in part.items()}
    save(name, arrays | (more or {}))


# -- Networks ------------------------------------------------------------------------------------


def attention(p):
    """Self-attention of two heads, each place of which sees itself and what is before it."""
    batch, length, width = p["x"].shape
    heads = 2

    def split(matrix):
        return (p["x"] @ matrix).reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)

    query, key, value = split(p["wq"]), split(p["wk"]), split(p["wv"])
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(width // heads)
    seen = np.tril(np.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=-1)
    mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(batch, length, width)
    return jnp.mean(jnp.square(mixed @ p["wo"] - p["y"]))


def make_attention():
    draw = Draw(1)
    inputs = {"x": draw(2, 5, 8), "y": draw(2, 5, 8)}
    inputs |= {name: draw(8, 8, scale=0.4) for name in ("wq", "wk", "wv", "wo")}
    fixture("attention", attention, inputs)


def convolutional(p):
    """Convolution, rectifier, pooling by the largest, a dense layer, cross entropy."""
    x = jax.lax.conv_general_dilated(
        p["x"], p["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    x = jax.nn.relu(x + p["bias"])
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    logits = x.reshape(x.shape[0], -1) @ p["w"] + p["b"]
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), p["labels"][:, None], axis=1)
    return -jnp.mean(chosen)


def make_convolutional():
    draw = Draw(2)
    inputs = {
        "x": draw(4, 6, 6, 2),
        "kernel": draw(3, 3, 2, 3, scale=0.3),
        "bias": draw(3, scale=0.3),
        "w": draw(27, 5, scale=0.3),
        "b": draw(5, scale=0.3),
        "labels": draw.integers(5, 4),
    }
    fixture("convolutional", convolutional, inputs)


def lstm(p):
    """A layer of LSTM cells over a sequence; the loss looks at all states."""

    def cell(carry, x):
        h, c = carry
        gates = x @ p["wx"] + h @ p["wh"] + p["b"]
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    (h, c), hs = jax.lax.scan(cell, (p["h"], p["c"]), p["xs"])
    return jnp.mean(jnp.square(hs - p["ys"])) + jnp.sum(h * c)


def make_lstm():
    draw = Draw(3)
    inputs = {
        "xs": draw(6, 2, 3),
        "ys": draw(6, 2, 4),
        "h": draw(2, 4, scale=0.5),
        "c": draw(2, 4, scale=0.5),
        "wx": draw(3, 16, scale=0.5),
        "wh": draw(4, 16, scale=0.5),
        "b": draw(16, scale=0.5),
    }
    fixture("lstm", lstm, inputs)


def batch_norm(p):
    """Batch norm as it is while training: by mean and variance of the batch."""
    mean = jnp.mean(p["x"], axis=(0, 1, 2))
    variance = jnp.var(p["x"], axis=(0, 1, 2))
    y = (p["x"] - mean) * jax.lax.rsqrt(variance + 1e-3) * p["gamma"] + p["beta"]
    return jnp.sum(jnp.tanh(y) * p["weights"])


def make_batch_norm():
    draw = Draw(4)
    x = draw(3, 4, 2, 5, scale=1.5, shift=1.0)
    inputs = {"x": x, "gamma": draw(5), "beta": draw(5), "weights": draw(3, 4, 2, 5)}
    # What the moving averages, which begin as 0 and 1, are after a step with momentum 0.75.
    moving = {
        "moving_mean": 0.25 * x.mean(axis=(0, 1, 2)),
        "moving_variance": 0.75 + 0.25 * x.var(axis=(0, 1, 2)),
    }
    fixture("batch_norm", batch_norm, inputs, more=moving)


def mlp(p):
    """Two dense layers, with layer norm and the exact gelu between."""
    x = p["x"] @ p["w1"] + p["b1"]
    mean = jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.var(x, axis=-1, keepdims=True)
    x = (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p["gamma"] + p["beta"]
    x = jax.nn.gelu(x, approximate=False)
    return jnp.mean(jnp.square(x @ p["w2"] + p["b2"] - p["y"]))


def make_mlp():
    draw = Draw(5)
    inputs = {
        "x": draw(5, 3),
        "y": draw(5, 2),
        "w1": draw(3, 8),
        "b1": draw(8, scale=0.5),
        "gamma": draw(8, scale=0.25, shift=1.0),
        "beta": draw(8, scale=0.25),
        "w2": draw(8, 2, scale=0.5),
        "b2": draw(2, scale=0.5),
    }
    fixture("mlp", mlp, inputs)


# -- Linear algebra ------------------------------------------------------------------------------


def gaussian(p):
    """The logarithm of the likelihood of a Gaussian process, by the Cholesky factor of its covariances."""
    n = p["x"].shape[0]
    distances = p["x"][:, None] - p["x"][None, :]
    covariance = p["scale"] ** 2 * jnp.exp(-0.5 * jnp.square(distances / p["length"]))
    factor = jnp.linalg.cholesky(covariance + p["noise"] ** 2 * jnp.eye(n))
    whitened = jax.scipy.linalg.solve_triangular(factor, p["y"], lower=True)
    half_determinant = jnp.sum(jnp.log(jnp.diagonal(factor)))
    return -0.5 * jnp.sum(jnp.square(whitened)) - half_determinant - 0.5 * n * np.log(2 * np.pi)


def make_gaussian():
    draw = Draw(6)
    x = np.arange(7) * 0.75 + draw(7, scale=0.2)
    inputs = {"x": x, "y": draw(7)}
    inputs |= {"scale": np.array(1.25), "length": np.array(0.75), "noise": np.array(0.5)}
    fixture("gaussian", gaussian, inputs)


# -- Loops ---------------------------------------------------------------------------------------


def newton(p):
    """Square roots by Newton's method, until the squares of all are good to one part in twenty."""
    x = p["start"]
    while jnp.any(jnp.abs(x * x - p["a"]) > 0.05 * p["a"]):
        x = 0.5 * (x + p["a"] / x)
    return jnp.sum(x * p["weights"])


def make_newton():
    # Derivatives of the approximation, not of the root, so that the start matters: so few steps that it does.
    inputs = {"a": np.array([2.0, 5.0, 0.5]), "start": np.array([1.0, 3.0, 0.5]), "weights": np.array([1.0, -2.0, 0.5])}
    fixture("newton", newton, inputs)


def power_iteration(p):
    """The largest eigenvalue, by eight steps of the power method and the Rayleigh quotient."""
    v = p["v"]
    for _ in range(8):
        v = p["a"] @ v
        v = v / jnp.sqrt(jnp.sum(jnp.square(v)))
    return v @ p["a"] @ v


def make_power_iteration():
    draw = Draw(7)
    a = draw(4, 4)
    fixture("power_iteration", power_iteration, {"a": a + a.T, "v": draw(4)})


def doubling(p):
    """A loop that does something else by what it is at: it is run until the sum is above 100."""
    x, n = p["x"], 0
    while jnp.sum(x) < 100.0:
        x = x * 1.5 + p["a"] if n % 2 == 0 else jnp.square(x) * 0.25 + 1.0
        n += 1
    return jnp.sum(jnp.sin(x * 0.125))


def make_doubling():
    fixture("doubling", doubling, {"x": np.array([1.0, 2.5, 1.75]), "a": np.array(0.5)})


# -- Matrices of derivatives, and batches --------------------------------------------------------


def polar(x):
    """Some function from three numbers to four."""
    r = jnp.sqrt(jnp.sum(jnp.square(x)))
    return jnp.stack([r, jnp.arctan2(x[1], x[0]), x[2] / r, jnp.exp(x[0] * x[1]) * x[2]])


def rosenbrock(x):
    return jnp.sum(100.0 * jnp.square(x[1:] - jnp.square(x[:-1])) + jnp.square(1.0 - x[:-1]))


def make_matrices():
    x, y = np.array([0.75, -1.25, 0.5]), np.array([-1.0, 0.5, 1.25, -0.25])
    arrays = {"in/x": x, "in/y": y, "polar": polar(x), "jacobian": jax.jacobian(polar)(x)}
    arrays |= {"value": rosenbrock(y), "gradient": jax.grad(rosenbrock)(y), "hessian": jax.hessian(rosenbrock)(y)}
    save("matrices", arrays)


def make_per_example():
    """The gradient of the loss of each example by the weights, and the clipped mean of them."""
    draw = Draw(8)
    inputs = {"w": draw(4, 3, scale=0.5), "b": draw(3, scale=0.5), "x": draw(6, 4), "labels": draw.integers(3, 6)}

    def loss(weights, x, label):
        logits = jnp.tanh(x @ weights["w"] + weights["b"])
        return -jax.nn.log_softmax(logits)[label]

    weights = {"w": inputs["w"], "b": inputs["b"]}
    grads = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(weights, inputs["x"], inputs["labels"])
    norms = jnp.sqrt(jnp.sum(jnp.square(grads["w"]), (1, 2)) + jnp.sum(jnp.square(grads["b"]), 1))
    arrays = {f"in/{key}": array for key, array in inputs.items()}
    save("per_example", arrays | {"grads/w": grads["w"], "grads/b": grads["b"], "norms": norms})


if __name__ == "__main__":
    make_attention()
    make_convolutional()
    make_lstm()
    make_batch_norm()
    make_mlp()
    make_gaussian()
    make_newton()
    make_power_iteration()
    make_doubling()
    make_matrices()
    make_per_example()
