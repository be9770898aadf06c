"""The tutorial in a real terminal, as a reader's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.terminals import leave, spawning

Start = Callable[..., Any]

KEYS, RUN_KEYS = "next section", "r run"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `kaleido tutorial` with arguments, on a terminal of a size, and with variables of the environment."""
    places = {"XDG_STATE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    with spawning() as spawn:

        def start(
            *arguments: str,
            run: Sequence[str] = ("-m", "kaleido", "tutorial"),
            size: tuple[int, int] = (24, 100),
            **variables: str,
        ) -> Any:
            return spawn([*run, *arguments], places | variables, size)

        yield start


def test_a_chapter_is_read_and_its_blocks_are_run(start: Start, tmp_path: Path) -> None:
    terminal = start("1")
    terminal.expect_exact("1. The shape of a compiler")
    while terminal.expect_exact(["q quit", "── taste.kal ──"]) == 0:
        terminal.send("n")
    while terminal.expect_exact([KEYS, RUN_KEYS]) == 0:
        terminal.send(" ")
    terminal.send("r")
    terminal.expect_exact("49.0\r\n6765.0\r\n14.0\r\n1.0\r\n4.0\r\n")
    terminal.expect_exact(RUN_KEYS)
    terminal.send("\r")
    terminal.expect_exact(RUN_KEYS)
    terminal.send("r")
    terminal.expect_exact("$ kaleido taste.kal\r\n49.0\r\n6765.0\r\n")
    terminal.expect_exact(RUN_KEYS)
    assert leave(terminal, "q") == 0
    # Nothing is left of the folder that it ran in.
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("kaleido-tutorial")] == []


def test_the_prompt_and_back_and_ctrl_c(start: Start) -> None:
    terminal = start("1")
    terminal.expect_exact(KEYS)
    terminal.send("t")
    terminal.expect_exact("kal>")
    terminal.send("for i = 0, 1 in printd(i)\r")
    terminal.expect_exact("3.000000\r\n")
    terminal.sendintr()
    terminal.expect_exact("interrupted")
    terminal.expect_exact("kal>")
    terminal.send("6*7\r")
    terminal.expect_exact("42.0\r\n")
    terminal.send("\x04")
    # The page is there again, and Ctrl-C is no way to leave it.
    terminal.expect_exact("1. The shape of a compiler")
    terminal.expect_exact(KEYS)
    terminal.send("\x03")
    # Only what is not there already is drawn.
    terminal.expect_exact("q quits")
    assert leave(terminal, "\x04") == 0


ENDLESS = """# 1. Endless

```kal
for i = 0, 1 in printd(i)
```

```console
$ python -c "while True: print(12345)"
```

The end.
"""

# Reads other chapters than there are.
ELSEWHERE = "from kaleido.tutorial import chapters; from pathlib import Path; chapters.FOLDER = Path({!r}); "


def test_ctrl_c_stops_a_block(start: Start, tmp_path: Path) -> None:
    (tmp_path / "01-endless.md").write_text(ENDLESS)
    code = ELSEWHERE.format(str(tmp_path)) + "from kaleido.cli import main; main()"
    terminal = start("tutorial", "1", run=["-c", code])
    for output in ("3.000000\r\n", "12345\r\n12345\r\n"):
        terminal.expect_exact(RUN_KEYS)
        terminal.send("r")
        terminal.expect_exact(output)
        terminal.sendintr()
        terminal.expect_exact("interrupted")
        terminal.expect_exact(RUN_KEYS)
        terminal.send("\r")
    terminal.expect_exact("The end.")
    assert leave(terminal, "q") == 0


def test_without_a_number_it_asks(start: Start) -> None:
    terminal = start()
    terminal.expect_exact("2  The grammar")
    terminal.expect_exact("Which chapter?")
    terminal.send("99\r")
    terminal.expect_exact("No such chapter")
    terminal.expect_exact("Which chapter?")
    terminal.send("2\r")
    terminal.expect_exact("2. The grammar")
    terminal.expect_exact(KEYS)
    assert leave(terminal, "q") == 0
    terminal = start()
    terminal.expect_exact("Which chapter?")
    assert leave(terminal, "\x03") == 0


def test_a_tiny_terminal_that_grows(start: Start) -> None:
    terminal = start("1", size=(5, 20))
    terminal.expect_exact("Enter more · q quit")
    terminal.send(" ")
    terminal.expect_exact("Enter more · q quit")
    terminal.setwinsize(24, 100)
    # The keys are shown again where they now have room.
    terminal.expect_exact(KEYS)
    assert leave(terminal, "q") == 0


def test_a_terminal_that_can_only_write_on(start: Start) -> None:
    terminal = start("1", TERM="dumb", NO_COLOR="")
    terminal.expect_exact("1. The shape of a compiler")
    terminal.expect_exact("[Enter more")
    terminal.send("t\r")
    terminal.expect_exact("kal>")
    terminal.send("6*7\r")
    terminal.expect_exact("42.0\r\n")
    terminal.send("\x04")
    terminal.expect_exact("[Enter more")
    terminal.sendintr()
    terminal.expect_exact("q quits")
    terminal.expect_exact("[Enter more")
    assert leave(terminal, "\x04") == 0
    assert "\x1b" not in terminal.logfile_read.getvalue()


@pytest.mark.parametrize(("option", "colored"), [("auto", True), ("never", False)])
def test_colors(start: Start, option: str, colored: bool) -> None:
    terminal = start("1", f"--color={option}", NO_COLOR="")
    terminal.expect_exact(KEYS)
    assert ("\x1b[1m1. The shape" in terminal.logfile_read.getvalue()) == colored
    assert leave(terminal, "q") == 0


def test_the_terminal_is_as_it_was(start: Start) -> None:
    script = "import sys, termios, kaleido.cli as cli; before = termios.tcgetattr(0); "
    script += "cli.run(['tutorial', '1']); print('same' if termios.tcgetattr(0) == before else 'changed')"
    terminal = start(run=["-c", script])
    terminal.expect_exact(KEYS)
    terminal.send("t")
    terminal.expect_exact("kal>")
    terminal.send("\x04")
    terminal.expect_exact(KEYS)
    terminal.send("q")
    terminal.expect_exact("same")
    terminal.expect(pexpect.EOF)
