"""Cases of `gather` and `scatter`: random dimension numbers with batching dimensions, and indices out of bounds."""

import numpy as np

from common import DTYPES, Module, array_attr, binary_region, region, tensor


def random_numbers(rng):
    """Draws the dimension numbers of a gather; those of a scatter are the same under other names."""
    while True:
        rank = int(rng.integers(1, 5))
        operand = rng.choice([1, 2, 3, 3, 4, 5, 6], rank)
        order = list(rng.permutation(rank))
        batching = order[: rng.integers(0, min(rank, 2) + (rank > 2))]
        rest = [d for d in order if d not in batching]
        collapsed = [d for d in rest if rng.random() < 0.4]
        indexed = [d for d in rest if d in collapsed or rng.random() < 0.6]
        rng.shuffle(indexed)
        extra = [int(v) for v in rng.integers(1, 4, rng.integers(0, 3))]
        # The dimensions of the indices but for the vector: those of the batch, shuffled among the others.
        labels = [("b", d) for d in batching] + [("x", i) for i in range(len(extra))]
        labels = [labels[i] for i in rng.permutation(len(labels))]
        index_shape = [int(operand[d]) if k == "b" else extra[d] for k, d in labels]
        vector = int(rng.integers(0, len(index_shape) + 1))
        start_batching = [labels.index(("b", d)) for d in batching]
        implicit = len(indexed) == 1 and rng.random() < 0.5
        if implicit:
            vector = len(index_shape)
        shape = list(index_shape)
        if not implicit:
            shape.insert(vector, len(indexed))
            start_batching = [d + (d >= vector) for d in start_batching]
        slices = [1 if d in batching or d in collapsed else int(rng.integers(1, operand[d] + 1)) for d in range(rank)]
        window = [slices[d] for d in range(rank) if d not in batching and d not in collapsed]
        out_rank = len(index_shape) + len(window)
        offset = sorted(int(v) for v in rng.choice(out_rank, len(window), replace=False)) if window else []
        out, at = [0] * out_rank, iter(index_shape)
        for d in range(out_rank):
            out[d] = window[offset.index(d)] if d in offset else next(at)
        if np.prod(out) <= 60 and 6 <= np.prod(operand) <= 120 and 0 not in shape:
            collapsed, batch = sorted(collapsed), batching
            if batch:
                # Batching dimensions are listed in ascending order, each with its dimension of the indices.
                pairs = sorted(zip(batch, start_batching))
                batch, start_batching = [p[0] for p in pairs], [p[1] for p in pairs]
            return dict(
                operand=tuple(map(int, operand)),
                shape=tuple(shape),
                out=tuple(out),
                offset=offset,
                collapsed=list(map(int, collapsed)),
                batch=list(map(int, batch)),
                start_batch=list(map(int, start_batching)),
                map=list(map(int, indexed)),
                vector=vector,
                slices=slices,
                implicit=implicit,
                unique_rows=index_shape,
            )


def indices(rng, n, dtype, scatter=False):
    """Mostly in bounds, some below and some beyond.

    The windows of a scatter are either wholly inside or wholly outside: of those that cross the border, XLA drops
    everything while StableHLO's specification drops what is outside.
    """
    low = 0 if dtype.startswith("ui") else -2
    values = rng.integers(low, max(n["operand"]) + 1, n["shape"])
    if scatter:
        along = np.arange(n["shape"][n["vector"]]) if not n["implicit"] else np.zeros(1, int)
        position = along.reshape([-1] + [1] * (len(n["shape"]) - 1 - n["vector"])) if not n["implicit"] else 0
        component = np.broadcast_to(position, n["shape"])
        size = np.array(n["operand"])[n["map"]] if n["map"] else np.zeros(1, int)
        window = np.array(n["slices"])[n["map"]] if n["map"] else np.zeros(1, int)
        size, window = size[component], window[component]
        inside = rng.integers(0, 100, n["shape"]) % (size - window + 1)
        outside = np.where((rng.random(n["shape"]) < 0.5) & (low < 0), -window, size)
        values = np.where(rng.random(n["shape"]) < 0.8 ** (1 / max(1, len(n["map"]))), inside, outside)
    return values.astype(DTYPES[dtype])


def numbers(n, names):
    """The text of the dimension numbers; empty lists are left out, as the printer does."""
    lists = [
        (names[0], n["offset"]),
        (names[1], n["collapsed"]),
        (names[2], n["batch"]),
        (names[3], n["start_batch"]),
        (names[4], n["map"]),
    ]
    text = [f"{name} = {value}" for name, value in lists if value]
    if n["vector"]:
        text.append(f"index_vector_dim = {n['vector']}")
    return ", ".join(text)


