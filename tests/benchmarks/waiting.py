"""Waiting: for the start, the prompt, a value, a call from Python, optimized code; each relative to its floor.

The floor of a start is the import of what it needs; the floor of code is what llvmlite alone needs for the same
LLVM IR.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

import pexpect

from kaleido import Session
from kaleido.diagnostics import Source
from kaleido.jit import Engine, Event, EventKind, RunCounter, Tier, Unit
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.llvm import Target
from kaleido.language.source_files import read
from kaleido.terminal.streams import discarded
from tests.benchmarks.figures import Figure, Timed, ratio, timed
from tests.benchmarks.floor import Floor, in_c_convention
from tests.benchmarks.processes import ROOT, Clock, Times, environment, kaleido, python, run
from tests.repl.latency import KINDS
from tests.repl.latency import Timed as TimedRepl

__all__ = ["calls", "emission", "entries", "many_entries", "optimizing", "prompts", "starts"]


def _process(command: list[str]) -> Timed:
    return lambda: run(command)[0]


def starts(build: Path, repeat: int, clock: Clock) -> Iterator[Figure]:
    """The command, whole processes."""
    script = build / "unchanged.kal"
    script.write_text("".join(f"def f{number}(x) x * {number} + 1\n" for number in range(20)) + "f7(6)\n")
    for title, arguments, imports, goal in (
        ("`kaleido -c 4+5`", ["-c", "4+5"], "llvmlite.binding, lark", 1.2),
        ("`kaleido --no-cache -c 4+5`", ["--no-cache", "-c", "4+5"], "llvmlite.binding, lark", 2.0),
        ("a second run of 20 definitions", [str(script)], "llvmlite.binding", 1.3),
    ):
        sides = _process(kaleido(*arguments)), _process(python("-c", f"import {imports}"))
        yield Figure(f"{title} / `import {imports}`", ratio(*sides, repeat, clock), goal)


# On a terminal

_IMPORTS = "llvmlite.binding, lark, prompt_toolkit, pygments"

# Seconds without any use of the processor after which a process counts as idle.
_IDLE = 0.02

# What limits an entry.
_CACHES = "Python and LLVM displace each other from the processor's caches: WAITING.md"

# Where the REPL looks for init.kal, its history and the object cache.
_FOLDERS = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")

_BARE_LOOP = """
from prompt_toolkit import PromptSession
session = PromptSession()
while True:
    print(float(eval(session.prompt("kal> "))))
"""


class _Terminal:
    """A process on a terminal, that shows ``kal>``. Its times are those since it was started, or since a key."""

    def __init__(self, home: str, *arguments: str) -> None:
        self._begin, self._used = time.perf_counter(), 0.0
        variables = {"TERM": "xterm", "NO_COLOR": "1", "PROMPT_TOOLKIT_NO_CPR": "1", **dict.fromkeys(_FOLDERS, home)}
        self._child: Any = pexpect.spawn(
            sys.executable, [*arguments], env=environment(**variables), dimensions=(24, 80), timeout=60
        )
        self._child.delaybeforesend = None

    def until(self, text: str) -> Times:
        self._child.expect_exact(text)
        return Times(time.perf_counter() - self._begin, self._processor() - self._used)

    def enter(self, line: str, value: str) -> Times:
        """From Enter to the next prompt, after the value was shown."""
        self._child.send(line)
        self._child.expect_exact(line[-1])
        # What is shown may be a suggestion for the keys that are still to be read.
        self._wait_until_idle()
        self._begin, self._used = time.perf_counter(), self._processor()
        self._child.send("\r")
        self._child.expect_exact(value)
        return self.until("kal>")

    def _wait_until_idle(self) -> None:
        used, before = self._processor(), -1.0
        while used != before:
            time.sleep(_IDLE)
            used, before = self._processor(), used

    def _processor(self) -> float:
        """Seconds that all threads have used, from Linux's own counts of nanoseconds."""
        threads = Path(f"/proc/{self._child.pid}/task").iterdir()
        return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9

    def close(self) -> None:
        self._child.close(force=True)


