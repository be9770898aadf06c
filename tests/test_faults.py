"""Endless recursion and Ctrl-C: the session lives on, in every tier.

Nothing here sleeps. A program that is to be interrupted calls ``ready``, a function of the test's, when it is running;
then the test sends SIGINT, as the terminal would.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import llvmlite.binding as llvm
import pytest

import kaleido
from kaleido import Interrupted, KaleidoError, Session
from kaleido.jit import Event, Tier
from kaleido.jit.native import faults
from kaleido.session import MODES
from tests.growth import resident

TIMEOUT = 60.0

pytestmark = pytest.mark.skipif(bool(faults.missing_protection()), reason=faults.missing_protection())

WIDE = " + ".join(f"v{number}" for number in range(3000))
PROGRAM = """
def f(x) 1 + f(x + 1)
def ping(x) 1 + pong(x + 1)
def pong(x) 1 + ping(x + 1)
def unary ~ (x) 1 + ~(x + 1)
def in_loop(x) var sum in (for i = 0, i < 3 in sum = sum + in_loop(x + i)) : sum
def with_sin(x) 1 + sin(with_sin(x + 1))
def printing(x) putchard(0) + printing(x + 1)
def silent(x) x + 1
"""
# Reading and lowering it takes as long as everything else in most tests.
WIDE_PROGRAM = f"""
def wide(x) var {", ".join(f"v{number} = x + {number}" for number in range(3000))} in wide({WIDE}) + {WIDE}
"""


@pytest.fixture(scope="module", params=MODES)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(jit=request.param, stack_size=8 << 20) as session:
        session.run(PROGRAM + WIDE_PROGRAM)
        yield session


# Stack overflow


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("f(1)", "f"),
        ("~1", "unary~"),
        ("ping(1)", "p[io]ng"),
        ("in_loop(1)", r"(in_loop|the loop at <input>:\d+)"),
        ("wide(1)", "wide"),
        ("with_sin(1)", "with_sin"),
        ("silent(f(1))", "f"),
        ("for i = 0, i < 3 in f(i)", "(f|the loop at <input>:1)"),
    ],
)
def test_endless_recursion_is_an_error(session: Session, call: str, place: str) -> None:
    for _ in range(3):
        with pytest.raises(KaleidoError) as caught:
            session.run(call)
        assert re.fullmatch(rf"recursion too deep in {place} \(about [\d,]+ calls\)", caught.value.diagnostic.title)
        assert session.run("silent(1)") == 2.0


def test_recursion_that_calls_c_functions_all_the_way_down(session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KaleidoError, match="recursion too deep in p"):
        session.run("printing(1)")
    assert session.run("printd(3)") == 0.0
    # Another test of this process may have made C's standard output a buffered one.
    ctypes.CDLL(None).fflush(None)
    kaleido_output, errors = capfd.readouterr()
    assert kaleido_output.strip("\0") == "3.000000\n"
    assert errors == ""


def test_the_number_of_calls_is_about_right(session: Session) -> None:
    session.run("def depth(n) if n == 0 then 0 else 1 + depth(n - 1)")
    # All three runs in one tier: a frame at -O3 has copies of the function, and holds several calls.
    session.run("depth(2000)")
    session.engine.wait_until_idle()
    with pytest.raises(KaleidoError) as caught:
        session.run("depth(0.5)")
    [calls] = re.findall(r"about ([\d,]+) calls", str(caught.value))
    told = int(calls.replace(",", ""))
    assert session.run(f"depth({told * 9 // 10})") == told * 9 // 10
    with pytest.raises(KaleidoError, match="recursion too deep"):
        session.run(f"depth({told * 11 // 10})")


def test_the_memory_of_a_used_up_stack_is_given_back() -> None:
    with Session(stack_size=256 << 20) as session:
        session.run(PROGRAM + "silent(1)")
        before = resident()
        with pytest.raises(KaleidoError):
            session.run("f(1)")
        assert resident() - before < 32 << 20


def test_thousands_of_overflows() -> None:
    with Session(stack_size=1 << 20) as session:
        session.run(PROGRAM)
        f, sizes = session["f"], []
        for number in range(2_000):
            with pytest.raises(KaleidoError, match="recursion too deep in f"):
                f(number)
            if number in (200, 1_999):
                sizes.append(resident())
        assert sizes[1] - sizes[0] < 1 << 20
        assert session["silent"](1) == 2.0


def test_stacks_side_by_side(capfd: pytest.CaptureFixture[str]) -> None:
    # Equal stacks lie next to each other, and records are used again in another order than stacks.
    sessions = [Session(stack_size=8 << 20, jit="O0") for _ in range(6)]
    # What other tests have left in C's buffer.
    ctypes.CDLL(None).fflush(None)
    capfd.readouterr()
    for order in ([5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5], [3, 0, 4, 1, 5, 2]):
        for number in order:
            sessions[number].run("def f(x) 1 + f(x + 1) printd(1)")
        for session in sessions:
            with pytest.raises(KaleidoError, match="recursion too deep"):
                session.run("printd(2) : f(1)")
        for number in order[::2]:
            sessions[number].close()
            sessions[number] = Session(stack_size=8 << 20, jit="O0")
    for session in sessions:
        session.close()
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr().out == ("1.000000\n" * 6 + "2.000000\n" * 6) * 3


def test_an_overflow_is_an_event_and_keeps_the_engine_tidy(session: Session) -> None:
    events: list[Event] = []
    unsubscribe = session.subscribe(events.append)
    with pytest.raises(KaleidoError):
        session.run("f(1)")
    unsubscribe()
    [faulted] = [event for event in events if event.kind == "faulted"]
    assert faulted.message.startswith("stack overflow in f")
    assert not any(each.name.startswith("top") for each in session.stats())


def test_more_stack_is_more_calls() -> None:
    depths = []
    for size in ("4M", "64M"):
        # In processes of their own: the C library gives a new thread the stack of an old one, if that is large enough.
        done = kal("--jit=O0", f"--stack-size={size}", "-c", "def f(n) 1 + f(n - 1) f(1)")
        depths.append(int(re.findall(r"about ([\d,]+)", done.stderr)[0].replace(",", "")))
    assert 15 < depths[1] / depths[0] < 17


# Interruption


class Ready:
    """``extern ready(x)``: a C function by which a program tells that it is running."""

    def __init__(self) -> None:
        self.event = threading.Event()
        # Assigned only to be kept: native code has its address.
        self._function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(self._call)
        llvm.add_symbol("ready", ctypes.cast(self._function, ctypes.c_void_p).value)

    def _call(self, argument: float) -> float:
        self.event.set()
        return 0.0

    def then(self, act: Callable[[], object]) -> threading.Thread:
        """Call `act` on a thread of its own when a program has said that it runs."""
        self.event.clear()

        def wait() -> None:
            assert self.event.wait(TIMEOUT)
            act()

        thread = threading.Thread(target=wait)
        thread.start()
        return thread


READY = Ready()


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def interrupted(session: Session, text: str) -> Interrupted:
    """Press Ctrl-C when `text` runs and has called ``ready``."""
    thread = READY.then(press_ctrl_c)
    with pytest.raises(Interrupted) as caught:
        session.run(text, "demo.kal")
    thread.join(TIMEOUT)
    return caught.value


@pytest.fixture
def running(session: Session) -> Session:
    session.run(
        """
        extern ready(x)
        def tail(x) tail(x + 1)
        def even(x) odd(x) def odd(x) even(x)
        def fib(n) if n < 3 then 1 else fib(n - 1) + fib(n - 2)
        def spin(x) ready(x) : (for i = 0, 1 in
          0)
        """,
        "lib.kal",
    )
    return session


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ready(1) : (for i = 0, 1 in 0)", "in the loop at demo.kal:1"),
        ("\n\nready(1) : (for i = 0, 1 in sin(i))", "in (sin|the loop at demo.kal:3)"),
        ("ready(1) : tail(1)", "in tail"),
        ("ready(1) : even(1)", "in (even|odd)"),
        ("ready(1) : (for i = 0, 1 in fib(20))", "in (fib|the loop at demo.kal:1)"),
        ("ready(1) : (for i = 0, 1 in putchard(0))", "(in putchard|in the loop at demo.kal:1)"),
        ("spin(1)", r"in (spin|the loop at lib.kal:\d+)"),
        ("for i = 0, 1 in ready(i)", "in (ready|the loop at demo.kal:1)"),
    ],
)
def test_ctrl_c_stops_what_runs(running: Session, text: str, place: str) -> None:
    stop = interrupted(running, text)
    # A loop or function that waits for its optimized code is told by where it was called.
    assert re.fullmatch(rf"interrupted ({place}|at demo.kal:\d)", str(stop)) and not stop.detached
    assert running.run("1 + 2") == 3.0


def test_an_expression_that_is_interrupted_changes_no_variable(running: Session) -> None:
    running.run("x = 5; y = 1")
    interrupted(running, "x = (y = 2) + (ready(1) : (for i = 0, 1 in x = i))")
    assert running.variables == {"x": 5.0, "y": 1.0}


def test_an_interrupt_from_another_thread(running: Session) -> None:
    thread = READY.then(running.interrupt)
    with pytest.raises(Interrupted, match="interrupted in"):
        running["spin"](1)
    thread.join(TIMEOUT)
    assert running.run("1 + 2") == 3.0
    running.interrupt()
    assert running.run("1 + 2") == 3.0


def test_many_interrupts(running: Session) -> None:
    for _ in range(40):
        assert not interrupted(running, "spin(1)").detached
    assert running.run("1 + 2") == 3.0


def test_many_more_ctrl_cs_than_one(running: Session) -> None:
    def hammer() -> None:
        for _ in range(50):
            press_ctrl_c()

    thread = READY.then(hammer)
    interrupts = 0
    while thread.is_alive() or not interrupts:
        try:
            running.run("spin(1)" if not interrupts else "1")
        except KeyboardInterrupt:
            interrupts += 1
    assert running.run("1 + 2") == 3.0
    assert not any(each.name.startswith("top") for each in running.stats())


def test_what_a_signal_handler_raises_stops_native_code_too(running: Session) -> None:
    class Late(Exception):
        pass

    def late(number: int, frame: object) -> None:
        raise Late

    before = signal.signal(signal.SIGUSR1, late)
    try:
        thread = READY.then(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(Late):
            running.run("spin(1)")
        thread.join(TIMEOUT)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert running.run("1 + 2") == 3.0


# C functions


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "slow.c").write_text(
        """
        #include <unistd.h>
        static volatile int released;
        double nap(double seconds) { return sleep(seconds); }
        double hear(double x) { char byte; int ends[2]; return pipe(ends) == 0 ? read(ends[0], &byte, 1) : 0; }
        double stuck(double x) { while (!released) pause(); return x; }
        double release(double x) { released = x != 0; return x; }
        double twice(double function, double x) {
            double (*f)(double) = (double (*)(double))(unsigned long)function;
            return f(x) + f(x + 1);
        }
        """
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "slow.so", folder / "slow.c"], check=True)
    return folder / "slow.so"


@pytest.fixture(params=MODES)
def with_library(request: pytest.FixtureRequest, library: Path) -> Iterator[Session]:
    with Session(jit=request.param, libraries=[str(library)], stack_size=32 << 20) as session:
        session.run(
            PROGRAM + "extern ready(x) extern nap(x) extern hear(x) extern stuck(x) extern release(x) extern twice(f x)"
        )
        yield session


@pytest.mark.parametrize("call", ["nap(1000)", "hear(1)"])
def test_a_c_function_that_sleeps_or_reads(with_library: Session, call: str) -> None:
    stop = interrupted(with_library, f"ready(1) : {call} : f(1)")
    assert str(stop).startswith("interrupted") and not stop.detached
    assert with_library.run("silent(1)") == 2.0


def test_a_c_function_that_does_not_return_is_detached(with_library: Session) -> None:
    def evaluating() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "kaleido-evaluation"}

    before = evaluating()
    stop = interrupted(with_library, "release(0) : ready(1) : stuck(1) : f(1)")
    assert stop.detached and "a C function it called is left running" in str(stop)
    [behind] = evaluating() - before
    assert with_library.run("silent(1)") == 2.0
    assert [thread for thread in evaluating() - before if thread is not behind]
    with_library.run("release(1)")
    # It wakes up at the next signal, finds that it is detached, and ends without having recursed.
    assert behind.ident is not None
    signal.pthread_kill(behind.ident, signal.SIGURG)
    behind.join(TIMEOUT)
    assert not behind.is_alive()


def test_overflow_below_a_c_function(with_library: Session) -> None:
    address = with_library["f"].address
    with pytest.raises(KaleidoError, match="recursion too deep in f"):
        with_library.run(f"1 + twice({address}, 1)")
    assert with_library.run(f"twice({with_library['silent'].address}, 1)") == 5.0


# Nested entries


def test_overflow_in_a_python_callback_unwinds_to_the_callback(session: Session) -> None:
    caught: list[KaleidoError] = []

    def call_back(x: float) -> float:
        try:
            return session["f"](x)
        except KaleidoError as error:
            caught.append(error)
            return 42.0

    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(call_back)
    llvm.add_symbol("call_back", ctypes.cast(function, ctypes.c_void_p).value)
    assert session.run("extern call_back(x)  1 + call_back(1)") == 43.0
    assert [error.diagnostic.title.partition(" (")[0] for error in caught] == ["recursion too deep in f"]


# Where it all costs nothing


def test_optimized_code_carries_no_check() -> None:
    with Session() as session:
        session.run(
            """
            def fib(n) if n < 3 then 1 else fib(n-1) + fib(n-2)
            def sum(n) var s in (for i = 1, i < n in s = s + 1/(i*i)) : s
            """
        )
        fib = session.engine.assembly("kal.fib", Tier.OPTIMIZED)
        called = set(re.findall(r"call\w*\s+(\S+?)(?:@PLT)?$", fib, re.MULTILINE))
        assert called == {"kal.fib.impl.counted.integers.recursion.0", "kal.fib.impl.counted.general"}
        total = session.engine.assembly("kal.sum", Tier.OPTIMIZED)
        loops = re.findall(r"(\.LBB0_\d+):\n((?:(?!\.LBB).)*?)\n\s+j\w+\s+\1\n", total, re.DOTALL)
        assert loops
        assert not any("(" in body or "call" in body for _, body in loops), "a loop touches memory"


# Other handlers of SIGSEGV, and signals from outside

HANDLERS = """
import ctypes, faulthandler, os, signal, sys
import kaleido

