"""The training step of `step.rs` by jax.jit, with and without donated parameters."""

import time

import jax
import jax.numpy as jnp
import numpy as np

UNITS = 64


def kernel(n):
    return (np.arange(n) * 37 % 19 - 9.0) / 20.0


parameters = [kernel(UNITS).reshape(1, UNITS), np.full(UNITS, 0.1), kernel(UNITS).reshape(UNITS, 1), np.full(1, 0.1)]
x = jnp.linspace(-2.0, 2.0, 209, dtype=jnp.float32).reshape(209, 1)
y = x**2 + 2 * x - 5


def loss(parameters, x, y):
    w1, b1, w2, b2 = parameters
    return jnp.mean((y - jax.nn.relu(x @ w1 + b1) @ w2 - b2) ** 2)


def step(parameters, x, y):
    value, gradients = jax.value_and_grad(loss)(parameters, x, y)
    return [p - 0.01 * g for p, g in zip(parameters, gradients)], value


for name, compiled in [("jit", jax.jit(step)), ("jit, donated", jax.jit(step, donate_argnums=0))]:
    state = [jnp.array(p, dtype=jnp.float32) for p in parameters]
    state, value = compiled(state, x, y)
    samples = []
    for _ in range(101):
        start = time.perf_counter()
        for _ in range(100):
            state, value = compiled(state, x, y)
        value.block_until_ready()
        samples.append((time.perf_counter() - start) / 100 * 1e6)
    samples.sort()
    print(f"{name:14} best {samples[0]:7.2f} µs, median {samples[50]:7.2f} µs, loss {float(value):.6f}")
