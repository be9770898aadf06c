"""The chapters keep to the limits of ``measures``: what is typed at once, what is new, what is wide."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tutorials import measures as measures_module
from tests.tutorials.measures import Measures, measures


def test_limits() -> None:
    assert {number: each.excess for number, each in measures().items() if each.excess} == {}


CHAPTER = """# 1. A title

*Goal: a · 1 min to read, 2 to type ·
new: b, c · needs: Python*

Four words are here.

```python
def f():
    a = 1
    return a


def g(): pass
```

```diff
 def f():
-    a = 1
+    a = 2
+
+    b = 2
     return a
```

```pycon
>>> pass
```

```python
def f():
    a = 3
    b = 2
    return "{}"
del g
```
""".format("x" * 70)


def test_a_chapter_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "01-a.md"
    path.write_text(CHAPTER, "utf-8")
    monkeypatch.setattr(measures_module, "chapters", lambda: {1: path})
    [measured] = measures().values()
    assert (measured.ideas, measured.typed, measured.stretch) == (2, 11, 6)
    assert measured.wide == ["01-a.md:34"]
    assert measured.discarded == [
        "01-a.md:30: f has most of its lines again",
        "01-a.md:30: g was typed, and is deleted",
    ]


def test_excess() -> None:
    assert Measures(100, ideas=6, stretch=51, wide=["01-a.md:7"]).excess == [
        "51 lines are typed before something runs",
        "6 new ideas",
        "01-a.md:7: too wide",
    ]
