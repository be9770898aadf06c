"""The sampler of an engine: a timer for its evaluation thread. ``native.samples`` explains the design."""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from functools import cache

from kaleido.jit.native.faults import NativeThread, missing_protection
from kaleido.jit.native.samples import Ring, Sample, sampling_handler
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.running.evaluation import Evaluation
from kaleido.jit.running.stacks import install_handler, present_handler

__all__ = ["Sampler"]

_SIGEV_THREAD_ID = 4


class _Event(ctypes.Structure):
    """``struct sigevent``."""

    _fields_ = [
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    ]


class _Setting(ctypes.Structure):
    """``struct itimerspec``: two times of seconds and nanoseconds."""

    _fields_ = [(name, ctypes.c_long) for name in ("every", "every_rest", "first", "first_rest")]


class Sampler:
    """Samples the thread of an `evaluation`, which may be another one later. Thread-safe.

    `interval`  seconds of processor time between two samples; the kernel may take fewer

    Close it. Raises OSError where this platform, or a handler of the application, does not allow it.
    """

    def __init__(self, evaluation: Evaluation, interval: float = 0.001) -> None:
        _install()
        self._evaluation, self._interval = evaluation, interval
        self._lock = threading.Lock()
        self._ring = Ring()
        self._timer: ctypes.c_void_p | None = None
        self._sampled: tuple[int, NativeThread] | None = None
        self._closed = False
        self._seconds = self._begun = 0.0
        # Programs are short: a thread that is found by a look from time to time has run for a while without samples.
        self._unsubscribe = evaluation.on_start(self._follow)
        self._follow()

    def take(self) -> list[Sample]:
        """The samples since the last call."""
        with self._lock:
            return [] if self._closed else self._ring.take()

    def _follow(self) -> None:
        """Sample the present evaluation thread."""
        current = self._evaluation.thread
        with self._lock:
            if self._closed or current is None or current == self._sampled:
                return
            self._delete_timer()
            self._ring.attach(current[1].address)
            self._timer = _new_timer(self._ring.address, current[0], self._interval)
            self._sampled = current
            if self._timer is not None:
                self._begun = time.clock_gettime(_clock(current[0]))

    @property
    def seconds(self) -> float:
        """The processor time of the threads while they were sampled."""
        with self._lock:
            return self._seconds + self._elapsed()

    def close(self) -> None:
        """End sampling."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._unsubscribe()
                self._delete_timer()
                self._ring.close()

    def _delete_timer(self) -> None:
        if self._timer is not None:
            self._seconds += self._elapsed()
            _libc().timer_delete(self._timer)
            self._timer = None

    def _elapsed(self) -> float:
        """The processor time of the thread that is sampled, since it is."""
        if self._timer is None or self._sampled is None:
            return 0.0
        try:
            return time.clock_gettime(_clock(self._sampled[0])) - self._begun
        except OSError:
            return 0.0  # the thread has ended


def _new_timer(ring: int, thread: int, interval: float) -> ctypes.c_void_p | None:
    """A timer of the processor time of a thread; None where the thread has ended."""
    event = _Event(value=ring, signal=signal.SIGPROF, notify=_SIGEV_THREAD_ID, thread=thread)
    timer = ctypes.c_void_p()
    if _libc().timer_create(ctypes.c_int(_clock(thread)), ctypes.byref(event), ctypes.byref(timer)) != 0:
        return None
    nanoseconds = int(interval * 1e9)
    setting = _Setting(0, nanoseconds, 0, nanoseconds)
    _libc().timer_settime(timer, 0, ctypes.byref(setting), None)
    return timer


def _clock(thread: int) -> int:
    """The clock of the processor time of a thread, by its native identifier: what pthread_getcpuclockid computes."""
    return ~thread << 3 | 6


_installing = fork_safe(threading.Lock(), LockOrder.THREADS)


def _install() -> None:
    """Install the handler, which stays: a signal of a timer that was deleted would end the process. Raises OSError."""
    if missing_protection():
        raise OSError("no samples: " + missing_protection())
    if not hasattr(_libc(), "timer_create"):
        raise OSError("no samples: the C library has no timers for threads")
    with _installing:
        handler, present = sampling_handler(), present_handler(signal.SIGPROF)
        if present not in (0, handler):
            raise OSError("no samples: the application handles SIGPROF")
        if present == 0:
            install_handler(signal.SIGPROF, handler)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
