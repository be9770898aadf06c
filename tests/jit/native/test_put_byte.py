"""A byte to a C stream without leaving native code: on streams of its own, and beside C functions on other threads."""

from __future__ import annotations

import ctypes
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from kaleido.jit.native import put_byte
from kaleido.jit.native.handlers import handlers, take_bytes

FULL, LINE, NONE = range(3)
# glibc writes texts past a buffer of less than 128 bytes.
SIZE = 128

pytestmark = pytest.mark.skipif("ret i1 false" in put_byte.put_byte_ir(), reason="streams of another C library")


class Stream(NamedTuple):
    """An open stream with a buffer of SIZE bytes, the C library, and PUT_BYTE for this stream."""

    file: ctypes.c_void_p
    libc: ctypes.CDLL
    put: Callable[[str], bool]

    def write(self, text: str) -> None:
        self.libc.fputs(text.encode(), self.file)


@contextmanager
def opened(path: Path, mode: int) -> Iterator[Stream]:
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fopen(bytes(path), b"w"))
    buffer = ctypes.create_string_buffer(SIZE)
    libc.setvbuf(file, buffer, mode, ctypes.c_size_t(SIZE))
    native = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_int)(handlers().put_byte)
    try:
        yield Stream(file, libc, lambda byte: native(file, ord(byte)))
    finally:
        libc.fclose(file)


def test_bytes_are_in_order_with_what_c_writes(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, FULL) as stream:
        stream.write("1")
        assert stream.put("2") and stream.put("\n") and stream.put("\xff")
        stream.write("3")
        assert stream.put("4") and path.read_bytes() == b""
    assert path.read_bytes() == b"12\n\xff34"


def test_c_opens_the_stream(tmp_path: Path) -> None:
    with opened(tmp_path / "out", FULL) as stream:
        assert not stream.put("1")


def test_c_writes_a_full_buffer(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, FULL) as stream:
        stream.write("1")
        assert [stream.put("2") for _ in range(SIZE)] == [True] * (SIZE - 1) + [False]
        stream.write("3")
        assert path.read_bytes() == b"1" + b"2" * (SIZE - 1)
    assert path.read_bytes() == b"1" + b"2" * (SIZE - 1) + b"3"


def test_a_flush_writes_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, FULL) as stream:
        stream.write("1")
        assert stream.put("2")
        stream.libc.fflush(stream.file)
        assert path.read_bytes() == b"12"


def test_c_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, LINE) as stream:
        stream.write("1")
        assert stream.put("2") and not stream.put("\n") and path.read_bytes() == b""
        stream.write("\n")
        assert path.read_bytes() == b"12\n"
        assert [stream.put("3") for _ in range(SIZE + 1)] == [True] * SIZE + [False]


