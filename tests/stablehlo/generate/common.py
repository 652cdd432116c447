"""What the generators share: case building, evaluation by XLA, and literals.

A *case* is a `func.func public` without arguments that computes something and compares it with expected values by
`stablehlo.custom_call @check.expect_eq` (bit for bit), `@check.expect_close` (at most 3 ULP apart) or
`@check.expect_almost_eq` (relative 1e-3). The generator first evaluates the case without its checks on XLA's CPU
backend, then writes the values that came out as literals next to the checks.

Inputs are cut out of a *pool*: a private function per element type that makes 2000 small numbers from an iota by
integer arithmetic. They are so small that every product and every sum of a case is exact in its element type, hence the
expected values do not depend on the order of summation, and `expect_eq` is the right comparison. `Module.write` proves
that by evaluating the case a second time in a wider type (`exact=False` turns this off).
"""

import os
import re

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jaxlib
import ml_dtypes
import numpy as np
from jax.extend import backend as jax_backend

jax.config.update("jax_enable_x64", True)

# Where the fixtures lie: the folder above this one.
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

DTYPES = {
    "f64": np.float64,
    "f32": np.float32,
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "i64": np.int64,
    "i32": np.int32,
    "i16": np.int16,
    "i8": np.int8,
    "ui64": np.uint64,
    "ui32": np.uint32,
    "ui16": np.uint16,
    "ui8": np.uint8,
    "i1": np.bool_,
}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}
FLOATS = ("f64", "f32", "f16", "bf16")

# Element type -> (modulus, scale, offset) of the pool's numbers: (hash mod modulus) * scale - offset. Floats are odd
# multiples of a power of two, hence never zero: a product is no -0, which a sum would keep or not as it
# happens to start.
POOLS = {
    "f64": (16, 0.25, 1.875),
    "f32": (16, 0.25, 1.875),
    "f16": (8, 1.0, 3.5),
    "bf16": (4, 2.0, 3.0),
    "i64": (17, 1, 8),
    "i32": (17, 1, 8),
    "i16": (17, 1, 8),
    "i8": (17, 1, 8),
    "ui64": (17, 1, 0),
    "ui32": (17, 1, 0),
    "ui16": (17, 1, 0),
    "ui8": (17, 1, 0),
    "i1": (2, 1, 0),
}
POOL_SIZE = 2000


def tensor(shape, dtype):
    """The text of a tensor type."""
    return "tensor<" + "".join(f"{d}x" for d in shape) + dtype + ">"


def parse_tensor(text):
    """The static shape and the element type name of a tensor type's text."""
    *dims, dtype = re.fullmatch(r"tensor<(.*)>", text).group(1).split("x")
    return tuple(int(d) for d in dims), dtype


def array_attr(values, kind="i64"):
    """`array<i64: 1, 2>`, with its empty form."""
    values = list(values)
    if kind == "i1":
        values = ["true" if v else "false" for v in values]
    return f"array<{kind}: {', '.join(map(str, values))}>" if values else f"array<{kind}>"


def element_text(value, dtype):
    """One element of a dense literal. Floats without a short decimal form are written as their bits."""
    if dtype == "i1":
        return "true" if value else "false"
    if dtype not in FLOATS:
        return str(int(value))
    short = repr(float(value))
    if np.isfinite(float(value)) and "e" not in short and len(short) <= 12:
        return short
    return "0x" + np.asarray(value).tobytes()[::-1].hex().upper()


def literal(array):
    """`dense<...> : tensor<...>` for an array: decimals for few elements, the bytes in hex for many."""
    array = np.asarray(array)
    dtype = NAMES[array.dtype]
    kind = tensor(array.shape, dtype)
    if array.size == 0:
        return f"dense<> : {kind}"
    bits = array.reshape(-1).view(np.uint8).reshape(array.size, -1)
    if array.ndim and (bits == bits[0]).all():
        return f"dense<{element_text(array.reshape(-1)[0], dtype)}> : {kind}"
    if array.size > 16 and dtype != "i1":
        return f'dense<"0x{np.ascontiguousarray(array).tobytes().hex().upper()}"> : {kind}'

    def nested(a):
        return element_text(a, dtype) if a.ndim == 0 else "[" + ", ".join(nested(v) for v in a) + "]"

    return f"dense<{nested(array)}> : {kind}"


