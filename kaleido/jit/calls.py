"""Calls from Python into native code, and how they end early.

A call runs on the evaluation thread, and the calling thread waits for it in Python, where Ctrl-C reaches it. It is
counted as active from the same hold of the lock in which its stub is looked up, until its native code has ended, even
if no caller waits for it any longer: code is freed only when no call that could be in it is active.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from kaleido.jit.events import EventKind
from kaleido.jit.lifetime import Lifetime
from kaleido.jit.native.faults import Fault, NativeThread
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.process.interrupts import discard_pending, interruptibly, is_pending, signals_deferred
from kaleido.jit.program.program import Program
from kaleido.jit.program.versions import Version
from kaleido.jit.running.callbacks import take_raised
from kaleido.jit.running.errors import Interrupted, stack_overflow_error
from kaleido.jit.running.evaluation import Evaluation, Task
from kaleido.jit.running.stacks import free_unused_stack
from kaleido.jit.unit import RunCounter, Unit

__all__ = ["Calls"]

# Seconds that a call waits for its result before signals are let through.
_SHORT = 0.002


class Calls:
    """Runs units of one program. Thread-safe."""

    def __init__(self, program: Program, runtime: Runtime, evaluation: Evaluation, lifetime: Lifetime) -> None:
        self._program, self._access = program, program.access
        self._runtime, self._evaluation, self._lifetime = runtime, evaluation, lifetime

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Run a unit and return its result. Raises as ``Engine.call``."""
        with signals_deferred():
            task = self._submit(name, arguments)
            # A signal that comes during a short call takes effect after it: to let signals through and to defer them
            # again takes longer than the call.
            if is_pending() or not task.wait(_SHORT):
                try:
                    interruptibly(task.join)
                except BaseException as stop:
                    self._stop(task, stop)
            return self._result(task)

    def _submit(self, name: str, arguments: tuple[Any, ...]) -> Task:
        """Start a call on the evaluation thread."""
        side: int | None = None
        try:
            with self._access.opened():
                version = self._program.prepare(name)
                stub = self._program.publisher.stub(version.symbol, version.unit.signature)
                stub.signature.check_arguments(name, arguments)
                enter = self._runtime.entry_point(stub.signature)
                side = self._program.reclaimer.begin_call()
            return self._evaluation.submit(
                lambda thread: self._run(version, enter, thread, stub.address, arguments),
                partial(self._end_call, side),
            )
        except BaseException:
            if side is not None:
                self._end_call(side)
            raise

    def _run(
        self,
        version: Version,
        enter: Callable[..., Any],
        thread: NativeThread | None,
        stub: int,
        arguments: tuple[Any, ...],
    ) -> Any:
        """Enter native code. Runs on the evaluation thread."""
        begin = time.perf_counter()
        result = enter(thread.address if thread is not None else 0, stub, *arguments)
        if version.unit.counter is RunCounter.NONE:
            code = version.code
            address = code.address if code is not None else 0
            self._program.events.emit(EventKind.RAN, version, began=begin, runs=0, address=address)
        if thread is None and (raised := take_raised()) is not None:
            raise raised
        if thread is not None and thread.fault:
            self.raise_fault(thread)
        return result

    def _end_call(self, side: int) -> None:
        """The native code of a call has ended. Runs on the evaluation thread: its caller may wait no longer."""
        with self._access.lock:
            self._program.reclaimer.end_call(side)
            if self._access.closed:
                self._lifetime.free_if_unused()
            else:
                self._program.reclaimer.collect()

    def raise_fault(self, thread: NativeThread) -> NoReturn:
        """Build and raise the exception for the recorded fault, on the thread that it happened on."""
        fault, thread.fault = thread.fault, Fault.NONE
        if thread.pending in (Fault.OVERFLOW, Fault.RAISED):
            # Clear the pending fault: this exception delivers it, and outer native frames must not deliver it again.
            thread.pending = Fault.NONE
        raised = take_raised()
        error: BaseException
        with self._access.lock:
            if fault == Fault.RAISED:
                assert raised is not None
                error, message = raised, f"a Python function raised {type(raised).__name__}"
            else:
                interrupted = fault == Fault.INTERRUPTED
                error = (
                    Interrupted(self._unit_at(thread.pc))
                    if interrupted
                    else stack_overflow_error(thread, self._frame_at)
                )
                message = str(error)
            found = self._program.publisher.code_map.find(thread.pc)
            if found is not None:
                self._program.events.emit(EventKind.FAULTED, *found, message=message)
        if fault == Fault.OVERFLOW:
            free_unused_stack(thread)
        raise error

    def _stop(self, task: Task, stop: BaseException) -> NoReturn:
        """Stop a task because its waiter received `stop`, and raise that; for Ctrl-C, with the place where it was."""
        self._evaluation.stop(task)
        if isinstance(stop, KeyboardInterrupt):
            discard_pending()
            try:
                self._result(task)
            except Interrupted:
                raise
            except Exception:
                # The call ended in another way at the same moment.
                pass
        raise stop

    def _result(self, task: Task) -> Any:
        if task.detached_at is not None:
            with self._access.lock:
                raise Interrupted(self._unit_at(task.detached_at), detached=True) from None
        return task.result()

    def _unit_at(self, address: int) -> Unit | None:
        found = self._frame_at(address)
        return found[0] if found is not None else None

    def _frame_at(self, address: int) -> tuple[Unit, int] | None:
        """The unit with the machine code at an address, and how many calls of it one frame holds."""
        found = self._program.publisher.code_map.find(address)
        return (found[0].unit, found[1].levels) if found is not None else None

    def c_function(self, name: str) -> int:
        """The address of a C function that calls a unit. Raises as ``Engine.address``."""
        with self._access.opened():
            self._program.symbols.defined(name).unit.signature.check_foreign(name)
            version = self._program.prepare(name)
            return self._program.publisher.c_function(version.symbol, version.unit.signature)
