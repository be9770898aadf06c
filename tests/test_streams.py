"""Standard output, shared with native code. In processes of their own: it is the process's."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from textwrap import dedent

import pytest

from kaleido.jit.native.faults import missing_protection
from kaleido.terminal import streams

BEGINNING = "import os, sys\nfrom kaleido.terminal import streams\n"


def child(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", BEGINNING + dedent(code)], stdout=subprocess.PIPE)


def piped(code: str) -> str:
    """What a program writes to a pipe."""
    with child(code) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output.decode()


# Writing


def test_what_is_written_is_in_one_order_with_what_c_writes() -> None:
    assert (
        piped("""
        import ctypes
        streams.write("1\\n")
        ctypes.CDLL(None).puts(b"2")
        streams.write("日本\\n")
        streams.flush()
        os.write(1, b"3\\n")
    """)
        == "1\n2\n日本\n3\n"
    )


@pytest.mark.skipif(bool(missing_protection()), reason=missing_protection())
def test_what_programs_put_out_is_in_one_order_with_everything_else() -> None:
    """Bytes of `putchard` are held back: each way out of native code hands them over, and so does each flush."""
    assert (
        piped("""
        import ctypes, threading
        from kaleido import KaleidoError, Session
        from kaleido.jit.native.handlers import handlers
        from kaleido.jit.native.put_byte import Held

        # Without counters: hot code would hand over what it holds.
        c, session = ctypes.CDLL(None), Session(jit="O0")
        streams.buffer_as_c_does()
        c.putchar(48)
        session.run("def a() putchard(65) : printd(1) : putchard(66)")
        session.run("a()")
        c.puts(b" entry")
        session["a"]()
        c.puts(b" direct")
        session.register("tell", lambda: streams.write("Python ") or 0.0)
        session.run("def b(x) putchard(67) : tell() : putchard(68)")
        ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(session["b"].address)(0.0)
        c.puts(b" thunk")
        session.run("def deep(x) putchard(69) : 1 + deep2(x) def deep2(x) 1 + deep2(x + 1)")
        for call in (lambda: session.run("deep(1)"), lambda: session["deep"](1)):
            try:
                call()
            except KaleidoError:
                c.puts(b" fault")

        def show():
            while held.end == 0 and not ended.wait(0.001):
                pass
            streams.flush()
            os.write(1, b" while it runs")
            while not ended.wait(0.01):
                session.interrupt()

        held, ended = Held.from_address(handlers().held), threading.Event()
        threading.Thread(target=show).start()
        try:
            session.run("putchard(70) : (for i = 1, 1 in 0)")
        except KeyboardInterrupt:
            c.puts(b" interrupted")
        ended.set()
        streams.flush()
        if os.fork() == 0:
            Session().run("putchard(71)")
            streams.flush()
            os._exit(0)
        os.wait()
        streams.flush()
    """)
        == "0A1.000000\nB entry\nA1.000000\nB direct\nCPython D thunk\nE fault\nE fault\nF while it runs interrupted\nG"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_what_is_lost_is_told_once() -> None:
    assert (
        piped("""
        kept = os.dup(1)
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        streams.write("lost")
        try:
            streams.flush()
        except OSError:
            os.dup2(kept, 1)
            os.write(1, b"told\\n")
        streams.flush()
    """)
        == "told\n"
    )


# Discarding


def test_what_is_written_meanwhile_is_lost_whoever_writes_it() -> None:
    assert (
        piped("""
        streams.write("before\\n")
        with streams.discarded():
            streams.write("buffered\\n")
            os.write(1, b"direct\\n")
            print("Python's", flush=True)
            os.system("echo another process")
        streams.write("after\\n")
        streams.flush()
    """)
        == "before\nafter\n"
    )


def test_an_error_ends_it() -> None:
    assert (
        piped("""
        try:
            with streams.discarded():
                streams.write("lost\\n")
                raise KeyError
        except KeyError:
            streams.write("after\\n")
        streams.flush()
    """)
        == "after\n"
    )


def test_one_in_another() -> None:
    assert (
        piped("""
        before = len(os.listdir("/proc/self/fd"))
        with streams.discarded():
            with streams.discarded():
                streams.write("lost\\n")
            streams.write("lost, too\\n")
        streams.write("after\\n")
        streams.flush()
        assert len(os.listdir("/proc/self/fd")) == before
    """)
        == "after\n"
    )


# Colors


@pytest.mark.parametrize(
    ("option", "environment", "piped", "on_terminal"),
    [
        ("auto", {}, False, True),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, False, True),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colors(
    option: str, environment: dict[str, str], piped: bool, on_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    (reader, writer), (leader, follower) = os.pipe(), pty.openpty()
    try:
        assert streams.colored(option, writer) == piped
        assert streams.colored(option, follower) == on_terminal
    finally:
        for descriptor in (reader, writer, leader, follower):
            os.close(descriptor)
