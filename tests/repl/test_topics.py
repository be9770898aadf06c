"""The topics of `:help`: that their examples are true, that they fit on a screen, that they leave nothing out."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import wrap

import pytest

from kaleido import Session
from kaleido.jit.policy import Policy
from kaleido.language.operators import BUILTIN_PREFIX
from kaleido.language.table_generator import grammar_text
from kaleido.repl.commands import COMMANDS
from kaleido.repl.commands.topics import ALIASES, TOPICS, Topic
from kaleido.repl.entries import CONTINUATION, PROMPT, transcript_entries
from tests.repl.conftest import Run

NARROW, SCREEN, HEIGHT = 60, 80, 22

each_topic = pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)


@pytest.mark.parametrize("jit", ["tiered", "O3"])
@each_topic
def test_examples(topic: Topic, jit: str, state_home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # As whoever pastes one would have it: entry by entry, in a new session.
    entries = transcript_entries(topic.example)
    with Session(jit=jit) as session:
        printed = Run(session, capfd)(*entries)
    prompted = [PROMPT + entry.replace("\n", "\n" + CONTINUATION) for entry in entries]
    shown = "".join(f"{entry}\n{each}" for entry, each in zip(prompted, printed, strict=True))
    assert shown.removesuffix("\n") == topic.example


@each_topic
def test_blocks_are_paragraphs_or_indented(topic: Topic) -> None:
    for block in blocks(topic):
        assert block.strip("\n") == block != ""
        assert len({line.startswith(" ") for line in block.split("\n")}) == 1


@each_topic
def test_what_is_not_wrapped_is_narrow(topic: Topic) -> None:
    fixed = [line for block in blocks(topic) if block.startswith(" ") for line in block.split("\n")]
    assert [line for line in [*fixed, *topic.example.split("\n")] if len(line) > NARROW] == []


@each_topic
def test_fits_on_a_screen(topic: Topic) -> None:
    assert len(page(topic)) <= HEIGHT, "\n".join(page(topic))


@each_topic
def test_mentions_what_there_is(topic: Topic) -> None:
    mentioned = re.findall(r"(?<!\S)`?:([a-z]+)(?: ([a-z]+))?", topic.text)
    assert {command for command, _ in mentioned} <= COMMANDS.keys()
    assert {word for command, word in mentioned if command == "help"} <= TOPICS.keys()


@each_topic
def test_is_found_by_its_name(topic: Topic) -> None:
    assert TOPICS[topic.name] is topic


def test_every_keyword_and_operator_leads_to_a_topic() -> None:
    keywords = set(re.findall(r'"([a-z]+)"', grammar_text()))
    with Session() as session:
        words = keywords | session.operators.infix.keys() - {":"} | BUILTIN_PREFIX
    assert {"def", "then", "unary"} <= keywords
    assert words - TOPICS.keys() - ALIASES.keys() == set()


def test_aliases_lead_to_topics_and_hide_nothing() -> None:
    assert set(ALIASES.values()) <= TOPICS.keys()
    assert ALIASES.keys() & (TOPICS.keys() | COMMANDS.keys()) == set()


def test_the_prelude_is_complete() -> None:
    with Session() as session:
        names = {function.name.removeprefix("binary") for function in session.functions(prelude=True)}
    words = set(re.findall(r"\w+|[^\w\s]", TOPICS["prelude"].text))
    assert names - words == set()


def test_precedences() -> None:
    said = re.findall(r"((?:[^\w\s`]+ )+)(\d+)", TOPICS["operators"].text.split("\n\n")[1])
    table = {operator: int(precedence) for operators, precedence in said for operator in operators.split()}
    with Session() as session:
        assert table == session.operators.infix


def test_numbers_are_the_policys() -> None:
    policy = Policy()
    assert f" {policy.call_threshold:,} " in TOPICS["tiers"].text
    assert f" {policy.iteration_threshold:,} " in TOPICS["loops"].text
    assert f" {policy.stack_size >> 20} MiB" in TOPICS["interrupt"].text


def blocks(topic: Topic) -> list[str]:
    return topic.text.split("\n\n")


def page(topic: Topic) -> list[str]:
    """A topic as it is shown: its title, its text, its example, with blank lines between."""
    lines = [topic.title]
    for block in blocks(topic):
        lines += ["", *(block.split("\n") if block.startswith(" ") else wrap(block, SCREEN))]
    return [*lines, "", *topic.example.split("\n")] if topic.example else lines
