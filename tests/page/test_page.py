"""The page in a browser, used as a reader would: by pointer, by keys, by touch, on paper, and without scripts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kaleido.page import LiveParts, document
from tests.page.recordings import Recording, empty, many, redefinition

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[test]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def load(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a recording. No request but for the file may follow, and no message in the console."""
    contexts, faults = [], []
    file = tmp_path / "page.html"

    def load(recording: Recording, parts: LiveParts | None = None, **options: Any) -> Any:
        file.write_text(document(recording, parts), "utf-8")
        context = browser.new_context(**{"viewport": {"width": 1366, "height": 768}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.append(request.url) if request.url != file.as_uri() else None)
        page.goto(file.as_uri())
        return page

    yield load
    for context in contexts:
        context.close()
    assert faults == []


def go(page: Any, moment: float) -> None:
    """Move the scrubber."""
    move = "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input')) }"
    page.locator("#moment").evaluate(move, moment)
    settle(page)


def settle(page: Any) -> None:
    """Wait until the views have been told of all changes."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_scrubber_moves_everything_below(load: Open) -> None:
    page = load(redefinition())
    loop = page.locator("#source-view .piece[data-symbol='total.for']")
    count = page.locator("#source-view .count[data-symbol='total.for']")
    seen = []
    for moment in (2.0, 17.0, 30.0, 55.0, 100.0):
        go(page, moment)
        tier = re.search(r"tier-(\w+)", loop.get_attribute("class"))
        status = page.locator("#optimized-view .code-status").inner_text().split(" · ")[0]
        inlined = page.locator(".tree").all_inner_texts()
        seen.append((tier[1] if tier else None, count.inner_text(), status, "".join(inlined).replace("\n", " ")))
    assert [(tier, count) for tier, count, _, _ in seen] == [
        ("none", "·"),
        ("O0", "○ 16k"),
        ("O3", "● 22k"),
        ("O0", "○ 22k"),
        ("O3", "● 22k"),
    ]
    assert [status for _, _, status, _ in seen] == [
        "comes at 20.0 ms", "comes at 20.0 ms", "runs now", "out of use since 50.0 ms", "runs now",
    ]  # fmt: skip
    assert ["square v1" in seen[2][3], "square v2" in seen[4][3], seen[3][3]] == [True, True, ""]


def test_keys_move_the_moment_and_the_unit(load: Open) -> None:
    page = load(redefinition())
    time = page.locator(".moment-time")
    page.keyboard.press(",")
    settle(page)
    assert time.inner_text() == "80.0 ms"
    page.keyboard.press(",")
    settle(page)
    assert (time.inner_text(), page.locator(".selected-name").first.inner_text()) == ("70.0 ms", "total.for")
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert time.inner_text() == "69.0 ms"
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press(".")
    settle(page)
    assert time.inner_text() == "80.0 ms"
    page.locator("#moment").press("Home")
    settle(page)
    assert time.inner_text() == "0 ms"
    page.locator(".lanes").press("ArrowUp")
    settle(page)
    assert page.locator(".selected-name").first.inner_text() == "square"
    page.keyboard.press("/")
    page.keyboard.type("?t,")
    assert page.locator("#filter").input_value() == "?t,"
    page.locator("#filter").blur()
    page.keyboard.press("?")
    assert page.locator("#shortcuts").get_attribute("open") == ""


def test_every_control_is_reached_by_tab_and_shows_its_focus(load: Open) -> None:
    page = load(redefinition())
    missed = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, summary')]
          .filter((each) => each.checkVisibility() && (each.tabIndex < 0 || !isNamed(each)))
          .map((each) => each.outerHTML);
          function isNamed(each) { return each.textContent.trim() || each.ariaLabel || each.labels?.length }"""
    )
    assert missed == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_every_button_does_something_and_harms_nothing(load: Open) -> None:
    page = load(redefinition())
    page.evaluate(
        """async () => {
          for (let index = 0; index < document.querySelectorAll('button').length; index++) {
            document.querySelectorAll('button')[index].click();
            await new Promise((done) => requestAnimationFrame(done));
          }
        }"""
    )
    for order in page.locator("#order option").all():
        page.locator("#order").select_option(order.get_attribute("value"))
    page.locator("#prelude").check()
    settle(page)
    assert page.locator(".lane-name").all_inner_texts()[-1].endswith("total.for")
    page.locator("#filter").fill("squ")
    settle(page)
    assert page.locator(".lane-name").count() == 1
    assert page.locator(".counted").inner_text() == "1 shown, 3 not"


