"""Pictures of the page, to look at, and those of README.md.

kaleido report --no-cache --json -o mandelbrot.json tutorials/examples/mandelbrot.kal
python -m tests.page.pictures mandelbrot.json          # build/pictures/: three widths, light and dark
python -m tests.page.pictures mandelbrot.json --readme # tests/page/pictures/mandelbrot.webp

tutorials/everything.webp is made of everything.json, which chapter 16 writes, in the same way.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from kaleido.page import document
from kaleido.recording import read

ROOT = Path(__file__).parents[2]
WIDTHS = (360, 1366, 1920)
README_WIDTH = 1440


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path, help="recordings as JSON")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pictures")
    parser.add_argument("--moment", type=float, help="the moment to show, in milliseconds (the end)")
    parser.add_argument("--theme", choices=["light", "dark"], default="light", help="of the picture for README.md")
    parser.add_argument("--height", type=int, default=1500, help="of the picture for README.md, in pixels")
    parser.add_argument("--readme", action="store_true", help="write the picture of README.md instead")
    options = parser.parse_args(arguments)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for recording in options.recordings:
            for path, page in _pages(browser, recording, options):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(picture(page))
                page.context.close()
                print(path)
        browser.close()
    return 0


def _pages(browser: Any, recording: Path, options: argparse.Namespace) -> Any:
    if options.readme:
        page = _open(
            browser, recording, {"width": README_WIDTH, "height": options.height}, options.theme, options.moment
        )
        yield ROOT / "tests" / "page" / "pictures" / f"{recording.stem}.webp", page
        return
    for width in WIDTHS:
        for theme in ("light", "dark"):
            page = _open(browser, recording, {"width": width, "height": 800}, theme, options.moment)
            # A window as high as the page: then the scrubber is below everything.
            page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
            _settle(page)
            yield options.folder / f"{recording.stem}-{width}-{theme}.webp", page


def _open(browser: Any, recording: Path, size: dict[str, int], theme: str, moment: float | None) -> Any:
    context = browser.new_context(viewport=size, color_scheme=theme)
    page = context.new_page()
    page.set_content(document(read(recording.read_text("utf-8"))))
    if moment is not None:
        move = "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input')) }"
        page.locator("#moment").evaluate(move, moment)
    _settle(page)
    return page


def picture(page: Any) -> bytes:
    """WebP is a third of PNG; Playwright itself does not offer it."""
    options = {"format": "webp", "quality": 72}
    data = page.context.new_cdp_session(page).send("Page.captureScreenshot", options)["data"]
    return b64decode(data)


def _settle(page: Any) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
