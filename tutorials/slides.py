"""Slides for classes, made of the chapters: their titles, goals, new terms and pictures, and questions of TEACHING.md.

python -m tutorials.slides    write tutorials/slides.html: one file, which needs nothing else
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from kaleido.tutorial.chapters import FOLDER, chapters, sections, title
from kaleido.tutorial.markdown import PICTURE
from tutorials.head_pictures import STYLE, drawn

__all__ = ["OUTPUT", "html", "main"]

OUTPUT = FOLDER / "slides.html"

TEACHING = FOLDER / "TEACHING.md"

# A chapter whose pictures are of a terminal has no slide, nor have optional chapters.
_LEFT_OUT = (18,)

# Where the slide does not show the first picture of the chapter.
_PICTURES = {1: "pipeline"}

_GOAL = re.compile(r"^\*Goal: (?P<goal>[^·]+) · .*?new:(?P<new>[^·]+) ·\s+needs:", re.MULTILINE | re.DOTALL)
_QUESTION = re.compile(r"^\d+\. \((\d+)\) (.*?)(?=^\d+\. |\Z)", re.MULTILINE | re.DOTALL)

SENTENCE = (
    "Everything is a function behind a stub; a tier is only a way to bind names; "
    "a loop is a function that calls itself through its stub."
)
"""The sentence of chapters 1 and 16."""

_PAGE_STYLE = """
:root{color-scheme:light dark;--paper:light-dark(#fff,#101215);--text:light-dark(#22252a,#e4e2dd);
--muted:light-dark(#5d6168,#a2a7af);--accent:light-dark(#1c5bb5,#82b4ff)}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--text);font:22px/1.4 system-ui,sans-serif}
section{min-height:100vh;padding:4vh 5vw;display:flex;flex-direction:column;gap:1.5vh;justify-content:center}
h1,h2{margin:0;line-height:1.15}h2 small{color:var(--muted);font-weight:normal}p{margin:0;max-width:60em}
.new{color:var(--muted)}.ask{border-left:4px solid var(--accent);padding-left:.7em}
svg{max-width:100%;width:auto;height:auto;max-height:62vh;flex:0 1 auto;align-self:flex-start;min-width:min(100%,60vw)}
code{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em}
footer{position:fixed;right:1em;bottom:.6em;color:var(--muted);font-size:14px}
.deck section{display:none}.deck section:target,.deck:not(:has(section:target)) section:first-child{display:flex}
@media print{@page{size:297mm 167mm;margin:0}:root{color-scheme:light}
section,.deck section{display:flex!important;min-height:0;height:167mm;break-after:page}footer{display:none}}
"""

_SCRIPT = """
const slides = [...document.querySelectorAll("section")];
const at = () => Math.max(0, slides.findIndex((each) => `#${each.id}` === location.hash));
const show = (index) => { location.replace(`#${slides[Math.min(Math.max(index, 0), slides.length - 1)].id}`); };
const count = () => { document.querySelector("footer").textContent = `${at() + 1} / ${slides.length}`; };
const keys = {
  ArrowRight: () => show(at() + 1), ArrowDown: () => show(at() + 1), PageDown: () => show(at() + 1),
  " ": () => show(at() + 1),
  ArrowLeft: () => show(at() - 1), ArrowUp: () => show(at() - 1), PageUp: () => show(at() - 1),
  Home: () => show(0), End: () => show(slides.length - 1),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.shiftKey && event.key === " " ? "PageUp" : event.key]();
});
addEventListener("hashchange", count);
document.body.classList.add("deck");
count();
"""


def html() -> str:
    """The slides as one HTML file."""
    body = "\n".join(
        f'<section id="{name}">\n{content}\n</section>' for name, content in [*_first(), *_of_chapters(), _last()]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>A tiered JIT in one program: slides</title>\n"
        f"<style>\n{STYLE}{_PAGE_STYLE}</style>\n<body>\n{body}\n<footer></footer>\n<script>{_SCRIPT}</script>\n</html>\n"
    )


def _first() -> Iterator[tuple[str, str]]:
    keys = "Arrow keys turn the slides, and the browser prints them."
    yield "title", f'<h1>A tiered JIT in one program</h1>\n<p>{SENTENCE}</p>\n<p class="new">{keys}</p>'
    yield "map", f"<h2>The map</h2>\n{_picture(TEACHING.read_text('utf-8'), 'map', 'The map')}"


def _of_chapters() -> Iterator[tuple[str, str]]:
    questions: dict[int, list[str]] = {}
    asked = sections(TEACHING.read_text("utf-8"))["Predict, then run"].partition("What happens:")[0]
    for number, question in _QUESTION.findall(asked):
        questions.setdefault(int(number), []).append(question)
    for chapter, path in chapters().items():
        text = path.read_text("utf-8")
        if chapter in _LEFT_OUT or "· optional" in text.partition("\n##")[0]:
            continue
        goal = _GOAL.search(text)
        assert goal is not None, path
        aim, new = _prose(goal["goal"][0].upper() + goal["goal"][1:]), _prose(goal["new"])
        parts = [
            f"<h2><small>{chapter}.</small> {_prose(title(path))}</h2>",
            f'<p>{aim}. <span class="new">New: {new}.</span></p>',
            _picture(text, _PICTURES.get(chapter), title(path)),
            *(f'<p class="ask">Predict: {_prose(question)}</p>' for question in questions.get(chapter, ())),
        ]
        yield f"chapter-{chapter}", "\n".join(parts)


def _last() -> tuple[str, str]:
    question = "Which lines of your program is each part of the sentence about?"
    return "end", f'<h1>Say it in your own words</h1>\n<p>{SENTENCE}</p>\n<p class="ask">{question}</p>'


def _picture(text: str, name: str | None, heading: str) -> str:
    """The picture of that name in a text, or the first one, without its style sheet, which the page has."""
    found = next(each for each in PICTURE.finditer(text) if name is None or each["file"] == f"pictures/{name}.svg")
    svg = drawn(found["text"], heading, " ".join(found["alt"].split()))
    stem = found["file"].removeprefix("pictures/").removesuffix(".svg")
    svg = re.sub(r"<style>.*?</style>\n", "", svg, flags=re.DOTALL)
    svg = re.sub(r' width="[\d.]+" height="[\d.]+" role', " role", svg, count=1)
    return re.sub(r'(id="|labelledby="| )([td])(?=["\s])', rf"\1{stem}-\2", svg, count=4).rstrip()


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split()), quote=False))


def main() -> None:
    OUTPUT.write_text(html(), "utf-8")


if __name__ == "__main__":
    main()
