"""Cases of `dot_general`: any number of batch and contracting dimensions, anywhere in both operands."""

import numpy as np

from common import FLOATS, Module, tensor

# Types of the operands and of the result.
KINDS = (
    [("f32", "f32")] * 6
    + [("f64", "f64")] * 2
    + [("bf16", "bf16"), ("f16", "f16"), ("i32", "i32")] * 2
    + [("i8", "i32"), ("bf16", "f32"), ("f16", "f32"), ("i64", "i64"), ("ui32", "ui32"), ("ui8", "ui32")]
)


def add_case(module, rng, kind, sizes, generic):
    """Adds a product; `sizes` are the sizes of the dimensions: batch, contracting, free in the left, in the right."""
    source, result = kind
    batch, contract, left, right = sizes
    # Each operand's dimensions are labelled, shuffled and then found again by their labels.
    labels = [
        [("b", i) for i in range(len(batch))]
        + [("c", i) for i in range(len(contract))]
        + [(side, i) for i in range(len(free))]
        for side, free in (("l", left), ("r", right))
    ]
    for side in labels:
        rng.shuffle(side)
    labels = [[(str(k), int(i)) for k, i in side] for side in labels]
    sizes = dict(b=batch, c=contract, l=left, r=right)
    shapes = [tuple(sizes[k][i] for k, i in side) for side in labels]
    batching = [[side.index(("b", i)) for i in range(len(batch))] for side in labels]
    contracting = [[side.index(("c", i)) for i in range(len(contract))] for side in labels]
    free = [[sizes[k][i] for k, i in side if k in "lr"] for side in labels]
    r = tensor((*batch, *free[0], *free[1]), result)
    c = module.case(f"{source}->{result} batch {batching[0]}x{batching[1]} contract {contracting[0]}x{contracting[1]}")
    a, b = c.pool(shapes[0], source), c.pool(shapes[1], source)
    if generic:
        numbers = ", ".join(
            f"{side}_{name} = {dims[index]}"
            for name, dims in (("batching_dimensions", batching), ("contracting_dimensions", contracting))
            for index, side in enumerate(("lhs", "rhs"))
            if dims[index]
        )
        c.check(c.generic("dot_general", [a, b], f"dot_dimension_numbers = #stablehlo.dot<{numbers}>", [], r))
        return
    text = f"stablehlo.dot_general {a}, {b}"
    if batch:
        text += f", batching_dims = {batching[0]} x {batching[1]}"
    text += f", contracting_dims = {contracting[0]} x {contracting[1]}"
    if source in FLOATS and rng.random() < 0.5:
        text += ", precision = " + ["[DEFAULT, DEFAULT]", "[HIGHEST, HIGHEST]", "[HIGH, DEFAULT]"][rng.integers(3)]
    c.check(c.op(f"{text} : {c.signature([a, b], r)}", r))


def modules():
    rng = np.random.default_rng(5)
    module = Module("dot_general", "Products of tensors with batch and contracting dimensions anywhere.")
    while len(module.cases) < 88:
        counts = (rng.integers(0, 4), rng.integers(0, 4), rng.integers(0, 3), rng.integers(0, 3))
        sizes = [[int(v) for v in rng.integers(1, 5, n)] for n in counts]
        batch, contract, left, right = (int(np.prod(v)) for v in sizes)
        if batch * contract * max(left, right) <= 200 and batch * left * right <= 100:
            add_case(module, rng, KINDS[rng.integers(len(KINDS))], sizes, len(module.cases) % 4 == 3)
    # An empty contraction gives zeros; an empty free or batch dimension gives nothing.
    for sizes in (
        ([], [0], [3], [3]),
        ([], [3, 0], [3], []),
        ([0], [3], [3], [3]),
        ([], [3], [0], [3]),
        ([3], [0], [3], [3]),
    ):
        add_case(module, rng, ("f32", "f32"), sizes, False)
    # Matrices as large as one tile and a bit, so that the edges of blocked code are met.
    for m, k, n, kind in (
        (17, 33, 9, "f32"),
        (9, 65, 18, "f32"),
        (1, 129, 15, "f32"),
        (16, 70, 1, "f32"),
        (13, 64, 13, "f64"),
        (7, 40, 19, "i32"),
        (8, 31, 16, "f16"),
    ):
        c = module.case(f"{kind} matrices {m}x{k} by {k}x{n}")
        a, b, r = c.pool((m, k), kind), c.pool((k, n), kind), tensor((m, n), kind)
        if k > 50:
            b = c.apply("transpose", c.pool((n, k), kind), attributes=", dims = [1, 0]", result=tensor((k, n), kind))
        c.check(c.op(f"stablehlo.dot_general {a}, {b}, contracting_dims = [1] x [0] : {c.signature([a, b], r)}", r))
    assert len(module.cases) == 100
    yield module
