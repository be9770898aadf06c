"""The results of the kernels as a picture: one bar for each kernel, to the left of the line where it beats C."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from html import escape

from tests.benchmarks.peak import Result, geometric_mean
from tests.benchmarks.processes import Clock

__all__ = ["chart"]

_LABELS, _PLOT, _NUMBERS, _ROW, _TOP, _BOTTOM = 190, 460, 60, 22, 62, 34
_WIDTH = _LABELS + _PLOT + _NUMBERS

# The ticks of the logarithmic axis; it has those that the results need.
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.note { fill: #59636e; font-size: 12px; }
.grid { stroke: #d1d9e0; }
.one { stroke: #1f2328; stroke-width: 1.5; }
.faster { fill: #1a7f37; } .slower { fill: #bc4c00; }
.luajit, .node { fill: none; stroke: #59636e; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .note { fill: #9198a1; } .grid { stroke: #3d444d; } .one { stroke: #f0f6fc; }
  .faster { fill: #3fb950; } .slower { fill: #db6d28; } .luajit, .node { stroke: #9198a1; }
}
"""


def chart(results: Sequence[Result], clock: Clock) -> str:
    """An SVG picture of the ratios, for light and dark pages. Kernels without a ratio are left out."""
    rows = [(result.kernel.title, _ratios(result, clock)) for result in results]
    rows = [(title, ratios) for title, ratios in rows if "kaleido" in ratios]
    mean = {"kaleido": geometric_mean(ratios["kaleido"] for _, ratios in rows)}
    rows.append(("geometric mean", mean))
    axis = _Axis([number for _, ratios in rows for number in ratios.values()])
    height = _TOP + _ROW * len(rows) + _BOTTOM
    measured = {name for _, ratios in rows for name in ratios}
    parts = [_heading(measured), *(axis.grid(tick, height - _BOTTOM + 4) for tick in axis.ticks)]
    parts += [_row(axis, title, ratios, _TOP + _ROW * index) for index, (title, ratios) in enumerate(rows)]
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    label = f"The time of Kaleido by kernel, relative to C: geometric mean {mean['kaleido']:.2f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _ratios(result: Result, clock: Clock) -> dict[str, float]:
    names = ("kaleido", "luajit", "node")
    return {name: number for name in names if (number := result.ratio(name, clock)) is not None}


class _Axis:
    """Ratios to horizontal positions, on a logarithmic scale."""

    def __init__(self, numbers: Sequence[float]) -> None:
        low = max((tick for tick in _TICKS if tick <= min(*numbers, 0.5)), default=_TICKS[0])
        high = min((tick for tick in _TICKS if tick >= max(*numbers, 2)), default=_TICKS[-1])
        self.ticks = [tick for tick in _TICKS if low <= tick <= high]
        self._low, self._factor = math.log(low), _PLOT / (math.log(high) - math.log(low))

    def x(self, number: float) -> float:
        """The position of a ratio; one beyond the axis is at its end."""
        return _LABELS + min(max((math.log(number) - self._low) * self._factor, 0), _PLOT)

    def grid(self, tick: float, bottom: float) -> str:
        x, kind = self.x(tick), "one" if tick == 1 else "grid"
        return (
            f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{bottom:.1f}"/>'
            f'<text class="note" x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{tick:g}</text>'
        )


def _heading(measured: Collection[str]) -> str:
    """The title, and the marks of those that were measured."""
    title = '<text class="title" x="4" y="20">Time relative to C (better of gcc and clang, -O3): less is better</text>'
    names = [(name, shown) for name, shown in (("luajit", "LuaJIT"), ("node", "node")) if name in measured]
    marks = [
        f'{_mark(name, x, 41)}<text class="note" x="{x + 10}" y="45">{shown}</text>'
        for x, (name, shown) in zip((8, 88), names, strict=False)
    ]
    return "".join([title, *marks])


def _row(axis: _Axis, title: str, ratios: dict[str, float], top: float) -> str:
    own, one, middle = ratios["kaleido"], axis.x(1), top + _ROW / 2
    x, kind = axis.x(own), "faster" if own <= 1 else "slower"
    bar = (
        f'<rect class="{kind}" x="{min(x, one):.1f}" y="{top + 4:.1f}" width="{abs(x - one):.1f}" height="{_ROW - 8}"/>'
    )
    marks = "".join(_mark(name, axis.x(number), middle) for name, number in ratios.items() if name != "kaleido")
    return (
        f'<text x="{_LABELS - 10}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(title)}</text>{bar}{marks}'
        f'<text x="{_WIDTH - 8}" y="{middle + 4.5:.1f}" text-anchor="end">{own:.2f}</text>'
    )


def _mark(name: str, x: float, y: float) -> str:
    if name == "luajit":
        return f'<circle class="luajit" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    return f'<rect class="node" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'
