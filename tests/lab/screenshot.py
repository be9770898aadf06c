"""A picture of the workbench for README.md: a loop runs, and the function that it inlines has been changed.

python -m tests.lab.screenshot        # tests/lab/workbench.webp
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.page.pictures import picture

PROGRAM = """# Change square while this runs, and press "Apply changes".
def square(x) x * x

def sum(n)
  var s in
  (for i = 1, i < n in
    s = s + square(i)) :
  s

sum(1000)
for round = 1, 1 in sum(20000000)
"""
FILE = Path(__file__).with_name("workbench.webp")


def main() -> int:
    from playwright.sync_api import expect, sync_playwright

    command = [sys.executable, "-m", "kaleido", "lab", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stderr is not None
        server.stderr.readline()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1440, "height": 1500})
        page.goto(server.stderr.readline().strip())
        page.fill("#text", PROGRAM)
        page.click("#run")
        expect(page.locator("#events tbody")).to_contain_text("-O3", timeout=30_000)
        page.wait_for_timeout(600)
        page.fill("#text", PROGRAM.replace("x * x\n", "x * x * x\n"))
        page.click("#apply")
        expect(page.locator("#events tbody")).to_contain_text("deoptimized", timeout=30_000)
        page.wait_for_timeout(900)
        page.click("#stop")
        expect(page.locator("#state")).to_contain_text("ended")
        FILE.write_bytes(picture(page))
        browser.close()
        server.terminate()
    print(FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
