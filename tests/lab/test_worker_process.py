"""The workbench's worker, in its process, through the commands that the page sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from kaleido.lab.audience import Audience, Page
from kaleido.lab.worker_process import WorkerEnded, WorkerProcess

LOOP = """def square(x) x*x
def sum(n) var s in (for i = 1, i < n in s = s + square(i)) : s
"""
FOREVER = "for i = 0, 1 in i"

Message = dict[str, Any]


class Bench:
    """A page and its worker."""

    def __init__(self, worker: WorkerProcess, page: Page) -> None:
        self.worker, self.page = worker, page

    async def do(self, name: str, **arguments: Any) -> Message:
        return await self.worker.ask({"do": name} | arguments)

    async def until(self, found: Callable[[Message], bool]) -> list[Message]:
        """The messages up to one for which `found` is true."""
        messages: list[Message] = []
        while not messages or not found(messages[-1]):
            message = await self.page.next(30)
            assert message is not None, messages
            messages.append(json.loads(message))
        return messages

    async def run(self, text: str) -> list[Message]:
        """The entries of the transcript of a run."""
        return await self.started("run", text)

    async def started(self, command: str, text: str) -> list[Message]:
        """The entries of the transcript from the start of a program to its end."""
        await self.do(command, text=text)
        # An earlier state may still be on its way.
        begun = await self.until(lambda message: message["kind"] == "state" and message["running"])
        return entries([*begun, *await self.until(ended)])


def ended(message: Message) -> bool:
    return message["kind"] == "state" and message["run"] > 0 and not message["running"]


def entries(messages: list[Message]) -> list[Message]:
    return [each["entry"] for each in messages if each["kind"] == "entry"]


@asynccontextmanager
async def bench(*, externs: bool = False) -> AsyncIterator[Bench]:
    audience = Audience()
    worker = WorkerProcess(audience, externs=externs)
    try:
        page = audience.add()
        await worker.refresh()
        yield Bench(worker, page)
    finally:
        worker.kill()
        await worker.ended()


Scenario = Callable[[Bench], Awaitable[None]]


def play(*scenarios: Scenario, externs: bool = False) -> None:
    """Play scenarios one after the other with one worker: its start takes longest."""

    async def all_of_them() -> None:
        async with bench(externs=externs) as found:
            for each in scenarios:
                await each(found)

    asyncio.run(all_of_them())


async def values_and_output_are_in_order(lab: Bench) -> None:
    found = await lab.run("1 + 1\nprintd(5)\n7")
    assert [each["text"] for each in found] == ["2.0", "5.000000\n", "0.0", "7.0"]
    assert [each.get("line") for each in found] == [1, None, 2, 3]


async def errors_have_their_place(lab: Bench) -> None:
    [error] = await lab.run("1 +\n  y")
    [problem] = error["problems"]
    assert (problem["title"], problem["start"], problem["end"]) == ("unknown variable `y`", [2, 3], [2, 4])


async def a_text_is_checked(lab: Bench) -> None:
    reply = await lab.do("check", text="def f(x x")
    assert [text for text, _ in reply["result"]["tokens"]] == ["def", " ", "f", "(", "x", " ", "x"]
    assert reply["result"]["problems"][0]["title"] == "unexpected end of input"


async def an_endless_loop_is_stopped(lab: Bench) -> None:
    await lab.do("run", text=FOREVER)
    refused = await lab.do("run", text="1")
    assert refused["refused"] == "a program is running: stop it first"
    await lab.do("stop")
    [stopped] = entries(await lab.until(ended))
    assert stopped["text"] == "interrupted in the loop at program.kal:1"


async def summary_and_advice_come_while_the_program_runs(lab: Bench) -> None:
    await lab.do("run", text=f"def idle(x) x\n{FOREVER}")
    [*_, told] = await lab.until(lambda message: "summary" in message.get("changes", {}))
    assert told["changes"]["summary"][0].startswith("It runs. ")
    # What has not happened may still happen.
    assert told["changes"]["advice"] == []
    await lab.do("stop")
    messages = await lab.until(ended)
    [*_, told] = [each["changes"] for each in messages if "summary" in each.get("changes", {})]
    assert [each["text"] for each in told["advice"]] == ["idle never ran"]


async def definitions_are_applied_while_the_program_runs(lab: Bench) -> None:
    await lab.do("run", text=f"{LOOP}for i = 0, 1 in sum(1000)")
    await lab.until(lambda message: happened(message, "swapped", "sum.for@2:22"))
    await lab.do("apply", text=LOOP.replace("x*x", "x*x*x") + "sum(5)")
    messages = await lab.until(lambda message: happened(message, "deoptimized", "sum.for@2:22"))
    await lab.do("stop")
    messages += await lab.until(ended)
    assert {"kind": "notice", "text": "changed: square"} in entries(messages)
    assert entries(messages)[-1]["text"].startswith("interrupted in the loop at program.kal:")
    assert [each["text"] for each in await lab.started("evaluate", "sum(3)")] == ["sum(3)", "36.0"]


async def the_code_of_a_unit_is_shown(lab: Bench) -> None:
    await lab.run("def f(x) x * x\nf(2)")
    found = (await lab.do("code", symbol="kal.f", tier="O0"))["result"]
    assert any("fmul" in line for line in found["view"]["ir"])
    assert (await lab.do("code", symbol="kal.f", tier="O3"))["result"] is None
    assert (await lab.do("code", symbol="kal.f", tier="O9"))["refused"] == "the tiers are O0, O3"
    report = (await lab.do("report"))["result"]
    assert len(report["views"]) > 0


async def the_recompiler_is_held_and_released_step_by_step(lab: Bench) -> None:
    await lab.do("hold", held=True)
    await lab.do("run", text=f"{LOOP}for i = 0, 1 in sum(1000)")
    messages = await lab.until(lambda message: message.get("waiting") is not None)
    waiting = messages[-1]["waiting"]
    assert not any(happened(each, "swapped", "") for each in messages)
    await lab.do("step")
    await lab.until(lambda message: happened(message, "swapped", waiting))
    await lab.do("hold", held=False)
    await lab.do("stop")
    await lab.until(ended)


async def a_run_begins_while_the_recompiler_is_held(lab: Bench) -> None:
    await lab.do("hold", held=True)
    await lab.do("run", text=f"{LOOP}for i = 0, 1 in sum(1000)")
    await lab.until(lambda message: message["kind"] == "state" and message["waiting"] is not None)
    await lab.do("stop")
    await lab.until(ended)
    assert [each["text"] for each in await lab.run("3")] == ["3.0"]
    await lab.do("hold", held=False)


async def the_tiers_are_controls(lab: Bench) -> None:
    await lab.do("tiers", mode="tiered", threshold=5)
    await lab.do("run", text=f"{LOOP}for i = 0, i < 20 in square(i)")
    messages = await lab.until(lambda message: happened(message, "hot", "square"))
    if not any(map(ended, messages)):
        await lab.until(ended)
    assert (await lab.do("tiers", mode="tiered", threshold=0))["refused"].startswith("a threshold is")
    assert (await lab.do("tiers", mode="O9", threshold=None))["refused"] == "the modes are tiered, O0, O3"
    await lab.do("tiers", mode="tiered", threshold=None)


async def a_flood_of_output_is_bounded(lab: Bench) -> None:
    found = await lab.run("for i = 0, i < 3000000 in putchard(65)\n1")
    assert sum(len(each["text"]) + each.get("left_out", 0) for each in found if each["kind"] == "output") == 3_000_001
    assert max(len(json.dumps(each)) for each in found) < 50_000


async def c_functions_are_refused(lab: Bench) -> None:
    [error] = await lab.run("extern abort()\nabort()")
    assert error["problems"][0]["title"].startswith("`extern` is switched off")


def test_a_session_at_the_workbench() -> None:
    play(
        values_and_output_are_in_order,
        errors_have_their_place,
        a_text_is_checked,
        an_endless_loop_is_stopped,
        summary_and_advice_come_while_the_program_runs,
        definitions_are_applied_while_the_program_runs,
        the_code_of_a_unit_is_shown,
        the_recompiler_is_held_and_released_step_by_step,
        a_run_begins_while_the_recompiler_is_held,
        the_tiers_are_controls,
        a_flood_of_output_is_bounded,
        c_functions_are_refused,
    )


async def the_process_is_started_again(lab: Bench) -> None:
    # The reply may come before the end.
    with suppress(WorkerEnded):
        await lab.do("run", text="extern abort()\nabort()")
    await lab.until(lambda message: message["kind"] == "ended")
    await lab.worker.refresh()
    assert [each["text"] for each in await lab.run("2")] == ["2.0"]


def test_a_crash_ends_the_program_s_process_only() -> None:
    play(the_process_is_started_again, externs=True)


def happened(message: Message, kind: str, unit: str) -> bool:
    events = message.get("changes", {}).get("events", ()) if message["kind"] == "changes" else ()
    return any(each["kind"] == kind and each["symbol"].partition("#")[0].endswith(unit) for each in events)


def test_a_page_that_is_too_slow_needs_a_snapshot() -> None:
    async def scenario() -> None:
        audience = Audience()
        page = audience.add()
        assert not page.current
        audience.tell("unseen")
        audience.tell_snapshot("first", everyone=False)
        for number in range(256):
            audience.tell(str(number))
        assert (page.current, await page.next(0)) == (False, None)
        audience.tell_snapshot("second", everyone=False)
        assert await page.next(1) == "second"

    asyncio.run(scenario())