def overflow():
    try:
        session.run("f(1)")
    except kaleido.KaleidoError as error:
        print(error.diagnostics[0].title[:18], flush=True)

def send():
    os.kill(os.getpid(), signal.SIGSEGV)

def crash():
    ctypes.string_at(0)

{before}
session = kaleido.Session(stack_size=8 << 20)
session.run("def f(x) 1 + f(x + 1)")
overflow()
{after}
"""

RENEWED = "faulthandler.enable(); overflow(); "


@pytest.mark.parametrize(
    ("before", "after", "overflows", "reports", "status"),
    [
        ("", RENEWED, 2, 0, 0),
        ("", RENEWED + "crash()", 2, 1, -signal.SIGSEGV),
        ("", RENEWED + "send()", 2, 1, -signal.SIGSEGV),
        ("", RENEWED + "faulthandler.disable(); overflow(); crash()", 3, 0, -signal.SIGSEGV),
        ("faulthandler.enable()", "faulthandler.disable(); overflow(); crash()", 2, 0, -signal.SIGSEGV),
        ("faulthandler.enable()", "overflow(); crash()", 2, 1, -signal.SIGSEGV),
        ("", "crash()", 1, 0, -signal.SIGSEGV),
        ("", "send()", 1, 0, -signal.SIGSEGV),
        ("signal.signal(signal.SIGSEGV, signal.SIG_IGN)", "send(); overflow()", 2, 0, 0),
        ("signal.signal(signal.SIGSEGV, lambda *_: print('called'))", "send(); overflow()", 2, 0, 0),
        ("", "signal.signal(signal.SIGSEGV, lambda *_: print('called')); overflow(); send(); overflow()", 3, 0, 0),
    ],
)
def test_other_handlers_of_faults(before: str, after: str, overflows: int, reports: int, status: int) -> None:
    code = HANDLERS.format(before=before, after=after)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout.count("recursion too deep")) == (status, overflows)
    assert done.stdout.count("called") == (before + after).count("called")
    assert done.stderr.count("Fatal Python error") == reports


# The command line


def kal(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kaleido", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)


def test_overflow_on_the_command_line() -> None:
    done = kal("--stack-size=8M", "-c", "printd(1) def f(x) 1 + f(x) f(1) printd(2)")
    assert (done.returncode, done.stdout) == (1, "1.000000\n0.0\n")
    assert done.stderr.startswith("error: recursion too deep in f (about ")


@pytest.mark.parametrize("size", ["0", "1", "12Q", "-1M", "M", "1.5G", "", "9999999999G", "64k", "9" * 5000])
def test_stack_sizes_that_cannot_be(size: str) -> None:
    done = kal(f"--stack-size={size}", "-c", "1")
    assert done.returncode == 2 and "--stack-size" in done.stderr


def test_a_stack_for_which_there_is_no_memory() -> None:
    done = kal("--stack-size=1024G", "-c", "1")
    assert (done.returncode, done.stdout) in [(0, "1.0\n"), (1, "")]
    message = "error: no thread with a stack of 1,099,511,627,776 bytes can be started\n  ┌ <command line>:1:1\n"
    assert done.returncode == 0 or done.stderr.startswith(message)


# Platforms that are not known


def test_an_unknown_platform_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import os
os.uname = lambda: os.uname_result(("Linux", "", "", "", "riscv128"))
import kaleido
from kaleido.terminal import streams
with kaleido.Session() as session:
    assert "riscv128" in session.engine.unprotected
    assert session.run("def f(x) x + 1 printd(0) : f(1)") == 2.0
    assert session.run("for i = 0, i < 100000 in f(i)") == 0.0
streams.flush()
print(kaleido.__version__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.stdout, done.stderr) == (f"0.000000\n{kaleido.__version__}\n", "")
