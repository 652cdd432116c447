"""Programs with symbolic sizes, as `jax.export` writes them, with inputs and outputs at several sizes.

Each is a folder `matrix/symbolic/NAME` with `program.mlir` and, for run N, `N.input.I.npy` and `N.output.J.npy`. The
dimension assertions (`custom_call @shape_assertion`) stay in the programs.
"""

import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

from common import ROOT, without_folders


def softmax(x):
    return jax.nn.softmax(x, axis=-1)


def layer_norm(x, g, b):
    d = x - x.mean(-1, keepdims=True)
    return d * lax.rsqrt((d * d).mean(-1, keepdims=True) + 1e-5) * g + b


def attention(x, w):
    q, k, v = jnp.split(x @ w, 3, axis=-1)
    return jax.nn.softmax(q @ k.swapaxes(-1, -2) * 0.5, axis=-1) @ v


def mlp_gradient(x, y, w):
    return jax.value_and_grad(lambda w: jnp.mean((jnp.tanh(x @ w) - y) ** 2))(w)


def convolution(x, k):
    return jax.nn.relu(lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))


def running_sums(x):
    return jnp.cumsum(x, axis=0), lax.cummax(x, axis=1)


def causal_mask(x):
    i = jnp.arange(x.shape[0])
    return jnp.where(i[:, None] >= i[None, :], x, -1.0)


def lstm_like(x, h, w):
    return lax.scan(lambda h, r: (jnp.tanh(h @ w + r),) * 2, h, x)


# Name -> (function, sizes of the arguments, the values that the sizes take, constraints).
PROGRAMS = {
    "add": (lambda x, y: x + y, ["a, b", "a, b"], [dict(a=2, b=3), dict(a=1, b=1), dict(a=5, b=4)], ()),
    "broadcast_row": (lambda x, y: x * y[None, :] + 1.0, ["a, b", "b"], [dict(a=2, b=3), dict(a=4, b=1)], ()),
    "flatten": (lambda x: x.reshape((x.shape[0], -1)) * 2.0, ["a, b, 3"], [dict(a=2, b=3), dict(a=1, b=4)], ()),
    "merge_and_split": (lambda x: x.reshape((-1, 4)).sum(0), ["a, 2, 2"], [dict(a=1), dict(a=6)], ()),
    "concatenate": (lambda x, y: jnp.concatenate([x, y, x]), ["a, 3", "b, 3"], [dict(a=2, b=1), dict(a=1, b=5)], ()),
    "transpose_and_mean": (lambda x: x.T.mean(-1), ["a, b"], [dict(a=2, b=3), dict(a=7, b=1)], ()),
    "matmul": (lambda x, w: x @ w, ["b, k", "k, 4"], [dict(b=3, k=5), dict(b=1, k=2), dict(b=8, k=3)], ()),
    "softmax": (softmax, ["b, n"], [dict(b=2, n=5), dict(b=1, n=1), dict(b=3, n=8)], ()),
    "layer_norm": (layer_norm, ["b, n", "n", "n"], [dict(b=2, n=6), dict(b=5, n=3)], ()),
    "attention": (attention, ["b, s, 4", "4, 12"], [dict(b=2, s=3), dict(b=1, s=7)], ()),
    "mlp_gradient": (mlp_gradient, ["b, 3", "b, 2", "3, 2"], [dict(b=4), dict(b=1)], ()),
    "convolution": (convolution, ["b, h, 5, 2", "3, 3, 2, 3"], [dict(b=1, h=4), dict(b=2, h=6)], ()),
    "running_sums": (running_sums, ["a, b"], [dict(a=4, b=3), dict(a=1, b=6)], ()),
    "causal_mask": (causal_mask, ["s, s"], [dict(s=3), dict(s=5), dict(s=1)], ()),
    "scan": (lstm_like, ["t, b, 3", "b, 3", "3, 3"], [dict(t=4, b=2), dict(t=1, b=3)], ()),
    "half": (
        lambda x: x[: x.shape[0] // 2] + x[x.shape[0] // 2 : x.shape[0] // 2 * 2],
        ["a, 2"],
        [dict(a=6), dict(a=7), dict(a=3)],
        ("a >= 2",),
    ),
    "size_arithmetic": (
        lambda x: jnp.full((x.shape[0] * 2 + 1,), x.sum()) * x.shape[0],
        ["a"],
        [dict(a=3), dict(a=1)],
        (),
    ),
    "pad_and_reverse": (
        lambda x: jnp.pad(x, ((1, x.shape[1]), (0, 2)))[::-1],
        ["a, b"],
        [dict(a=2, b=3), dict(a=3, b=1)],
        (),
    ),
    "take_rows": (
        lambda x, y: jnp.take(x, (jnp.abs(y) * 2).astype(jnp.int32), axis=0),
        ["a, 3", "n"],
        [dict(a=4, n=3), dict(a=2, n=6)],
        (),
    ),
    "sort_rows": (lambda x: jnp.sort(x, axis=1), ["a, b"], [dict(a=2, b=5), dict(a=3, b=1)], ()),
    "double": (lambda x, y: jnp.concatenate([x, x]) + y, ["a", "2*a"], [dict(a=3), dict(a=1)], ()),
}


class Symbolic:
    name = "symbolic"

    def write(self):
        """Exports all programs. Returns (number of programs, bytes)."""
        root = os.path.join(ROOT, "matrix", "symbolic")
        shutil.rmtree(root, ignore_errors=True)
        total = 0
        rng = np.random.default_rng(29)
        for number, (name, (function, sizes, runs, constraints)) in enumerate(PROGRAMS.items()):
            folder = os.path.join(root, name)
            os.makedirs(folder)
            scope = export.SymbolicScope(constraints)
            arguments = [jax.ShapeDtypeStruct(export.symbolic_shape(s, scope=scope), np.float32) for s in sizes]
            # Sizes are i64 with JAX's 64-bit types enabled, and i32 without: half of the programs each.
            with jax.enable_x64(number % 2 == 1):
                exported = export.export(jax.jit(function))(*arguments)
            with open(os.path.join(folder, "program.mlir"), "w") as file:
                file.write(without_folders(exported.mlir_module()))
            for run, values in enumerate(runs):
                inputs = [
                    np.round(rng.standard_normal([eval(d, {}, values) for d in s.split(",")]), 2).astype(np.float32)
                    for s in sizes
                ]
                for index, value in enumerate(inputs):
                    np.save(os.path.join(folder, f"{run}.input.{index}.npy"), value)
                for index, value in enumerate(jax.tree.leaves(exported.call(*inputs))):
                    np.save(os.path.join(folder, f"{run}.output.{index}.npy"), np.asarray(value))
            total += sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
        return len(PROGRAMS), total


def modules():
    yield Symbolic()