def prompts(repeat: int, clock: Clock) -> Iterator[Figure]:
    """The prompt, and an entry at it, in a pseudo-terminal, with an empty home directory."""
    with tempfile.TemporaryDirectory() as home:
        yield from _prompts(home, repeat, clock)


def _prompts(home: str, repeat: int, clock: Clock) -> Iterator[Figure]:
    def started(*arguments: str) -> Times:
        terminal = _Terminal(home, *arguments)
        try:
            return terminal.until("kal>")
        finally:
            terminal.close()

    repl = ("-m", "kaleido")
    imports = ("-c", f"import {_IMPORTS}\nprint('kal>', flush=True)\ninput()")
    found = ratio(lambda: started(*repl), lambda: started(*imports), repeat, clock)
    yield Figure(f"`kaleido` to its prompt / `import {_IMPORTS}`", found, 1.25)
    with ExitStack() as stack:
        own, bare = _Terminal(home, *repl), _Terminal(home, "-c", _BARE_LOOP)
        for terminal in (own, bare):
            stack.callback(terminal.close)
            terminal.until("kal>")
        sides = (lambda: own.enter("4+5", "9.0"), lambda: bare.enter("4+5", "9.0"))
        title = "Enter to prompt on a terminal / a bare prompt_toolkit loop"
        yield Figure(title, ratio(*sides, 4 * repeat, clock), 1.7, _CACHES)


# In this process


def entries(repeat: int, clock: Clock) -> Iterator[Figure]:
    """From Enter to the value, and to the next prompt, in the REPL, relative to the code that the entry needs."""
    ticks = time.perf_counter if clock == "wall" else time.process_time
    repl, floor = TimedRepl(10, ticks), Floor()
    lows: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(10 * repeat):
        with discarded():
            repl.enter([number])
        definition = repl.session[f"g{number}"].unit
        [call] = repl.session.units(Source("entry", f"g{number}({number})"))
        needs: dict[str, list[Unit]] = dict(zip(KINDS, ([definition], [definition, call], [call]), strict=True))
        for kind, units in needs.items():
            lows[kind].append(timed(partial(floor.load_all, units))().of(clock))
    repl.session.close()
    # Minima: the medians of some runs are one and a half times those of others.
    for kind in KINDS:
        low = min(lows[kind])
        if repl.value_seconds[kind]:
            yield Figure(f"{kind}, Enter to value / llvmlite alone", min(repl.value_seconds[kind]) / low, 1.6, _CACHES)
        yield Figure(f"{kind}, Enter to prompt / llvmlite alone", min(repl.seconds[kind]) / low, 1.6, _CACHES)


def many_entries(repeat: int, clock: Clock, definitions: int = 10_000) -> Iterator[Figure]:
    """Entries in a REPL with many definitions, relative to those in one with ten; a few in each by turns."""
    ticks = time.perf_counter if clock == "wall" else time.process_time
    with discarded():
        few, many = TimedRepl(10, ticks), TimedRepl(definitions, ticks)
        for number in range(10 * repeat):
            for repl in (few, many):
                repl.enter([number])
    for repl in (few, many):
        repl.session.close()
    for kind in KINDS:
        found = median(many.seconds[kind]) / median(few.seconds[kind])
        yield Figure(f"{kind} after {definitions:,} entries / after 10", found, 1.1)


def calls(repeat: int, clock: Clock) -> Iterator[Figure]:
    """A call from Python, relative to one by ctypes."""
    with Session(jit="O3") as session:
        session.run("def f(x) x * x")
        function = session["f"]
        bare = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(function.address)

        def repeated(call: Callable[[float], float]) -> None:
            for _ in range(1_000):
                call(3.0)

        sides = timed(partial(repeated, function)), timed(partial(repeated, bare))
        yield Figure("a call from Python, `f(3.0)` / by ctypes", ratio(*sides, repeat, clock), 3.0)


