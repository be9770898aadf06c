"""Calls from Python on the thread that makes them: ``Engine.function``.

``native/direct_entry`` is the native part, and says what happens during a call. Here is what happens before and after
some of them: a call is *prepared* when it is made for the first time, and again after a redefinition that could concern
it; and it is *finished* after a fault, or when a redefinition, or the end of the engine, has waited for it.

While a call is active its code is not freed: native code counts it, before it releases Python's interpreter lock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection
from typing import Any

from kaleido.jit.calls import Calls
from kaleido.jit.lifetime import Lifetime
from kaleido.jit.native.direct_entry import DirectCall, direct_entry
from kaleido.jit.native.faults import Fault
from kaleido.jit.process.interrupts import signals_deferred
from kaleido.jit.program.program import Program
from kaleido.jit.running.direct_threads import are_available, direct_thread, stop_in
from kaleido.jit.running.errors import Interrupted
from kaleido.jit.running.stacks import current_native_thread
from kaleido.jit.signature import RANGES, Signature

__all__ = ["DirectCalls", "SignatureChanged"]


class SignatureChanged(TypeError):
    """A unit has been defined with another signature since ``Engine.function`` made a function for it."""


class DirectCalls:
    """Makes Python functions for the units of one program. Thread-safe."""

    def __init__(self, program: Program, calls: Calls, lifetime: Lifetime) -> None:
        self._program, self._calls, self._lifetime = program, calls, lifetime

    def function(self, name: str, engine: object) -> Callable[..., Any]:
        """As ``Engine.function``. The result keeps `engine`."""
        with self._program.access.opened():
            signature = self._program.symbols.defined(name).unit.signature
            signature.check_foreign(name)
            self._program.prepare(name)
        if not are_available():
            return _python_function(name, signature, "call(name, [{arguments}])", {"call": self._calls.call})
        direct = _DirectFunction(self._program, self._calls, self._lifetime, name, signature)
        names = {"enter": direct.enter, "record": direct.record, "kept": (direct, engine)}
        return _python_function(name, signature, "enter(record, {arguments})", names)

    def stop_current(self, threads: Collection[int] = ()) -> None:
        """Stop every direct call that is running, but not one on this thread; if `threads` are given, only on these."""
        stop_in(self._program.access.state.address, threads)


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
    parameters = [f"a{index}" for index in range(len(signature.parameters))]
    arguments = ", ".join(parameters)
    tests = " and ".join(map(_fits, parameters, signature.parameter_types))
    source = f"""
def function({f"{arguments}, /" if parameters else ""}):
    try:
        if {tests or "True"}:
            return {call.format(arguments=arguments)}
    except (ArgumentError, TypeError):
        check(name, [{arguments}])
        raise
    check(name, [{arguments}])
"""
    namespace = {**names, "name": name, "check": signature.check_arguments, "ArgumentError": ctypes.ArgumentError}
    exec(compile(source, f"<function of the unit {name}>", "exec"), namespace)
    function: Callable[..., Any] = namespace["function"]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The unit {name}: {signature.prototype(name, '')}"
    return function


def _fits(parameter: str, kind: str) -> str:
    """An expression for whether ctypes passes the whole argument: of a larger integer it cuts bits off."""
    if kind not in RANGES:
        return "True"
    low, high = RANGES[kind]
    fits = f"{low} <= {parameter} <= {high}"
    return f"(type({parameter}) is not int or {fits})" if kind == "ptr" else fits