def run_text(text, arguments=()):
    """Compiles a module for XLA's CPU backend and runs its `main`."""
    client = jax_backend.get_backend("cpu")
    devices = jaxlib._jax.DeviceList(tuple(client.local_devices()[:1]))
    executable = client.compile_and_load(text, devices)
    results = executable.execute([jax.device_put(np.asarray(a)) for a in arguments])
    return [np.asarray(r) for r in results]


def without_folders(text):
    """A module's text whose locations name files without their folders."""
    return re.sub(r'loc\("/[^"]*/([^"/]+)"', r'loc("\1"', text)


def pool_function(dtype):
    """The private function that makes the pool of an element type."""
    modulus, scale, offset = POOLS[dtype]
    t, i = tensor((POOL_SIZE,), dtype), tensor((POOL_SIZE,), "i32")
    lines = [f"%0 = stablehlo.iota dim = 0 : {i}"]
    for name, value in (("a", 7919), ("b", 11), ("p", 2003), ("m", modulus)):
        lines.append(f"%{name} = stablehlo.constant dense<{value}> : {i}")
    lines += [
        f"%1 = stablehlo.multiply %0, %a : {i}",
        f"%2 = stablehlo.add %1, %b : {i}",
        f"%3 = stablehlo.remainder %2, %p : {i}",
        f"%4 = stablehlo.remainder %3, %m : {i}",
        f"%5 = stablehlo.convert %4 : ({i}) -> {t}",
    ]
    result = "%5"
    if scale != 1 or dtype in FLOATS:
        lines += [f"%s = stablehlo.constant dense<{scale}> : {t}", f"%6 = stablehlo.multiply {result}, %s : {t}"]
        result = "%6"
    if offset:
        lines += [f"%o = stablehlo.constant dense<{offset}> : {t}", f"%7 = stablehlo.subtract {result}, %o : {t}"]
        result = "%7"
    body = "\n".join("    " + line for line in lines)
    return f"  func.func private @pool_{dtype}() -> {t} {{\n{body}\n    return {result} : {t}\n  }}\n"


def pool_values(dtype):
    """The pool of an element type, in f64."""
    modulus, scale, offset = POOLS[dtype]
    return (np.arange(POOL_SIZE) * 7919 + 11) % 2003 % modulus * float(scale) - float(offset)


def widen_splat(match):
    """A splat of float bits, as a splat in f64."""
    bits, shape, dtype = match.groups()
    value = np.frombuffer(bytes.fromhex(bits)[::-1], DTYPES[dtype])[0]
    return f"dense<{element_text(np.float64(value), 'f64')}> : tensor<{shape}f64>"


