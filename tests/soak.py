"""A long test of one session: everything at once, at random, checked against a simple model.

python -m tests.soak [--seconds N] [--seed S] [--threads N]

Each thread has its own functions, and a model of what each returns. All threads work in one session, in which they also
redefine one function together. They define and redefine, call, run loops until they are hot, cause every kind of error,
call undefined functions, optimize on request, recurse endlessly, interrupt each other, and use the REPL's commands. It
prints counts and memory at intervals, and exits with 1 at the first failure. The same seed gives each thread the same
entries.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable

from kaleido import Interrupted, KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.repl.commands import execute
from kaleido.repl.display.console import Console
from kaleido.repl.settings import Settings
from kaleido.repl.state import State
from tests.growth import allocated, resident
from tests.jit.schedule import open_files

__all__ = ["Soak", "main"]

# Bytes: small, so that endless recursion ends soon.
STACK = 1 << 20

# Seconds. No single entry takes longer.
PATIENCE = 120.0


class SilentConsole(Console):
    """Discards what commands write."""

    def write(self, text: str) -> None:
        pass


class Worker:
    """A thread's functions, all with one parameter, and a model of each."""

    def __init__(self, soak: Soak, name: str, seed: int) -> None:
        self._soak, self._session, self._name = soak, soak.session, name
        self._random = random.Random(seed)
        self._model: dict[str, Callable[[float], float]] = {}
        self._entries = [getattr(self, name) for name in dir(self) if name.startswith("enter_")]

    def work(self) -> None:
        try:
            while not self._soak.over:
                entry = self._random.choice(self._entries)
                try:
                    entry()
                except Interrupted:
                    # By another thread. The entry has been undone, or has taken effect.
                    self._soak.count("interrupted")
                self._soak.count(entry.__name__.removeprefix("enter_").replace("_", " "))
        except BaseException:
            self._soak.fail(f"{self._name}: {traceback.format_exc()}")

    # Entries

    def enter_definition(self) -> None:
        # The model uses floats and the same order of operations, so it rounds equally.
        name, factor, term = self._new_name(), self._number(), self._number()
        self._define(name, f"x * {factor} + {term}", lambda x: x * factor + term)

    def enter_definition_with_a_callee(self) -> None:
        # A callee has a smaller number than its caller, which excludes recursion.
        number, term = self._random.randint(0, 8), self._number()
        callee, name = f"{self._name}{number}", f"{self._name}{self._random.randint(number + 1, 9)}"
        if callee in self._model:
            self._define(name, f"{callee}(x) + {term}", lambda x: self._model[callee](x) + term)

    def enter_definition_with_a_loop(self) -> None:
        name, turns = self._new_name(), self._random.randint(1, 200)
        body = f"var sum = x in (for i = 1, i < {turns} in sum = sum + i) : sum"
        self._define(name, body, lambda x: sum(range(1, turns + 1), start=x))

    def enter_call(self) -> None:
        for name in self._known():
            argument = self._number()
            self._expect(f"{name}({argument})", self._model[name](argument))

    def enter_call_from_python(self) -> None:
        for name in self._known():
            argument = self._number()
            found, expected = self._session[name](argument), self._model[name](argument)
            self._check(found == expected, f"{name}({argument}) is {found}, not {expected}")

    def enter_hot_loop(self) -> None:
        for name in self._known()[:2]:
            self._run(f"for i = 1, i < 3000 in {name}(i)")

    def enter_optimization(self) -> None:
        for name in self._known()[:2]:
            self._session.engine.optimize(f"kal.{name}")

    def enter_operator(self) -> None:
        sign, factor = self._random.choice(["<>", "~~", "@"]), self._number()
        # Other threads define it too, in any order.
        self._run(f"def binary {sign} 20 (a b) a * {factor} + b")

    def enter_unknown_name(self) -> None:
        self._fail("never_defined(1)", "unknown function")

    def enter_syntax_error(self) -> None:
        self._fail(self._random.choice(["def f(x", "1 +", "(((", "for in", ") 1", "1 2 then"]), "")

    def enter_change_of_parameters(self) -> None:
        name = f"{self._name}90{len(self._model)}"
        self._run(f"def {name}(x) x\ndef {name}1(x) {name}(x)")
        self._fail(f"def {name}(x y) x", "cannot take 2 parameters")

    def enter_call_before_its_definition(self) -> None:
        name = f"{self._name}80x{self._random.randint(0, 30)}"
        if f"{name}b" in self._session:
            return
        self._fail(f"def {name}a(x) {name}b(x)\n{name}a(1)\ndef {name}b(x) x", "called before it is defined")
        self._run(f"def {name}b(x) x + 1")
        self._expect(f"{name}a(1)", 2.0)

    def enter_extern(self) -> None:
        self._expect("extern floor(x)\nfloor(2.5)", 2.0)
        self._fail("extern not_in_this_process(x); not_in_this_process(1)", "declared, and not defined")

    def enter_shared_definition(self) -> None:
        number = self._soak.serial()
        self._soak.shared.add(number)
        self._run(f"def shared(x) x + {number}")

    def enter_shared_call(self) -> None:
        found = self._run("shared(0)")
        self._check(found in self._soak.shared, f"shared(0) is {found}")

    def enter_endless_recursion(self) -> None:
        name = f"{self._name}70"
        self._run(f"def {name}(x) 1 + {name}(x + 1)")
        self._fail(f"{name}(0)", "too deep")

    def enter_interruption(self) -> None:
        self._session.interrupt()

    def enter_command(self) -> None:
        state = State(self._session, SilentConsole(Settings(), interactive=False), Settings())
        for command in (":list", ":tiers", *(f":ir {name}" for name in self._known()[:1])):
            execute(state, Source("<entry>", command))

    def enter_lists(self) -> None:
        self._session.stats()
        assert all(each.signature for each in self._session.functions())

    # Parts of entries

    def _define(self, name: str, body: str, model: Callable[[float], float]) -> None:
        self._run(f"def {name}(x) {body}")
        self._model[name] = model

    def _expect(self, text: str, expected: float) -> None:
        found = self._run(text)
        self._check(found == expected, f"{text} is {found}, not {expected}")

    def _fail(self, text: str, title: str) -> None:
        try:
            self._run(text)
        except KaleidoError as error:
            self._check(title in str(error), f"{text} raises: {error}")
        else:
            self._check(False, f"{text} raises no error")

    def _run(self, text: str) -> float | None:
        return self._session.run(text, f"<{self._name}>")

    def _check(self, right: bool, complaint: str) -> None:
        if not right:
            raise AssertionError(complaint)

    def _known(self) -> list[str]:
        return self._random.sample(sorted(self._model), min(4, len(self._model)))

    def _new_name(self) -> str:
        return f"{self._name}{self._random.randint(0, 9)}"

    def _number(self) -> float:
        return float(self._random.randint(0, 99))


