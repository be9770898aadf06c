"""Calls from Python on the thread that makes them: ``Engine.function``.

``native/direct_entry`` is the native part, and says what happens during a call. Here is what happens before and after
some of them: a call is *prepared* when it is made for the first time, and again after a redefinition that could concern
it; and it is *finished* after a fault, or when a redefinition, or the end of the engine, has waited for it.

While a call is active its code is not freed: native code counts it, before it releases Python's interpreter lock.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from kaleido.jit.calls import Calls
from kaleido.jit.lifetime import Lifetime
from kaleido.jit.native.direct_entry import DirectCall, direct_entry
from kaleido.jit.native.faults import Fault
from kaleido.jit.process.interrupts import signals_deferred
from kaleido.jit.program.program import Program
from kaleido.jit.running.direct_threads import are_available, direct_thread, stop_in
from kaleido.jit.running.errors import Interrupted
from kaleido.jit.running.stacks import current_native_thread
from kaleido.jit.unit import Signature

__all__ = ["DirectCalls", "SignatureChanged"]

# Types whose arguments have to be in the range of signed numbers.
_BITS = {"i64": 64, "i32": 32, "i16": 16, "i8": 8}


class SignatureChanged(TypeError):
    """A unit has been defined with another signature since ``Engine.function`` made a function for it."""


class DirectCalls:
    """Makes Python functions for the units of one program. Thread-safe."""

    def __init__(self, program: Program, calls: Calls, lifetime: Lifetime) -> None:
        self._program, self._calls, self._lifetime = program, calls, lifetime

    def function(self, name: str, engine: object) -> Callable[..., Any]:
        """As ``Engine.function``. The result keeps `engine`."""
        with self._program.access.opened():
            signature = self._program.prepare(name).unit.signature
        if not are_available():
            return _python_function(name, signature, "call(name, ({arguments}))", {"call": self._calls.call})
        direct = _DirectFunction(self._program, self._calls, self._lifetime, name, signature)
        names = {"enter": direct.enter, "record": direct.record, "kept": (direct, engine)}
        return _python_function(name, signature, "enter(record, {arguments})", names)

    def stop_current(self) -> None:
        """Stop every direct call that is running, but not one on this thread."""
        stop_in(self._program.access.state.address)


class _DirectFunction:
    """One unit, by its name and signature, as direct calls see it."""

    def __init__(self, program: Program, calls: Calls, lifetime: Lifetime, name: str, signature: Signature) -> None:
        self._program, self._calls, self._lifetime = program, calls, lifetime
        self._name, self._signature = name, signature
        # The record has no reference to them.
        self._functions = (self._prepare, self._finish)
        prepare, finish = map(id, self._functions)
        engine = program.access.state.address
        self._call = DirectCall(stub=0, epoch=0, engine=engine, prepare=prepare, finish=finish)
        self.record, self.enter = self._call.address, direct_entry(signature)

    def _prepare(self) -> None:
        """Make the next call valid in the present epoch, or raise what it has to raise."""
        access = self._program.access
        with signals_deferred():
            thread = direct_thread(access.state.stack_size)
            if thread.pending and thread.jump:
                raise Interrupted(None)
            thread.pending = Fault.NONE
            with access.opened():
                version = self._program.prepare(self._name)
                if version.unit.signature != self._signature:
                    raise SignatureChanged(f"{version.unit.label} has another signature now")
                stub = self._program.publisher.stub(version.symbol, self._signature)
                version.symbol.called_directly = True
                self._call.stub, self._call.epoch = stub.address, access.state.epoch

    def _finish(self) -> None:
        """A call has ended with a fault, or after the end of the epoch that it began in."""
        access, reclaimer = self._program.access, self._program.reclaimer
        with signals_deferred():
            with access.lock:
                if access.closed:
                    self._lifetime.free_if_unused()
                else:
                    reclaimer.collect()
            thread = current_native_thread()
            if thread is not None and thread.fault:
                if not thread.jump:
                    thread.pending = Fault.NONE
                self._calls.raise_fault(thread)


def _python_function(name: str, signature: Signature, call: str, names: dict[str, Any]) -> Callable[..., Any]:
    """A function with one parameter for each of the signature, so that Python checks their number.

    Its body is `call` with its `arguments`, an expression over `names`. It is compiled from text, as a function with
    ``*arguments`` would take twice as long.
    """
    kinds = signature.parameters
    parameters = "".join(f"a{index}, " for index in range(len(kinds)))
    arguments = "".join(f"{_checked(index, kind)}, " for index, kind in enumerate(kinds))
    source = f"""
def function({parameters}{"/" if parameters else ""}):
    try:
        return {call.format(arguments=arguments)}
    except ArgumentError as error:
        raise refused(error) from None
"""
    namespace = {**names, "name": name, "ArgumentError": ctypes.ArgumentError}
    namespace |= {
        "refused": partial(_refused, name, signature),
        "out_of_range": partial(_out_of_range, name, signature),
    }
    exec(compile(source, f"<function of the unit {name}>", "exec"), namespace)
    function: Callable[..., Any] = namespace["function"]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The unit {name}: {signature.prototype(name, '')}"
    return function


def _checked(index: int, kind: str) -> str:
    """The expression for an argument; ctypes cuts off the bits of a number that do not fit."""
    if kind not in _BITS:
        return f"a{index}"
    bound = 1 << (_BITS[kind] - 1)
    return f"a{index} if {-bound} <= a{index} < {bound} else out_of_range({index}, a{index})"


def _out_of_range(name: str, signature: Signature, index: int, value: Any) -> NoReturn:
    raise OverflowError(f"argument {index + 1} of {name} is no {signature.parameters[index]}: {value}")


def _refused(name: str, signature: Signature, error: ctypes.ArgumentError) -> TypeError:
    """The error for an argument of a wrong type. ctypes counts the DirectCall as the first."""
    found = re.match(r"argument (\d+): ", str(error))
    index = int(found[1]) - 2 if found else 0
    return TypeError(f"argument {index + 1} of {name} is no {signature.parameters[index]}")
