"""One mark and one color for each tier, wherever text names a tier: ``○ -O0`` in amber, ``● -O3`` in green.

Functions that return text write :func:`label`; what shows the text on a terminal passes it through :func:`painted`. So
text has its real width until then, and color alone never says anything.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping

from kaleido.jit import Tier

__all__ = ["COLORS", "has_256_colors", "label", "mark", "paint", "painted", "pieces"]

# The mark of each tier, and one for encodings without it.
_MARKS = {Tier.BASELINE: ("○", "o"), Tier.OPTIMIZED: ("●", "*")}

COLORS: Mapping[str, Mapping[Tier, int]] = {
    "either": {Tier.BASELINE: 130, Tier.OPTIMIZED: 28},
    "dark": {Tier.BASELINE: 214, Tier.OPTIMIZED: 77},
    "light": {Tier.BASELINE: 130, Tier.OPTIMIZED: 28},
}
"""By the name of a color theme: the numbers of the colors among the 256 of a terminal.

Amber is not among the first sixteen, and their yellow is illegible on white. The contrast of 130 and 28 is at least 4.4
on black and on white, that of 214 and 77 is at least 10 on black.
"""

# Where there are only sixteen: yellow and green.
_OF_SIXTEEN = {Tier.BASELINE: 33, Tier.OPTIMIZED: 32}

# A tier, with its mark or without, and the bar that follows it.
_LABEL = re.compile(r"(?:(?<!\S)[○●o*] )?-(O[03])\b(?: +[█▉▊▋▌▍▎▏]+)?")


def mark(tier: Tier) -> str:
    """One character: an empty circle for -O0, a full one for -O3."""
    circle, ascii_mark = _MARKS[tier]
    return circle if _can_encode(circle) else ascii_mark


def label(tier: Tier) -> str:
    """The mark and the tier, such as ``● -O3``."""
    return f"{mark(tier)} -{tier}"


def pieces(text: str) -> Iterator[tuple[Tier | None, str]]:
    """`text` in pieces: those that name a tier, and all others with None."""
    end = 0
    for found in _LABEL.finditer(text):
        yield None, text[end : found.start()]
        yield Tier(found[1]), found[0]
        end = found.end()
    yield None, text[end:]


def painted(text: str, theme: str) -> str:
    """`text` with each tier in its color in a theme, one of COLORS. Other attributes, such as bold, are kept."""
    return "".join(paint(piece, tier, theme) for tier, piece in pieces(text))


def paint(text: str, tier: Tier | None, theme: str) -> str:
    """`text` in the color of a tier, if there is one."""
    if tier is None:
        return text
    color = f"38;5;{COLORS[theme][tier]}" if has_256_colors() else str(_OF_SIXTEEN[tier])
    return f"\x1b[{color}m{text}\x1b[39m"


def has_256_colors() -> bool:
    """Whether the terminal has 256 colors, as all have except the consoles of Linux and Emacs."""
    return os.environ.get("TERM", "") not in ("linux", "eterm-color")


def _can_encode(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
