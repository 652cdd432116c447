"""Writes tests/stablehlo/matrix: `python tests/stablehlo/generate/matrix.py [FILE_NAME_PART ...]`.

Needs `jax` and `numpy`. The same version of JAX writes the same files, byte for byte.
"""

import importlib
import sys

CATEGORIES = [
    "convolution",
    "dot_general",
    "windows",
    "control_flow",
    "linear_algebra",
    "random_bits",
    "sorting",
    "gather_scatter",
    "slicing_reduce",
    "symbolic",
]


def main():
    total = [0, 0]
    for category in CATEGORIES:
        for module in importlib.import_module(category).modules():
            if len(sys.argv) > 1 and not any(part in module.name for part in sys.argv[1:]):
                continue
            count, size = module.write()
            print(f"{module.name}: {count} cases, {size} bytes", flush=True)
            total[0] += count
            total[1] += size
    print(f"{total[0]} cases, {total[1]} bytes")


if __name__ == "__main__":
    main()
