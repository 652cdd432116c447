"""Cases of `dynamic_slice`, `dynamic_update_slice` and `reduce`."""

import numpy as np

from common import DTYPES, Module, array_attr, binary_region, region, tensor


def slices():
    module = Module("dynamic_slice", "Slices whose start is clamped so that they stay inside.")
    starts = [
        ((1, 2), "i32"),
        ((-3, 9), "i32"),
        ((100, -100), "i64"),
        ((2**31 - 1, -(2**31)), "i32"),
        # XLA takes a start from 128 on for a negative one, where the specification clamps the number that it is.
        ((127, 0), "ui8"),
        ((-1, 127), "i8"),
    ]
    for index, (start, kind) in enumerate(starts):
        c = module.case(f"slice of 2x3 from 4x5 at {start} of {kind}")
        dtype = ["f32", "i32", "bf16"][index % 3]
        x, at = c.pool((4, 5), dtype), [c.scalar(s, kind) for s in start]
        r = tensor((2, 3), dtype)
        if index % 2:
            c.check(c.generic("dynamic_slice", [x, *at], f"slice_sizes = {array_attr((2, 3))}", [], r))
        else:
            c.check(
                c.op(f"stablehlo.dynamic_slice {x}, {', '.join(at)}, sizes = [2, 3] : {c.signature([x, *at], r)}", r)
            )
        c = module.case(f"update of 4x5 by 2x3 at {start} of {kind}; the operand is used again")
        x, u, at = c.pool((4, 5), dtype), c.pool((2, 3), dtype), [c.scalar(s, kind) for s in start]
        y = c.op(
            f"stablehlo.dynamic_update_slice {x}, {u}, {', '.join(at)} : {c.signature([x, u, *at], c.types[x])}",
            c.types[x],
        )
        c.check(y, c.apply("subtract", x, y))
    return module


def reduces():
    module = Module("reduce", "Reductions by any body, over any dimensions, of several operands.")
    f, i, p = tensor((), "f32"), tensor((), "i32"), tensor((), "i1")
    for shape, dims, dtype, op, value in (
        ((4, 5), [0], "f32", "add", 0),
        ((4, 5), [1], "f32", "maximum", -np.inf),
        ((2, 3, 4), [2, 0], "f32", "add", 0),
        ((2, 3, 4), [1], "i32", "minimum", 2**31 - 1),
        ((3, 3), [], "f32", "add", 0),
        ((7,), [0], "ui8", "add", 0),
        ((3, 4, 2), [0, 1, 2], "i32", "xor", 0),
        ((5, 6), [1], "i1", "and", True),
        ((5, 6), [0], "i1", "or", False),
        ((0, 3), [0], "f32", "add", 0),
        ((2, 3, 2, 3), [1, 3], "f64", "add", 0),
        ((37,), [0], "bf16", "maximum", -np.inf),
    ):
        c = module.case(f"{op} of {dtype}{list(shape)} over {dims}")
        x = c.constant(np.zeros(shape, DTYPES[dtype])) if 0 in shape else c.pool(shape, dtype)
        init = c.constant(np.asarray(value).astype(DTYPES[dtype]))
        r = tensor([s for d, s in enumerate(shape) if d not in dims], dtype)
        if len(module.cases) % 2:
            c.check(
                c.op(
                    f"stablehlo.reduce({x} init: {init}) applies stablehlo.{op} across dimensions = {dims} "
                    f": {c.signature([x, init], r)}",
                    r,
                )
            )
        else:
            c.check(c.generic("reduce", [x, init], f"dimensions = {array_attr(dims)}", [binary_region(op, dtype)], r))
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
    for shape, dims in (((4, 6), [1]), ((3, 4, 2), [0, 2]), ((19,), [0])):
        c = module.case(f"the maximum and its index over {dims} of {list(shape)}")
        x, n, a, b = (
            c.pool(shape, "f32"),
            c.iota(shape, "i32", dims[0]),
            c.scalar(-np.inf, "f32"),
            c.scalar(2**31 - 1, "i32"),
        )
        left = [s for d, s in enumerate(shape) if d not in dims]
        c.check(
            *c.generic(
                "reduce",
                [x, n, a, b],
                f"dimensions = {array_attr(dims)}",
                [argmax],
                tensor(left, "f32"),
                tensor(left, "i32"),
            )
        )
    bodies = [
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
            "the product of three-valued signs",
            "f32",
            1,
            [f"%s = stablehlo.multiply %a, %b : {f}", f"%r = stablehlo.sign %s : {f}"],
        ),
        (
            "not xor not",
            "i32",
            0,
            [f"%p = stablehlo.not %a : {i}", f"%q = stablehlo.not %b : {i}", f"%r = stablehlo.xor %p, %q : {i}"],
        ),
    ]
    for note, dtype, value, body in bodies:
        k = tensor((), dtype)
        c = module.case(f"body: {note}")
        x, init = c.pool((5, 4), dtype), c.scalar(value, dtype)
        c.check(
            c.generic(
                "reduce",
                [x, init],
                "dimensions = array<i64: 0>",
                [region([("a", k), ("b", k)], [*body, f"stablehlo.return %r : {k}"])],
                tensor((4,), dtype),
            )
        )
    c = module.case("two sums and a count at once")
    x, d, n = c.pool((3, 8), "f32"), c.pool((3, 8), "f32"), c.constant(np.ones((3, 8), np.int32))
    k = tensor((), "f32")
    block = region(
        [("a", f), ("b", k), ("c", i), ("d", f), ("e", k), ("g", i)],
        [
            f"%r = stablehlo.add %a, %d : {f}",
            f"%s = stablehlo.add %b, %e : {k}",
            f"%t = stablehlo.add %c, %g : {i}",
            f"stablehlo.return %r, %s, %t : {f}, {k}, {i}",
        ],
    )
    c.check(
        *c.generic(
            "reduce",
            [x, d, n, c.scalar(0, "f32"), c.scalar(0, "f32"), c.scalar(0, "i32")],
            "dimensions = array<i64: 1>",
            [block],
            tensor((3,), "f32"),
            tensor((3,), "f32"),
            tensor((3,), "i32"),
        )
    )
    c = module.case("a body that captures a value: the maximum, no larger than a bound")
    x, init, bound = c.pool((4, 5), "f32"), c.scalar(-np.inf, "f32"), c.scalar(1.25, "f32")
    c.check(
        c.generic(
            "reduce",
            [x, init],
            "dimensions = array<i64: 1>",
            [
                region(
                    [("a", f), ("b", f)],
                    [
                        f"%m = stablehlo.maximum %a, %b : {f}",
                        f"%r = stablehlo.minimum %m, {bound} : {f}",
                        f"stablehlo.return %r : {f}",
                    ],
                )
            ],
            tensor((4,), "f32"),
        )
    )
    return module


def modules():
    yield slices()
    yield reduces()
