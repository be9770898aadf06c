"""Standard output, shared with native code. In processes of their own: it is the process's."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from textwrap import dedent

import pytest

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


def on_terminal(code: str) -> str:
    """What a program writes to a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", BEGINNING + dedent(code)], stdout=follower) as process:
        os.close(follower)
        output = b"".join(iter(lambda: _read(leader), b""))
    os.close(leader)
    assert process.returncode == 0
    return output.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        # Linux says so when the other end is closed.
        return b""


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


# Holding back


needs_pending = pytest.mark.skipif(
    not hasattr(streams._libc()[0], "__fpending"), reason="an extension of the C library's"
)


def test_a_terminal_has_each_line_at_once() -> None:
    assert (
        on_terminal("""
        streams.write("1\\n")
        os.write(1, b"2\\n")
    """)
        == "1\n2\n"
    )


@needs_pending
def test_what_is_held_back_goes_out_when_it_is_drained() -> None:
    assert (
        on_terminal("""
        assert streams.hold_back(True)
        streams.write("1\\n")
        os.write(1, b"2\\n")
        assert streams.drain() == b"\\n"
        streams.write("3")
        assert streams.drain() == b"3"
        assert streams.drain() == b""
    """)
        == "2\n1\n3"
    )


@needs_pending
def test_something_may_go_before_it_but_only_if_there_is_something() -> None:
    assert (
        on_terminal("""
        streams.hold_back(True)
        streams.drain(b"<nothing>")
        streams.write("1")
        streams.drain(b"<before>")
    """)
        == "<before>1"
    )


@needs_pending
def test_it_goes_out_when_it_is_flushed_or_held_back_no_longer() -> None:
    assert (
        on_terminal("""
        streams.hold_back(True)
        streams.write("1\\n")
        streams.flush()
        os.write(1, b"2\\n")
        streams.write("3\\n")
        streams.hold_back(False)
        os.write(1, b"4\\n")
        streams.write("5\\n")
        os.write(1, b"6\\n")
    """)
        == "1\n2\n3\n4\n5\n6\n"
    )


@needs_pending
def test_it_goes_out_at_the_end() -> None:
    assert (
        on_terminal("""
        streams.hold_back(True)
        streams.write("1\\n")
    """)
        == "1\n"
    )


@needs_pending
def test_more_than_can_be_held_back_is_not_lost() -> None:
    output = on_terminal("""
        streams.hold_back(True)
        for number in range(30_000):
            streams.write(f"{number}\\n")
        assert streams.drain() == b"\\n"
        os.write(1, b"end\\n")
    """)
    assert output.split() == [*map(str, range(30_000)), "end"]


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
