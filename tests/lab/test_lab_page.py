"""The workbench in a browser, used as a person would."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[test]'")
pytest.importorskip("uvicorn", reason="the workbench needs the extra `lab`")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

# Milliseconds; a busy machine is slow.
TIMEOUT = 30_000.0

OFFLINE = "net::ERR_INTERNET_DISCONNECTED"

LOOP = """def square(x) x*x
def sum(n) var s in (for i = 1, i < n in s = s + square(i)) : s
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "kaleido", "lab", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            server.stderr.readline()
            yield server.stderr.readline().strip()
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def context(address: str) -> Iterator[Any]:
    """A browser that has opened the address once."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM)
        context = browser.new_context(viewport={"width": 1366, "height": 900})
        page = context.new_page()
        page.goto(address)
        page.close()
        yield context
        browser.close()


@pytest.fixture
def page(context: Any, address: str) -> Iterator[Any]:
    """The page. No message in the console, and no request to anywhere else may follow."""
    faults: list[str] = []
    origin = address.partition("/?")[0]
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    # A test takes the network away.
    page.on("console", lambda message: None if OFFLINE in message.text else faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((origin, "blob:", "data:")) else faults.append(request.url),
    )
    page.goto(origin)
    shows(page, "#state", re.compile("ready|ended"))
    yield page
    if page.locator("#stop").is_enabled():
        page.click("#stop")
    page.close()
    assert faults == []


def write(page: Any, text: str) -> None:
    page.fill("#text", text)


def shows(page: Any, selector: str, text: str | re.Pattern[str]) -> None:
    """Wait until an element has a text."""
    playwright.expect(page.locator(selector)).to_have_text(text, timeout=TIMEOUT)


def transcript(page: Any) -> list[str]:
    return [text.rstrip("\n") for text in page.locator("#transcript .entry").all_text_contents()]


def run(page: Any) -> None:
    """Run the program. The state until then may say that the run before has ended."""
    page.locator("#state").evaluate("(state) => { state.textContent = '' }")
    page.click("#run")


def ended(page: Any) -> None:
    shows(page, "#state", re.compile("^the program has ended"))


def test_a_program_runs_and_its_lanes_appear(page: Any) -> None:
    write(page, f"{LOOP}printd(1)\nsum(200000000)")
    page.click("#run")
    page.wait_for_selector("#run:disabled")
    ended(page)
    assert transcript(page) == ["1.000000", "0.0", "2.6666666866671203e+24"]
    shows(page, "#units tbody", re.compile("sum.for@2:22● -O3"))
    shows(page, "#summary-text", re.compile("What became fast"))


def test_errors_are_under_the_text_and_lead_to_their_place(page: Any) -> None:
    write(page, "def f(x)\n  x + y\n")
    problem = page.locator("#problems button")
    problem.wait_for()
    assert problem.inner_text().startswith("2:7: unknown variable `y`")
    assert page.locator(".editor-text .wrong").inner_text() == "y"
    problem.click()
    assert page.evaluate("getSelection().toString() || text.value.slice(text.selectionStart, text.selectionEnd)") == "y"


def test_the_text_is_highlighted_while_it_is_edited(page: Any) -> None:
    write(page, "def f(x) x")
    page.wait_for_selector(".editor-text .t-k")
    page.locator("#text").press("End")
    page.keyboard.type(" + 1")
    assert page.locator(".editor-text").text_content() == "def f(x) x + 1\n"


def test_a_definition_changes_while_the_program_runs(page: Any) -> None:
    write(page, f"{LOOP}for i = 0, 1 in sum(1000)")
    page.keyboard.press("Control+Enter")
    # Until then the page shows the run before.
    page.wait_for_selector("#stop:enabled")
    shows(page, "#events tbody", re.compile("swapped"))
    write(page, f"{LOOP.replace('x*x', 'x*x*x')}for i = 0, 1 in sum(1000)")
    page.locator("#text").press("Control+Shift+Enter")
    shows(page, "#transcript", re.compile("changed: square"))
    shows(page, "#events tbody", re.compile("deoptimized"))
    page.keyboard.press("Control+.")
    ended(page)
    assert "changed: square" in transcript(page)


def test_the_recompiler_is_held_and_goes_on_step_by_step(page: Any) -> None:
    page.check("#hold")
    page.wait_for_selector("#step:enabled")
    write(page, f"{LOOP}for i = 0, 1 in sum(1000)")
    page.click("#run")
    page.wait_for_selector("#stop:enabled")
    shows(page, "#state", re.compile("waits to be swapped in"))
    playwright.expect(page.locator("#events tbody")).not_to_have_text(re.compile("swapped"))
    page.click("#step")
    shows(page, "#events tbody", re.compile("swapped"))
    page.uncheck("#hold")
    page.wait_for_selector("#step:disabled")
    page.click("#stop")
    ended(page)


def test_the_controls_of_the_tiers(page: Any) -> None:
    page.fill("#threshold", "7")
    page.press("#threshold", "Tab")
    page.select_option("#mode", "O0")
    write(page, f"{LOOP}sum(30000)")
    run(page)
    # A late answer to the choice of the mode may say that the run before has ended.
    shows(page, "#transcript", re.compile("9000450005000.0"))
    ended(page)
    assert "swapped" not in page.locator("#events tbody").inner_text()
    page.select_option("#mode", "tiered")
    page.fill("#threshold", "0")
    page.press("#threshold", "Tab")
    shows(page, "#state", re.compile("a threshold is"))
    page.fill("#threshold", "")
    page.press("#threshold", "Tab")


def test_a_line_is_evaluated_in_the_session(page: Any) -> None:
    write(page, "def twice(x) 2*x")
    run(page)
    ended(page)
    page.fill("#line", "twice(21)")
    page.press("#line", "Enter")
    shows(page, "#transcript", re.compile("42.0"))
    assert transcript(page) == ["twice(21)", "42.0"]


def test_examples_open_and_can_be_undone(page: Any) -> None:
    write(page, "1 + 1")
    page.select_option("#programs", "mandelbrot.kal")
    assert page.input_value("#text").startswith("# The Mandelbrot set")
    page.locator("#text").press("Control+z")
    assert page.input_value("#text") == "1 + 1"


def test_the_program_and_the_report_are_saved(page: Any) -> None:
    write(page, f"{LOOP}sum(100)")
    run(page)
    ended(page)
    with page.expect_download() as program:
        page.click("#save-program")
    assert program.value.path().read_text() == f"{LOOP}sum(100)"
    with page.expect_download() as report:
        page.click("text=Save as report")
    assert 'id="recording"' in report.value.path().read_text()


def test_two_tabs_see_the_same_run(page: Any, context: Any) -> None:
    other = context.new_page()
    other.goto(page.url)
    shows(other, "#state", re.compile("ready|ended"))
    write(page, "1 + 2")
    page.click("#run")
    shows(other, "#transcript", "3.0")
    other.close()


def test_a_text_survives_the_tab(page: Any, context: Any) -> None:
    write(page, "# precious")
    page.wait_for_timeout(400)
    other = context.new_page()
    other.goto(page.url)
    playwright.expect(other.locator("#text")).to_have_value("# precious")
    other.close()


def test_a_lost_connection_comes_back(page: Any, context: Any) -> None:
    context.set_offline(True)
    context.set_offline(False)
    write(page, "5")
    page.click("#run")
    shows(page, "#transcript", "5.0")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Any, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.emulate_media(color_scheme=theme)
    write(page, f"{LOOP}sum(3000000)\nsum(")
    page.wait_for_selector("#problems button")
    found = axe.Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious] == []


def test_the_address_is_good_for_one_browser(address: str, context: Any) -> None:
    other = context.browser.new_context()
    page = other.new_page()
    assert page.goto(address).status == 403
    assert re.search("one browser", page.content())
    other.close()
