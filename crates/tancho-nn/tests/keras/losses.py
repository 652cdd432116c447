"""Writes losses.json: losses and their gradients by the prediction, as Keras computes them in float64.

Made with Python 3.11, Keras 3.15.1 on JAX (KERAS_BACKEND=jax), NumPy. Inputs are numbers of float32, so that a computation in
float32 begins with the same ones. Run it in this folder: python losses.py
"""

import json
import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src.losses.losses import LossFunctionWrapper

keras.backend.set_floatx("float64")
# Keras takes means and sums of float64 in float32, which would be the error of the reference.
keras.src.ops.mean = jnp.mean
keras.src.ops.sum = jnp.sum
random = np.random.default_rng(6)
cases = []


def array(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "values": [float(v) for v in x.reshape(-1)]}


def short(x):
    return np.asarray(x, np.float32).astype(np.float64)


def add(name, loss, truth, prediction, weights=None):
    truth, prediction = np.asarray(truth), short(prediction)
    weights = short(random.uniform(0.2, 2.0, prediction.shape[0])) if weights is None else weights
    losses = lambda p: loss(jnp.asarray(truth), p)
    value = losses(jnp.asarray(prediction))
    gradient = jax.grad(lambda p: jnp.sum(losses(p) * jnp.arange(1.0, value.size + 1).reshape(value.shape)))
    wrapped = LossFunctionWrapper(loss, dtype="float64")
    cases.append({
        "name": name,
        "integer": bool(np.issubdtype(truth.dtype, np.integer)),
        "truth": array(truth),
        "prediction": array(prediction),
        "weights": array(weights),
        "losses": array(value),
        "gradient": array(gradient(jnp.asarray(prediction))),
        "mean": float(wrapped(truth, prediction)) if value.ndim == 1 else None,
        "weighted_mean": float(wrapped(truth, prediction, weights)) if value.ndim == 1 else None,
    })


L = keras.losses
normal = lambda *shape: short(random.normal(size=shape))
positive = lambda *shape: short(random.uniform(0.1, 3.0, shape))
bits = lambda *shape: random.integers(0, 2, shape)
probabilities = lambda *shape: short(random.uniform(0.02, 0.98, shape))


def distributions(*shape):
    x = random.uniform(0.05, 1.0, shape)
    return short(x / x.sum(-1, keepdims=True))


def one_hot(*shape):
    return np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]


for name, loss in [("mse", L.mean_squared_error), ("mae", L.mean_absolute_error), ("huber", L.huber),
                   ("log_cosh", L.log_cosh), ("cosine_similarity", L.cosine_similarity),
                   ("mape", L.mean_absolute_percentage_error)]:
    add(name, loss, normal(4, 3), 2 * normal(4, 3))
    add(name, loss, normal(2, 5, 3), 2 * normal(2, 5, 3))
    add(name, loss, random.integers(-3, 4, (5, 2)) * 2 + 1, 2 * normal(5, 2))
add("msle", L.mean_squared_logarithmic_error, positive(4, 3), positive(4, 3))
add("huber(2.5)", lambda t, p: L.huber(t, p, delta=2.5), normal(4, 3), 5 * normal(4, 3))
add("cosine_similarity(1)", lambda t, p: L.cosine_similarity(t, p, axis=1), normal(2, 5, 3), normal(2, 5, 3))
add("poisson", L.poisson, random.integers(0, 5, (4, 3)), positive(4, 3))
add("kl_divergence", L.kl_divergence, distributions(4, 5), distributions(4, 5))
for name, loss in [("hinge", L.hinge), ("squared_hinge", L.squared_hinge)]:
    add(name, loss, bits(4, 3), normal(4, 3))
    add(name, loss, 2 * bits(4, 3) - 1, normal(4, 3))
add("categorical_hinge", L.categorical_hinge, one_hot(6, 4), normal(6, 4))

logits = lambda loss, **options: lambda t, p: loss(t, p, from_logits=True, **options)
extreme = [[100.0, -100.0], [-100.0, 100.0], [0.0, 3.0], [30.0, -30.0]]
for truth in (bits(4, 3), bits(4, 1), probabilities(4, 3)):
    add("binary", L.binary_crossentropy, truth, probabilities(*truth.shape))
    add("binary(logits)", logits(L.binary_crossentropy), truth, 3 * normal(*truth.shape))
add("binary(logits)", logits(L.binary_crossentropy), [[1, 0], [1, 0], [0, 1], [0, 1]], extreme)
add("binary(smooth)", lambda t, p: L.binary_crossentropy(t, p, label_smoothing=0.2), bits(4, 3), probabilities(4, 3))
add("binary(axis)", lambda t, p: L.binary_crossentropy(t, p, axis=1), bits(2, 5, 3), probabilities(2, 5, 3))
add("focal", L.binary_focal_crossentropy, bits(4, 3), probabilities(4, 3))
add("focal(logits)", logits(L.binary_focal_crossentropy), bits(4, 3), 2 * normal(4, 3))
add("focal(options)", lambda t, p: L.binary_focal_crossentropy(
    t, p, apply_class_balancing=True, alpha=0.3, gamma=1.5, label_smoothing=0.1), bits(4, 3), probabilities(4, 3))

for shape in ((4, 5), (2, 3, 4)):
    add("categorical", L.categorical_crossentropy, one_hot(*shape), 2 * distributions(*shape))
    add("categorical(logits)", logits(L.categorical_crossentropy), distributions(*shape), 3 * normal(*shape))
    add("categorical(smooth)", logits(L.categorical_crossentropy, label_smoothing=0.1), one_hot(*shape), normal(*shape))
    classes = random.integers(0, shape[-1], shape[:-1])
    add("sparse", L.sparse_categorical_crossentropy, classes, distributions(*shape))
    add("sparse(logits)", logits(L.sparse_categorical_crossentropy), classes, 3 * normal(*shape))
    add("sparse(logits)", logits(L.sparse_categorical_crossentropy), classes[..., None], 3 * normal(*shape))
    add("sparse(logits)", logits(L.sparse_categorical_crossentropy), classes.astype(float), 3 * normal(*shape))
add("categorical(axis)", logits(L.categorical_crossentropy, axis=1), np.swapaxes(distributions(2, 3, 4), 1, 2),
    normal(2, 4, 3))
add("categorical(logits)", logits(L.categorical_crossentropy), [[1, 0], [1, 0], [0, 1], [0, 1]], extreme)
add("sparse(logits)", logits(L.sparse_categorical_crossentropy), [1, 0, 1, 0], extreme)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "losses.json"), "w") as file:
    json.dump(cases, file, separators=(",", ":"))
