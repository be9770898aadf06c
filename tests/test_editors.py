"""`kaleido/editors`: the TextMate grammar is that of the language, and the extension starts the language server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaleido.editors.textmate import GRAMMAR, grammar_text
from kaleido.language.highlighting import patterns
from kaleido.language.lexer import lex, terminals
from kaleido.language.source_files import read
from tests.test_language import programs

EXTENSION = GRAMMAR.parents[1]
COMMAND = "python -m kaleido.editors.textmate"


def test_the_grammar_for_editors_is_that_of_the_language() -> None:
    assert GRAMMAR.read_text("utf-8") == grammar_text(), f"run `{COMMAND}`"


def scoped(line: str) -> Iterator[tuple[int, str, str]]:
    """The tokens of a line as an editor finds them: of the patterns that match first, the first one."""
    offset = 0
    while offset < len(line):
        matches = [
            (found.start(), index, found)
            for index, (pattern, _) in enumerate(RULES)
            if (found := pattern.search(line, offset))
        ]
        if not matches:
            return
        _, index, match = min(matches, key=lambda each: each[:2])
        scopes = RULES[index][1]
        for group, scope in scopes.items():
            yield match.start(group), match[group], scope
        offset = match.end()


def _rules() -> list[tuple[re.Pattern[str], dict[int, str]]]:
    rules = []
    for each in json.loads(grammar_text())["patterns"]:
        pattern = re.sub(r"\\x\{(\w+)\}", lambda found: re.escape(chr(int(found[1], 16))), each["match"])
        captures = {int(group): capture["name"] for group, capture in each.get("captures", {}).items()}
        rules.append((re.compile(pattern), captures or {0: each["name"]}))
    return rules


RULES = _rules()
KINDS = {
    "comment": "COMMENT", "constant": "NUMBER", "support": "NAME", "variable": "NAME", "keyword.operator": "OPERATOR",
    "entity.name.operator": "OPERATOR", "entity.name.function": "NAME", "invalid": "STRAY",
}  # fmt: skip


def kind(text: str, scope: str) -> str:
    """The terminal of the grammar that a scope stands for."""
    if scope.startswith(("punctuation", "storage", "keyword.control")):
        texts = {each.text: name for name, each in terminals().items() if each.text is not None}
        return texts[text]
    return next(name for prefix, name in KINDS.items() if scope.startswith(prefix))


def test_editors_find_the_tokens_that_the_lexer_finds() -> None:
    for path in programs()[::4]:
        for line in re.split(r"\r\n|\r|\n", read(path).text):
            expected = [(each.start, str(each), each.type) for each in lex(line, comments=True)]
            assert [(start, text, kind(text, scope)) for start, text, scope in scoped(line)] == expected


def test_what_names_are() -> None:
    found = {
        text: scope.removesuffix(".kaleido") for _, text, scope in scoped("def f(x) var é in sin(x) + g(1e5) <> é")
    }
    assert found == {
        "def": "storage.type.function", "f": "entity.name.function", "(": "punctuation", "x": "variable.other",
        ")": "punctuation", "var": "storage.type", "é": "variable.other", "in": "keyword.control",
        "sin": "support.function", "+": "keyword.operator", "g": "entity.name.function", "1e5": "constant.numeric",
        "<>": "keyword.operator",
    }  # fmt: skip
    assert ("+++", "entity.name.operator.kaleido") in [each[1:] for each in scoped("extern binary +++ 5 (a b)")]
    for keyword in patterns().keywords:
        [(_, text, scope)] = scoped(keyword)
        assert (text, scope.split(".")[0] in ("storage", "keyword")) == (keyword, True)


def test_the_extension_has_the_files_that_it_names() -> None:
    package = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    contributed = package["contributes"]
    files = [package["main"], contributed["languages"][0]["configuration"], contributed["grammars"][0]["path"]]
    assert [name for name in files if not (EXTENSION / name).is_file()] == []
    json.loads((EXTENSION / files[1]).read_text("utf-8"))
    assert contributed["configuration"]["properties"]["kaleido.command"]["default"] == ["kaleido", "lsp"]
    done = subprocess.run([sys.executable, "-m", "kaleido.editors"], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip(), "vscode") == EXTENSION


SCRIPT = """
const Module = require("module");
const said = [], commands = {};
const vscode = {
  workspace: { getConfiguration: () => ({ get: () => ["kaleido", "lsp"] }) },
  window: {
    activeTextEditor: { document: { languageId: "kaleido", uri: "file:///a.kal" } },
    createOutputChannel: () => ({ clear() {}, show() {}, appendLine: (line) => said.push(line) }),
  },
  commands: { registerCommand: (name, run) => { commands[name] = run; return {}; } },
};
class LanguageClient {
  constructor(id, name, server, client) { said.push(JSON.stringify([server, client])); }
  code2ProtocolConverter = { asUri: (uri) => uri };
  start() { said.push("start"); }
  stop() { said.push("stop"); }
  sendRequest(method, params) {
    said.push(JSON.stringify([method, params]));
    return { output: "7.0\\n8\\n", left_out: 5, values: [[0, 1, "1.0"]], problem: "error: no" };
  }
}
const load = Module._load;
Module._load = (name, ...rest) =>
  name === "vscode" ? vscode : name === "vscode-languageclient/node" ? { LanguageClient } : load(name, ...rest);
