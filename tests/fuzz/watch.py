"""The search in a process of its own, because what it looks for may well end the process, or never end itself."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from tests.fuzz.search import Case, Finding, Search, check, made_small

__all__ = ["Watch", "ends_badly"]

# No single case takes as long, on a machine however busy: a search in the background may get little of a processor.
STALLED = 600.0
# A program that takes its process with it needs a new process for each attempt to make it smaller.
REDUCTION_SECONDS = 300.0
# Rounds are short, so that a finding has few earlier programs, and what Hypothesis remembers of texts stays small.
PROGRAMS, TEXTS = 100, 50

_processes = multiprocessing.get_context("spawn")


class Watch:
    """Starts the search, again where it died, and keeps what it reports. The seeds of the rounds are `step` apart."""

    def __init__(self, seed: int, step: int = 1) -> None:
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self._seed, self._step = seed, step
        self._lock = threading.Lock()
        self._stopped = False
        self._process: BaseProcess | None = None

    def stop(self) -> None:
        """End :meth:`run`, which another thread calls, without a finding."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def _start(self, process: BaseProcess) -> None:
        with self._lock:
            process.start()
            self._process = process
            if self._stopped:
                process.kill()

    def run(self, seconds: float, found: Callable[[Finding], None]) -> float:
        """Search for about `seconds`, telling `found` at once; gives how long it was in fact."""
        begin = time.monotonic()
        while (left := begin + seconds - time.monotonic()) > 0 and not self._stopped:
            before = len(self.findings)
            self._search(left, found)
            if len(self.findings) > before:
                self._seed += self._step
        return time.monotonic() - begin

    def _search(self, seconds: float, found: Callable[[Finding], None]) -> None:
        """Until the time is over, or the process is."""
        ours, theirs = _processes.Pipe(duplex=False)
        worker = _processes.Process(target=_rounds, args=(theirs, seconds, self._seed, self._step), daemon=True)
        self._start(worker)
        theirs.close()
        case, trouble = self._follow(ours, found)
        if trouble:
            worker.kill()
        worker.join()
        if worker.exitcode and not self._stopped:
            assert case is not None, "the search cannot begin"
            trouble = trouble or f"ends the process with {worker.exitcode}"
            if case.kind == "tiers":
                case = made_small(case, self._ends_badly, REDUCTION_SECONDS)
            self._add(Finding(case, trouble), found)

    def _ends_badly(self, case: Case) -> bool:
        return not self._stopped and ends_badly(case, self._start)

    def _follow(self, worker: Connection, found: Callable[[Finding], None]) -> tuple[Case | None, str]:
        """Listen until the process ends; gives the last case, and why the process should be ended."""
        case: Case | None = None
        while worker.poll(STALLED):
            try:
                message = worker.recv()
            except EOFError:
                return case, ""
            match message:
                case Case():
                    case = message
                case Finding():
                    self._add(message, found)
                case Counter():
                    self.counts.update(message)
                    self._seed += self._step
        return case, f"takes more than {STALLED:.0f} s"

    def _add(self, finding: Finding, found: Callable[[Finding], None]) -> None:
        if self._stopped:
            return
        self.findings.append(finding)
        found(finding)


def _rounds(watcher: Connection, seconds: float, seed: int, step: int) -> None:
    """Search, in the process that may end."""
    _leave_interrupts_to_the_watch()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        search = Search(watcher.send, end)
        for finding in (search.tiers(PROGRAMS, seed), search.reader(TEXTS, seed)):
            if finding is not None:
                watcher.send(finding)
        watcher.send(search.counts)
        seed += step


def _leave_interrupts_to_the_watch() -> None:
    """Ctrl-C in a terminal reaches all its processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def ends_badly(case: Case, start: Callable[[BaseProcess], None] = BaseProcess.start) -> bool:
    """Whether a case ends its process, or does not end; a difference is no such thing. `start` starts the process."""
    process = _processes.Process(target=_quietly, args=(case,), daemon=True)
    start(process)
    process.join(STALLED)
    process.kill()
    process.join()
    return process.exitcode != 0


def _quietly(case: Case) -> None:
    """Try a case, whatever may be wrong with it but the end of the process."""
    _leave_interrupts_to_the_watch()
    try:
        check(case)
    except Exception:
        return
