"""The TextMate grammar for editors, made from the terminals of `grammar/kaleido.lark`.

It highlights a text until the language server has answered, which knows what each name and operator means. Run this
module to write the file: ``python -m kaleido.editors.textmate``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kaleido.language.lexer import terminals
from kaleido.language.nodes import Definition, External
from kaleido.language.parser import parse
from kaleido.language.prelude import prelude

__all__ = ["GRAMMAR", "grammar_text"]

GRAMMAR = Path(__file__).parent / "vscode" / "syntaxes" / "kaleido.tmLanguage.json"
"""The file with the grammar."""

# The scopes of keywords that do not direct the program's flow.
_KEYWORDS = {
    "def": "storage.type.function",
    "extern": "storage.type.function",
    "var": "storage.type",
    "binary": "storage.modifier",
    "unary": "storage.modifier",
}


def grammar_text() -> str:
    """The TextMate grammar, as JSON."""
    grammar = {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "information_for_contributors": ["Written by python -m kaleido.editors.textmate, from grammar/kaleido.lark."],
        "name": "Kaleido",
        "scopeName": "source.kaleido",
        "fileTypes": ["kal"],
        "patterns": _patterns(),
    }
    return json.dumps(grammar, indent=2, ensure_ascii=True) + "\n"


def _patterns() -> list[dict[str, Any]]:
    """The patterns: of those that match first in a line, the first one in this list counts."""
    found = terminals()
    name, operator = _oniguruma(found["NAME"].pattern), _oniguruma(found["OPERATOR"].pattern)
    [comment] = [_oniguruma(each.pattern) for each in found.values() if each.ignored and each.pattern.startswith("#")]
    keywords = [each.text for each in found.values() if each.text is not None and each.text.isidentifier()]
    flow = [each for each in keywords if each not in _KEYWORDS]
    marks = {name: each.text for name, each in found.items() if each.text is not None and not each.text.isidentifier()}
    library = [each.prototype.name for each in parse(prelude()) if isinstance(each, Definition | External)]
    return [
        _pattern(comment, "comment.line.number-sign"),
        {
            "match": rf"{_word('def', 'extern')}\s+{_word('binary', 'unary')}\s*({operator})",
            "captures": _captures("storage.type.function", "storage.modifier", "entity.name.operator"),
        },
        {
            "match": rf"{_word('def', 'extern')}\s+(?!{_word(*keywords)})({name})",
            # The group of the keywords is empty here.
            "captures": _captures("storage.type.function", "", "entity.name.function"),
        },
        *(_pattern(_word(keyword), scope) for keyword, scope in _KEYWORDS.items()),
        _pattern(_word(*flow), "keyword.control"),
        _pattern(_oniguruma(found["NUMBER"].pattern), "constant.numeric"),
        _pattern(rf"{_word(*filter(str.isidentifier, library))}(?=\s*\()", "support.function"),
        _pattern(rf"{name}(?=\s*\()", "entity.name.function"),
        _pattern(name, "variable.other"),
        _pattern(operator, "keyword.operator"),
        _pattern("[" + "".join(map(re.escape, marks.values())) + "]", "punctuation"),
        _pattern(rf"(?!\s)(?:{_oniguruma(found['STRAY'].pattern)})", "invalid.illegal"),
    ]


def _pattern(match: str, scope: str) -> dict[str, Any]:
    return {"match": match, "name": f"{scope}.kaleido"}


def _captures(*scopes: str) -> dict[str, Any]:
    return {str(group): {"name": f"{scope}.kaleido"} for group, scope in enumerate(scopes, start=1) if scope}


def _word(*words: str) -> str:
    return rf"(?<!\w)({'|'.join(words)})(?!\w)"


def _oniguruma(pattern: str) -> str:
    """A pattern of Python's `re` for Oniguruma: no surrogates, and code points instead of invisible characters."""
    without = pattern.replace("\ud800-\udfff", "")
    return "".join(each if " " <= each <= "~" else rf"\x{{{ord(each):x}}}" for each in without)


if __name__ == "__main__":
    GRAMMAR.write_text(grammar_text(), "utf-8")
