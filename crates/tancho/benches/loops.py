"""The loops of `loops.rs` by jax.lax.scan and jax.lax.while_loop."""

import time

import jax
import jax.numpy as jnp

TRIPS = 1000


def row(n):
    return jnp.linspace(-1.0, 1.0, n, dtype=jnp.float32)


def rows(n):
    return jnp.linspace(-1.0, 1.0, TRIPS * n, dtype=jnp.float32).reshape(TRIPS, n)


def matrix(n):
    return jnp.linspace(-0.1, 0.1, n * n, dtype=jnp.float32).reshape(n, n)


def scan(body):
    return lambda init, xs, *weights: jax.lax.scan(lambda carry, x: body(carry, x, *weights), init, xs)


def twice(value):
    return value, value


def summed(value):
    return value, value.sum()


def rnn(h, x, w, u):
    return twice(jnp.tanh(x.reshape(1, 64) @ w + h @ u))


def fibonacci(n):
    return jax.lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, 0.99 * s[1] + 0.01), (0, jnp.array([0.0, 1.0])))


for name, function, arguments in [
    ("scalar", scan(lambda c, x: twice(0.9 * c + x)), (jnp.float32(0.5), row(TRIPS))),
    ("add, 3 wide", scan(lambda c, x: summed(0.9 * c + x)), (row(3), rows(3))),
    ("tanh, 64 wide", scan(lambda c, x: twice(jnp.tanh(c + x))), (row(64), rows(64))),
    ("rnn, 64 wide", scan(rnn), (row(64).reshape(1, 64), rows(64), matrix(64), matrix(64))),
    ("while, 2 wide", fibonacci, (TRIPS,)),
]:
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(*arguments))
    samples = []
    for _ in range(51):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        samples.append((time.perf_counter() - start) / TRIPS * 1e9)
    samples.sort()
    print(f"{name:14} a trip: best {samples[0]:7.1f} ns, median {samples[25]:7.1f} ns")
