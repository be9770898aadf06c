"""The document as text: it needs nothing else, and says the most important things without JavaScript."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kaleido.page import LiveParts, document, summary
from kaleido.page.document import STYLES, script
from tests.page.recordings import Recording, empty, many, redefinition

PAGE = Path(__file__).parents[2] / "kaleido" / "page"

RECORDINGS = {"redefinition": redefinition(), "empty": empty(), "many": many(30)}
each_recording = pytest.mark.parametrize("recording", RECORDINGS.values(), ids=RECORDINGS)


class Reader(HTMLParser):
    """What a document has: its tags with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is not None:
            self.raw.append(data)


@each_recording
def test_a_document_refers_to_nothing_outside(recording: Recording) -> None:
    for tag, attributes in Reader(document(recording)).tags:
        assert tag not in ("img", "iframe", "object", "base")
        assert attributes.get("src") is None
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))


@each_recording
def test_markup_has_neither_handlers_nor_styles(recording: Recording) -> None:
    names = {name for _, attributes in Reader(document(recording)).tags for name in attributes}
    assert [name for name in names if name.startswith("on") or name == "style"] == []


@each_recording
def test_the_policy_permits_the_scripts_and_styles_and_nothing_else(recording: Recording) -> None:
    page = Reader(document(recording, LiveParts(style="body { color: red }", connections="'self'")))
    [policy] = [each["content"] or "" for tag, each in page.tags if tag == "meta" and "http-equiv" in each]
    style, _, code = page.raw
    for kind, text in (("style-src", style), ("script-src", code)):
        assert f"{kind} 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "connect-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--", "]]>", "\u2028", "&amp;", "$policy"])
def test_no_text_of_a_recording_becomes_markup(text: str) -> None:
    recording = redefinition()
    recording["program"]["name"] = text
    recording["sources"][0]["text"] = text
    recording["units"][0]["name"] = text
    recording["events"][3]["sentence"] = recording["advice"][0]["text"] = text
    other = redefinition()
    other["events"][3]["sentence"] = other["advice"][0]["text"] = "plain"
    page, plain = Reader(document(recording)), Reader(document(other))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    _, data, _ = page.raw
    assert json.loads(data) == recording


def test_without_scripts_the_tables_remain() -> None:
    text = document(redefinition())
    assert "<code>total.for</code> was deoptimized at 50.1 ms, because square has changed" in text
    assert '<th scope="row">total.for</th><td class="tier-O3">● -O3</td><td>22,000</td>' in text
    assert '<th scope="row">square</th><td class="tier-O0">○ -O0, inlined</td>' in text
    assert "<td>10.0 ms</td><td>swapped</td><td>square</td>" in text
    assert "<li>one &lt;redefinition&gt; deoptimized one unit</li>" in text


def test_a_page_of_nothing_says_so() -> None:
    text = document(empty())
    assert "<p>Nothing has run yet.</p>" in text
    assert "There is nothing to advise." in text


def test_a_session_adds_panels_styles_and_a_script() -> None:
    parts = LiveParts(panels='<section id="editor"></section>', style=".editor {}", script="start({});")
    text = document(empty(), parts)
    assert '<main>\n<section id="editor"></section>\n<section id="summary"' in text
    assert ".editor {}</style>" in text
    assert "start({});</script>" in text
    assert 'JSON.parse(document.getElementById("recording")' not in text


def test_every_module_and_style_sheet_is_in_the_document() -> None:
    assert {path.stem for path in (PAGE / "styles").iterdir()} == set(STYLES)
    joined = script()
    for path in (PAGE / "scripts").iterdir():
        assert path.read_text("utf-8").splitlines()[0] in joined
    assert re.findall(r"^(?:import|export)\b.*", joined, re.MULTILINE) == []


def test_what_was_left_out_is_said() -> None:
    assert "· 1,200 events left out</p>" in document(empty() | {"left_out": {"events": 1200, "units": 0}})
    assert "left out" not in document(empty()).split("<script")[0]


