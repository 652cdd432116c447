"""Writes tests/stablehlo/programs: `python tests/stablehlo/generate/programs.py [NAME ...]`.

Programs as a user of JAX has them, each a folder with `program.mlir`, `input.I.npy` and `output.J.npy`. All are lowered
with JAX's defaults (32-bit types). JAX's CPU lowering of Cholesky factors and triangular solves calls LAPACK, which a
portable program cannot; those programs are lowered for TPUs, which keeps StableHLO's own ops, while their values are
still computed on a CPU. Needs `jax` and `numpy`.
"""

import os
import re
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

from common import ROOT, without_folders

jax.config.update("jax_enable_x64", False)
rng = np.random.default_rng(31)


def normal(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def lstm_cell(state, x, w, u, b):
    h, c = state
    i, f, g, o = jnp.split(x @ w + h @ u + b, 4, axis=-1)
    c = jax.nn.sigmoid(f + 1.0) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def lstm(x, w, u, b):
    zero = jnp.zeros((x.shape[1], u.shape[0]))
    return lax.scan(lambda s, row: lstm_cell(s, row, w, u, b), (zero, zero), x)


def scan_cumulative(x):
    """A decayed running sum with its maximum."""

    def step(carry, row):
        total, peak = carry
        total = 0.9 * total + row
        return (total, jnp.maximum(peak, total)), total

    return lax.scan(step, (jnp.zeros(x.shape[1]), jnp.full(x.shape[1], -jnp.inf)), x)


def lstm_gradient(x, w, u, b, y):
    return jax.value_and_grad(lambda p: jnp.mean((lstm(x, *p)[1] - y) ** 2))((w, u, b))


def lstm_cell_gradient(h, c, x, w, u, b):
    return jax.grad(lambda w, u, b: lstm_cell((h, c), x, w, u, b)[1].sum(), (0, 1, 2))(w, u, b)


def while_newton(a):
    """Square roots by Newton's method until all have converged; also counts the steps."""

    def unfinished(s):
        return (jnp.abs(s[0] * s[0] - a) > 1e-3 * a).any() & (s[1] < 30)

    return lax.while_loop(unfinished, lambda s: (0.5 * (s[0] + a / s[0]), s[1] + 1), (jnp.ones_like(a), 0))


def cond_and_switch(x, i):
    y = lax.cond(x.sum() > 0, lambda v: v * 2, lambda v: v - 1, x)
    return lax.switch(i, [jnp.sin, jnp.cos, lambda v: v**3], y), lax.cond(i == 1, lambda: y.max(), lambda: y.min())


def sort_and_argsort(x):
    return jnp.sort(x, axis=-1), jnp.argsort(x, axis=0), jnp.argsort(x, axis=1, descending=True), jnp.median(x, axis=1)


def top_k(x):
    return lax.top_k(x, 3)


def random_normal(key):
    return jax.random.normal(key, (4, 7)), jax.random.uniform(key, (5,), minval=-1, maxval=3)


def random_draws(key, logits):
    a, b, c, d = jax.random.split(key, 4)
    return (
        jax.random.categorical(a, logits),
        jax.random.permutation(b, 11),
        jax.random.bernoulli(c, 0.3, (9,)),
        jax.random.randint(d, (6,), -5, 20),
    )


def random_rbg(words):
    """JAX's other generator, which is `rng_bit_generator` on 128 bits of state."""
    a, b = jax.random.split(jax.random.wrap_key_data(words, impl="rbg"))
    return jax.random.normal(a, (3, 5)), jax.random.bits(b, (7,), np.uint16)


def random_dropout(key, x):
    return jnp.where(jax.random.bernoulli(key, 0.7, x.shape), x / 0.7, 0.0)


def segment_sums(x, ids):
    return (jax.ops.segment_sum(x, ids, 4), jax.ops.segment_max(x, ids, 4), jnp.bincount(ids, length=5))


def convolutional_gradient(x, y, k1, k2, w):
    """A small convolutional net's loss and gradients: strides, max pooling, cross entropy."""

    def loss(p):
        k1, k2, w = p
        h = jax.nn.relu(lax.conv_general_dilated(x, k1, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
        h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        h = jax.nn.relu(lax.conv_general_dilated(h, k2, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
        logits = h.reshape(h.shape[0], -1) @ w
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))

    return jax.value_and_grad(loss)((k1, k2, w))


def depthwise_gradient(x, k):
    def loss(x, k):
        y = lax.conv_general_dilated(
            x, k, (2, 1), ((1, 1), (0, 2)), rhs_dilation=(1, 2), feature_group_count=x.shape[1]
        )
        return (y * jnp.tanh(y)).sum()

    return jax.grad(loss, (0, 1))(x, k)


def attention(x, wq, wk, wv, wo):
    """Causal attention with two heads."""
    s, d = x.shape

    def heads(t):
        return t.reshape(s, 2, d // 2).transpose(1, 0, 2)

    q, k, v = heads(x @ wq), heads(x @ wk), heads(x @ wv)
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / np.sqrt(d // 2)
    scores = jnp.where(jnp.tril(jnp.ones((s, s), bool)), scores, -1e9)
    return jnp.einsum("hqk,hkd->qhd", jax.nn.softmax(scores), v).reshape(s, d) @ wo


def batch_norm_step(x, y, g, b, w, mean, variance):
    """A training step through batch normalisation, with the running statistics."""

    def loss(p):
        g, b, w = p
        mu, var = x.mean(0), x.var(0)
        h = (x - mu) * lax.rsqrt(var + 1e-5) * g + b
        return jnp.mean((jax.nn.gelu(h) @ w - y) ** 2), (0.9 * mean + 0.1 * mu, 0.9 * variance + 0.1 * var)

    (value, statistics), gradients = jax.value_and_grad(loss, has_aux=True)((g, b, w))
    return value, [p - 0.1 * d for p, d in zip((g, b, w), gradients)], statistics


def adam_step(p, m, v, t, x, y):
    def loss(p):
        h = jnp.tanh(x @ p["w1"] + p["b1"])
        logits = h @ p["w2"] + p["b2"]
        return jnp.mean(jax.nn.logsumexp(logits, -1) - jnp.take_along_axis(logits, y[:, None], 1)[:, 0])

    value, g = jax.value_and_grad(loss)(p)
    m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
    v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
    scale = jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    p = jax.tree.map(lambda a, b, c: a - 1e-2 * scale * b / (jnp.sqrt(c) + 1e-8), p, m, v)
    return value, p, m, v, t + 1


def loop_with_updates(x, n):
    """Writes rows into a buffer, each from the two before it."""
    buffer = jnp.zeros((8, x.shape[0])).at[0].set(x).at[1].set(x * 0.5)

    def step(i, b):
        row = lax.dynamic_slice(b, (i - 1, 0), (1, x.shape[0])) + lax.dynamic_slice(b, (i - 2, 0), (1, x.shape[0]))
        return lax.dynamic_update_slice(b, row, (i, 0))

    return lax.fori_loop(2, n, step, buffer)


def cholesky_solve(a, b):
    l = jnp.linalg.cholesky(a @ a.T + 3 * jnp.eye(a.shape[0]))
    y = jax.scipy.linalg.solve_triangular(l, b, lower=True)
    return l, jax.scipy.linalg.solve_triangular(l, y, lower=True, trans=1), 2 * jnp.log(jnp.diag(l)).sum()


def cumulative(x):
    return (
        jnp.cumsum(x, axis=0),
        jnp.cumprod(x, axis=1),
        lax.cummax(x, axis=0),
        lax.cummin(x, axis=1, reverse=True),
        lax.cumlogsumexp(x, axis=0),
    )


def embedding_gradient(table, ids, y):
    def loss(t):
        return jnp.mean((t[ids].sum(1) - y) ** 2)

    return table[ids], jax.value_and_grad(loss)(table)


def beam_step(scores, logits, tokens):
    """One step of a beam search: top_k over all continuations, then gathers of the histories."""
    all_scores = scores[:, None] + jax.nn.log_softmax(logits)
    best, flat = lax.top_k(all_scores.reshape(-1), scores.shape[0])
    beam, token = flat // logits.shape[1], flat % logits.shape[1]
    return best, jnp.concatenate([tokens[beam], token[:, None].astype(jnp.int32)], axis=1)


def power_iteration(a, x):
    def step(x, _):
        y = a @ x
        y = y / jnp.linalg.norm(y)
        return y, y @ a @ y

    return lax.scan(step, x, None, length=6)


def histogram(x):
    """searchsorted and clip into bins, then a scatter-add, as jnp.histogram does it."""
    return jnp.histogram(x, bins=5, range=(-2.0, 2.0)), jnp.searchsorted(jnp.sort(x), jnp.array([-1.0, 0.0, 1.0]))


def bfloat16_mlp(x, w1, w2):
    h = jax.nn.silu(x.astype(jnp.bfloat16) @ w1.astype(jnp.bfloat16))
    return (h @ w2.astype(jnp.bfloat16)).astype(jnp.float32)


def symbolic_batch(x, w1, b1, w2):
    return jax.nn.softmax(jax.nn.relu(x @ w1 + b1) @ w2)


def key(seed):
    return np.array([0, seed], np.uint32)


def adam_state():
    p = dict(w1=normal(6, 8, scale=0.5), b1=normal(8, scale=0.1), w2=normal(8, 3, scale=0.5), b2=normal(3, scale=0.1))
    m = jax.tree.map(lambda a: normal(*a.shape, scale=0.1), p)
    v = jax.tree.map(lambda a: np.abs(normal(*a.shape, scale=0.1)), p)
    return p, m, v, np.float32(3)


PROGRAMS = {
    "scan_cumulative": (scan_cumulative, lambda: [normal(6, 4)]),
    "lstm_forward": (lstm, lambda: [normal(5, 2, 3), normal(3, 16, scale=0.4), normal(4, 16, scale=0.4), normal(16)]),
    "lstm_gradient": (
        lstm_gradient,
        lambda: [normal(5, 2, 3), normal(3, 16, scale=0.4), normal(4, 16, scale=0.4), normal(16), normal(5, 2, 4)],
    ),
    "lstm_cell_gradient": (
        lstm_cell_gradient,
        lambda: [normal(2, 4), normal(2, 4), normal(2, 3), normal(3, 16), normal(4, 16), normal(16)],
    ),
    "while_newton": (while_newton, lambda: [np.array([2, 9, 0.5, 100], np.float32)]),
    "cond_and_switch": (cond_and_switch, lambda: [normal(5), np.int32(1)]),
    "sort_and_argsort": (sort_and_argsort, lambda: [normal(5, 7)]),
    "top_k": (top_k, lambda: [normal(3, 9)]),
    "random_normal": (random_normal, lambda: [key(42)]),
    "random_draws": (random_draws, lambda: [key(7), normal(6, 5)]),
    "random_dropout": (random_dropout, lambda: [key(3), normal(4, 5)]),
    "random_rbg": (random_rbg, lambda: [np.array([1, 2, 3, 4], np.uint32)]),
    "segment_sums": (segment_sums, lambda: [normal(9, 2), np.array([0, 3, 1, 1, 3, 0, 5, 1, 0], np.int32)]),
    "convolutional_gradient": (
        convolutional_gradient,
        lambda: [
            normal(2, 8, 8, 1),
            np.array([1, 3], np.int32),
            normal(3, 3, 1, 4, scale=0.4),
            normal(3, 3, 4, 6, scale=0.3),
            normal(24, 5, scale=0.3),
        ],
    ),
    "depthwise_gradient": (depthwise_gradient, lambda: [normal(2, 3, 7, 8), normal(6, 1, 3, 2)]),
    "attention": (attention, lambda: [normal(6, 8)] + [normal(8, 8, scale=0.4) for _ in range(4)]),
    "batch_norm_step": (
        batch_norm_step,
        lambda: [normal(8, 5), normal(8, 3), normal(5), normal(5), normal(5, 3), normal(5), np.abs(normal(5))],
    ),
    "adam_step": (adam_step, lambda: [*adam_state(), normal(7, 6), np.array([0, 2, 1, 1, 0, 2, 2], np.int32)]),
    "loop_with_updates": (loop_with_updates, lambda: [normal(5), np.int32(7)]),
    "cholesky_solve": (cholesky_solve, lambda: [normal(5, 5), normal(5, 2)]),
    "cumulative": (cumulative, lambda: [normal(6, 5)]),
    "embedding_gradient": (
        embedding_gradient,
        lambda: [normal(10, 4), np.array([[1, 3, 3], [9, 0, 1]], np.int32), normal(2, 4)],
    ),
    "beam_step": (beam_step, lambda: [normal(3), normal(3, 11), rng.integers(0, 11, (3, 4)).astype(np.int32)]),
    "power_iteration": (power_iteration, lambda: [normal(5, 5), normal(5)]),
    "histogram": (histogram, lambda: [normal(40)]),
    "bfloat16_mlp": (bfloat16_mlp, lambda: [normal(3, 6), normal(6, 8, scale=0.4), normal(8, 4, scale=0.4)]),
}
FOR_TPU = {"cholesky_solve"}


def save(folder, prefix, inputs, outputs):
    for kind, values in (("input", inputs), ("output", outputs)):
        for index, value in enumerate(values):
            np.save(os.path.join(folder, f"{prefix}{kind}.{index}.npy"), np.asarray(value))


def new_folder(name):
    folder = os.path.join(ROOT, "programs", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def main():
    names = sys.argv[1:]
    for name, (function, make) in PROGRAMS.items():
        arguments = make()  # Even if the program is not asked for, so that the others get their own numbers.
        if names and name not in names:
            continue
        flat, tree = jax.tree.flatten(tuple(arguments))
        flat = [jnp.asarray(v) for v in flat]
        compiled = jax.jit(lambda *values: function(*jax.tree.unflatten(tree, values)), keep_unused=True)
        platforms = ("tpu",) if name in FOR_TPU else None
        text = compiled.trace(*flat).lower(lowering_platforms=platforms).as_text()
        targets = set(re.findall(r"custom_call @(\w+)", text))
        assert not targets, f"{name} calls {targets}"
        folder = new_folder(name)
        with open(os.path.join(folder, "program.mlir"), "w") as file:
            file.write(text.replace("module @jit__lambda", f"module @{name}"))
        save(folder, "", flat, jax.tree.leaves(compiled(*flat)))
        print(f"{name}: {len(text)} bytes", flush=True)
    if not names or "symbolic_batch" in names:
        folder = new_folder("symbolic_batch")
        weights = [normal(5, 7, scale=0.5), normal(7), normal(7, 3, scale=0.5)]
        shape = jax.ShapeDtypeStruct(export.symbolic_shape("batch, 5"), np.float32)
        exported = export.export(jax.jit(symbolic_batch))(shape, *weights)
        with open(os.path.join(folder, "program.mlir"), "w") as file:
            file.write(without_folders(exported.mlir_module()))
        for run, size in enumerate((1, 4, 9)):
            x = normal(size, 5)
            save(folder, f"{run}.", [x, *weights], jax.tree.leaves(exported.call(x, *weights)))
        print("symbolic_batch")


if __name__ == "__main__":
    main()
