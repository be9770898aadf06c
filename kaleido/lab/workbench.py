"""What the commands of the page do: run a text, apply its definitions, evaluate a line, stop, change the settings.

A run has a new session and a new recording. It goes on beside the commands, on a thread of its own: definitions are
applied to the running program, as from any other thread of an application.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from kaleido.diagnostics import KaleidoError, Source
from kaleido.jit import Interrupted, Tier
from kaleido.lab.hold import Hold
from kaleido.lab.output_capture import OutputCapture
from kaleido.lab.text_checks import definitions_only, problem, problems, tokens
from kaleido.page import summary
from kaleido.recording import advice
from kaleido.session import Session, mode_of, policy_for, with_threshold, with_tiers

__all__ = ["Refused", "Workbench"]

Message = dict[str, Any]

_MODES = ("tiered", "O0", "O3")

# The transcript that a newly connected page gets: entries, and characters of output.
_ENTRIES = 2_000
_CHARACTERS = 200_000

# Seconds between two summaries, at least; and how many times as long as it takes to make one.
_LEAST_PAUSE, _PAUSE = 0.5, 100

_PROGRAM, _LINE = "program.kal", "<line>"


class Refused(Exception):
    """A command that cannot be carried out now; the message says why, as a sentence."""


class Workbench:
    """One program at a time, its session, its recording and its transcript.

    `send`     is called with each message for all pages, on any thread, one at a time
    `output`   the program's output
    `externs`  whether programs may declare C functions beyond the prelude's
    """

    def __init__(self, send: Callable[[Message], None], output: OutputCapture, *, externs: bool) -> None:
        self._send, self._output, self._externs = send, output, externs
        self._lock = threading.RLock()
        # For the state alone: the recompiler's thread tells it, too, while a thread with the other lock waits for it.
        self._state_lock = threading.Lock()
        self._hold = Hold(self._tell_state)
        self._mode = "tiered"
        self._threshold: int | None = None
        self._transcript: deque[Message] = deque(maxlen=_ENTRIES)
        self._characters = 0
        self._runs = 0
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._next_summary = 0.0
        self._open("")

    # Commands

    def run(self, text: str) -> None:
        """Run a text in a new session. Raises Refused while a program runs."""
        with self._lock:
            self._check_idle()
            self._transcript.clear()
            self._characters = 0
            self._runs += 1
            self._close()
            self._open(text)
            self.tell_snapshot(opened=True)
            self._start(Source(_PROGRAM, text), announce="")

    def evaluate(self, text: str) -> None:
        """Run a line in the present session. Raises Refused while a program runs."""
        with self._lock:
            self._check_idle()
            self._start(Source(_LINE, text), announce=text)

    def apply(self, text: str) -> None:
        """Make the definitions of a text those of the present session, also while its program runs.

        Its expressions do not run. A definition that is the same as before changes nothing.
        """
        source = Source(_PROGRAM, text)
        try:
            changed = self._define(definitions_only(self._session.check(source), source))
        except KaleidoError as error:
            self._fail(error)
            return
        names = ", ".join(changed)
        self._enter({"kind": "notice", "text": f"changed: {names}" if names else "no definition has changed"})

    def stop(self) -> None:
        """Stop the running program, as Ctrl-C does. :meth:`tick` repeats it until the program has ended."""
        self._stopping = self.running
        self.tick_stop()

    def check(self, text: str) -> Message:
        """The tokens of a text, and its errors."""
        return {"tokens": tokens(text), "problems": problems(self._session, Source(_PROGRAM, text))}

    def set_tiers(self, mode: str, threshold: int | None) -> None:
        """Change the mode and the threshold, of the present session and later ones. Raises Refused for wrong values."""
        if mode not in _MODES:
            raise Refused(f"the modes are {', '.join(_MODES)}")
        try:
            wanted = policy_for(mode, threshold)
        except ValueError as error:
            raise Refused(str(error)) from None
        with self._lock:
            policy = with_tiers(self._session.engine.policy, wanted)
            self._session.engine.configure(with_threshold(policy, threshold))
            self._mode, self._threshold = mode, threshold
        self._tell_state()

    def code(self, symbol: str, tier: str) -> Message | None:
        """The code of a unit that is in use at a tier: see ``Recorder.code_view``. Raises Refused for another tier."""
        try:
            return self._recorder.code_view(symbol, Tier(tier))
        except ValueError:
            raise Refused(f"the tiers are {', '.join(Tier)}") from None

    def hold(self, held: bool) -> None:
        self._hold.hold(held)
        self._tell_state()

    def step(self) -> None:
        self._hold.step()

    # What the pages see

    @property
    def running(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def state(self) -> Message:
        policy = self._session.engine.policy
        return {
            "kind": "state",
            "running": self._thread is not None,
            "run": self._runs,
            "mode": mode_of(policy),
            "threshold": self._threshold,
            "held": self._hold.held,
            "waiting": self._hold.waiting,
        }

    def tell_snapshot(self, *, opened: bool = False) -> None:
        """Send everything that a newly connected page needs; the messages that follow continue it.

        `opened` says that it replaces what all pages show.
        """
        with self._lock:
            self._tell_changes()
            contents = {
                "kind": "snapshot",
                "opened": opened,
                "recording": self.recording(),
                "transcript": list(self._transcript),
                "text": self._text,
            }
            self._send(self.state() | contents)

    def recording(self) -> Message:
        """The recording so far, with a summary and advice."""
        running = self._thread is not None
        recording = self._recorder.snapshot() | {"live": running}
        return recording | {"summary": summary(recording), "advice": advice(recording, running=running)}

    def report(self) -> Message:
        """The recording so far, for a page of its own."""
        return self._recorder.report() | {"live": self._thread is not None}

    def tick(self) -> None:
        """Send the output and the changes of the recording; repeat a stop. To be called some ten times a second."""
        with self._lock:
            self._tell_output()
            self._tell_changes()
            if self._thread is not None and time.monotonic() >= self._next_summary:
                self._tell_summary()
        self.tick_stop()

    def tick_stop(self) -> None:
        if self._stopping:
            self._session.interrupt()

    # Sessions

    def _open(self, text: str) -> None:
        self._text = text
        self._session = Session(jit=self._mode, threshold=self._threshold, externs=self._externs)
        self._recorder = self._session.record(_PROGRAM)
        self._hold.attach(self._session.engine)

    def _close(self) -> None:
        held = self._hold.held
        # Closing waits for the recompiler.
        self._hold.hold(False)
        self._recorder.close()
        self._session.close()
        self._hold.hold(held)

    def _check_idle(self) -> None:
        if self.running:
            raise Refused("a program is running: stop it first")

    def _define(self, source: Source) -> list[str]:
        """Define what a text defines. Returns the names whose definitions have changed. Raises KaleidoError."""
        changes = [result.change for result in self._session.evaluate(source)]
        return [name for change in changes if change is not None for name in change.past.functions]

    # Runs

    def _start(self, source: Source, *, announce: str) -> None:
        if announce:
            self._enter({"kind": "line", "text": announce})
        self._stopping = False
        self._thread = threading.Thread(target=self._work, args=[source], name="kaleido-program", daemon=True)
        self._thread.start()
        self._tell_state()

    def _work(self, source: Source) -> None:
        try:
            self._evaluate(source)
        except KaleidoError as error:
            self._fail(error)
        except Interrupted as stop:
            self._enter({"kind": "notice", "text": str(stop) or "stopped"})
        except MemoryError:
            self._enter({"kind": "error", "problems": [{"title": "out of memory"}]})
        finally:
            with self._lock:
                self._tell_output()
                self._tell_changes()
                self._stopping, self._thread = False, None
                self._tell_summary()
            self._tell_state()

    def _evaluate(self, source: Source) -> None:
        for result in self._session.evaluate(source):
            if result.warning:
                self._enter({"kind": "notice", "text": result.warning})
            if result.shown is not None:
                line, _ = source.position(result.item.span.start)
                self._enter({"kind": "value", "text": result.shown, "line": line if source.name == _PROGRAM else None})
            if self._stopping:
                self._enter({"kind": "notice", "text": "stopped"})
                return

    def _fail(self, error: KaleidoError) -> None:
        self._enter({"kind": "error", "problems": [problem(each) for each in error.diagnostics]})

    # Messages

    def _enter(self, entry: Message) -> None:
        """Append an entry to the transcript, after the output so far."""
        with self._lock:
            self._tell_output()
            self._append(entry)

    def _append(self, entry: Message) -> None:
        self._transcript.append(entry)
        self._characters += len(entry.get("text", ""))
        while self._characters > _CHARACTERS and len(self._transcript) > 1:
            self._characters -= len(self._transcript.popleft().get("text", ""))
        self._send({"kind": "entry", "entry": entry})

    def _tell_output(self) -> None:
        text, left_out = self._output.take()
        if text:
            self._append({"kind": "output", "text": text, "left_out": left_out})

    def _tell_changes(self) -> None:
        changes = self._recorder.changes()
        # Between runs only time goes on.
        if self._thread is not None or changes.get("events"):
            self._send({"kind": "changes", "changes": changes})

    def _tell_summary(self) -> None:
        begin = time.thread_time()
        recording = self.recording()
        pause = max(_LEAST_PAUSE, _PAUSE * (time.thread_time() - begin))
        self._next_summary = time.monotonic() + pause
        changes = {name: recording[name] for name in ("summary", "advice")}
        self._send({"kind": "changes", "changes": changes})

    def _tell_state(self) -> None:
        with self._state_lock:
            self._send(self.state())
