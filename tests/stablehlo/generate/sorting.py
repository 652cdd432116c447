"""Cases of `sort`: several operands, stable, descending, the total order of floats, comparators of several ops."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from common import DTYPES, FLOATS, Module, region, tensor

SPECIAL = [1.5, -0.0, 0.0, np.nan, -np.inf, np.inf, -1.0, -np.nan, 0.0, 2.0, -0.0, 1.5]
P = tensor((), "i1")


def sort(c, operands, dim, body, stable=True):
    """Sorts; `body` gets the block's arguments a0, b0, a1, b1, ... and must define %r."""
    arguments = []
    for index, operand in enumerate(operands):
        t = tensor((), c.types[operand].rstrip(">").split("<")[1].split("x")[-1])
        arguments += [(f"a{index}", t), (f"b{index}", t)]
    return c.generic(
        "sort",
        operands,
        f"dimension = {dim} : i64, is_stable = {str(stable).lower()}",
        [region(arguments, [*body, f"stablehlo.return %r : {P}"])],
        *[c.types[o] for o in operands],
    )


def compare(direction, dtype, kind="", a="%a0", b="%b0", name="%r"):
    t = tensor((), dtype)
    return f"{name} = stablehlo.compare {direction}, {a}, {b}{', ' + kind if kind else ''} : ({t}, {t}) -> {P}"


def modules():
    module = Module("sort", "Sorts by any comparator, along any dimension.", exact=False)
    for dtype, shape, dim, direction in (
        ("f32", (17,), 0, "LT"),
        ("i32", (4, 5), 0, "GT"),
        ("i32", (3, 4, 2), 1, "LT"),
        ("ui8", (6, 3), 1, "GT"),
        ("f64", (2, 9), -1, "LT"),
        ("bf16", (3, 7), 1, "LT"),
        ("i64", (40,), 0, "GT"),
        ("i8", (1, 8), 0, "LT"),
    ):
        c = module.case(f"{dtype}{list(shape)} by {direction} along {dim}")
        c.check(sort(c, [c.pool(shape, dtype)], dim, [compare(direction, dtype)], stable=False))
    for dtype in FLOATS:
        c = module.case(f"{dtype} in total order: -NaN, -inf, -0, +0, inf, NaN, told apart by their bits")
        x = np.array(SPECIAL).astype(DTYPES[dtype])
        # The sign of a NaN is what tells; set it in the bits, for a conversion may lose it.
        width = {2: np.uint16, 4: np.uint32, 8: np.uint64}[x.itemsize]
        x.view(width)[7] |= width(1 << (x.itemsize * 8 - 1))
        x.view(width)[3] &= width((1 << (x.itemsize * 8 - 1)) - 1)
        c.check(c.bits(sort(c, [c.constant(x)], 0, [compare("LT" if dtype != "f64" else "GT", dtype, "TOTALORDER")])))
    c = module.case("stable: equal keys keep their order, descending keys")
    x, i = c.pool((24,), "i32"), c.iota((24,), "i32", 0)
    c.check(*sort(c, [x, i], 0, [compare("GT", "i32")]))
    c = module.case("three operands of different types along the first dimension")
    x, y, i = c.pool((7, 2), "bf16"), c.pool((7, 2), "f32"), c.iota((7, 2), "i64", 0)
    c.check(*sort(c, [x, y, i], 0, [compare("LT", "bf16")]))
    c = module.case("by two keys: the first ascending, the second descending among equals")
    x, y, i = c.pool((20,), "bf16"), c.pool((20,), "i32"), c.iota((20,), "i32", 0)
    t = tensor((), "bf16")
    c.check(
        *sort(
            c,
            [x, y, i],
            0,
            [
                compare("LT", "bf16", name="%l"),
                compare("EQ", "bf16", name="%e"),
                compare("GT", "i32", a="%a1", b="%b1", name="%g"),
                f"%t = stablehlo.and %e, %g : {P}",
                f"%r = stablehlo.or %l, %t : {P}",
            ],
        )
    )
    c = module.case("by a residue that the comparator computes, with a captured modulus")
    x, m = c.pool((21,), "i32"), c.scalar(5, "i32")
    t = tensor((), "i32")
    c.check(
        sort(
            c,
            [x],
            0,
            [
                f"%p = stablehlo.remainder %a0, {m} : {t}",
                f"%q = stablehlo.remainder %b0, {m} : {t}",
                compare("LT", "i32", a="%p", b="%q"),
            ],
        )
    )
    c = module.case("by the second operand's magnitude")
    x, y = c.iota((3, 6), "ui16", 1), c.pool((3, 6), "f32")
    t = tensor((), "f32")
    c.check(
        *sort(
            c,
            [x, y],
            1,
            [f"%p = stablehlo.abs %a1 : {t}", f"%q = stablehlo.abs %b1 : {t}", compare("LT", "f32", a="%p", b="%q")],
        )
    )
    c = module.case("a predicate's order; nothing to sort in a dimension of one")
    x, i = c.pool((9,), "i1"), c.iota((9,), "i32", 0)
    c.check(
        *sort(c, [x, i], 0, [compare("LT", "i1", "UNSIGNED")]),
        sort(c, [c.pool((2, 1, 3), "f32")], 1, [compare("LT", "f32")]),
    )
    for note, function in (
        ("lax.sort of two operands by both", lambda x, i: lax.sort((x, i), dimension=0, num_keys=2)),
        ("argsort, descending", lambda x, i: jnp.argsort(x, axis=1, descending=True)),
        (
            "lax.sort of floats with NaN and -0",
            lambda x, i: lax.bitcast_convert_type(
                lax.sort(jnp.where(x == 0, -0.0, jnp.where(x == 1, jnp.nan, x)).astype(jnp.float32)), jnp.int32
            ),
        ),
    ):
        c = module.case(f"{note}, as JAX lowers it")
        r = c.jax(function, c.pool((5, 6), "f32"), c.pool((5, 6), "i32"))
        c.check(*([r] if isinstance(r, str) else r))
    yield module
