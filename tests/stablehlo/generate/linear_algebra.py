"""Cases of `cholesky` and `triangular_solve`, built backwards from exact results."""

import numpy as np

from common import DTYPES, Module, parse_tensor, tensor


def integers(rng, shape, low=-2, high=3):
    return rng.integers(low, high, shape).astype(np.float64)


def triangle(rng, batch, n, lower, diagonal):
    a = integers(rng, (*batch, n, n))
    a = np.tril(a, -1) if lower else np.triu(a, 1)
    return a + np.eye(n) * rng.choice(diagonal, (*batch, n, 1))


def mask(c, value, lower):
    """Zeros outside the triangle: what an op leaves there is up to the implementation."""
    shape, dtype = parse_tensor(c.types[value])
    rank = len(shape)
    i, j = c.iota(shape, "i32", rank - 2), c.iota(shape, "i32", rank - 1)
    p = tensor(shape, "i1")
    k = c.types[i]
    keep = c.op(f"stablehlo.compare {'GE' if lower else 'LE'}, {i}, {j} : ({k}, {k}) -> {p}", p)
    zero = c.constant(np.zeros(shape, DTYPES[dtype]))
    return c.op(f"stablehlo.select {keep}, {value}, {zero} : {p}, {c.types[value]}", c.types[value])


def choleskys(rng):
    module = Module("cholesky", "Cholesky factors of A = L * transpose(L), where L has small integers.")
    shapes = [(n,) for n in (1, 2, 3, 4, 5, 6, 8, 13)] + [(3, 2), (1, 4), (2, 2, 3), (2, 1, 1), (0, 3), (4, 5)]
    for index in range(20):
        *batch, n = shapes[index % len(shapes)]
        lower, dtype = index % 2 == 0, "f64" if index % 5 == 3 else "f32"
        garbage = index in (2, 5, 16, 17)
        c = module.case(
            f"{dtype} {'lower' if lower else 'upper'} {batch} {n}x{n}"
            + (", other triangle not symmetric" if garbage else ""),
            exact=False,
        )
        factor = triangle(rng, batch, n, True, [1.0, 2.0, 4.0])
        a = factor @ factor.swapaxes(-1, -2)
        if garbage:
            a = (
                np.tril(a) + np.triu(integers(rng, a.shape, 50, 60), 1)
                if lower
                else np.triu(a) + np.tril(integers(rng, a.shape, 50, 60), -1)
            )
        x = c.constant(a.astype(DTYPES[dtype]))
        if index % 6 == 5:
            y = c.generic("cholesky", [x], "" if not lower else "lower = true", [], c.types[x])
        else:
            y = c.op(f"stablehlo.cholesky {x}, lower = {str(lower).lower()} : {c.types[x]}", c.types[x])
        c.check(mask(c, y, lower), how="close", expected=factor if lower else factor.swapaxes(-1, -2))
    return module


def solves(rng):
    module = Module("triangular_solve", "Solutions of op(A) X = B and X op(A) = B, where X has small integers.")
    settings = [
        (left, lower, unit, transpose)
        for left in (True, False)
        for lower in (True, False)
        for unit in (False, True)
        for transpose in ("NO_TRANSPOSE", "TRANSPOSE")
    ]
    settings += [
        (True, True, False, "ADJOINT"),
        (False, False, False, "ADJOINT"),
        (True, False, True, "TRANSPOSE"),
        (False, True, False, "NO_TRANSPOSE"),
    ]
    for index, (left, lower, unit, transpose) in enumerate(settings):
        batch = [(), (), (2,), (2, 3), (1,)][index % 5] if index < 18 else [(0,), (4,)][index % 2]
        dtype = "f64" if index % 7 == 3 else "f32"
        n, m = (1, 2, 3, 4, 5, 7, 11)[index % 7], (1, 4, 3, 2)[index % 4]
        a = triangle(rng, batch, n, lower, [1.0] if unit else [1.0, 2.0, -1.0, 0.5, -4.0])
        x = integers(rng, (*batch, n, m) if left else (*batch, m, n))
        opened = a if transpose == "NO_TRANSPOSE" else a.swapaxes(-1, -2)
        b = opened @ x if left else x @ opened
        # Neither the other triangle nor, with a unit diagonal, the diagonal may be read.
        stored = a + (np.triu(integers(rng, a.shape, 5, 9), 1) if lower else np.tril(integers(rng, a.shape, 5, 9), -1))
        if unit:
            stored = stored + np.eye(n) * 7
        c = module.case(f"{dtype} left {left} lower {lower} unit {unit} {transpose} {batch} {n} by {m}", exact=False)
        first, second = c.constant(stored.astype(DTYPES[dtype])), c.constant(b.astype(DTYPES[dtype]))
        flags = ", ".join(
            f"{k} = {str(v).lower()}" for k, v in (("left_side", left), ("lower", lower), ("unit_diagonal", unit))
        )
        c.check(
            c.generic(
                "triangular_solve",
                [first, second],
                f"{flags}, transpose_a = #stablehlo<transpose {transpose}>",
                [],
                c.types[second],
            ),
            how="close",
            expected=x,
        )
    return module


def modules():
    rng = np.random.default_rng(11)
    yield choleskys(rng)
    yield solves(rng)