def test_labels_of_arrows_do_not_touch_each_other(load: Open) -> None:
    recording = redefinition()
    page = load(recording, viewport={"width": 620, "height": 768})
    page.locator("#source-view .piece[data-symbol='total.for']").first.click()
    settle(page)
    boxes = [label.bounding_box() for label in page.locator(".arrow-text").all()]
    spans = sorted((box["x"], box["x"] + box["width"]) for box in boxes)
    assert len(spans) >= 1
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_a_press_in_the_timeline_moves_the_moment_and_selects_the_lane(load: Open) -> None:
    page = load(redefinition(), has_touch=True)
    picture = page.locator(".lane-picture")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    lane = page.locator(".lane[data-symbol='square'] .lane-back").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, lane["y"] + lane["height"] / 2)
    page.mouse.down()
    settle(page)
    assert page.locator(".moment-time").inner_text() == "30.0 ms"
    assert page.locator(".selected-name").first.inner_text() == "square"
    page.mouse.move(box["x"] + box["width"] * 0.4, lane["y"])
    page.mouse.up()
    settle(page)
    assert page.locator(".moment-time").inner_text() == "40.0 ms"
    page.touchscreen.tap(box["x"] + box["width"] * 0.6, lane["y"])
    settle(page)
    assert page.locator(".moment-time").inner_text() == "60.0 ms"


def test_zoom_shows_a_part_of_the_time_with_the_moment_in_it(load: Open) -> None:
    page = load(redefinition())
    go(page, 20.0)
    page.keyboard.press("+")
    page.keyboard.press("+")
    settle(page)
    assert page.locator(".axis text").first.text_content() == "10 ms"
    page.keyboard.press("End")
    page.locator("#moment").press("End")
    settle(page)
    assert page.locator(".axis text").first.text_content() == "75 ms"
    page.keyboard.press("Escape")
    page.locator("button[aria-label='Show all of the time']").click()
    settle(page)
    assert page.locator(".axis text").first.text_content() == "0 ms"


def test_lines_that_belong_together_light_up_together(load: Open) -> None:
    page = load(redefinition())
    page.locator("#optimized-view .line.inlined").hover()
    lit = page.locator(".line.lit .text").all_inner_texts()
    assert [text.strip() for text in lit] == ["def square(x) x * x", "%1 = fmul double %i, %i"]
    assert page.locator(".line.lit .chip").inner_text() == "⤷ square"
    page.locator("#baseline-view .listing").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("#source-view .line.lit").get_attribute("data-line") == "0:5"
    cursor = page.locator("#baseline-view .listing").get_attribute("aria-activedescendant")
    assert "call double @square" in page.locator(f"#{cursor}").inner_text()
    page.locator("#baseline-view button[data-form='assembly']").click()
    assert "mulsd" in page.locator("#baseline-view .listing").inner_text()
    assert "mulsd" in page.locator("#optimized-view .listing").inner_text()


def test_passes_are_differences_in_which_the_rest_stays_where_it_is(load: Open) -> None:
    page = load(redefinition())
    slider = page.locator("#optimized-view .passes input")
    slider.press("ArrowLeft")
    name = page.locator("#optimized-view .pass-name").inner_text()
    assert name == "2 of 2: InlinerPass on for.impl"
    changed = page.locator("#optimized-view .line.added, #optimized-view .line.removed").all_inner_texts()
    assert [re.sub(r"\s+", " ", text) for text in changed] == [
        "− %1 = call double @square(double %i)",
        "+ %1 = fmul double %i, %i",
    ]
    above = page.locator("#optimized-view .line").nth(1).bounding_box()
    slider.press("ArrowLeft")
    assert page.locator("#optimized-view .line").nth(1).bounding_box() == above
    assert page.locator("#optimized-view .line.added").count() == 0
    slider.press("End")
    assert "finished, after 2 passes" in page.locator("#optimized-view .pass-name").inner_text()


def test_a_redefinition_shows_what_it_deoptimized_and_the_cost(load: Open) -> None:
    page = load(redefinition())
    assert page.locator(".fall title").all_text_contents() == ["redefining square deoptimized total.for"]
    page.locator(".redefinition").click()
    settle(page)
    cells = page.locator("#dependency-view tbody td").all_inner_texts()
    assert cells == ["total.for", "20.0 ms later", "7.5 ms"]
    assert page.locator(".redefinition").get_attribute("aria-expanded") == "true"
    go(page, 40.0)
    assert "Nothing was redefined up to this moment." in page.locator("#dependency-view").inner_text()


def test_the_stub_is_shown_as_it_is_at_the_moment(load: Open) -> None:
    page = load(redefinition())
    targets = []
    for moment in (1.0, 15.0, 30.0):
        go(page, moment)
        targets.append(page.locator("#stub-view").inner_text())
    assert "has no stub yet" in targets[0]
    assert "the counter prologue, which counts it" in targets[1]
    assert "jumps to: the body" in targets[2]
    assert page.locator("#stub-view .now figcaption").inner_text() == "A call of total.for after its swap · now"
    assert page.locator("#stub-view .stub-box.active.tier-O3").count() == 1