GATHER = (
    "offset_dims",
    "collapsed_slice_dims",
    "operand_batching_dims",
    "start_indices_batching_dims",
    "start_index_map",
)
SCATTER = (
    "update_window_dims",
    "inserted_window_dims",
    "input_batching_dims",
    "scatter_indices_batching_dims",
    "scatter_dims_to_operand_dims",
)


def gathers(rng):
    module = Module("gather", "Gathers; starts out of bounds are clamped.")
    while len(module.cases) < 24:
        n, dtype, index = (
            random_numbers(rng),
            ["f32", "i32", "bf16", "f64", "i1", "ui8"][rng.integers(6)],
            ["i32", "i64", "ui32", "i8"][rng.integers(4)],
        )
        c = module.case(
            f"operand {list(n['operand'])} indices {list(n['shape'])} of {index} batching {n['batch']} "
            f"collapsed {n['collapsed']} map {n['map']}"
        )
        x, i = c.pool(n["operand"], dtype), c.constant(indices(rng, n, index))
        ordered = ", indices_are_sorted = false" if len(module.cases) % 2 else ""
        c.check(
            c.generic(
                "gather",
                [x, i],
                f"dimension_numbers = #stablehlo.gather<{numbers(n, GATHER)}>, slice_sizes = "
                f"{array_attr(n['slices'])}{ordered}",
                [],
                tensor(n["out"], dtype),
            )
        )
    return module


def scatters(rng):
    """Bodies are commutative, so that the order of equal indices does not matter, but where all rows are distinct."""
    module = Module("scatter", "Scatters; updates out of bounds are dropped.")
    bodies = ["add", "maximum", "minimum", "add", "custom", "multiply", "several", "replace"]
    while len(module.cases) < 24:
        n, body = random_numbers(rng), bodies[len(module.cases) % len(bodies)]
        dtype = {"custom": "i32", "multiply": "i32"}.get(body, ["f32", "i32", "bf16", "f64"][rng.integers(4)])
        index = ["i32", "i64", "ui32", "i8"][rng.integers(4)]
        values = indices(rng, n, index, scatter=True)
        t = tensor((), dtype)
        if body == "replace":
            # One window in each batch, hence no two updates of one element.
            if np.prod(n["unique_rows"]) != np.prod([n["operand"][d] for d in n["batch"]]):
                continue
        c = module.case(
            f"{body} {dtype}: input {list(n['operand'])} indices {list(n['shape'])} of {index} batching {n['batch']} "
            f"inserted {n['collapsed']} map {n['map']}"
        )
        x, i, u = c.pool(n["operand"], dtype), c.constant(values), c.pool(n["out"], dtype)
        operands, results = [x, i, u], [c.types[x]]
        if body == "custom":
            block = region(
                [("a", t), ("b", t)],
                [
                    f"%p = stablehlo.multiply %a, %b : {t}",
                    f"%q = stablehlo.add %a, %b : {t}",
                    f"%r = stablehlo.add %p, %q : {t}",
                    f"stablehlo.return %r : {t}",
                ],
            )
        elif body == "replace":
            block = region([("a", t), ("b", t)], [f"stablehlo.return %b : {t}"])
        elif body == "several":
            y, v, k = c.pool(n["operand"], "i32"), c.pool(n["out"], "i32"), tensor((), "i32")
            operands, results = [x, y, i, u, v], [c.types[x], c.types[y]]
            block = region(
                [("a", t), ("c", k), ("b", t), ("d", k)],
                [
                    f"%r = stablehlo.add %a, %b : {t}",
                    f"%s = stablehlo.maximum %c, %d : {k}",
                    f"stablehlo.return %r, %s : {t}, {k}",
                ],
            )
        else:
            block = binary_region(body, dtype)
        flags = ["", ", indices_are_sorted = false, unique_indices = false"][len(module.cases) % 2]
        if body == "replace":
            flags = ", indices_are_sorted = false, unique_indices = true"
        r = c.generic(
            "scatter",
            operands,
            f"scatter_dimension_numbers = #stablehlo.scatter<{numbers(n, SCATTER)}>{flags}",
            [block],
            *results,
        )
        c.check(*([r] if isinstance(r, str) else r))
    return module


def modules():
    yield gathers(np.random.default_rng(17))
    yield scatters(np.random.default_rng(19))