class Case:
    """One case under construction. Values are named `%0`, `%1`, ... in order; `types` has their types."""

    def __init__(self, note, exact=True):
        self.note, self.exact = note, exact
        self.lines, self.types, self.checks, self.helpers = [], {}, [], []
        self.arrays, self.offset = {}, 0

    def op(self, text, *result_types):
        """Adds an op; returns the name of its result, or the names if there are several."""
        name = f"%{len(self.types)}"
        if len(result_types) == 1:
            self.types[name] = result_types[0]
            self.lines.append(f"{name} = {text}")
            return name
        names = [f"{name}#{i}" for i in range(len(result_types))]
        self.types.update(zip(names, result_types))
        self.lines.append(f"{name}:{len(names)} = {text}")
        return names

    def constant(self, array):
        text = literal(array)
        name = self.op(f"stablehlo.constant {text}", text.rsplit(" : ", 1)[1])
        self.arrays[self.lines[-1]] = np.asarray(array)
        return name

    def scalar(self, value, dtype):
        return self.constant(np.asarray(value, DTYPES[dtype]))

    def pool(self, shape, dtype):
        """The next values of the pool, in a shape."""
        size = int(np.prod(shape, dtype=int))
        assert size <= POOL_SIZE
        if self.offset + size > POOL_SIZE:
            self.offset = (self.offset * 7 + 1) % (POOL_SIZE - size + 1)
        everything = tensor((POOL_SIZE,), dtype)
        whole = self.op(f"call @pool_{dtype}() : () -> {everything}", everything)
        part = tensor((size,), dtype)
        cut = self.op(f"stablehlo.slice {whole} [{self.offset}:{self.offset + size}] : ({everything}) -> {part}", part)
        self.offset += size
        if tuple(shape) == (size,):
            return cut
        return self.op(f"stablehlo.reshape {cut} : ({part}) -> {tensor(shape, dtype)}", tensor(shape, dtype))

    def iota(self, shape, dtype, dim):
        return self.op(f"stablehlo.iota dim = {dim} : {tensor(shape, dtype)}", tensor(shape, dtype))

    def apply(self, name, *operands, attributes="", result=None):
        """A pretty op on operands of one type, e.g. `apply("add", a, b)`."""
        kind = self.types[operands[0]]
        if result is None:
            return self.op(f"stablehlo.{name} {', '.join(operands)}{attributes} : {kind}", kind)
        sources = ", ".join(self.types[o] for o in operands)
        return self.op(f"stablehlo.{name} {', '.join(operands)}{attributes} : ({sources}) -> {result}", result)

    def signature(self, operands, *results):
        """`(operand types) -> result types`."""
        right = results[0] if len(results) == 1 else "(" + ", ".join(results) + ")"
        return f"({', '.join(self.types[o] for o in operands)}) -> {right}"

    def generic(self, name, operands, attributes, regions, *results):
        """An op in generic form. `regions` are texts of blocks without the outer braces."""
        attributes = f" <{{{attributes}}}>" if attributes else ""
        region = " ({" + "\n    }, {".join(regions) + "\n    })" if regions else ""
        return self.op(
            f'"stablehlo.{name}"({", ".join(operands)}){attributes}{region} : {self.signature(operands, *results)}',
            *results,
        )

    def jax(self, function, *operands):
        """Calls what JAX lowers `function` to. Nested functions become private functions of the case."""
        shapes = [jax.ShapeDtypeStruct(s, DTYPES[d]) for s, d in (parse_tensor(self.types[o]) for o in operands)]
        text = jax.jit(function, keep_unused=True).trace(*shapes).lower().as_text()
        text = re.sub(r' \{jax\.result_info = "[^"]*"\}', "", text)
        text = re.sub(r"@([A-Za-z_]\w*)", lambda m: "@CASE_" + m.group(1), text.split("\n", 1)[1])
        text = text.replace("func.func public", "func.func private")
        self.helpers.append(text[: text.rindex("}")])
        results = [
            tensor(o.shape, NAMES[np.dtype(o.dtype)]) for o in jax.tree.leaves(jax.eval_shape(function, *shapes))
        ]
        return self.op(f"call @CASE_main({', '.join(operands)}) : {self.signature(operands, *results)}", *results)

    def check(self, *names, how="eq", expected=None):
        """Checks values. Float results that hold NaN or -0 are safest compared by `bits`."""
        for name in names:
            self.checks.append((name, how, expected))

    def bits(self, name):
        """The bits of a float value as an unsigned integer."""
        shape, dtype = parse_tensor(self.types[name])
        kind = tensor(shape, {"f64": "ui64", "f32": "ui32", "f16": "ui16", "bf16": "ui16"}[dtype])
        return self.op(f"stablehlo.bitcast_convert {name} : ({self.types[name]}) -> {kind}", kind)

    def evaluate(self, widen=False):
        """The checked values as XLA computes them, in f64 and i64 rather than the case's own types with `widen`."""
        names = [name for name, _, _ in self.checks]
        kinds = ", ".join(self.types[n] for n in names)
        lines = self.lines
        if widen:
            lines = [self.widen_constant(line) for line in lines]
        body = "\n".join("    " + line for line in lines)
        text = "\n".join(self.helpers) + f"  func.func public @main() -> ({kinds}) {{\n{body}\n"
        text += f"    return {', '.join(names)} : {kinds}\n  }}\n"
        if widen:
            text = re.sub(r"dense<0x([0-9A-F]+)> : tensor<([0-9x]*)(f32|f16|bf16)>", widen_splat, text)
            text = re.sub(r"(?<=[x<_])(?:f32|f16|bf16)\b", "f64", text)
        pools = sorted(set(re.findall(r"@pool_(\w+)\(", text)))
        functions = [pool_function(p) for p in pools]
        if widen:
            # The pool of the original type, widened: the numbers must be those of the case.
            original = [p for p in self.pools() if p in FLOATS]
            assert len(original) <= 1, "a case with two float pools cannot be widened"
            functions = [pool_function(p) for p in pools if p not in FLOATS]
            functions += [re.sub(r"(?<=[x_])(?:f32|f16|bf16)\b", "f64", pool_function(p)) for p in original]
        return run_text("module {\n" + "".join(functions) + text.replace("@CASE_", "@case_") + "}\n")

    def widen_constant(self, line):
        """A constant's line with f64 elements: hex literals do not survive a mere change of the type."""
        array = self.arrays.get(line)
        if array is None or NAMES[array.dtype] not in ("f32", "f16", "bf16"):
            return line
        return line.split(" dense<")[0] + " " + literal(array.astype(np.float64))

    def pools(self):
        return sorted(set(re.findall(r"@pool_(\w+)\(", "\n".join(self.lines))))


