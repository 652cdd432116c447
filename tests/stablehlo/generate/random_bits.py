"""Cases of `rng_bit_generator`: both algorithms and the default one, all widths, sizes that do not fill a block."""

import numpy as np

from common import Module, tensor

SETTINGS = [
    ("THREE_FRY", 2, "ui32", (8,)),
    ("THREE_FRY", 2, "ui32", (5,)),
    ("THREE_FRY", 2, "ui32", (3, 4)),
    ("THREE_FRY", 2, "ui64", (6,)),
    ("THREE_FRY", 2, "ui64", (3, 3)),
    ("THREE_FRY", 2, "ui32", ()),
    ("THREE_FRY", 2, "ui16", (9,)),
    ("THREE_FRY", 2, "ui8", (2, 11)),
    ("THREE_FRY", 2, "ui32", (2, 3, 2)),
    ("PHILOX", 2, "ui32", (8,)),
    ("PHILOX", 3, "ui32", (7,)),
    ("PHILOX", 3, "ui64", (5,)),
    ("PHILOX", 3, "ui64", (2, 3)),
    ("PHILOX", 3, "ui16", (13,)),
    ("PHILOX", 3, "ui8", (3, 5)),
    ("PHILOX", 3, "ui32", (1, 129)),
    ("PHILOX", 3, "ui64", (4,)),
    ("DEFAULT", 2, "ui32", (9,)),
    ("DEFAULT", 3, "ui64", (4,)),
    ("DEFAULT", 2, "ui8", (17,)),
]


def modules():
    rng = np.random.default_rng(13)
    module = Module("rng_bit_generator", "Random bits, and the state that follows.")
    for index, (algorithm, words, dtype, shape) in enumerate(SETTINGS):
        c = module.case(f"{algorithm} {dtype}{list(shape)} from {words} words")
        state = rng.integers(0, 2**64, words, np.uint64)
        if index % 4 == 1:
            state[1:] = 2**64 - 1  # The counter overflows into its next word.
        s = c.constant(state)
        r = tensor(shape, dtype)
        if index % 3 == 2:
            names = c.generic(
                "rng_bit_generator", [s], f"rng_algorithm = #stablehlo<rng_algorithm {algorithm}>", [], c.types[s], r
            )
        else:
            names = c.op(
                f"stablehlo.rng_bit_generator {s}, algorithm = {algorithm} : ({c.types[s]}) -> ({c.types[s]}, {r})",
                c.types[s],
                r,
            )
        c.check(names[1], names[0])
    yield module