def test_the_page_itself_is_small() -> None:
    assert len(document(empty()).encode()) < 160_000


def test_names_at_the_top_of_modules_are_unique() -> None:
    names = re.findall(r"^(?:async function|function|const|let|class) (\w+)", script(), re.MULTILINE)
    assert [name for name in names if names.count(name) > 1] == []


# The summary


def test_the_summary_says_what_became_fast_when_and_why() -> None:
    first, swaps, inlining, deoptimized, time = summary(redefinition())
    assert first == (
        "`square.kal` ran for 100.0 ms. Of its 2 functions and 1 loop, 3 had machine code, at ○ -O0 first, "
        "and 2 became fast (● -O3)."
    )
    assert swaps.startswith(
        "**What became fast.** `square` was hot at 6.0 ms, after 1,000 calls; it waited 0.50 ms, "
        "compiling took 3.0 ms; its ● -O3 code ran from 10.0 ms on, 4.0 ms later."
    )
    assert "The loop `total.for` was hot at 14.0 ms, after 10,000 iterations" in swaps
    assert inlining == "**What was inlined.** The -O3 code of the loop `total.for` has `square` inlined."
    assert deoptimized == (
        "**What was taken back.** `total.for` was deoptimized at 50.1 ms, "
        "because square has changed; it was at -O3 again 19.9 ms later."
    )
    assert time.startswith(
        "**Where the time went.** Of 96 samples of the running program, one every 1.0 ms of its processor time: "
        "54 in `total.for` at ● -O3, 36 in"
    )
    assert "and 6 in C and Python." in time
    assert "the program takes 313.0 ms with only -O0, 105.0 ms with only -O3 and 100.0 ms with both tiers." in time


def test_a_summary_of_little_is_short() -> None:
    assert summary(empty()) == []
    recording = many(5) | {"events": []}
    recording["units"] = recording["units"][1:]
    assert summary(recording) == [
        "`many.kal` ran for 20.5 ms. Of its 4 functions, 4 had machine code, at ○ -O0 first, "
        "and none became hot enough to be optimized.",
        "**Where the time went.** Compiling took 0.50 ms at -O0.",
    ]


def test_a_unit_that_was_not_hot_itself_has_another_reason() -> None:
    recording = redefinition()
    cold = [each for each in recording["events"] if (each["kind"], each["symbol"]) != ("hot", "total.for")]
    because = [each | {"hot_callee": "square"} if each["time"] == 20.0 else each for each in cold]
    assert (
        "The loop `total.for` was compiled because `square`, which it inlines, was hot at 6.0 ms; compiling took"
        in summary(recording | {"events": because})[1]
    )
    requested = {"time": 13.0, "kind": "requested", "symbol": "total.for"}
    assert (
        "`total.for` was compiled on request; compiling took" in summary(recording | {"events": [requested, *cold]})[1]
    )


def test_the_parts_of_a_run_by_the_clock() -> None:
    parts = [{"part": "start", "time": 2.0}, {"part": "O0", "time": 38.0}, {"part": "wait", "time": 60.0}]
    text = summary(redefinition() | {"account": parts})[-1]
    assert "Of 100.0 ms by the clock: 2.0 ms before the first compilation, 38.0 ms running ○ -O0 code and 60.0" in text
    assert "Compiling at -O3 took 16.0 ms, beside the program." in text


def test_a_function_of_the_prelude_is_explained() -> None:
    recording = redefinition()
    recording["units"][2]["versions"][0]["codes"][-1]["inlined"] = [["binary:", 1]]
    assert "has `binary:` (the operator `:` of the prelude, Kaleido's own library) inlined" in summary(recording)[2]


def test_what_is_too_long_is_counted() -> None:
    assert "20 more became fast, too." in summary(many(230))[1]
