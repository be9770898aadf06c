"""What the engine's steps cost on this machine: ``python -m tests.costs [--repeat 50]``.

The medians go into kaleido/jit/README.md. They are of one function, ``f(x) = x * x``, unless a row says otherwise.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

from kaleido.jit import Engine, Policy, Signature, Tier, Unit
from kaleido.jit.compiling.lazy_compiler import baseline_code
from kaleido.jit.native.loader import Loader
from tests.growth import resident

SQUARE = """
define tailcc double @"{name}.impl"(double %x) nounwind {{
  %y = fmul double %x, %x
  ret double %y
}}
"""

FIB = """
define tailcc i64 @"fib.impl"(i64 %n) nounwind {
  %small = icmp slt i64 %n, 2
  br i1 %small, label %end, label %more
end:
  ret i64 %n
more:
  %a = sub i64 %n, 1
  %b = sub i64 %n, 2
  %c = call tailcc i64 @"fib"(i64 %a)
  %d = call tailcc i64 @"fib"(i64 %b)
  %e = add i64 %c, %d
  ret i64 %e
}
declare tailcc i64 @"fib"(i64)
"""


def square(name: str) -> Unit:
    return Unit(name, Signature("double", ("double",)), SQUARE.format(name=name))


def fib() -> Unit:
    kind = Signature("i64", ("i64",))
    return Unit("fib", kind, FIB, {"fib": kind})


def microseconds(function: Callable[[], Any], repeat: int) -> float:
    """The median of what `function` takes."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return median(times) * 1e6


def per_call(policy: Policy, n: int = 25) -> float:
    """Nanoseconds for each of the calls that fib(n) makes."""
    with Engine(policy) as engine:
        engine.define(fib())
        calls = 2 * int(engine.call("fib", n + 1)) - 1
        return microseconds(lambda: engine.call("fib", n), 9) * 1000 / calls


def loading(repeat: int) -> list[tuple[str, float, str]]:
    """Object code into memory, by the loader's own linking and by LLVM's linker, in turn."""
    code = baseline_code(SQUARE.format(name="f"))
    loaders = {name: Loader(64, jitlink=bool(name)) for name in ("", " by JITLink")}
    times: dict[str, list[float]] = {name: [] for name in loaders}
    sizes = dict.fromkeys(loaders, 0)
    for _ in range(10):
        for name, loader in loaders.items():
            before = resident()
            times[name].append(microseconds(lambda loader=loader: loader.load(code, ["f.impl"], {}), repeat))  # type: ignore[misc]
            sizes[name] += resident() - before
    for loader in loaders.values():
        loader.close()
    found = [(f"load its object code{name}", median(times[name]), "µs") for name in loaders]
    return found + [(f"resident memory for that{name}", sizes[name] / repeat / 10, "bytes") for name in loaders]


def rows(repeat: int) -> list[tuple[str, float, str]]:
    numbers = count()

    def fresh() -> str:
        return f"f{next(numbers)}"

    never = Policy(call_threshold=10**9)
    engine = Engine(never)
    found = [("create an engine and close it", microseconds(lambda: Engine(never).close(), repeat), "µs")]
    engine.define(square("warm"))
    engine.call("warm", 1.0)
    found.append(("define a unit", microseconds(lambda: engine.define(square(fresh())), repeat), "µs"))

    def batch(size: int) -> Callable[[], None]:
        def compile_all() -> None:
            names = [fresh() for _ in range(size)]
            engine.define(*map(square, names))
            kind = Signature("double", ("double",))
            body = "".join(f"  call tailcc double @{name}(double 0.0)\n" for name in names)
            declared = "".join(f"declare tailcc double @{name}(double)\n" for name in names)
            root = fresh()
            ir = f"define tailcc double @{root}.impl(double %x) nounwind {{\n{body}  ret double 0.0\n}}\n{declared}"
            engine.define(Unit(root, kind, ir, dict.fromkeys(names, kind)))
            engine.prepare(root)

        return compile_all

    def one() -> None:
        name = fresh()
        engine.define(square(name))
        engine.prepare(name)

    found.append(("compile and load one unit at -O0", microseconds(one, repeat), "µs"))
    found.append(("the same in a batch of 60, each", microseconds(batch(60), 9) / 60, "µs"))

    def optimize() -> None:
        name = fresh()
        engine.define(square(name))
        engine.prepare(name)
        begin = time.perf_counter()
        engine.optimize(name)
        optimizing.append(time.perf_counter() - begin)

    optimizing: list[float] = []
    for _ in range(repeat):
        optimize()
    found.append(("compile, load and publish one unit at -O3", median(optimizing) * 1e6, "µs"))
    names = [fresh() for _ in range(repeat)]
    engine.define(*map(square, names))
    found.append(("redefine a unit that is in use", microseconds(lambda: engine.define(square("warm")), repeat), "µs"))
    found.append(("call from Python, `Engine.call`", microseconds(lambda: engine.call("warm", 2.0), 500), "µs"))
    function = engine.function("warm")
    found.append(("call from Python, `Engine.function`", microseconds(lambda: function(2.0), 5000), "µs"))
    c_function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(engine.address("warm"))
    found.append(("call from Python, `Engine.address`", microseconds(lambda: c_function(2.0), 5000), "µs"))
    size = engine.describe("warm").code_bytes[Tier.BASELINE]
    found.append(("machine code of the unit at -O0", size, "bytes"))
    engine.close()
    found += loading(repeat)
    found.append(("fib at -O0, no counter, each call", per_call(Policy(optimize=False)), "ns"))
    found.append(("fib at -O0, with the counter, each call", per_call(never), "ns"))
    found.append(("fib at -O3, each call", per_call(Policy(baseline=False)), "ns"))
    return found


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.costs", description=__doc__)
    parser.add_argument("--repeat", type=int, default=50)
    for label, value, unit in rows(parser.parse_args(arguments).repeat):
        print(f"| {label} | {value:,.{1 if value < 100 else 0}f} {unit} |")


if __name__ == "__main__":
    main(sys.argv[1:])
