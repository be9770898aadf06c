"""One mark and one color for each tier, in every theme."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from itertools import product

import pytest

from kaleido.jit import Tier
from kaleido.repl.display.themes import THEMES
from kaleido.report.tier_marks import COLORS, label, mark, painted, pieces


def test_a_label_has_a_mark_and_the_tier() -> None:
    assert [label(tier) for tier in Tier] == ["○ -O0", "● -O3"]


@pytest.mark.parametrize(
    ("encoding", "marks"), [("utf-8", "○●"), ("ascii", "o*"), ("iso8859-1", "o*"), ("shift_jis", "○●")]
)
def test_marks_that_the_encoding_has(monkeypatch: pytest.MonkeyPatch, encoding: str, marks: str) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert "".join(map(mark, Tier)) == marks
    assert [tier for tier, _ in pieces(f"f at {label(Tier.OPTIMIZED)}, {label(Tier.BASELINE)}") if tier] == ["O3", "O0"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("square ○ -O0 → ● -O3", ["○ -O0", "● -O3"]),
        ("runs at -O0", ["-O0"]),
        ("to -O3.", ["-O3"]),
        ("● -O3  ██▌  151 ns", ["● -O3  ██▌"]),
        ("f-O3 -O30 -O2 O3", ["-O3"]),
        ("no tier", []),
    ],
)
def test_what_names_a_tier(text: str, named: list[str]) -> None:
    assert [piece for tier, piece in pieces(text) if tier is not None] == named
    assert "".join(piece for _, piece in pieces(text)) == text


def test_painting_keeps_the_text_and_its_other_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = painted("\x1b[1mf at ● -O3, runs\x1b[0m", "dark")
    assert shown == "\x1b[1mf at \x1b[38;5;77m● -O3\x1b[39m, runs\x1b[0m"
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == "f at ● -O3, runs"


def test_a_terminal_of_sixteen_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    assert painted("○ -O0 ● -O3", "dark") == "\x1b[33m○ -O0\x1b[39m \x1b[32m● -O3\x1b[39m"


def luminance(number: int) -> float:
    """The relative luminance of one of the 256 colors, as the Web Content Accessibility Guidelines define it."""
    steps: Iterator[int] = ((number - 16) // weight % 6 for weight in (36, 6, 1))
    linear: list[float] = [((each * 40 + 55 if each else 0) / 255) ** 2.2 for each in steps]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("theme", "tier"), [*product(THEMES, Tier)])
def test_colors_are_legible(theme: str, tier: Tier) -> None:
    backgrounds = {"dark": [0.0], "light": [1.0], "either": [0.0, 1.0]}[theme]
    for background in backgrounds:
        dark, light = sorted((luminance(COLORS[theme][tier]), background))
        assert (light + 0.05) / (dark + 0.05) >= 4.4
