"""Cases of `reduce_window` and `select_and_scatter`."""

import jax
import numpy as np
from jax import lax

import common
from common import DTYPES, Module, array_attr, binary_region, region, tensor

LOWEST = {"f32": -np.inf, "f64": -np.inf, "bf16": -np.inf, "f16": -np.inf, "i32": -(2**31), "i8": -128, "ui8": 0}
HIGHEST = {"f32": np.inf, "f64": np.inf, "bf16": np.inf, "f16": np.inf, "i32": 2**31 - 1, "i8": 127, "ui8": 255}

# Op, initial value (None: by type), element types.
BODIES = [
    ("add", 0, ["f32", "f64", "bf16", "f16", "i32", "ui8"]),
    ("maximum", LOWEST, ["f32", "f64", "bf16", "i32", "ui8", "i8"]),
    ("minimum", HIGHEST, ["f32", "f16", "i32", "i8"]),
    ("multiply", 1, ["f32", "f64", "i32"]),
    ("and", -1, ["i32", "i1"]),
    ("or", 0, ["i32", "i1"]),
    ("xor", 0, ["i32"]),
]


def random_window(rng, rank, dilations=True, tiles=False):
    """Draws a window over `rank` dimensions whose output is small and not empty."""
    while True:
        s = dict(
            size=rng.integers(1, 7, rank),
            window=rng.integers(1, 4, rank),
            stride=rng.integers(1, 4, rank),
            padding=rng.integers(0, 3, (rank, 2)),
            base=np.ones(rank, int),
            dilation=np.ones(rank, int),
        )
        s["window"][rng.random(rank) < 0.3] = 1
        if rng.random() < 0.35:
            s["padding"][:] = 0
        if dilations and rng.random() < 0.6:
            s["base"], s["dilation"] = rng.choice([1, 1, 2, 3], rank), rng.choice([1, 1, 2, 3], rank)
            if rng.random() < 0.3:
                s["padding"] -= 1
        if tiles:
            # Padding smaller than the window, so that each window of a select_and_scatter meets an element.
            s["padding"] = np.minimum(s["padding"], s["window"][:, None] - 1)
        span = np.where(s["size"] > 0, (s["size"] - 1) * s["base"] + 1, 0) + s["padding"].sum(1)
        extent = (s["window"] - 1) * s["dilation"] + 1
        s["out"] = np.where(span < extent, 0, (span - extent) // s["stride"] + 1)
        if (
            (s["out"] > 0).all()
            and np.prod(s["out"]) <= 60
            and np.prod(s["size"]) <= 150
            and np.prod(s["window"]) <= 12
        ):
            return s


def attributes(s, all_of_them=True):
    """The attributes of a window; those that have their default value are left out unless `all_of_them`."""
    text = [f"window_dimensions = {array_attr(s['window'])}"]
    for name, key in (("window_strides", "stride"), ("base_dilations", "base"), ("window_dilations", "dilation")):
        if all_of_them or (s[key] != 1).any():
            text.append(f"{name} = {array_attr(s[key])}")
    if all_of_them or s["padding"].any():
        text.append(f"padding = dense<{s['padding'].tolist()}> : tensor<{len(s['padding'])}x2xi64>")
    return ", ".join(text)


def initial(value, dtype):
    value = value[dtype] if isinstance(value, dict) else value
    return np.asarray(value).astype(DTYPES[dtype]) if dtype != "i1" else np.asarray(bool(value))


def small(c, shape, dtype, op):
    """An operand. Products are taken of halves, ones and twos so that they stay exact."""
    x = c.pool(shape, dtype)
    if op != "multiply":
        return x
    t = c.types[x]
    two, one = c.constant(np.full(shape, 2, DTYPES[dtype])), c.constant(np.full(shape, -1, DTYPES[dtype]))
    zero = c.constant(np.zeros(shape, DTYPES[dtype]))
    larger = c.op(f"stablehlo.compare GT, {x}, {zero} : ({t}, {t}) -> {tensor(shape, 'i1')}", tensor(shape, "i1"))
    return c.op(f"stablehlo.select {larger}, {two}, {one} : {tensor(shape, 'i1')}, {t}", t)


def reduce_windows(module, rng):
    for index in range(48):
        op, value, dtypes = BODIES[index % len(BODIES)]
        dtype = dtypes[index // len(BODIES) % len(dtypes)]
        s = random_window(rng, int(rng.choice([1, 2, 2, 3, 4])))
        c = module.case(
            f"{op} {dtype} window {s['window'].tolist()} stride {s['stride'].tolist()} "
            f"dilation {s['base'].tolist()}/{s['dilation'].tolist()} pad {s['padding'].tolist()}"
        )
        x, i = small(c, tuple(s["size"]), dtype, op), c.constant(initial(value, dtype))
        c.check(
            c.generic(
                "reduce_window",
                [x, i],
                attributes(s, index % 2 == 0),
                [binary_region(op, dtype)],
                tensor(s["out"], dtype),
            )
        )
    for dtype in ("f32", "i32", "bf16"):
        s = random_window(rng, 2)
        c = module.case(f"maximum {dtype} with an initial value above some elements")
        x, i = c.pool(tuple(s["size"]), dtype), c.scalar(1, dtype)
        c.check(
            c.generic(
                "reduce_window", [x, i], attributes(s), [binary_region("maximum", dtype)], tensor(s["out"], dtype)
            )
        )
    odd_bodies(module, rng)
    several_operands(module, rng)
    for name in ("sum", "product", "maximum"):
        for axis, reverse in ((0, False), (1, True)):
            c = module.case(f"cumulative {name} over dimension {axis}{', reversed' if reverse else ''}, as a window")
            x = small(c, (5, 4), "f32", "multiply" if name == "product" else "add")
            size = (5, 4)[axis]
            s = dict(
                window=np.array([size if d == axis else 1 for d in range(2)]),
                stride=np.ones(2, int),
                base=np.ones(2, int),
                dilation=np.ones(2, int),
                padding=np.zeros((2, 2), int),
            )
            s["padding"][axis] = (0, size - 1) if reverse else (size - 1, 0)
            op, value = {"sum": ("add", 0), "product": ("multiply", 1), "maximum": ("maximum", -np.inf)}[name]
            c.check(
                c.generic(
                    "reduce_window",
                    [x, c.scalar(value, "f32")],
                    attributes(s, False),
                    [binary_region(op, "f32")],
                    tensor((5, 4), "f32"),
                )
            )
    c = module.case("an input without elements")
    x, i = c.constant(np.zeros((0, 2), np.float32)), c.scalar(0, "f32")
    s = dict(
        window=np.array([2, 2]),
        stride=np.ones(2, int),
        base=np.ones(2, int),
        dilation=np.ones(2, int),
        padding=np.array([[1, 2], [0, 0]]),
    )
    c.check(c.generic("reduce_window", [x, i], attributes(s), [binary_region("add", "f32")], tensor((2, 1), "f32")))


def odd_bodies(module, rng):
    """Associative bodies of several ops, and one that takes a value from outside."""
    t, i1 = tensor((), "f32"), tensor((), "i1")
    bodies = [
        (
            "the larger in magnitude, the larger of equals",
            "f32",
            0,
            [
                f"%p = stablehlo.abs %a : {t}",
                f"%q = stablehlo.abs %b : {t}",
                f"%g = stablehlo.compare GT, %p, %q : ({t}, {t}) -> {i1}",
                f"%e = stablehlo.compare EQ, %p, %q : ({t}, {t}) -> {i1}",
                f"%m = stablehlo.maximum %a, %b : {t}",
                f"%s = stablehlo.select %g, %a, %b : {i1}, {t}",
                f"%r = stablehlo.select %e, %m, %s : {i1}, {t}",
            ],
        ),
        (
            "a + b + a * b",
            "i32",
            0,
            [
                "%p = stablehlo.multiply %a, %b : tensor<i32>",
                "%q = stablehlo.add %a, %b : tensor<i32>",
                "%r = stablehlo.add %p, %q : tensor<i32>",
            ],
        ),
        (
            "the maximum, no larger than a captured bound",
            "f32",
            -9,
            [f"%m = stablehlo.maximum %a, %b : {t}", f"%r = stablehlo.minimum %m, %BOUND : {t}"],
        ),
        (
            "not and",
            "i1",
            True,
            [
                f"%p = stablehlo.not %a : {i1}",
                f"%q = stablehlo.not %b : {i1}",
                f"%s = stablehlo.or %p, %q : {i1}",
                f"%r = stablehlo.not %s : {i1}",
            ],
        ),
    ]
    for note, dtype, value, body in bodies * 2:
        s = random_window(rng, int(rng.integers(1, 4)))
        c = module.case(note)
        x, i = c.pool(tuple(s["size"]), dtype), c.constant(initial(value, dtype))
        if "BOUND" in " ".join(body):
            bound = c.scalar(1.25, "f32")
            body = [line.replace("%BOUND", bound) for line in body]
        k = tensor((), dtype)
        c.check(
            c.generic(
                "reduce_window",
                [x, i],
                attributes(s),
                [region([("a", k), ("b", k)], [*body, f"stablehlo.return %r : {k}"])],
                tensor(s["out"], dtype),
            )
        )


def several_operands(module, rng):
    """Windows over two operands at once: sum and product; value and index of the maximum; two types."""
    f, i, p = tensor((), "f32"), tensor((), "i32"), tensor((), "i1")
    argmax = region(
        [("a", f), ("i", i), ("b", f), ("j", i)],
        [
            f"%g = stablehlo.compare GT, %a, %b : ({f}, {f}) -> {p}",
            f"%e = stablehlo.compare EQ, %a, %b : ({f}, {f}) -> {p}",
            f"%l = stablehlo.compare LT, %i, %j : ({i}, {i}) -> {p}",
            f"%t = stablehlo.and %e, %l : {p}",
            f"%k = stablehlo.or %g, %t : {p}",
            f"%v = stablehlo.select %k, %a, %b : {p}, {f}",
            f"%n = stablehlo.select %k, %i, %j : {p}, {i}",
            f"stablehlo.return %v, %n : {f}, {i}",
        ],
    )
    both = region(
        [("a", f), ("i", i), ("b", f), ("j", i)],
        [
            f"%v = stablehlo.add %a, %b : {f}",
            f"%n = stablehlo.maximum %i, %j : {i}",
            f"stablehlo.return %v, %n : {f}, {i}",
        ],
    )
    for index in range(6):
        s = random_window(rng, int(rng.integers(1, 4)))
        body, values = (argmax, (-np.inf, 2**31 - 1)) if index % 2 == 0 else (both, (0, -(2**31)))
        c = module.case("two operands: " + ("the maximum and its index" if index % 2 == 0 else "a sum and a maximum"))
        x = c.pool(tuple(s["size"]), "f32")
        n = c.iota(tuple(s["size"]), "i32", int(rng.integers(len(s["size"]))))
        a, b = c.scalar(values[0], "f32"), c.scalar(values[1], "i32")
        c.check(
            *c.generic(
                "reduce_window", [x, n, a, b], attributes(s), [body], tensor(s["out"], "f32"), tensor(s["out"], "i32")
            )
        )


def select_and_scatters(module, rng):
    p = tensor((), "i1")
    for index in range(24):
        dtype = ["f32", "f32", "i32", "bf16", "f64"][index % 5]
        select, scatter = [
            ("GE", "add"),
            ("LE", "add"),
            ("GE", "maximum"),
            ("GT", "add"),
            ("GE", "multiply"),
            ("LT", "minimum"),
        ][index % 6]
        s = random_window(rng, int(rng.integers(1, 4)), dilations=False, tiles=True)
        c = module.case(
            f"select {select}, scatter {scatter}, {dtype} window {s['window'].tolist()} stride "
            f"{s['stride'].tolist()} pad {s['padding'].tolist()}"
        )
        t = tensor((), dtype)
        x, source = c.pool(tuple(s["size"]), dtype), c.pool(tuple(s["out"]), dtype)
        i = c.scalar(1 if scatter == "multiply" else 0, dtype)
        text = [f"window_dimensions = {array_attr(s['window'])}", f"window_strides = {array_attr(s['stride'])}"]
        if s["padding"].any() or index % 2:
            text.append(f"padding = dense<{s['padding'].tolist()}> : tensor<{len(s['padding'])}x2xi64>")
        y = c.generic(
            "select_and_scatter",
            [x, source, i],
            ", ".join(text),
            [
                region(
                    [("a", t), ("b", t)],
                    [f"%r = stablehlo.compare {select}, %a, %b : ({t}, {t}) -> {p}", f"stablehlo.return %r : {p}"],
                ),
                binary_region(scatter, dtype),
            ],
            tensor(s["size"], dtype),
        )
        pool, first, second = common.pool_values(dtype), int(np.prod(s["size"])), int(np.prod(s["out"]))
        c.check(
            y,
            expected=reference(
                s, select, scatter, pool[:first].reshape(s["size"]), pool[first : first + second].reshape(s["out"])
            ),
        )
    for kind, window, stride, padding in (
        ("max", (2, 2), (2, 2), "VALID"),
        ("max", (3, 3), (1, 2), "SAME"),
        ("min", (2, 3), (1, 1), "VALID"),
        ("max", (3, 2), (2, 1), "SAME"),
    ):
        c = module.case(f"gradient of {kind} pooling {window} by {stride} {padding}")
        x = c.pool((5, 6), "f32")
        value, pool = (-np.inf, lax.max) if kind == "max" else (np.inf, lax.min)

        def pooled(x):
            return lax.reduce_window(x, np.float32(value), pool, window, stride, padding)

        g = c.pool(jax.eval_shape(pooled, jax.ShapeDtypeStruct((5, 6), np.float32)).shape, "f32")
        c.check(c.jax(lambda x, g: jax.vjp(pooled, x)[1](g)[0], x, g))


def reference(s, select, scatter, x, source):
    """The selections by their definition: of equal elements GE keeps the first, and GT takes the last."""
    keeps = {"GE": np.greater_equal, "LE": np.less_equal, "GT": np.greater, "LT": np.less}[select]
    combine = {"add": np.add, "maximum": np.maximum, "minimum": np.minimum, "multiply": np.multiply}[scatter]
    result = np.full(x.shape, 1.0 if scatter == "multiply" else 0.0)
    for position in np.ndindex(*s["out"]):
        chosen = None
        for tap in np.ndindex(*s["window"]):
            at = tuple(position * s["stride"] + tap - s["padding"][:, 0])
            if all(0 <= a < n for a, n in zip(at, x.shape)) and (chosen is None or not keeps(x[chosen], x[at])):
                chosen = at
        result[chosen] = combine(result[chosen], source[position])
    return result


def modules():
    rng = np.random.default_rng(7)
    module = Module("reduce_window", "Windows: every attribute, bodies of one and of several ops, several operands.")
    reduce_windows(module, rng)
    yield module
    module = Module("select_and_scatter", "Selections in windows, scattered back.")
    select_and_scatters(module, rng)
    yield module
