"""Bytes that are perhaps no programs: the reader says what they are, or what is wrong, and nothing else happens."""

from __future__ import annotations

from hypothesis import strategies as st

from kaleido.diagnostics import KaleidoError, Source
from kaleido.language.parser import parse
from kaleido.language.source_files import decoded
from tests.fuzz.sessions import Sessions
from tests.fuzz.trees import check_printer
from tests.fuzz.vocabulary import TABLE
from tests.test_language import programs

__all__ = ["check_reader", "texts"]

WORDS = [
    "def", "extern", "binary", "unary", "if", "then", "else", "for", "in", "var", "f", "x", "été", "_", "sin", "(", ")",
    ",", ";", "=", "+", "-", "!", "<", "==", "|", ":", "@", "--", ".", "..", "1", "0", ".5", "1e5", "1e999", "0x1", "#",
    "\n", "\r", "\t", "\0", '"', "\\", "\ufeff", "\u2028", "101",
]  # fmt: skip


def check_reader(data: bytes, sessions: Sessions) -> None:
    """Read `data` as a script's, and if it is a program print it and lower it: all without running anything."""
    source = Source("<bytes>", decoded(data))
    try:
        items = parse(source, TABLE)
        check_printer(items, TABLE)
        with sessions.session("O0", None) as session:
            for unit in session.units(source):
                assert unit.ir
    except KaleidoError as error:
        first, *_ = str(error).splitlines()
        assert first.removeprefix("error: ").strip() and first.startswith("error: ")


def _soup(words: list[str]) -> bytes:
    return " ".join(words).encode()


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A real program, damaged here and there."""
    data = _real(draw)
    for _ in range(draw(st.integers(1, 4))):
        start, size = draw(st.integers(0, len(data))), draw(st.integers(0, 20))
        piece = data[start : start + size]
        match draw(st.sampled_from(("flip", "truncate", "remove", "repeat", "splice", "insert"))):
            case "flip":
                piece = bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in piece[:1]) + piece[1:]
            case "truncate":
                data, piece, size = data[:start], b"", 0
            case "remove":
                piece = b""
            case "repeat":
                piece *= draw(st.integers(2, 50))
            case "splice":
                other = _real(draw)
                begin = draw(st.integers(0, len(other)))
                piece = other[begin : begin + draw(st.integers(0, 60))]
            case "insert":
                piece = draw(st.sampled_from(WORDS)).encode()
        data = data[:start] + piece + data[start + size :]
    return data


def _real(draw: st.DrawFn) -> bytes:
    """A program of the tests, but for the very long ones."""
    return draw(st.sampled_from(_REAL))


_REAL = [data for path in programs() if len(data := path.read_bytes()) < 4_000]


def texts() -> st.SearchStrategy[bytes]:
    """Any bytes; words of the language in any order; programs of the tests, damaged."""
    soup = st.lists(st.sampled_from(WORDS), max_size=40).map(_soup)
    return st.one_of(st.binary(max_size=100), soup, _mutated(), _mutated())