def test_speed_is_of_the_moment(load: Open) -> None:
    page = load(redefinition())
    go(page, 12.0)
    view = page.locator("#speed-view")
    assert "1,750 iterations per ms at this moment" in view.inner_text()
    assert "8 samples up to 12.0 ms" in view.inner_text() or "9 samples up to 12.0 ms" in view.inner_text()
    go(page, 100.0)
    assert "its -O3 code runs without counting" in view.inner_text()
    assert "96 samples in the whole run" in view.inner_text()
    assert "310.0 ms + 3.0 ms compiling" in view.inner_text()


def test_tables_lead_to_moments_and_units_and_are_sorted(load: Open) -> None:
    page = load(redefinition())
    page.locator("#events tbody button", has_text="50.1 ms").click()
    settle(page)
    assert page.locator(".moment-time").inner_text() == "50.1 ms"
    assert page.locator("#events tr.to-come").count() == 3
    page.locator("#units thead button", has_text="unit").click()
    assert page.locator("#units tbody th").all_inner_texts() == ["binary:", "square", "total", "total.for"]
    page.locator("#units thead button", has_text="runs").click()
    page.locator("#units thead button", has_text="runs").click()
    assert page.locator("#units tbody th").first.inner_text() == "total.for"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_playing_ends_at_the_end(load: Open, motion: str) -> None:
    page = load(redefinition(), reduced_motion=motion)
    page.clock.install()
    page.keyboard.press("Space")
    for _ in range(20):
        page.clock.fast_forward(2000)
    settle(page)
    assert page.locator(".moment-time").inner_text() == "100.0 ms"
    assert page.locator("#scrubber button[aria-label='Play']").count() == 1


def test_five_hundred_units_have_few_elements(load: Open) -> None:
    page = load(many(500))
    assert page.locator(".lane-name").count() < 40
    assert page.locator(".lane-picture *").count() < 1500
    page.locator(".lanes").evaluate("(lanes) => { lanes.scrollTop = 1e6 }")
    settle(page)
    last = page.locator(".lane-name").last
    assert last.inner_text() == "○ f499"
    last.click()
    settle(page)
    assert page.locator(".selected-name").first.inner_text() == "f499"


def test_an_empty_recording_has_reasons_instead_of_panels(load: Open) -> None:
    page = load(empty())
    text = page.locator("body").inner_text()
    for reason in ("Nothing has run", "The recording has no source text", "No unit is selected", "Nothing is hot"):
        assert reason in text


@pytest.mark.parametrize("width", [360, 768, 1366, 1920])
def test_no_width_is_too_narrow(load: Open, width: int) -> None:
    page = load(redefinition(), viewport={"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    size = float(page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)"))
    assert size >= 14 if width < 1000 else size >= 16


def test_without_scripts_the_tables_remain(load: Open) -> None:
    page = load(redefinition(), java_script_enabled=False)
    text = page.locator("body").inner_text()
    assert "total.for was deoptimized at 50.1 ms" in text
    assert page.locator("#units tbody tr").count() == 4
    assert page.locator("#events tbody tr").count() == 9
    assert page.locator("#timeline").is_hidden() and page.locator("#scrubber").is_hidden()


def test_on_paper_nothing_scrolls(load: Open) -> None:
    page = load(redefinition(), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("#scrubber").is_hidden()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    scrolls = "(all) => all.filter((each) => each.scrollHeight > each.clientHeight + 2).length"
    assert page.locator(".listing").evaluate_all(scrolls) == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".lane-picture").get_attribute("viewBox").startswith("0 0 520 ")
    heights = [page.locator(each).bounding_box()["height"] for each in (".lanes-space", ".lane-picture")]
    assert heights[0] - heights[1] < 10


