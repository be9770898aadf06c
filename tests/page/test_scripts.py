"""The page's pure functions, tested in node: ``scripts/*.test.js`` beside the modules of ``kaleido/page/scripts``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.page.recordings import redefinition

TESTS = Path(__file__).parent / "scripts"
SCRIPTS = Path(__file__).parents[2] / "kaleido" / "page" / "scripts"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_scripts(tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    shutil.copytree(TESTS, tmp_path / "tests")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tests" / "recording.json").write_text(json.dumps(redefinition()), "utf-8")
    tests = sorted((tmp_path / "tests").glob("*.test.js"))
    done = subprocess.run(["node", "--test", *tests], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout or "fail 0" in done.stdout
