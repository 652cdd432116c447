"""Cases of `convolution`: random combinations of every attribute, and gradients as JAX lowers them."""

import jax
import numpy as np
from jax import lax

import common
from common import Module, array_attr, tensor

# Input and result element types, each with its weight.
KINDS = (
    [("f32", "f32")] * 6
    + [("f64", "f64")] * 2
    + [("bf16", "bf16")] * 2
    + [("f16", "f16")] * 2
    + [("i32", "i32")] * 2
    + [("i8", "i32"), ("bf16", "f32")]
)


def random_setting(rng, rank, reversal=True, max_positions=40):
    """Draws sizes and attributes until the output has at least one and at most `max_positions` positions."""
    while True:
        s = dict(
            rank=rank,
            size=rng.integers(1, 8 if rank < 3 else 5, rank),
            window=rng.integers(1, 4, rank),
            stride=rng.choice([1, 1, 2, 3], rank),
            padding=rng.integers(-1, 3, (rank, 2)),
            lhs_dilation=rng.choice([1, 1, 1, 2, 3], rank),
            rhs_dilation=rng.choice([1, 1, 1, 2, 3], rank),
            reversal=rng.random(rank) < 0.25 if reversal else np.zeros(rank, bool),
            groups=1,
            batch_groups=1,
        )
        if rng.random() < 0.3:
            s["padding"][:] = 0
        if rng.random() < 0.3:
            s["lhs_dilation"][:] = 1
            s["rhs_dilation"][:] = 1
        which = rng.random()
        if which < 0.25:
            s["groups"] = int(rng.choice([2, 3]))
        elif which < 0.45:
            s["batch_groups"] = int(rng.choice([2, 3]))
        if s["batch_groups"] > 1:
            # XLA's f32 code for CPUs (of JAX 0.10.2) computes batch groups with negative padding wrongly.
            s["padding"] = np.maximum(s["padding"], 0)
        span = (s["size"] - 1) * s["lhs_dilation"] + 1 + s["padding"].sum(1)
        extent = (s["window"] - 1) * s["rhs_dilation"] + 1
        s["out"] = np.where(span < extent, 0, (span - extent) // s["stride"] + 1)
        if (s["out"] < 1).any() or np.prod(s["out"]) > max_positions:
            continue
        s["batch"] = s["batch_groups"] * int(rng.integers(1, 3))
        s["in"] = s["groups"] * int(rng.integers(1, 4))
        s["features"] = s["groups"] * s["batch_groups"] * int(rng.integers(1, 3))
        s["kernel_in"] = s["in"] // s["groups"]
        if s["batch"] // s["batch_groups"] * s["features"] * np.prod(s["out"]) <= 96:
            return s


def dimensions(rng, rank):
    """A random layout of input, kernel and output: each a permutation of letters and spatial numbers."""
    spatial = [str(i) for i in range(rank)]
    if rng.random() < 0.35:
        return [["b", *spatial, "f"], [*spatial, "i", "o"], ["b", *spatial, "f"]]
    if rng.random() < 0.3:
        return [["b", "f", *spatial], ["o", "i", *spatial], ["b", "f", *spatial]]
    return [
        list(rng.permutation(["b", "f", *spatial])),
        list(rng.permutation(["i", "o", *spatial])),
        list(rng.permutation(["b", "f", *spatial])),
    ]


def arrange(layout, letters, spatial):
    return tuple(int(letters[d]) if d in letters else int(spatial[int(d)]) for d in layout)


def add_case(module, rng, s, kind, generic):
    source, result = kind
    lhs, rhs, out = dimensions(rng, s["rank"])
    note = (
        f"{source}->{result} stride {list(s['stride'])} pad {s['padding'].tolist()} dilation {list(s['lhs_dilation'])}"
        f"/{list(s['rhs_dilation'])} groups {s['groups']}/{s['batch_groups']}"
    ).replace("np.int64", "")
    c = module.case(note.replace("(", "").replace(")", ""))
    x = c.pool(arrange(lhs, dict(b=s["batch"], f=s["in"]), s["size"]), source)
    w = c.pool(arrange(rhs, dict(i=s["kernel_in"], o=s["features"]), s["window"]), source)
    r = tensor(arrange(out, dict(b=s["batch"] // s["batch_groups"], f=s["features"]), s["out"]), result)
    layout = f"[{', '.join(lhs)}]x[{', '.join(rhs)}]->[{', '.join(out)}]"
    groups = f"batch_group_count = {s['batch_groups']} : i64, feature_group_count = {s['groups']} : i64"
    if generic:
        pad = (
            f"dense<{s['padding'].tolist()}> : tensor<{s['rank']}x2xi64>" if s["rank"] else "dense<> : tensor<0x2xi64>"
        )
        attributes = (
            f"dimension_numbers = #stablehlo.conv<{layout}>, {groups}, padding = {pad}, "
            f"lhs_dilation = {array_attr(s['lhs_dilation'])}, rhs_dilation = {array_attr(s['rhs_dilation'])}, "
            f"window_reversal = {array_attr(s['reversal'], 'i1')}, window_strides = {array_attr(s['stride'])}"
        )
        y = c.generic("convolution", [x, w], attributes, [], r)
    else:
        window = [f"stride = {s['stride'].tolist()}", f"pad = {s['padding'].tolist()}"]
        if (s["lhs_dilation"] != 1).any():
            window.append(f"lhs_dilate = {s['lhs_dilation'].tolist()}")
        if (s["rhs_dilation"] != 1).any():
            window.append(f"rhs_dilate = {s['rhs_dilation'].tolist()}")
        if s["reversal"].any():
            window.append(f"reverse = {str(s['reversal'].tolist()).lower()}")
        y = c.op(
            f"stablehlo.convolution({x}, {w}) dim_numbers = {layout}, window = {{{', '.join(window)}}} {{{groups}}} "
            f": {c.signature([x, w], r)}",
            r,
        )
    # XLA must agree with a direct sum in f64.
    pool = common.pool_values(source)
    sizes = [common.parse_tensor(c.types[v])[0] for v in (x, w)]
    first, second = (int(np.prod(v)) for v in sizes)
    c.check(
        y,
        expected=reference(
            s, lhs, rhs, out, pool[:first].reshape(sizes[0]), pool[first : first + second].reshape(sizes[1])
        ),
    )


def reference(s, lhs, rhs, out, x, w):
    """The convolution by its definition, one multiplication at a time."""
    rank, spatial = s["rank"], [str(d) for d in range(s["rank"])]
    x = x.transpose([lhs.index(d) for d in ["b", "f", *spatial]])
    w = w.transpose([rhs.index(d) for d in ["o", "i", *spatial]])
    if s["reversal"].any():
        w = np.flip(w, [2 + d for d in range(rank) if s["reversal"][d]])
    groups, batch_groups, batch = s["groups"], s["batch_groups"], s["batch"] // s["batch_groups"]
    per_group = s["features"] // (groups * batch_groups)
    y = np.zeros((batch, s["features"], *s["out"]))
    for b, o, *position in np.ndindex(*y.shape):
        group = o // per_group
        row = b + (group * batch if batch_groups > 1 else 0)
        for i, *tap in np.ndindex(*w.shape[1:]):
            at = [
                position[d] * s["stride"][d] + tap[d] * s["rhs_dilation"][d] - s["padding"][d][0] for d in range(rank)
            ]
            if all(a % e == 0 and 0 <= a // e < n for a, e, n in zip(at, s["lhs_dilation"], x.shape[2:])):
                channel = i + (group * w.shape[1] if groups > 1 else 0)
                y[(b, o, *position)] += (
                    x[(row, channel, *(a // e for a, e in zip(at, s["lhs_dilation"])))] * w[(o, i, *tap)]
                )
    return y.transpose([["b", "f", *spatial].index(d) for d in out])


def add_gradients(module, rng, rank, dtype):
    """The gradients of a convolution with respect to its input and its kernel: two cases."""
    s = random_setting(rng, rank, reversal=False, max_positions=20)
    layout = ("NHWC"[0] + "DHW"[3 - rank :] + "C", "DHW"[3 - rank :] + "IO", "N" + "DHW"[3 - rank :] + "C")
    if rng.random() < 0.5:
        layout = ("NC" + "DHW"[3 - rank :], "OI" + "DHW"[3 - rank :], "NC" + "DHW"[3 - rank :])

    def sizes(spec, letters, spatial):
        return tuple(int(letters[d]) if d in letters else int(spatial["DHW"[3 - rank :].index(d)]) for d in spec)

    def convolve(x, w):
        return lax.conv_general_dilated(
            x,
            w,
            [int(v) for v in s["stride"]],
            [tuple(map(int, p)) for p in s["padding"]],
            lhs_dilation=[int(v) for v in s["lhs_dilation"]],
            rhs_dilation=[int(v) for v in s["rhs_dilation"]],
            dimension_numbers=layout,
            feature_group_count=s["groups"],
            batch_group_count=s["batch_groups"],
        )

    for operand, name in ((0, "input"), (1, "kernel")):
        c = module.case(f"gradient of a convolution by its {name}, {dtype}, groups {s['groups']}/{s['batch_groups']}")
        x = c.pool(sizes(layout[0], dict(N=s["batch"], C=s["in"]), s["size"]), dtype)
        w = c.pool(sizes(layout[1], dict(I=s["kernel_in"], O=s["features"]), s["window"]), dtype)
        g = c.pool(sizes(layout[2], dict(N=s["batch"] // s["batch_groups"], C=s["features"]), s["out"]), dtype)
        c.check(c.jax(lambda x, w, g: jax.vjp(convolve, x, w)[1](g)[operand], x, w, g))


def special_cases(module, rng):
    """Corners that the random settings do not reach: no spatial dimension, no batch, no output, large integers."""
    for kind in (("f32", "f32"), ("i32", "i32")):
        s = dict(
            rank=0,
            size=np.zeros(0, int),
            window=np.zeros(0, int),
            stride=np.zeros(0, int),
            out=np.zeros(0, int),
            padding=np.zeros((0, 2), int),
            lhs_dilation=np.ones(0, int),
            rhs_dilation=np.ones(0, int),
            reversal=np.zeros(0, bool),
            groups=1,
            batch_groups=1,
            batch=2,
            features=3,
            kernel_in=4,
        )
        s["in"] = 4
        add_case(module, rng, s, kind, generic=True)
    for batch, size, window in ((0, 5, 3), (2, 2, 3), (2, 0, 2)):
        one = np.ones(1, int)
        s = dict(
            rank=1,
            size=one * size,
            window=one * window,
            stride=one,
            padding=np.zeros((1, 2), int),
            lhs_dilation=one,
            rhs_dilation=one,
            reversal=np.zeros(1, bool),
            groups=1,
            batch_groups=1,
            batch=batch,
            features=3,
            kernel_in=2,
            out=one * max(0, size - window + 1),
        )
        s["in"] = 2
        add_case(module, rng, s, ("f32", "f32"), generic=False)
    # Sums beyond the range saturate in XLA, which computes them in floats, where the specification has them wrap around.
    c = module.case("i32 products and sums at the border of the range")
    x = c.constant(np.array([[[65535], [-100], [1], [40503]]], np.int32))
    w = c.constant(np.array([[[32767]], [[-3]]], np.int32))
    r = tensor((1, 3, 1), "i32")
    c.check(
        c.op(
            f"stablehlo.convolution({x}, {w}) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {{}} "
            f"{{batch_group_count = 1 : i64, feature_group_count = 1 : i64}} : {c.signature([x, w], r)}",
            r,
        )
    )


def modules():
    rng = np.random.default_rng(3)
    for rank, count in ((1, 80), (2, 110), (3, 44)):
        module = Module(f"convolution_{rank}d", f"Convolutions with {rank} spatial dimensions.")
        for index in range(count):
            add_case(module, rng, random_setting(rng, rank), KINDS[rng.integers(len(KINDS))], index % 4 == 3)
        yield module
    module = Module("convolution_special", "Convolutions at the corners: empty, without spatial dimensions, large integers.")
    special_cases(module, rng)
    yield module
    module = Module("convolution_gradients", "Gradients of convolutions as JAX lowers them.")
    for index in range(30):
        add_gradients(module, rng, [2, 1, 2, 3][index % 4], ["f32", "f32", "f64", "bf16"][index // 4 % 4])
    yield module
