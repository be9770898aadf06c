"""Ctrl-C while the command starts and leaves: the status is 130, or that of the run; never a traceback.

A trace function presses Ctrl-C at a line that is executed, in whatever module, and in finalizers, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from ast import literal_eval

import pytest

# Runs `kaleido -c '1 + 2'` in a child for each of many lines, and prints its status and its standard error.
# The first lines are before Ctrl-C is taken care of.
LEAVING = """
import os, signal, sys, tempfile
from kaleido.__main__ import main
from kaleido.cli import run as prepare

# The children inherit what is loaded: so there are not too many lines.
prepare(["--jit=O0", "-c", "1 | 2"])

class Press:
    def __init__(self, at):
        self.at, self.lines = at, 0
    def __call__(self, frame, event, argument):
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                signal.raise_signal(signal.SIGINT)
        return self

def child(at, errors):
    press, leave = Press(at), os._exit
    def count_and_leave(code):
        sys.settrace(None)
        if not at:
            os.write(errors, str(press.lines).encode())
        leave(code)
    os.dup2(errors, 2)
    sys.argv[1:] = ["--no-prelude", "--jit=O0", "-c", "1 + 2"]
    os._exit = count_and_leave
    sys.settrace(press)
    main()

def run(at):
    with tempfile.TemporaryFile() as errors:
        child_id = os.fork()
        if not child_id:
            child(at, errors.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child_id, 0)[1])
        errors.seek(0)
        return status, errors.read().decode()

status, lines = run(0)
assert status == 0, (status, lines)
lines = int(lines)
for at in [*range(4, lines - 60, lines // 60), *range(lines - 60, lines + 1)]:
    print(run(at), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_ctrl_c_at_any_line_of_the_command() -> None:
    done = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    outcomes = {literal_eval(line) for line in done.stdout.splitlines() if line not in ("1.0", "3.0")}
    assert outcomes <= {(130, "interrupted\n"), (130, ""), (0, ""), (130, "interrupted in <command line>:1\n")}
    assert (130, "interrupted\n") in outcomes


START = """
import signal, sys
sys.argv[1:] = ["-c", "1 + 2"]
from kaleido.__main__ import main
class Finder:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
main()
"""


@pytest.mark.parametrize("module", ["kaleido.cli", "kaleido.diagnostics", "kaleido.session", "llvmlite.binding"])
def test_ctrl_c_during_the_imports(module: str) -> None:
    code = START.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr in ("", "interrupted\n")


def test_ctrl_c_that_python_cannot_pass_on_leaves_no_message() -> None:
    code = (
        "import signal, sys; from kaleido.__main__ import main; sys.argv[1:] = ['--jit=O0', '-c', '1 + 2']\n"
        "class Last:\n"
        "    def __del__(self): raise KeyboardInterrupt\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None): name == 'kaleido.session' and Last()\n"
        "sys.meta_path.insert(0, Finder()); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3.0\n", "")
