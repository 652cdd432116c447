"""Cases of `while`, `case` and `if`: nested, with captured values, without a trip, with several results."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from common import Module, tensor

I, F, P = tensor((), "i32"), tensor((), "f32"), tensor((), "i1")
V = tensor((4,), "f32")


def while_op(c, operands, condition, body):
    """A `while` in its pretty form; operands are (name in the regions, value) pairs."""
    kinds = [c.types[value] for _, value in operands]
    head = ", ".join(f"%{name} = {value}" for name, value in operands)
    lines = "\n".join
    text = (
        f"stablehlo.while({head}) : {', '.join(kinds)}\n    cond {{\n"
        + lines("      " + line for line in condition)
        + "\n    } do {\n"
        + lines("      " + line for line in body)
        + "\n    }"
    )
    return c.op(text, *kinds)


def compare(direction, a, b, kind=I):
    return f"stablehlo.compare {direction}, {a}, {b} : ({kind}, {kind}) -> {P}"


def whiles(module):
    for start, end in ((0, 5), (5, 5), (7, 3)):
        c = module.case(f"counts from {start} to {end} and adds a captured vector")
        i, n, one, x, v = (
            c.scalar(start, "i32"),
            c.scalar(end, "i32"),
            c.scalar(1, "i32"),
            c.pool((4,), "f32"),
            c.pool((4,), "f32"),
        )
        c.check(
            *while_op(
                c,
                [("i", i), ("v", v)],
                [f"%p = {compare('LT', '%i', n)}", f"stablehlo.return %p : {P}"],
                [
                    f"%j = stablehlo.add %i, {one} : {I}",
                    f"%w = stablehlo.add %v, {x} : {V}",
                    f"stablehlo.return %j, %w : {I}, {V}",
                ],
            )
        )
    c = module.case("a single result")
    x, bound, two = c.scalar(3, "i32"), c.scalar(1000, "i32"), c.scalar(2, "i32")
    c.check(
        while_op(
            c,
            [("x", x)],
            [f"%p = {compare('LE', '%x', bound)}", f"stablehlo.return %p : {P}"],
            [f"%y = stablehlo.multiply %x, {two} : {I}", f"stablehlo.return %y : {I}"],
        )
    )
    c = module.case("exchanges its values: no value may be overwritten before it is read")
    i, n, one = c.scalar(0, "i32"), c.scalar(7, "i32"), c.scalar(1, "i32")
    a, b, d = (c.pool((4,), "f32") for _ in range(3))
    c.check(
        *while_op(
            c,
            [("i", i), ("a", a), ("b", b), ("d", d)],
            [f"%p = {compare('NE', '%i', n)}", f"stablehlo.return %p : {P}"],
            [f"%j = stablehlo.add %i, {one} : {I}", f"stablehlo.return %j, %d, %a, %b : {I}, {V}, {V}, {V}"],
        ),
        a,
        b,
        d,
    )
    c = module.case("the same value starts two loop values; the start is used again afterwards")
    i, n, one, a = c.scalar(0, "i32"), c.scalar(3, "i32"), c.scalar(1, "i32"), c.pool((4,), "f32")
    r = while_op(
        c,
        [("i", i), ("a", a), ("b", a)],
        [f"%p = {compare('LT', '%i', n)}", f"stablehlo.return %p : {P}"],
        [
            f"%j = stablehlo.add %i, {one} : {I}",
            f"%s = stablehlo.add %a, %b : {V}",
            f"stablehlo.return %j, %s, %b : {I}, {V}, {V}",
        ],
    )
    c.check(*r, c.apply("subtract", r[1], a))
    c = module.case("nested, the inner bound is the outer counter; both capture")
    i, n, one, v, x = (
        c.scalar(0, "i32"),
        c.scalar(4, "i32"),
        c.scalar(1, "i32"),
        c.pool((4,), "f32"),
        c.pool((4,), "f32"),
    )
    c.check(
        *while_op(
            c,
            [("i", i), ("v", v)],
            [f"%p = {compare('LT', '%i', n)}", f"stablehlo.return %p : {P}"],
            [
                f"%zero = stablehlo.constant dense<0> : {I}",
                f"%in:2 = stablehlo.while(%k = %zero, %u = %v) : {I}, {V}",
                "cond {",
                f"  %q = {compare('LT', '%k', '%i')}",
                f"  stablehlo.return %q : {P}",
                "} do {",
                f"  %l = stablehlo.add %k, {one} : {I}",
                f"  %w = stablehlo.add %u, {x} : {V}",
                f"  stablehlo.return %l, %w : {I}, {V}",
                "}",
                f"%j = stablehlo.add %i, {one} : {I}",
                f"stablehlo.return %j, %in#1 : {I}, {V}",
            ],
        )
    )
    c = module.case("the condition looks at a reduced tensor")
    v, x, bound, zero = (
        c.pool((4,), "f32"),
        c.constant(np.array([1, 0.5, 0.25, 2], np.float32)),
        c.scalar(20, "f32"),
        c.scalar(0, "f32"),
    )
    c.check(
        while_op(
            c,
            [("v", v)],
            [
                f"%s = stablehlo.reduce(%v init: {zero}) applies stablehlo.add across dimensions = [0] "
                f": ({V}, {F}) -> {F}",
                f"%p = {compare('LT', '%s', bound, F)}",
                f"stablehlo.return %p : {P}",
            ],
            [f"%w = stablehlo.add %v, {x} : {V}", f"stablehlo.return %w : {V}"],
        )
    )
    c = module.case("in generic form, with a predicate as loop value")
    p, i, n, one = c.scalar(True, "i1"), c.scalar(0, "i32"), c.scalar(6, "i32"), c.scalar(1, "i32")
    c.check(
        *c.generic(
            "while",
            [p, i],
            "",
            [
                f"\n    ^bb0(%p: {P}, %i: {I}):\n      stablehlo.return %p : {P}",
                f"\n    ^bb0(%p: {P}, %i: {I}):\n      %j = stablehlo.add %i, {one} : {I}\n"
                f"      %q = {compare('LT', '%j', n)}\n"
                f"      stablehlo.return %q, %j : {P}, {I}",
            ],
            P,
            I,
        )
    )
    c = module.case("a loop value without elements, and one that never changes")
    i, n, one = c.scalar(0, "i32"), c.scalar(2, "i32"), c.scalar(1, "i32")
    e, v = c.constant(np.zeros((0, 3), np.float32)), c.pool((4,), "f32")
    c.check(
        *while_op(
            c,
            [("i", i), ("e", e), ("v", v)],
            [f"%p = {compare('LT', '%i', n)}", f"stablehlo.return %p : {P}"],
            [f"%j = stablehlo.add %i, {one} : {I}", f"stablehlo.return %j, %e, %v : {I}, {c.types[e]}, {V}"],
        )
    )


def branch(body, *results):
    """A region of `if` or `case`."""
    kinds = ", ".join(k for _, k in results)
    return "\n" + "\n".join(
        "      " + b for b in [*body, f"stablehlo.return {', '.join(n for n, _ in results)} : {kinds}"]
    )


def branches(module):
    for value in (True, False):
        c = module.case(f"if {str(value).lower()}: two results of which one is captured")
        p, x, y = c.scalar(value, "i1"), c.pool((4,), "f32"), c.pool((4,), "f32")
        c.check(
            *c.generic(
                "if",
                [p],
                "",
                [
                    branch([f"%s = stablehlo.add {x}, {y} : {V}"], ("%s", V), (x, V)),
                    branch([f"%s = stablehlo.multiply {x}, {y} : {V}"], (y, V), ("%s", V)),
                ],
                V,
                V,
            )
        )
    for index in (-1, 0, 1, 2, 3, 100, -(2**31)):
        c = module.case(f"case {index} of three: out of bounds is the last")
        i, x, y = c.scalar(index, "i32"), c.pool((4,), "f32"), c.pool((4,), "f32")
        c.check(
            c.generic(
                "case",
                [i],
                "",
                [branch([f"%s = stablehlo.{op} {x}, {y} : {V}"], ("%s", V)) for op in ("add", "subtract", "multiply")],
                V,
            )
        )
    c = module.case("case with one branch")
    i, x = c.scalar(3, "i32"), c.pool((4,), "f32")
    c.check(c.generic("case", [i], "", [branch([f"%s = stablehlo.negate {x} : {V}"], ("%s", V))], V))
    for a, b in ((True, False), (False, True)):
        c = module.case(f"if in if: {a}, {b}".lower())
        p, q, x = c.scalar(a, "i1"), c.scalar(b, "i1"), c.pool((4,), "f32")
        inner = [
            f'%r = "stablehlo.if"({q}) ({{',
            f"  %t = stablehlo.add {x}, {x} : {V}",
            f"  stablehlo.return %t : {V}",
            "}, {",
            f"  %t = stablehlo.multiply {x}, {x} : {V}",
            f"  stablehlo.return %t : {V}",
            f"}}) : ({P}) -> {V}",
        ]
        c.check(
            c.generic(
                "if",
                [p],
                "",
                [branch([*inner, f"%n = stablehlo.negate %r : {V}"], ("%n", V)), branch(inner, ("%r", V))],
                V,
            )
        )
    c = module.case("if in while: parity decides what is added")
    i, n, one, two, v, x, y = (
        c.scalar(0, "i32"),
        c.scalar(5, "i32"),
        c.scalar(1, "i32"),
        c.scalar(2, "i32"),
        c.pool((4,), "f32"),
        c.pool((4,), "f32"),
        c.pool((4,), "f32"),
    )
    c.check(
        *while_op(
            c,
            [("i", i), ("v", v)],
            [f"%p = {compare('LT', '%i', n)}", f"stablehlo.return %p : {P}"],
            [
                f"%m = stablehlo.remainder %i, {two} : {I}",
                f"%q = {compare('EQ', '%m', one)}",
                '%r = "stablehlo.if"(%q) ({',
                f"  %t = stablehlo.add %v, {x} : {V}",
                f"  stablehlo.return %t : {V}",
                "}, {",
                f"  %t = stablehlo.subtract %v, {y} : {V}",
                f"  stablehlo.return %t : {V}",
                f"}}) : ({P}) -> {V}",
                f"%j = stablehlo.add %i, {one} : {I}",
                f"stablehlo.return %j, %r : {I}, {V}",
            ],
        )
    )
    c = module.case("while in a branch that is taken, and in one that is not")
    p, zero, one, n, x = (
        c.scalar(True, "i1"),
        c.scalar(0, "i32"),
        c.scalar(1, "i32"),
        c.scalar(3, "i32"),
        c.pool((4,), "f32"),
    )
    loop = [
        f"%l:2 = stablehlo.while(%k = {zero}, %u = {x}) : {I}, {V}",
        "cond {",
        f"  %q = {compare('LT', '%k', n)}",
        f"  stablehlo.return %q : {P}",
        "} do {",
        f"  %m = stablehlo.add %k, {one} : {I}",
        f"  %w = stablehlo.add %u, %u : {V}",
        f"  stablehlo.return %m, %w : {I}, {V}",
        "}",
    ]
    endless = [
        line.replace("LT", "GE") if "compare" in line else line.replace("add %k", "subtract %k") for line in loop
    ]
    c.check(
        *c.generic(
            "if", [p], "", [branch(loop, ("%l#0", I), ("%l#1", V)), branch(endless, ("%l#0", I), ("%l#1", V))], I, V
        )
    )


def from_jax(module):
    """What JAX makes of its own control flow."""

    def scan(x, y):
        return lax.scan(lambda carry, row: (carry + row, carry * 2), x, y)

    def scan_reversed(x, y):
        return lax.scan(lambda c, r: ((c[1], c[0] + r), (c[0], r)), (x, x), y, reverse=True)

    def scan_unrolled(x, y):
        return lax.scan(lambda c, r: (c + r, c), x, y, unroll=2)

    def nested_scan(x, y):
        return lax.scan(lambda c, r: lax.scan(lambda d, s: (d + s * r, d.sum()), c, y[:2]), x, y[:2])

    def fori(x, y):
        return lax.fori_loop(0, 5, lambda i, v: v.at[i % 4].add(y[i, 1]), x)

    def fori_dynamic(x, y):
        return lax.fori_loop(y[0].argmax(), 6, lambda i, v: v + i, x)

    def collatz(x, y):
        n = (jnp.abs(x[0]) * 4).astype(jnp.int32) + 7
        return lax.while_loop(
            lambda s: s[0] != 1, lambda s: (jnp.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1), (n, 0)
        )

    def conditional(x, y):
        return lax.cond(x[0] > y[0, 0], lambda: (x + y[1], x.sum()), lambda: (x - y[1], y[0, 1]))

    def switch(x, y):
        return [
            lax.switch(i, [lambda v: v + 1, lambda v: v * 2, lambda v: -v], x)
            for i in (jnp.int32(0) + x.argmin(), 7, -3)
        ]

    def vmapped_while(x, y):
        return jax.vmap(lambda v: lax.while_loop(lambda s: s < 10, lambda s: s + 1.5, v))(x)

    def vmapped_cond(x, y):
        return jax.vmap(lambda v, r: lax.cond(v > 0, lambda: r.sum(), lambda: r.max()))(x, y[:4])

    def gradient_of_scan(x, y):
        return jax.grad(
            lambda x, y: (lambda c, o: c.sum() + (o * y).sum())(*lax.scan(lambda c, r: (c + r, c * r), x, y)), (0, 1)
        )(x, y)

    def gradient_of_cond(x, y):
        return jax.grad(lambda v: lax.cond(v[1] > 0, lambda u: (u * u).sum(), lambda u: (u * y[2]).sum(), v))(x)

    def cond_in_scan(x, y):
        return lax.scan(lambda c, r: (lax.cond(r[0] > 0, lambda: c + r, lambda: c - r), c.max()), x, y)

    def associative_scan(x, y):
        return lax.associative_scan(jnp.add, y, axis=0)

    def scan_without_steps(x, y):
        return lax.scan(lambda c, r: (c + r, c * 2), x, y[:0])

    for function in (
        scan,
        scan_reversed,
        scan_unrolled,
        nested_scan,
        fori,
        fori_dynamic,
        collatz,
        conditional,
        switch,
        vmapped_while,
        vmapped_cond,
        gradient_of_scan,
        gradient_of_cond,
        cond_in_scan,
        associative_scan,
        scan_without_steps,
    ):
        c = module.case(function.__name__.replace("_", " ") + ", as JAX lowers it")
        x, y = c.pool((4,), "f32"), c.pool((6, 4), "f32")
        results = c.jax(function, x, y)
        c.check(*([results] if isinstance(results, str) else results))


def modules():
    module = Module("control_flow", "Loops and branches: nested, capturing, without a trip, with several results.")
    whiles(module)
    branches(module)
    from_jax(module)
    assert len(module.cases) >= 40
    yield module
