"""Output that is held back, with a temporary line. In processes of their own: standard output is the process's."""

from __future__ import annotations

from textwrap import dedent

import pytest

from kaleido.terminal.held_output import HeldOutput
from tests.terminals import on_terminal, screen_lines

pytestmark = pytest.mark.skipif(not HeldOutput.is_supported(), reason="needs an extension of the C library")

BEGINNING = """
import ctypes, os
from kaleido.terminal import streams
from kaleido.terminal.held_output import HeldOutput
held = HeldOutput(erasable=True)
"""

ERASE = "\r\x1b[K"


def written(code: str) -> str:
    """What a program writes to a terminal, after it has begun to hold its output back."""
    return on_terminal(BEGINNING + dedent(code))


def test_output_is_held_back_until_it_is_drained() -> None:
    output = written("""
        streams.write("1\\n")
        os.write(1, b"2\\n")
        held.drain()
        streams.write("3")
        held.drain()
        held.drain()
    """)
    assert output == "2\n1\n3"


def test_output_is_held_back_until_it_is_flushed_or_closed() -> None:
    output = written("""
        streams.write("1\\n")
        streams.flush()
        os.write(1, b"2\\n")
        streams.write("3\\n")
        held.close()
        os.write(1, b"4\\n")
        streams.write("5\\n")
        os.write(1, b"6\\n")
    """)
    assert output == "1\n2\n3\n4\n5\n6\n"


def test_the_end_of_the_process_writes_it_out() -> None:
    assert written("""streams.write("1\\n")""") == "1\n"


def test_more_than_the_buffer_is_not_lost() -> None:
    output = written("""
        for number in range(30_000):
            streams.write(f"{number}\\n")
        held.drain()
        os.write(1, b"end\\n")
    """)
    assert output.split() == [*map(str, range(30_000)), "end"]


# The temporary line


def test_a_line_is_erased_before_output_and_at_a_drain() -> None:
    output = written("""
        held.show("wait")
        held.show("wait")
        held.show("wait 2")
        streams.write("1\\n")
        held.show("wait")
        held.drain()
        held.drain()
    """)
    assert output == f"{ERASE}wait\r{ERASE}wait 2\r{ERASE}1\n{ERASE}wait\r{ERASE}"


@pytest.mark.parametrize("size", [1, 65_517, 65_518, 65_521, 65_522, 65_536, 131_042, 131_072, 200_000])
def test_a_line_is_erased_however_much_c_writes_by_itself(size: int) -> None:
    output = written(f"""
        held.show("wait")
        streams.write("x" * {size - 1})
        streams.write("\\n")
        held.show("wait")
        held.drain()
    """)
    assert screen_lines(output) == ["x" * (size - 1), ""]


def test_a_line_is_erased_before_output_that_a_program_flushes() -> None:
    output = written("""
        held.show("wait")
        streams.write("1\\n")
        ctypes.CDLL(None).fflush(None)
        os.write(1, b"2\\n")
    """)
    assert screen_lines(output) == ["1", "2", ""]


@pytest.mark.parametrize("size", [1, 65_520, 65_522, 65_536, 131_072])
def test_no_line_appears_after_output_that_was_not_seen(size: int) -> None:
    output = written(f"""
        streams.write("x" * {size})
        ctypes.CDLL(None).fflush(None)
        held.show("wait")
        held.drain()
        held.show("wait")
    """)
    assert "wait" not in output


def test_no_line_appears_in_the_middle_of_a_line() -> None:
    output = written("""
        streams.write("1")
        held.show("wait")
        streams.write("2\\n")
        held.show("wait")
        held.drain()
    """)
    assert output == f"12\n{ERASE}wait\r{ERASE}"


def test_a_line_end_is_written_only_in_the_middle_of_a_line() -> None:
    output = written("""
        held.end_line()
        streams.write("1")
        held.end_line()
        held.end_line()
        streams.write("2\\n")
        held.end_line()
    """)
    assert output == "1\n2\n"


def test_discarded_output_does_not_move_the_cursor() -> None:
    output = written("""
        held.show("wait")
        with streams.discarded():
            held.show("wait")
            streams.write("lost")
            held.end_line()
        held.end_line()
        held.show("wait")
        held.drain()
        streams.write("1")
        with streams.discarded():
            streams.write("lost\\n")
        held.end_line()
    """)
    assert output == f"{ERASE}wait\r{ERASE}{ERASE}wait\r{ERASE}1\n"


def test_a_line_that_cannot_be_erased_is_written_once() -> None:
    output = written("""
        held.close()
        held = HeldOutput(erasable=False)
        held.show("wait")
        held.show("wait 2")
        streams.write("1\\n")
        held.show("wait 3")
        held.begin()
        held.show("wait")
    """)
    assert output == "wait\n1\nwait\n"
