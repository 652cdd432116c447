"""Runs self-checking files on XLA: `python tests/stablehlo/generate/verify.py [DIR]`, by default the matrix.

Each `check.expect_*` call is taken out of the text, and the function returns its two operands instead; they are
compared here. So the expected values in the files are held against XLA independently of the code that wrote them.
"""

import os
import re
import sys

import numpy as np

from common import ROOT, run_text

CHECK = re.compile(
    r"^ *stablehlo\.custom_call @check\.expect_(\w+)\((%[\w#]+), (%[\w#]+)\) .*"
    r" : \((tensor<[^>]*>), tensor<[^>]*>\) -> \(\)\n",
    re.M,
)


def functions(text):
    """The functions of a module as (name, is public, text)."""
    text = re.sub(r"^ *// .*\n", "", text, flags=re.M)
    for part in re.split(r"^(?=  func\.func )", text, flags=re.M)[1:]:
        end = part.index("\n  }\n") + len("\n  }\n")
        visibility, name = re.match(r"  func\.func (public|private) @(\w+)", part).groups()
        yield name, visibility == "public", part[:end]


def ulps(a, e):
    """The greatest distance in units in the last place."""
    kind = {2: np.int16, 4: np.int32, 8: np.int64}[a.itemsize]

    def ordered(v):
        v = np.ascontiguousarray(v).reshape(-1).view(kind).astype(object)
        return [-(int(x) & ((1 << (a.itemsize * 8 - 1)) - 1)) if x < 0 else int(x) for x in v]

    return max((abs(p - q) for p, q in zip(ordered(a), ordered(e))), default=0)


def verify(path):
    """Returns the number of functions and the failures of a file."""
    with open(path) as file:
        found = list(functions(file.read()))
    private = [(name, text) for name, public, text in found if not public]
    failures, count = [], 0
    for name, public, text in found:
        if not public:
            continue
        count += 1
        checks = CHECK.findall(text)
        text = CHECK.sub("", text)
        kinds = ", ".join(f"{k}, {k}" for *_, k in checks)
        values = ", ".join(f"{a}, {e}" for _, a, e, _ in checks)
        text = text.replace(f"@{name}() {{", f"@main() -> ({kinds}) {{").replace(
            "\n    return\n", f"\n    return {values} : {kinds}\n"
        )
        # Functions of other cases are left out, which is much quicker.
        helpers = "".join(t for n, t in private if not n.startswith("case_") or n.startswith(name + "_"))
        try:
            assert checks and "check.expect" not in text, "no checks, or some that were not understood"
            results = run_text("module {\n" + helpers + text + "}\n")
            for (how, *_), actual, expected in zip(checks, results[::2], results[1::2]):
                limit = {"eq": 0, "close": 3}[how]
                if actual.dtype.kind in "iub":
                    assert np.array_equal(actual, expected), f"{actual} is not {expected}"
                else:
                    assert ulps(actual, expected) <= limit, f"{actual} is not {expected}"
        except Exception as error:
            failures.append(f"{os.path.basename(path)} {name}: {str(error)[:400]}")
    return count, failures


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "matrix")
    passed = failed = 0
    for file in sorted(os.listdir(folder)):
        if file.endswith(".mlir"):
            count, failures = verify(os.path.join(folder, file))
            passed, failed = passed + count - len(failures), failed + len(failures)
            print("\n".join(failures + [f"{file}: {count - len(failures)} of {count}"]), flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