# A title, a definition, how LLVM's input differs from the unit (empty where it is the unit), and what LLVM does with
# that.
_OPTIMIZED = (
    ("a small function", "def {}(x) x * x + 1", "", ""),
    (
        "a loop",
        "def {}(n) var s in (for i = 1, i < n in s = s + i * i / (i + n)) : s",
        "LLVM compiles it with integers, in vectors and by ones, and as it was",
        "",
    ),
    (
        "a function that calls itself",
        "def {}(n) if n < 3 then 1 else {}(n - 1) + {}(n - 2)",
        "LLVM compiles eight bodies of it, with integers and as it was",
        "LLVM's passes run twice: in the second run they merge equal calls",
    ),
)


def optimizing(repeat: int, clock: Clock) -> Iterator[Figure]:
    """From hot to swapped, nothing queued. Time of the processor is that of the recompiler's thread.

    Relative to llvmlite alone, for the unit and for what LLVM gets in its place.
    """
    floor = Floor()
    # With a threshold, a unit is compiled as soon as it is hot.
    with Session(threshold=1_000) as session:
        waiting, compiler = _HotToSwapped(session.engine), Compiler(Target(session.engine.policy), None)
        names = (f"f{number}" for number in count())
        for title, definition, expansion, note in _OPTIMIZED:
            seconds, lows, expanded = [], [], []
            for name in islice(names, 10 * repeat):
                session.run(definition.replace("{}", name))
                # The innermost: the loop, if there is one.
                *_, unit = session[name].unit.with_nested()
                seconds.append(waiting.measure(unit, session[name]).of(clock))
                lows.append(timed(partial(floor.load, unit, Tier.OPTIMIZED))().of(clock))
                if expansion:
                    text = compiler.expanded([unit])
                    expanded.append(timed(partial(floor.load, unit, Tier.OPTIMIZED, text))().of(clock))
            yield Figure(f"hot to swapped / llvmlite alone, {title}", min(seconds) / min(lows), 1.3, expansion)
            if expansion:
                found = min(seconds) / min(expanded)
                yield Figure(f"hot to swapped / llvmlite alone on the expanded code, {title}", found, 1.3, note)


class _HotToSwapped:
    def __init__(self, engine: Engine) -> None:
        self._engine, self._swapped = engine, threading.Event()
        self._times: dict[EventKind, Times] = {}
        engine.subscribe(self._listen)

    def _listen(self, event: Event) -> None:
        # Both events are emitted by the recompiler's thread.
        if event.kind in (EventKind.HOT, EventKind.SWAPPED):
            self._times[event.kind] = Times(event.time, time.thread_time())
        if event.kind is EventKind.SWAPPED:
            self._swapped.set()

    def measure(self, unit: Unit, function: Callable[[float], float]) -> Times:
        """Make a unit hot that `function` runs or is."""
        self._swapped.clear()
        threshold = self._engine.policy.threshold(unit) or 0
        if unit.counter is RunCounter.ITERATIONS:
            function(2 * threshold)
        else:
            for _ in range(threshold):
                function(2.0)
        assert self._swapped.wait(60)
        end, begin = self._times[EventKind.SWAPPED], self._times[EventKind.HOT]
        return Times(end.wall - begin.wall, end.cpu - begin.cpu)


def emission(repeat: int, clock: Clock) -> Iterator[Figure]:
    """Machine code at -O0 for all units of the examples: LLVM's fast selector takes no tail calls."""
    floor, texts = Floor(), list(dict.fromkeys(_texts()))
    own = timed(partial(floor.emit_all, [floor.parsed(text) for text in texts]))
    without = [text for text in texts if "musttail " not in text]
    for note, changed in (("", texts), (f", only the {len(without)} that make none", without)):
        modules = [floor.parsed(in_c_convention(text) if text in changed else text) for text in texts]
        title = f"-O0 emission of {len(texts)} units / in the C convention without tail calls{note}"
        yield Figure(title, ratio(own, timed(partial(floor.emit_all, modules)), repeat, clock))


def _texts() -> Iterator[str]:
    """The LLVM IR of all units of the examples. Nothing is run."""
    for path in sorted((ROOT / "tutorials/examples").glob("*.kal")):
        with Session(jit="O0") as session:
            for unit in session.units(read(str(path))):
                yield unit.ir
            for function in session.functions():
                yield from (each.ir for each in function.unit.with_nested())
