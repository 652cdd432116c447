"""Compiles programs through JAX's own bindings, runs them on XLA and compares with the values beside them.

usage: python tests/stablehlo/generate/check_export.py DIR [--rtol R] [--atol A]

Below DIR, every folder with a `program.mlir` is a program. Its values are `input.I.npy` and `output.J.npy`, or, for
several runs, `N.input.I.npy` and `N.output.J.npy`. A program whose sizes are dynamic is compiled once per run, for the
sizes of the inputs. Prints each failure with its reason and `N passed, N failed`; the exit status is 1 after a failure.
"""

import argparse
import os
import re
import sys

import numpy as np

from common import NAMES, jax, run_text, tensor


def parse(text):
    """Parses and verifies with JAX's bindings."""
    from jax._src.interpreters import mlir
    from jax._src.lib.mlir import ir

    with mlir.make_ir_context():
        module = ir.Module.parse(text)
        module.operation.verify()
        return str(module)


def specialised(text, inputs):
    """The module with a `main` of static argument types, refined by XLA; unchanged if it is static already."""
    from jax._src.interpreters import mlir
    from jax._src.lib import _jax
    from jax._src.lib.mlir import ir

    with mlir.make_ir_context():
        module = ir.Module.parse(text)
        main = next(f for f in module.body.operations if f.name.value == "main")
        arguments, results = [str(t) for t in main.type.inputs], [str(t) for t in main.type.results]
    if "?" not in "".join(arguments + results):
        return text
    static = [tensor(x.shape, NAMES[x.dtype]) for x in inputs]
    names = [f"%arg{i}" for i in range(len(inputs))]
    lines = []
    for i, (have, want) in enumerate(zip(static, arguments)):
        if have != want:
            lines.append(f"    %s{i} = stablehlo.convert %arg{i} : ({have}) -> {want}")
            names[i] = f"%s{i}"
    result = results[0] if len(results) == 1 else "(" + ", ".join(results) + ")"
    count = f":{len(results)}" if len(results) > 1 else ""
    values = [f"%r#{i}" for i in range(len(results))] if len(results) > 1 else ["%r"]
    lines.append(f"    %r{count} = call @dynamic_main({', '.join(names)}) : ({', '.join(arguments)}) -> {result}")
    lines.append(f"    return {', '.join(values)} : {', '.join(results)}")
    head = ", ".join(f"%arg{i}: {t}" for i, t in enumerate(static))
    wrapper = f"  func.func public @main({head}) -> ({', '.join(results)}) {{\n" + "\n".join(lines) + "\n  }\n"
    text = parse(text)
    text = re.sub(r"func\.func public @main\(", "func.func private @dynamic_main(", text, count=1)
    text = re.sub(r"^(module.*\{\n)", lambda m: m.group(1) + wrapper, text, count=1, flags=re.M)
    with mlir.make_ir_context():
        code = mlir.module_to_bytecode(ir.Module.parse(text))
        refined = _jax.mlir.refine_polymorphic_shapes(code, enable_shape_assertions=True, validate_static_shapes=True)
        return str(ir.Module.parse(refined))


def runs_of(folder):
    """The prefixes of a program's runs: `""`, or `"0."`, `"1."`, ..."""
    found = {
        m.group(1)
        for m in (re.fullmatch(r"((?:\d+\.)?)(?:input|output)\.\d+\.npy", f) for f in os.listdir(folder))
        if m
    }
    return sorted(found)


def arrays(folder, prefix, kind):
    values = []
    while os.path.exists(path := os.path.join(folder, f"{prefix}{kind}.{len(values)}.npy")):
        value = np.load(path)
        # NumPy stores bf16 without its name.
        values.append(value.view(jax.numpy.bfloat16) if value.dtype == "V2" else value)
    return values


def check(folder, rtol, atol):
    """Raises if the program does not parse, does not compile, or gives other values."""
    with open(os.path.join(folder, "program.mlir")) as file:
        text = parse(file.read())
    for prefix in runs_of(folder):
        inputs, expected = arrays(folder, prefix, "input"), arrays(folder, prefix, "output")
        actual = run_text(specialised(text, inputs), inputs)
        if len(actual) != len(expected):
            raise ValueError(f"{len(actual)} results, {len(expected)} expected")
        for index, (a, e) in enumerate(zip(actual, expected)):
            if a.shape != e.shape or (a.dtype != e.dtype and e.dtype.kind != "V"):
                raise ValueError(f"result {index} is {a.dtype}{a.shape}, expected {e.dtype}{e.shape}")
            if e.dtype.kind == "V":
                e = e.view(a.dtype)  # NumPy stores bf16 without its name.
            if a.dtype.kind in "biu":
                np.testing.assert_array_equal(a, e, err_msg=f"result {index}")
            else:
                np.testing.assert_allclose(
                    a.astype(np.float64), e.astype(np.float64), rtol, atol, err_msg=f"result {index}"
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--rtol", type=float, default=1e-5)
    parser.add_argument("--atol", type=float, default=1e-5)
    options = parser.parse_args()
    folders = sorted(path for path, _, files in os.walk(options.dir, followlinks=True) if "program.mlir" in files)
    failed = 0
    for folder in folders:
        try:
            check(folder, options.rtol, options.atol)
        except Exception as error:
            failed += 1
            print(f"FAILED {os.path.relpath(folder, options.dir)}: {str(error).strip()[:600]}", flush=True)
    print(
        f"{len(folders) - failed} passed, {failed} failed "
        f"(JAX {jax.__version__}, rtol {options.rtol}, atol {options.atol})"
    )
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
