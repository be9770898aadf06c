"""Completions of the command ``kaleido`` for shells, as scripts that need no Python when they run.

They complete commands, options, the values of options that have choices, and files. In an unknown place they complete
files, as shells do.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from shlex import quote

from kaleido.installation.command_options import Argument, arguments_of, first_sentence

__all__ = ["SHELLS"]

Parsers = Mapping[str, ArgumentParser]


def _bash(parsers: Parsers) -> str:
    return "\n".join(
        [
            "# Completions of kaleido for bash, written by `kaleido completions bash`.",
            "_kaleido() {",
            '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
            '    local command="" options="" words="" files=""',
            "    # Of --jit=O0, bash makes three words.",
            '    [[ "$word" != "=" ]] || word=""',
            '    [[ "$before" != "=" ]] || before="${COMP_WORDS[COMP_CWORD-2]}"',
            "    if ((COMP_CWORD > 1)); then",
            '        case "${COMP_WORDS[1]}" in',
            f'            {"|".join(filter(None, parsers))}) command="${{COMP_WORDS[1]}}" ;;',
            "        esac",
            "    fi",
            "    compopt -o filenames 2>/dev/null",
            '    case "$command $before" in',
            *_bash_values(parsers),
            "    esac",
            '    case "$command" in',
            *_bash_words(parsers),
            "    esac",
            '    if [[ "$word" == -* ]]; then',
            '        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")',
            "    else",
            '        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"',
            '            [[ -z "$files" ]] || compgen -f -- "$word")',
            "    fi",
            "}",
            "complete -F _kaleido kaleido",
            "",
        ]
    )


def _bash_values(parsers: Parsers) -> Iterator[str]:
    """For each option with a value: what completes it."""
    for command, parser in parsers.items():
        for each in arguments_of(parser):
            if each.flags and each.value:
                found = f"compgen -W {quote(' '.join(each.choices))}" if each.choices else "compgen -f" * each.is_file
                reply = f'mapfile -t COMPREPLY < <({found} -- "$word")' if found else "COMPREPLY=()"
                yield f"        {'|'.join(quote(f'{command} {flag}') for flag in each.flags)}) {reply}; return ;;"


def _bash_words(parsers: Parsers) -> Iterator[str]:
    for command, parser in parsers.items():
        arguments = arguments_of(parser)
        options = " ".join(flag for each in arguments for flag in each.flags)
        words = [choice for each in arguments if not each.flags for choice in each.choices]
        # A command is the first word only.
        first = "" if command else f"; ((COMP_CWORD > 1)) || words={quote(' '.join(filter(None, parsers)))}"
        files = "yes" * any(each.is_file for each in arguments if not each.flags)
        rest = f"words={quote(' '.join(words))} files={files}{first}"
        yield f"        {quote(command)}) options={quote(options)} {rest} ;;"


def _zsh(parsers: Parsers) -> str:
    names = " ".join(quote(f"{name}:{first_sentence(parser)}") for name, parser in parsers.items() if name)
    return "\n".join(
        [
            "#compdef kaleido",
            "# Completions of kaleido for zsh, written by `kaleido completions zsh`.",
            "_kaleido() {",
            "    local -a commands",
            f"    commands=({names})",
            "    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then",
            "        _describe command commands",
            "        _files",
            "        return",
            "    fi",
            "    case $words[2] in",
            *_zsh_commands(parsers),
            "    esac",
            "}",
            '_kaleido "$@"',
            "",
        ]
    )


def _zsh_commands(parsers: Parsers) -> Iterator[str]:
    for command, parser in parsers.items():
        specifications = " ".join(quote(each) for argument in arguments_of(parser) for each in _zsh_specs(argument))
        # The words after a command are completed as if it were the first one.
        if command:
            yield f"        {command}) shift words; (( CURRENT-- )); _arguments -s {specifications} ;;"
        else:
            rest = f"        *) _arguments -s {specifications} ;;"
    yield rest


def _zsh_specs(argument: Argument) -> Iterator[str]:
    action = f"({' '.join(argument.choices)})" if argument.choices else "_files" * argument.is_file
    value = f":{argument.value.translate(_ZSH) if not argument.choices else 'value'}:{action}" if argument.value else ""
    help = argument.help.translate(_ZSH)
    for flag in argument.flags:
        takes = ("=" if flag.startswith("--") else "+") if value else ""
        yield f"{'*' * argument.repeats}{flag}{takes}[{help}]{value}"
    if not argument.flags:
        yield f"{'*' * argument.repeats}{value}"


_ZSH = str.maketrans({"[": "\\[", "]": "\\]", ":": "\\:"})


def _fish(parsers: Parsers) -> str:
    names = " ".join(filter(None, parsers))
    lines = ["# Completions of kaleido for fish, written by `kaleido completions fish`."]
    for command, parser in parsers.items():
        condition = f"__fish_seen_subcommand_from {command or names}"
        where = quote(condition if command else f"not {condition}")
        if command:
            start = quote(f"not __fish_seen_subcommand_from {names}")
            lines.append(f"complete -c kaleido -n {start} -a {command} -d {_fish_text(first_sentence(parser))}")
        for each in arguments_of(parser):
            lines.append(f"complete -c kaleido -n {where} {_fish_argument(each)}")
    return "\n".join([*(each for each in lines if not each.endswith("-F")), ""])


def _fish_argument(argument: Argument) -> str:
    flags = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in argument.flags)
    choices = f"-a {quote(' '.join(argument.choices))}" if argument.choices else ""
    if not argument.flags:
        return choices or "-F"
    takes = ("-r -F" if argument.is_file else "-x") if argument.value else ""
    return " ".join(filter(None, [flags, takes, choices, f"-d {_fish_text(argument.help)}"]))


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Mapping[str, Callable[[Parsers], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
"""By the name of a shell: the script for the parsers of all commands."""
