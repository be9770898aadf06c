"""What the engine reports: a stream of events, the statistics of a unit, and what is in memory.

Traces, reports and prompts all read the same stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from kaleido.jit.unit import RunCounter, Tier, Unit, Words

__all__ = [
    "CodeLine",
    "CodeLines",
    "CodePlace",
    "Event",
    "EventKind",
    "Listener",
    "MemoryUse",
    "NotInlined",
    "PassChange",
    "StubCode",
    "StubRecord",
    "UnitStats",
]


class EventKind(StrEnum, metaclass=Words):
    """
    ===========  ==================================================================================
    defined      a unit was defined, or redefined (`version` counts from 1)
    compiled     machine code for it was compiled and is not in use yet; `seconds` is what that took.
                 `message` says so where it came from the object cache
    loaded       its machine code is in memory at `address`, `size` bytes, and may be in use from now on
    hot          it ran as often as its threshold says, or was requested, and the recompiler knows
    requested    ``Engine.optimize(symbol, background=True)`` asked the recompiler for optimized code
    started      an optimized compilation began, of the unit with `inlined`; `compiled` follows, unless it fails
    swapped      its stub now leads to the optimized code; `message` says which arguments that takes for constants
    covered      its callers inlined it while it waited to be recompiled: it is not, and its runs are counted again
    discarded    an optimized compilation was never used; `message` says what has happened meanwhile
    deoptimized  its optimized code is out of use, and it runs its baseline; `message` says why: it inlined a version
                 that is no longer current, or a request
    freed        code (of `tier`) was freed: it was out of use, and no thread ran in it any more. -O0 code shares its
                 memory with its batch, which is given back with the last of them
    failed       an optimized compilation failed, `message` says why, `error` is the exception; the unit stays at the
                 baseline
    faulted      its code was left before its end: a stack overflow, an interruption, or an exception of a Python
                 function that it called; `message` says which
    ran          a call from Python ended, of a unit that runs once (its counter is NONE); emitted without the lock
    ===========  ==================================================================================
    """

    DEFINED = "defined"
    COMPILED = "compiled"
    LOADED = "loaded"
    HOT = "hot"
    REQUESTED = "requested"
    STARTED = "started"
    SWAPPED = "swapped"
    COVERED = "covered"
    DISCARDED = "discarded"
    DEOPTIMIZED = "deoptimized"
    FREED = "freed"
    FAILED = "failed"
    FAULTED = "faulted"
    RAN = "ran"


class StubRecord(NamedTuple):
    """The record of a unit's stub in memory, as it was read: see ``native.stubs``.

    `time`     when it was read, as `Event.time`
    `version`  which definition of `symbol` is current, from 1
    `counted`  its runs since its code was last published
    `slot`     the address that the stub jumps to, and `target` what is there: ``prologue``, the counter; ``body``, the
               code itself; ``none``, where the symbol has no code
    `runs`     counted by the prologue. The count goes on from version to version
    `limit`    how many runs make the unit hot; None if it was reached, and the recompiler knows
    `body`     the address that the prologue jumps to
    `number`   what the recompiler is told, unique for each version
    """

    time: float
    symbol: str
    version: int
    counted: int
    slot: int
    target: str
    runs: int
    limit: int | None
    body: int
    number: int


class Event(NamedTuple):
    """One event.

    `unit`      the unit's name, and `symbol` its symbol
    `time`      when it happened, at its end, in seconds of ``time.perf_counter``
    `thread`    the native identifier of the thread that it happened on
    `version`   which definition of the symbol, from 1
    `runs`      how often the unit had run at the baseline, counted as `counter` says
    `threshold` of a `hot` event: how many runs make the unit hot. A unit with fewer is recompiled on request
    `seconds`   of a compilation; `batch` is how many units were compiled together, and `seconds` this one's equal share
    `began`     when a compilation or a run began, as `time`
    `size`      bytes of machine code, and `address` where it is, if it is in memory; of a `hot`, `requested` and `ran`
                event, where the unit's present code is
    `inlined`   of an optimized compilation, and of its swap: the symbols of the other units of its inline group.
                Whether LLVM inlines a call or keeps it, they are compiled into the code, which is deoptimized when one
                of them changes
    `hot_callee` of a swap: the hot unit that it calls, directly or not, whose request the recompiler has answered by
                compiling this one; None where it answered this one's own
    `definition` of a `defined` event: the unit
    `record`    the record of its stub, where the event may have changed it: at a definition, at code that came into use
                or went out of it, and of a unit that is hot
    `lines`     of a `loaded` event, for listeners that asked for it: the source lines of its code, as the address where
                each begins, file and line, where the unit's IR has ``!dbg``
    """

    kind: EventKind
    unit: str
    symbol: str
    time: float
    thread: int
    tier: Tier | None = None
    version: int = 1
    runs: int = 0
    counter: RunCounter = RunCounter.NONE
    seconds: float = 0.0
    size: int = 0
    address: int = 0
    batch: int = 1
    message: str = ""
    began: float = 0.0
    threshold: int = 0
    error: BaseException | None = None
    inlined: tuple[str, ...] = ()
    hot_callee: Unit | None = None
    definition: Unit | None = None
    record: StubRecord | None = None
    lines: tuple[tuple[int, str, int], ...] = ()


Listener = Callable[[Event], None]


class UnitStats(NamedTuple):
    """One unit as it is now.

    `name`        of the unit, for people; `symbol` is unique
    `unit`        the current definition
    `tier`        the tier its calls reach; None while it has no code. So is `address`, where that code begins
    `runs`        calls or iterations (`counter` says which) at the baseline since the unit was last defined or
                  deoptimized: optimized code counts nothing
    `compile_seconds`, `code_bytes`  by tier, of the code that exists now
    `versions`    how often the symbol was defined
    `dependents`  the names of the units whose optimized code has inlined this one
    """

    name: str
    symbol: str
    unit: Unit
    counter: RunCounter
    tier: Tier | None
    runs: int
    compile_seconds: dict[Tier, float]
    code_bytes: dict[Tier, int]
    versions: int
    dependents: tuple[str, ...]
    address: int | None


class StubCode(NamedTuple):
    """The machine code of a unit's stub and of its counter prologue.

    `stub`, `prologue`  their addresses, with their bytes as they are in memory (none on a processor other than x86-64)
                        and their instructions as LLVM writes them, in which ``slot``, ``runs``, ``limit`` and ``body``
                        are fields of the record
    `record`            the address of the record
    """

    stub: int
    stub_bytes: bytes
    stub_assembly: Sequence[str]
    prologue: int
    prologue_bytes: bytes
    prologue_assembly: Sequence[str]
    record: int


class NotInlined(NamedTuple):
    """A call in optimized code that stays a call: the names of both units, and the reason as a phrase."""

    caller: str
    callee: str
    reason: str


class CodePlace(NamedTuple):
    """Where an instruction comes from: the index of a unit, and a line and a column of that unit's source, from 1.

    The column is 0 where only the line is known.
    """

    unit: int
    line: int
    column: int


class CodeLine(NamedTuple):
    """A line of LLVM IR or assembly.

    `place`     None for what is no instruction, and for instructions that LLVM has merged or moved out of a loop
    `function`  the index of the unit whose function the line is in, or a copy of it. An instruction is inlined if its
                place has another unit
    """

    text: str
    place: CodePlace | None
    function: int | None


class CodeLines(NamedTuple):
    """The code of a unit at a tier, as LLVM prints it."""

    ir: Sequence[CodeLine]
    assembly: Sequence[CodeLine]


class PassChange(NamedTuple):
    """A pass of LLVM's that has changed a function: its name, that of the function, and the function's IR after it."""

    name: str
    function: str
    ir: str


class MemoryUse(NamedTuple):
    """What an engine holds in memory.

    `arenas`   regions of code memory; and LLVM's JITs, each with up to ``Policy.arena_libraries`` loaded objects
    `objects`  loaded objects: of units, of stub pools, entry points and thunks
    `symbols`  names that are defined or called
    `codes`    machine codes of units, of either tier, retired ones included
    `code_bytes`  their size
    `retired`  code and stubs that wait for the end of a grace period
    `calls`    calls into native code that have begun and not ended, whether from Python or from C
    """

    arenas: int
    objects: int
    symbols: frozenset[str]
    codes: int
    code_bytes: int
    retired: int
    calls: int
