"""Python functions that native code calls, and what becomes of their exceptions.

An exception cannot pass through native code, which has no tables for unwinding. So the C function catches it, keeps it
for its thread, and requests that the thread leave native code, as an interruption does. It returns zero to the unit
that has called it, and REENTER_JIT jumps to the innermost entry (see ``native/faults``), which raises the exception
again: the same object, with its traceback. Calls that raise nothing do not know of this.

Where an interruption is requested meanwhile, that is raised, and the exception is forgotten.

Limits. On a thread that native code cannot leave, ctypes prints the exception and returns zero: C code has called a
unit there by its address. On a platform without protection, native code goes on with the zero to its end, and then the
exception is raised.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from kaleido.jit.native.entry_points import C_TYPES
from kaleido.jit.native.faults import Fault, missing_protection
from kaleido.jit.running.stacks import current_native_thread
from kaleido.jit.signature import Signature

__all__ = ["Callback", "take_raised"]

_this_thread = threading.local()


class Callback:
    """A C function that runs a Python function, for units to call between LEAVE_JIT and REENTER_JIT.

    `function` gets Python numbers, one for each parameter of `signature`, and returns a number; what it returns is
    ignored where that has no result. What it raises, KeyboardInterrupt included, ends the native code, and is raised by
    the call from Python that has entered it. Keep the object as long as units may call `address`.

    Raises TypeError where C cannot call the signature, and for what is no function.
    """

    def __init__(self, function: Callable[..., Any], signature: Signature) -> None:
        if not callable(function):
            raise TypeError(f"a callback runs a function, not a {type(function).__name__}")
        signature.check_foreign("a callback")
        result = C_TYPES[signature.result_type]
        convert = (lambda value: None) if result is None else (lambda value: result(value).value)
        zero = None if result is None else result().value

        def run_callback(*arguments: Any) -> Any:
            try:
                return convert(function(*arguments))
            except BaseException as error:
                if not _leave_native_code(error):
                    raise
                return zero

        self._native = ctypes.CFUNCTYPE(result, *(C_TYPES[kind] for kind in signature.parameter_types))(run_callback)
        self.address: int = ctypes.cast(self._native, ctypes.c_void_p).value or 0

    @staticmethod
    def has_raised(error: BaseException) -> bool:
        """Whether an exception is one that a Python function of a Callback has raised, not one of the engine."""
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_name == "run_callback" and code.co_filename == __file__:
                return True
            trace = trace.tb_next
        return False


def _leave_native_code(error: BaseException) -> bool:
    """Make the calling thread leave native code for an exception. Returns whether it can."""
    thread = current_native_thread()
    if thread is None or not thread.jump:
        if not missing_protection():
            return False
    elif thread.pending != Fault.NONE:
        return True
    else:
        thread.pending = Fault.RAISED
    _this_thread.raised = error
    return True


def take_raised() -> BaseException | None:
    """The exception for which native code was left on the calling thread, once."""
    error: BaseException | None = getattr(_this_thread, "raised", None)
    _this_thread.raised = None
    return error