def test_a_live_session_feeds_the_page(load: Open) -> None:
    script = 'window.page = start(JSON.parse(document.getElementById("recording").textContent), { live: true });'
    page = load(empty(), LiveParts(script=script))
    changes = redefinition() | {"summary": ["**Fast.** `total.for` is at ● -O3."]}
    page.evaluate("(changes) => page.update(changes)", json.loads(json.dumps(changes)))
    settle(page)
    assert page.locator(".moment-time").inner_text() == "100.0 ms"
    assert page.locator(".selected-name").first.inner_text() == "total.for"
    assert page.locator("#summary-text").inner_text() == "Fast. total.for is at ● -O3."
    assert page.locator("#events tbody tr").count() == 9
    assert page.locator("#units tbody tr").count() == 4
    python = document(redefinition())
    for row in page.locator("#units tbody tr").all():
        symbol, *cells = row.locator("th, td").all_text_contents()
        assert f'{symbol}</th><td class="' in python
        assert f">{cells[0]}</td>" + "".join(f"<td>{cell}</td>" for cell in cells[1:]) in python
    go(page, 30.0)
    page.locator("#source-view .count").first.focus()
    more = {"length": 150.0, "events": [{"time": 140.0, "kind": "hot", "symbol": "total", "sentence": "total was hot"}]}
    page.evaluate("(changes) => page.update(changes)", more)
    settle(page)
    assert page.locator(".moment-time").inner_text() == "30.0 ms"
    assert page.locator("#events tbody tr").count() == 10
    assert page.evaluate("document.activeElement.className").startswith("count")
    page.evaluate("(other) => page.replace(other)", many(3))
    settle(page)
    assert page.locator(".selected-name").first.inner_text() == "f0"
    assert (page.locator("#units tbody tr").count(), page.locator("#events tbody tr").count()) == (3, 2)


def test_a_live_session_is_asked_for_code(load: Open) -> None:
    script = """const view = { ir: ["ret double 1.0"], ir_lines: [null], assembly: ["ret"], assembly_lines: [null] };
    const code = (symbol, tier) => Promise.resolve(tier === "O3" ? { began: 62, view } : null);
    start(JSON.parse(document.getElementById("recording").textContent), { live: true, code });"""
    recording = redefinition()
    for code in (code for unit in recording["units"] for version in unit["versions"] for code in version["codes"]):
        code["view"] = None
    page = load(recording, LiveParts(script=script))
    playwright.expect(page.locator("#optimized-view .line .text")).to_have_text("ret double 1.0")
    assert page.locator("#baseline-view .listing").inner_text() == "The code will come."
    go(page, 30.0)
    assert "out of use is not kept" in page.locator("#optimized-view .listing").inner_text()


@pytest.mark.parametrize(
    ("recording", "theme", "moment"),
    [(redefinition(), "light", 30.0), (redefinition(), "dark", 100.0), (empty(), "dark", 0.0)],
    ids=["in the middle", "at the end", "empty"],
)
def test_axe_finds_nothing_serious(load: Open, recording: Recording, theme: str, moment: float) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = load(recording, color_scheme=theme)
    go(page, moment)
    serious = [each for each in axe.Axe().run(page).response["violations"] if _is_serious(each)]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious] == []


def _is_serious(violation: dict[str, Any]) -> bool:
    return violation["impact"] in ("moderate", "serious", "critical")


def test_the_wheel_scrolls_the_page_and_zooms_with_control(load: Open) -> None:
    page = load(redefinition(), viewport={"width": 1280, "height": 500})
    page.locator("#timeline .lane-picture").hover()
    ticks = page.locator(".axis text")
    before = ticks.all_text_contents()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    settle(page)
    page.keyboard.up("Control")
    assert ticks.all_text_contents() != before
    top = page.evaluate("scrollY")
    page.mouse.wheel(0, 300)
    page.wait_for_function("top => scrollY > top", arg=top)


def test_a_sentence_of_the_summary_leads_to_its_moment(load: Open) -> None:
    page = load(redefinition())
    page.locator("#summary-text").get_by_role("button", name="10.0 ms", exact=True).click()
    page.locator("#summary-text").get_by_role("button", name="square", exact=True).first.click()
    settle(page)
    assert page.locator(".moment-time").inner_text() == "10.0 ms"
    assert page.locator("#stub-title").inner_text() == "The stub of square"
    assert "now" in page.locator("figure.now").inner_text()


def test_the_stub_of_another_unit_is_an_example(load: Open) -> None:
    recording = redefinition()
    recording["jumps"]["symbol"] = "square"
    page = load(recording)
    assert page.locator("#stub-title").inner_text() == "The stub of total.for"
    assert "as an example: that of square" in page.locator("#stub-view").inner_text()
    assert page.locator("figure.now").count() == 0


def test_the_bars_tell_how_long_they_last(load: Open) -> None:
    page = load(redefinition())
    titles = page.locator(".lane[data-symbol='total.for'] .bar title").all_text_contents()
    assert "total.for: ○ -O0 from 4.0 ms to 20.0 ms, 16.0 ms; 22,000 iterations" in titles


def test_the_whole_run_is_one_bar(load: Open) -> None:
    account = [{"part": "start", "time": 40.0}, {"part": "O3", "time": 60.0}]
    page = load(redefinition() | {"account": account})
    widths = page.locator(".clock .clock-part").evaluate_all("parts => parts.map((part) => part.style.width)")
    assert widths == ["40%", "60%"]
    assert "60.0 ms running ● -O3 code" in page.locator(".clock-legend").inner_text()
