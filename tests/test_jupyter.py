"""`kaleido/jupyter`: the kernel, a process, by jupyter_client; `%%kaleido` in IPython; the notebook in `tutorials/`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel", reason="notebooks need the extra kaleido-lang[jupyter]")
pytest.importorskip("nbclient", reason="the notebook in tutorials/ is executed with nbclient")

import nbformat
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from traitlets.config import Config

from kaleido.jupyter.__main__ import main
from kaleido.session import Function
from tests.jit.helpers import stopped

NOTEBOOK = Path(__file__).parents[1] / "tutorials" / "tiers.ipynb"
SECONDS = 60


class Kernel:
    """A kernel process, and a client of it."""

    def __init__(self, folder: Path) -> None:
        assert main(["install", "--prefix", str(folder)]) == 0
        self.specifications = KernelSpecManager(kernel_dirs=[str(folder / "share" / "jupyter" / "kernels")])
        self.manager = KernelManager(kernel_name="kaleido", kernel_spec_manager=self.specifications)
        self.manager.start_kernel(env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    def run(self, code: str, *, interrupt: str = "") -> list[tuple[str, Any]]:
        """Run a cell. Returns what it shows; `interrupt` is an output at which it is interrupted."""
        request = self.client.execute(code)
        shown: list[tuple[str, Any]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                self.reply(request)
                return shown
            if kind == "stream":
                shown.append((content["name"], content["text"]))
                if interrupt and interrupt in content["text"]:
                    self.manager.interrupt_kernel()
            elif kind in ("display_data", "execute_result"):
                shown.append((kind, content["data"]))
            elif kind == "error":
                shown.append((kind, content))

    def reply(self, request: str) -> Any:
        while (message := self.client.get_shell_msg(timeout=SECONDS))["parent_header"]["msg_id"] != request:
            pass
        return message["content"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("jupyter"))
    yield kernel
    kernel.stop()


def test_values_and_output_are_in_order(kernel: Kernel) -> None:
    shown = kernel.run("def f(x) x + 1\nf(1)\nprintd(7)\nf(2)")
    assert "".join(text for kind, text in shown if kind == "stdout") == "2.0\n7.000000\n0.0\n"
    assert shown[-1] == ("execute_result", {"text/plain": "3.0"})
    assert kernel.run("1 putchard(65)")[0] == ("stdout", "1.0\n")
    assert kernel.run("for i = 1, i < 3 in i") == []


def test_errors_have_carets(kernel: Kernel) -> None:
    [(kind, error)] = kernel.run("1 +\n  totl")
    assert (kind, error["ename"], error["evalue"]) == ("error", "SemanticError", "unknown variable `totl`")
    assert "\x1b[1;31m^^^^ not defined here\x1b[0m" in error["traceback"][-1]
    assert any("<cell " in line and ":2:3" in line for line in error["traceback"])
    assert kernel.run("1)")[0][1]["ename"] == "ParseError"
    assert kernel.run(":nosuch")[0][1]["evalue"] == "unknown command `:nosuch`"


def test_a_program_is_interrupted_and_the_session_goes_on(kernel: Kernel) -> None:
    kernel.run("kept = 5")
    shown = kernel.run("printd(1) : (for i = 0, 1 in sin(i))", interrupt="1.0")
    assert (shown[0], shown[-1][1]["ename"]) == (("stdout", "1.000000\n"), "Interrupted")
    assert kernel.run("kept") == [("execute_result", {"text/plain": "5.0"})]


def test_running_a_cell_again_shows_what_was_deoptimized(kernel: Kernel) -> None:
    cell = "def square(x) x * x"
    kernel.run(":set jit sync")
    kernel.run(cell)
    [(kind, data), *_] = kernel.run("def sum(n) var s in (for i = 1, i < n in s = s + square(i)) : s\nsum(20000) : 0")
    assert kind == "display_data" and "sum.for@1:22: hot at 10,000 iterations" in data["text/plain"]
    shown = kernel.run(f"{cell} * x")
    assert [kind for kind, _ in shown] == ["display_data"]
    assert "sum.for@1:22 deoptimized, ● -O3 → ○ -O0: square has changed" in shown[0][1]["text/plain"]
    assert '<span style="color:#2b8a3e">● -O3</span>' in shown[0][1]["text/html"]
    # The same definition again changes nothing.
    assert kernel.run(f"{cell} * x") == []


def test_commands_of_the_repl(kernel: Kernel) -> None:
    kernel.run("def g(x) x - 1\ng(1)")
    [(kind, data)] = kernel.run(":tiers")
    assert kind == "display_data" and "\ng " in data["text/plain"]
    assert data["text/html"].startswith("<table><thead><tr>") and ">○ -O0</span>" in data["text/html"]
    [(kind, data)] = kernel.run(":report")
    assert (kind, data["text/html"][:31]) == ("display_data", '<iframe sandbox="allow-scripts"')
    assert "kaleido-recording" in data["text/html"]
    listed = "".join(text for _, text in kernel.run("def unused(x) x\n:list"))
    assert "unused(x)" in listed
    assert kernel.run(":undo\nunused(1)")[-1][1]["evalue"] == "unknown function `unused`"
    assert kernel.run(":quit") == [("stderr", "a notebook ends with its kernel\n")]


def test_completion_inspection_and_completeness(kernel: Kernel) -> None:
    kernel.run("def average(a b) (a + b) / 2\naverage(1, 2)")
    client = kernel.client
    found = kernel.reply(client.complete("1 + aver", 8))
    assert (found["matches"], found["cursor_start"], found["cursor_end"]) == (["average"], 4, 8)
    assert kernel.reply(client.complete(":ti", 3))["matches"] == ["tiers", "time"]
    for code, cursor in (("average(1, 2)", 3), ("average(1, ", 11)):
        found = kernel.reply(client.inspect(code, cursor))
        assert found["found"]
        assert "average(a b)" in found["data"]["text/plain"] and "-O0" in found["data"]["text/plain"]
    assert kernel.reply(client.inspect("nosuch", 2))["found"] is False
    states = {
        code: kernel.reply(client.is_complete(code))["status"] for code in ("1 +", "1 + 2", "def f(x)", ":list", "1)")
    }
    assert states == {
        "1 +": "incomplete", "1 + 2": "complete", "def f(x)": "incomplete", ":list": "complete", "1)": "complete",
    }  # fmt: skip
    information = kernel.reply(client.kernel_info())
    assert (information["language_info"]["name"], information["language_info"]["file_extension"]) == ("kaleido", ".kal")


def test_the_notebook_of_the_tutorials_runs(kernel: Kernel) -> None:
    kernel.run(":reset")
    kernel.run(":set jit tiered")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    saved = [lasting(cell) for cell in notebook.cells]
    assert sum(map(len, saved)) > 3
    runner = NotebookClient(notebook, km=kernel.manager, kernel_name="kaleido", timeout=SECONDS)
    runner.execute()
    runner.kc.stop_channels()
    assert [lasting(cell) for cell in notebook.cells] == saved


def lasting(cell: Any) -> list[str]:
    """What a cell prints and its result: what does not depend on time, nor on the processor."""
    if "varies" in cell.metadata.get("tags", ()):
        return []
    outputs = [each for each in cell.get("outputs", ()) if each.output_type in ("stream", "execute_result")]
    return [each.text if each.output_type == "stream" else each.data["text/plain"] for each in outputs]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    before = os.environ.get("IPYTHONDIR")
    os.environ["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    shell.run_line_magic("load_ext", "kaleido")
    yield shell
    shell.magics_manager.registry["KaleidoMagics"].close()
    os.environ.pop("IPYTHONDIR")
    if before is not None:
        os.environ["IPYTHONDIR"] = before


def test_values_go_from_python_to_kaleido_and_back(shell: InteractiveShell, capfd: pytest.CaptureFixture[str]) -> None:
    shell.user_ns |= {"x": 3, "y": 0.5}
    code = "def f(n) printd(n) : n * n\n:set notices off\n1\ntotal = f(x) + y"
    assert shell.run_cell_magic("kaleido", "-i x,y -o total,f", code) == 9.5
    assert capfd.readouterr().out == "1.0\n3.000000\n"
    function = shell.user_ns["f"]
    assert (shell.user_ns["total"], isinstance(function, Function), function(4)) == (9.5, True, 16.0)
    assert shell.run_line_magic("kaleido", "f(5) - total") == 15.5
    assert shell.run_line_magic("kaleido", "").variables["total"] == 9.5
    assert shell.run_cell_magic("kaleido", "", "def g(x) x") is None


def test_an_interrupted_magic_is_one_line(shell: InteractiveShell) -> None:
    session = shell.run_line_magic("kaleido", "")
    with stopped(session.interrupt), pytest.raises(UsageError, match="interrupted in the loop at <kaleido "):
        shell.run_line_magic("kaleido", "for i = 0, 1 in i")


def test_errors_of_magics(shell: InteractiveShell, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="unknown variable `nosuch`"):
        shell.run_line_magic("kaleido", "1 + nosuch")
    assert "nosuch\n  │     ^^^^^^ not defined here\n" in capfd.readouterr().err
    for line in ("-i unknown", "-i shown", "-o unknown", "-i 1x", "1 + 2"):
        shell.user_ns["shown"] = "a text"
        with pytest.raises(UsageError):
            shell.run_cell_magic("kaleido", line, "1")