(async () => {
  const extension = require(process.argv[1]);
  await extension.activate({ subscriptions: [] });
  await commands["kaleido.runFile"]();
  await extension.deactivate();
  console.log(said.join("\\n"));
})();
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_extension_starts_the_server_and_runs_programs() -> None:
    command = ["node", "-e", SCRIPT, str(EXTENSION / "extension.js")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [
        '[{"command":"kaleido","args":["lsp"]},{"documentSelector":[{"language":"kaleido"}]}]',
        "start",
        '["workspace/executeCommand",{"command":"kaleido.run","arguments":["file:///a.kal"]}]',
        "... 5 characters are left out",
        "7.0",
        "8",
        "1.0",
        "error: no",
        "stop",
    ]


# The lines in README.md, in the editors


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program that has an error, and with the command `kaleido`, which is on the path."""
    pytest.importorskip("pygls", reason="pygls is not installed: pip install 'kaleido-lang[lsp]'")
    (tmp_path / "demo.kal").write_text("def square(x) x * x\ndef f(x) square(x) + nosuch\n")
    command = tmp_path / "bin" / "kaleido"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kaleido "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(EXTENSION.parents[2]))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def setup(language: str) -> str:
    [lines] = re.findall(rf"```{language}\n(.*?)```", (EXTENSION.parent / "README.md").read_text("utf-8"), re.DOTALL)
    return str(lines)


EMACS = """
(require 'eglot)
(setq eglot-sync-connect t)
(find-file "demo.kal")
(call-interactively 'eglot)
(let ((n 0)) (while (and (< n 600) (null (flymake-diagnostics))) (setq n (1+ n)) (accept-process-output nil 0.1)))
(dolist (each (flymake-diagnostics)) (princ (format "%s\\n" (flymake-diagnostic-text each))))
(goto-char (point-max)) (search-backward "square")
(eglot-rename "twice")
(princ (buffer-string))
"""


def test_emacs_shows_errors_and_renames(project: Path) -> None:
    emacs = shutil.which("emacs")
    found = emacs and subprocess.run([emacs, "--batch", "-f", "package-initialize", "-l", "eglot"], capture_output=True)
    if not found or found.returncode:
        pytest.skip("Emacs with eglot is not installed")
    (project / "init.el").write_text(setup("elisp"))
    (project / "try.el").write_text(EMACS)
    command = [str(emacs), "--batch", "-f", "package-initialize", "-l", "init.el", "-l", "try.el"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    renamed = "def twice(x) x * x\ndef f(x) twice(x) + nosuch\n"
    assert done.stdout == f"kaleido: unknown variable `nosuch`: not defined here\n{renamed}", done.stderr


NEOVIM = """
vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end)
for _, each in ipairs(vim.diagnostic.get(0)) do io.stdout:write(each.message, "\\n") end
vim.api.nvim_win_set_cursor(0, { 2, 10 })
vim.lsp.buf.rename("twice")
vim.wait(60000, function() return vim.api.nvim_buf_get_lines(0, 0, 1, false)[1]:find("twice") ~= nil end)
io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\\n"), "\\n")
vim.cmd("qa!")
"""


def test_neovim_shows_errors_and_renames(project: Path) -> None:
    nvim = shutil.which("nvim")
    if (
        nvim is None
        or subprocess.run([nvim, "--clean", "--headless", "-c", "if !has('nvim-0.11') | cq | endif | q"]).returncode
    ):
        pytest.skip("Neovim 0.11 is not installed")
    (project / "init.lua").write_text(setup("lua"))
    (project / "try.lua").write_text(NEOVIM)
    command = [nvim, "--headless", "--clean", "-u", "init.lua", "demo.kal", "-c", "luafile try.lua"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
    renamed = "def twice(x) x * x\ndef f(x) twice(x) + nosuch\n"
    assert done.stdout == f"unknown variable `nosuch`: not defined here\n{renamed}", done.stderr