class Module:
    """The cases of one file."""

    def __init__(self, name, about, exact=True):
        self.name, self.about, self.exact, self.cases = name, about, exact, []

    def case(self, note, exact=None):
        self.cases.append(Case(note, self.exact if exact is None else exact))
        return self.cases[-1]

    def write(self):
        """Evaluates all cases and writes the file. Returns (number of cases, bytes)."""
        pools = sorted({p for c in self.cases for p in c.pools()})
        out = [
            f"// {self.about}\n// Generated by tests/stablehlo/generate/matrix.py with JAX {jax.__version__}; "
            f"values computed by XLA on a CPU.\n",
            f"module @{self.name} {{\n",
        ]
        out += [pool_function(p) for p in pools]
        for index, case in enumerate(self.cases):
            try:
                out.append(self.case_text(index, case))
            except Exception as error:
                raise RuntimeError(f"{self.name} case_{index:03}: {case.note}\n" + "\n".join(case.lines)) from error
        out.append("}\n")
        path = os.path.join(ROOT, "matrix", self.name + ".mlir")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        text = "".join(out)
        with open(path, "w") as file:
            file.write(text)
        return len(self.cases), len(text)

    @staticmethod
    def case_text(index, case):
        values = case.evaluate()
        if case.exact and any(
            case.types[n].rstrip(">").split("x")[-1] in ("f32", "f16", "bf16") for n, _, _ in case.checks
        ):
            wide = case.evaluate(widen=True)
            for (name, _, _), value, reference in zip(case.checks, values, wide):
                assert np.array_equal(value.astype(reference.dtype), reference), (
                    f"{name} is not exact:\n{value}\n{reference}"
                )
        lines = []
        for number, ((name, how, expected), value) in enumerate(zip(case.checks, values)):
            assert value.dtype == DTYPES[parse_tensor(case.types[name])[1]], (name, value.dtype)
            if expected is not None:
                expected = np.asarray(expected, value.dtype)
                assert expected.shape == value.shape
                np.testing.assert_allclose(value.astype(np.float64), expected.astype(np.float64), rtol=1e-6, atol=1e-6)
                value = expected
            if value.dtype.kind not in "iub" and (np.signbit(value) & (value == 0)).any():
                print(f"case_{index:03} has -0: {case.note}")
            kind = case.types[name]
            lines.append(f"%expected_{number} = stablehlo.constant {literal(value)}")
            lines.append(
                f"stablehlo.custom_call @check.expect_{how}({name}, %expected_{number}) "
                f"{{has_side_effect = true}} : ({kind}, {kind}) -> ()"
            )
        body = "\n".join("    " + line for line in case.lines + lines)
        text = f"  // {case.note}\n  func.func public @case_{index:03}() {{\n{body}\n    return\n  }}\n"
        text += "".join(case.helpers)
        return text.replace("@CASE_", f"@case_{index:03}_")


def region(arguments, body):
    """A block `^bb0(%a: tensor<f32>, ...)` with its ops; `arguments` are (name, type) pairs."""
    head = ", ".join(f"%{n}: {t}" for n, t in arguments)
    return f"\n    ^bb0({head}):\n" + "\n".join("      " + line for line in body)


def binary_region(op, dtype):
    """The body that applies one binary op to two scalars."""
    t = tensor((), dtype)
    return region([("a", t), ("b", t)], [f"%r = stablehlo.{op} %a, %b : {t}", f"stablehlo.return %r : {t}"])