class Soak:
    """One session, and the threads that use it."""

    def __init__(self, seed: int, threads: int) -> None:
        self.session = Session(threshold=50, stack_size=STACK)
        self.session.run("def shared(x) x")
        self.shared: set[float] = {0.0}
        self.over = False
        self.trouble = ""
        self.counts: Counter[str] = Counter()
        self._serial = 0
        self._lock = threading.Lock()
        workers = [Worker(self, chr(ord("a") + number), seed + number) for number in range(threads)]
        self._threads = [threading.Thread(target=worker.work, daemon=True) for worker in workers]

    def run(self, seconds: float, interval: float) -> None:
        """Run for `seconds`, or until the first failure, with a report every `interval` seconds."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.start()
        while not self.over and (left := end - time.monotonic()) > 0:
            before = self.counts.total()
            self._threads[0].join(min(interval, left))
            self.report()
            if self.counts.total() == before and left > interval:
                self.fail(f"nothing has happened for {interval} seconds")
        self.over = True
        for thread in self._threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                self.fail("a thread does not end")

    def report(self) -> None:
        tiers = Counter(str(each.tier) for each in self.session.stats())
        print(
            f"{self.counts.total():9,} entries, {resident() / 2**20:.1f} MiB, {allocated() / 2**20:.1f} allocated, "
            f"{self.session.engine.memory().arenas} arenas, {open_files()} files, {threading.active_count()} threads, "
            + ", ".join(f"{number} at {tier}" for tier, number in sorted(tiers.items())),
            flush=True,
        )

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def serial(self) -> int:
        with self._lock:
            self._serial += 1
            return self._serial

    def fail(self, complaint: str) -> None:
        self.trouble, self.over = self.trouble or complaint, True


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--interval", type=float, default=10, help="seconds between two reports")
    options = parser.parse_args(arguments)
    faulthandler.dump_traceback_later(options.seconds + 2 * PATIENCE, exit=True)
    files = open_files()
    soak = Soak(options.seed, options.threads)
    soak.run(options.seconds, options.interval)
    for what, number in sorted(soak.counts.items()):
        print(f"{number:9,} {what}")
    if soak.trouble:
        print(soak.trouble)
        return 1
    soak.session.close()
    if open_files() != files:
        print(f"{open_files() - files} files are left open")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