@pytest.mark.parametrize("mode", [FULL, LINE])
def test_c_writes_to_a_stream_that_is_locked(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    with opened(path, mode) as stream:
        stream.write("1")
        stream.libc.flockfile(stream.file)
        assert not stream.put("2")
        stream.libc.funlockfile(stream.file)
        assert stream.put("3")
    assert path.read_bytes() == b"13"


def test_c_writes_to_an_unbuffered_stream(tmp_path: Path) -> None:
    with opened(tmp_path / "out", NONE) as stream:
        stream.write("1")
        assert not stream.put("2")


def test_c_refuses_bytes_for_a_stream_of_wide_characters(tmp_path: Path) -> None:
    with opened(tmp_path / "out", FULL) as stream:
        stream.libc.fputws("1", stream.file)
        assert not stream.put("2")


def test_threads_lose_nothing_and_wake_each_other(tmp_path: Path) -> None:
    path, count = tmp_path / "out", 20_000

    with opened(path, FULL) as stream:
        stream.write(".")

        def put_all() -> None:
            for _ in range(count):
                if not stream.put("b"):
                    stream.write("b")

        def write_all() -> None:
            for _ in range(count):
                stream.write("aa")

        threads = [threading.Thread(target=target) for target in (put_all, write_all, put_all)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
    written = path.read_bytes()
    assert (written.count(b"a"), written.count(b"b"), len(written)) == (2 * count, 2 * count, 4 * count + 1)
    # C writes each pair under the lock.
    assert b"bab" not in written


# Held back, for standard output


@contextmanager
def held_for(stream: Stream) -> Iterator[put_byte.Held]:
    """A block in which `stream` is what standard output is for PUT_BYTE: its bytes are held back."""
    held = put_byte.Held.from_address(handlers().held)
    before, held.stream = held.stream, stream.file.value or 0
    try:
        yield held
    finally:
        hand_over()
        held.stream = before


def hand_over() -> None:
    ctypes.CFUNCTYPE(None)(handlers().hand_over)()


def test_bytes_are_held_until_they_are_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, FULL) as stream, held_for(stream) as held:
        assert not stream.put("0") and held.end == 0
        stream.write("1")
        assert stream.put("2") and stream.put("\n") and (held.begin, held.end) == (0, 2)
        stream.libc.fflush(stream.file)
        assert path.read_bytes() == b"1"
        hand_over()
        assert (held.owner, held.begin, held.end) == (0, 0, 0)
        stream.write("3")
        stream.libc.fflush(stream.file)
        assert path.read_bytes() == b"12\n3"


def test_the_buffer_may_become_full(tmp_path: Path) -> None:
    path, size = tmp_path / "out", put_byte.HELD_BYTES
    with opened(path, FULL) as stream, held_for(stream):
        stream.write("1")
        assert [stream.put("2") for _ in range(size + 2)] == [True] * size + [False] * 2
        hand_over()
        assert stream.put("3")
    assert path.read_bytes() == b"1" + b"2" * size + b"3"


def test_another_thread_takes_what_is_held_and_the_owner_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, FULL) as stream, held_for(stream) as held:
        stream.write("1")
        assert stream.put("2")

        def other() -> None:
            # It does not own the buffer.
            assert stream.put("3")
            stream.libc.flockfile(stream.file)
            take_bytes()
            stream.libc.funlockfile(stream.file)
            stream.write("4")

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert (held.begin, held.end) == (1, 1)
        assert stream.put("5")
    assert path.read_bytes() == b"13245"


@pytest.mark.parametrize("mode", [LINE, NONE])
def test_held_bytes_precede_the_byte_that_c_writes(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    with opened(path, FULL) as stream, held_for(stream):
        stream.write("1")
        assert stream.put("2")
        stream.libc.setvbuf(stream.file, None, mode, ctypes.c_size_t(SIZE))
        assert not stream.put("\n")
        hand_over()
        stream.write("\n")
        assert path.read_bytes() == b"12\n"


def test_threads_that_take_lose_nothing(tmp_path: Path) -> None:
    path, count = tmp_path / "out", 100_000
    with opened(path, FULL) as stream, held_for(stream):
        stream.write(".")
        done = threading.Event()

        def take_all() -> None:
            while not done.is_set():
                stream.libc.flockfile(stream.file)
                take_bytes()
                stream.libc.funlockfile(stream.file)

        taking = threading.Thread(target=take_all)
        taking.start()
        for number in range(count):
            if not stream.put(byte := chr(ord("a") + number % 26)):
                hand_over()
                stream.write(byte)
        done.set()
        taking.join()
    assert path.read_bytes() == b"." + (string.ascii_lowercase * (count // 26 + 1))[:count].encode()


def test_the_stack_is_not_touched_while_the_lock_is_held() -> None:
    code = put_byte._ASSEMBLY
    assert "lock cmpxchg" in code
    assert not any(word in code for word in ("sp)", "%rsp", "push", "pop", "callq"))


def test_a_stream_of_another_kind_is_recognized(tmp_path: Path) -> None:
    with opened(tmp_path / "out", FULL) as stream:
        assert put_byte._is_known_stream(stream.libc, stream.file)
        # It has a position and an orientation now.
        assert not put_byte._is_known_stream(stream.libc, stream.file)
