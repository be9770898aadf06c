"""Units for `extern`s: functions of doubles that forward to C.

A program must compute the same bits in every tier, so there are three kinds of forwarders:

- A function whose result is exactly rounded is an LLVM intrinsic.
- Other functions of libm are calls marked ``nobuiltin``: LLVM would rewrite some of them at -O3 only, and change the
  last bit of a result. They are also marked as free of side effects, so LLVM may hoist and merge the calls. ``sin`` and
  ``cos`` are not marked: of one argument they become one call of ``sincos``, which has the bits of both, for half the
  time. All that LLVM does else with them is to move a minus sign out of the argument, and that is exact. (They are
  not intrinsics, which LLVM would call ahead of the condition of an ``if``.)
- Any other function is called between LEAVE_JIT and REENTER_JIT (see ``kaleido.jit``), because it may block, and may
  overflow the stack. Each NaN argument is replaced by one positive quiet NaN: LLVM does not specify which NaN a
  computation returns, and C code could tell the difference. That NaN is loaded from memory with a volatile load.
  What does not work is a constant: LLVM may drop the replacement of one NaN by a constant other, and does so for the
  result of a square root.

``printd`` and ``putchard`` belong to the runtime; they write to C's standard output. ``putchard`` calls C only where
PUT_BYTE (see ``kaleido.jit``) does not append the byte by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kaleido.codegen.mangling import signature, symbol
from kaleido.jit import LEAVE_JIT, PUT_BYTE, REENTER_JIT, Place, RunCounter, Unit, quoted

__all__ = ["KNOWN_ARITIES", "is_available", "lower_external", "lower_python_function"]

_INTRINSICS = {"sqrt": 1, "fabs": 1, "floor": 1, "ceil": 1, "trunc": 1, "copysign": 2}

_PURE = {
    **dict.fromkeys(
        ["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"], 1
    ),
    **dict.fromkeys(["exp", "exp2", "expm1", "log", "log10", "log2", "log1p", "cbrt", "round", "rint"], 1),
    **dict.fromkeys(["erf", "erfc", "tgamma"], 1),
    **dict.fromkeys(["atan2", "pow", "fmod", "hypot", "fmin", "fmax", "fdim", "remainder"], 2),
}

# Those of _PURE that LLVM may take for what they are in C.
_KNOWN_TO_LLVM = frozenset({"sin", "cos"})

_RUNTIME = {"printd": 1, "putchard": 1}

KNOWN_ARITIES: Mapping[str, int] = {**_INTRINSICS, **_PURE, **_RUNTIME}
"""The number of parameters of each C function that is known here."""

_NAN = "@canonical.nan = private constant double 0x7FF8000000000000"

_LEAVING = f"""
declare ptr @{LEAVE_JIT}()
declare void @{REENTER_JIT}(ptr)
"""

_PRINTD = f"""
@format = private unnamed_addr constant [4 x i8] c"%f\\0A\\00"
{_NAN}
define tailcc double {{name}}(double %0) nounwind {{{{
  %one = load volatile double, ptr @canonical.nan
  %nan = fcmp uno double %0, 0.0
  %shown = select i1 %nan, double %one, double %0
  %guard = call ptr @{LEAVE_JIT}()
  %written = call i32 (ptr, ...) @printf(ptr @format, double %shown) nobuiltin
  call void @{REENTER_JIT}(ptr %guard)
  ret double 0.0
}}}}
declare i32 @printf(ptr, ...) nobuiltin nounwind
{_LEAVING}"""

_PUTCHARD = f"""
@stdout = external global ptr
define tailcc double {{name}}(double %0) nounwind {{{{
  %number = call i32 @llvm.fptosi.sat.i32.f64(double %0)
  %byte = and i32 %number, 255
  %stream = load ptr, ptr @stdout
  %done = call zeroext i1 @{PUT_BYTE}(ptr %stream, i32 %byte)
  br i1 %done, label %end, label %call
call:
  %guard = call ptr @{LEAVE_JIT}()
  %written = call i32 @putc(i32 %byte, ptr %stream) nobuiltin
  call void @{REENTER_JIT}(ptr %guard)
  br label %end
end:
  ret double 0.0
}}}}
declare zeroext i1 @{PUT_BYTE}(ptr, i32) nounwind
declare i32 @putc(i32, ptr) nobuiltin nounwind
declare i32 @llvm.fptosi.sat.i32.f64(double)
{_LEAVING}"""


Find = Callable[[str], int | None]
"""Returns the address of a C function; None if the process has none of that name."""


def is_available(name: str, find: Find) -> bool:
    """Whether C function `name` can be called."""
    return name in _RUNTIME or name in _INTRINSICS or find(name) is not None


def lower_external(name: str, arity: int, find: Find, place: Place | None = None) -> Unit:
    """The unit for C function `name`, declared at `place`. Raises LookupError if it is not available."""
    externals: dict[str, int] = {}
    if name in _RUNTIME:
        ir = {"printd": _PRINTD, "putchard": _PUTCHARD}[name].format(name=quoted(symbol(name) + ".impl"))
        if name == "putchard":
            # The variable that points to C's standard output; on macOS it has another name.
            externals["stdout"] = find("stdout") or _address("__stdoutp", find)
    elif name in _INTRINSICS:
        ir = _forward(name, arity, f"llvm.{name}.f64", "", canonical={1} if name == "copysign" else set())
    else:
        externals[name] = _address(name, find)
        pure = name in _PURE
        attributes = "" if name in _KNOWN_TO_LLVM else "nobuiltin "
        attributes += "nounwind" + (" willreturn memory(none)" if pure else "")
        ir = _forward(name, arity, name, attributes, canonical=set() if pure else set(range(arity)), leaves=not pure)
    # Without a counter it never becomes hot: optimizing a forwarder gains nothing, and optimized callers inline it.
    return Unit(symbol(name), signature(arity), ir, {}, externals, RunCounter.NONE, (), name, place=place)


def lower_python_function(name: str, arity: int, address: int, place: Place) -> Unit:
    """The unit for a Python function, which a Callback has made a C function at `address`."""
    target = f"python.{name}"
    ir = _forward(name, arity, target, "nobuiltin nounwind", canonical=set(range(arity)), leaves=True)
    return Unit(symbol(name), signature(arity), ir, {}, {target: address}, RunCounter.NONE, (), name, place=place)


def _address(name: str, find: Find) -> int:
    address = find(name)
    if address is None:
        raise LookupError(f"no C function {name}")
    return address


def _forward(name: str, arity: int, target: str, attributes: str, canonical: set[int], *, leaves: bool = False) -> str:
    kind = signature(arity)
    lines, arguments = [], []
    for index in range(arity):
        argument = f"%{index}"
        if index in canonical:
            lines += [
                f"  %one.{index} = load volatile double, ptr @canonical.nan",
                f"  %nan.{index} = fcmp uno double {argument}, 0.0",
                f"  %canonical.{index} = select i1 %nan.{index}, double %one.{index}, double {argument}",
            ]
            argument = f"%canonical.{index}"
        arguments.append(f"double {argument}")
    site = "nobuiltin" if "nobuiltin" in attributes else ""
    leave, back = (
        (f"  %guard = call ptr @{LEAVE_JIT}()", f"  call void @{REENTER_JIT}(ptr %guard)") if leaves else ("", "")
    )
    return "\n".join(
        [
            f"define {kind.prototype(symbol(name) + '.impl')} nounwind {{",
            *lines,
            leave,
            f"  %result = call double {quoted(target)}({', '.join(arguments)}) {site}".rstrip(),
            back,
            "  ret double %result",
            "}",
            f"declare {kind.prototype(target, convention='')} {attributes}".rstrip(),
            *([_NAN] if canonical else []),
            _LEAVING if leaves else "",
        ]
    )
