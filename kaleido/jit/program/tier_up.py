"""From the baseline to -O3: what the recompiler's thread does with the number of a hot unit.

Compiling takes milliseconds and happens without the engine's lock. So a compilation can be overtaken: by a redefinition
of the unit, which makes it useless, or of a callee that was inlined. Both are checked under the lock before anything is
published.

*Callers first.* The hottest units are small functions, and a caller inlines them. So a request for one of them compiles
a *warm* caller instead, or that one's, and so on: one that is hot, too, or that runs often enough to become hot soon,
and would then compile the callee once more. A unit that calls a hot one in a loop is warm long before its own threshold
for iterations. Units that were inlined in this way while they waited are *covered*: most of them do not run at the
baseline any more. Instead of being compiled, they are counted again, and report again if they do.

*Patience.* A compilation costs 3 to 30 ms, and a thousand runs take a hundredth of one. So units that are hot wait
until all of them together have done work for some milliseconds: their runs times the length of their IR. Then the one
that has done most is compiled. Most short programs end before that, and their compilations would be in vain. One that
has waited for `Policy.patience` is compiled all the same: the program runs for longer, or the processor has nothing
else to do. Measured on the 14 examples, as the time of the recompiler's thread and the evaluation thread together, with
Kaleido's patience of 0.1 s relative to none (each unit waited for its own work then): integration, life, n_queens and
random_walk 0.09 to 0.11 (22 to 30 ms less), newton and prime_spiral 0.3, the other eight 0.86 to 1.12 (7 ms more at
most). A unit that was covered waits for work that it does afterwards.

What does not pay, measured on the kernels and examples of November 2026:

- *A tier between the two: the -O3 pipeline, and machine code by the fast instruction selector.* The passes take most of
  the time: it compiles in 0.8 to 1.2 of the time of -O3, and its code takes 1.1 to 4.8 times as long.
- *Thresholds five times as large* (5,000 calls, 40,000 iterations): 0.97 of the time of the processor for nine short
  examples, which is within the noise, and later optimized code for all others.
- *Moving the recompiler's thread to another processor where it shares one with the program.* The two share one only
  where other processes need the others: of 115 runs of two kernels on two processors, the 51 in which other processes
  used less than a seventh of one never waited, 12 ms from hot to compiled for even/odd. In the others it waited 10 ms,
  and 21 when it was moved: to where the other processes ran.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from kaleido.jit.compiling.specialization import Constants
from kaleido.jit.events import EventKind
from kaleido.jit.native.runtime import FAILED, Runtime
from kaleido.jit.program.program import Program
from kaleido.jit.program.recompiler import Patience
from kaleido.jit.program.speculation import not_constant
from kaleido.jit.program.symbols import labels
from kaleido.jit.program.versions import Version
from kaleido.jit.unit import Tier

__all__ = ["TierUp"]

# So many callers of a unit are looked at: an operator may have thousands.
_CALLERS = 32

# A caller is warm from so many runs on, if it is at least so hot in proportion to the unit that it calls. One that has
# run a few times only may never run again, and the call of it that is running stays in its baseline code.
_WARM_RUNS, _WARM = 32, 1 / 64


# The runs of units, times the characters of their IR, that pay for a compilation: some milliseconds.
_WORK = 300_000_000


class TierUp:
    """Recompiles versions at -O3 and publishes them. Its methods take the engine's lock themselves."""

    def __init__(self, program: Program, runtime: Runtime) -> None:
        self._program, self._access, self._runtime = program, program.access, runtime

    def became_hot(self, number: int) -> None:
        """Report the request for a version; a stale number is ignored."""
        with self._access.lock:
            version = self._program.symbols.versions.get(number)
            if version is not None:
                threshold = self._program.publisher.threshold(version) or 0
                address = version.code.address if version.code is not None else 0
                self._program.events.emit(
                    EventKind.HOT, version, tier=Tier.BASELINE, threshold=threshold, address=address
                )

    def request(self, version: Version) -> None:
        """Ask the recompiler for optimized code of a version, as the hook does. Used under the lock."""
        tier, address = (version.code.tier, version.code.address) if version.code is not None else (None, 0)
        self._program.events.emit(EventKind.REQUESTED, version, tier=tier, address=address)
        self._runtime.request(version.number)

    def hotness(self, number: int) -> float:
        """The runs of a version, in thresholds; 0 for a stale request, and for a version whose runs are not counted.

        Failed guards come first: each further failure runs the baseline.
        """
        if number & FAILED:
            return float("inf")
        with self._access.lock:
            version = self._program.symbols.versions.get(number)
            return self._heat(version) if version is not None else 0.0

    def _heat(self, version: Version) -> float:
        threshold = self._program.publisher.threshold(version)
        return version.runs / threshold if threshold is not None else 0.0

    def patience(self, number: int) -> Patience:
        """How long the request for a version waits."""
        with self._access.lock:
            version = self._program.symbols.versions.get(number)
            # One that was requested without being hot does not wait.
            if version is None or not self._program.publisher.has_reported(version):
                return Patience()
            runs = version.runs - version.runs_before
            return Patience(self._program.policy.patience, runs * len(version.unit.ir) / _WORK)

    def recompile_number(self, number: int) -> bool:
        """Recompile for a request of the hook, and return whether the request stays pending.

        An error is an event: the unit stays at the baseline.
        """
        if number & FAILED:
            self._give_up_constants(number & ~FAILED)
            return False
        version = self._program.symbols.versions.get(number)
        if version is None or not self._program.policy.optimize or self._is_pointless(version):
            return False
        try:
            return not self._count_again(version) and (self._recompile_caller(version) or self.recompile(version))
        except BaseException as error:
            self._program.events.emit(EventKind.FAILED, version, message=str(error), error=error, runs=0)
            return False

    def _give_up_constants(self, number: int) -> None:
        """Guards of a version have failed too often: recompile without them what has them."""
        with self._access.lock:
            version = self._program.symbols.versions.get(number)
            if version is None or self._access.closed:
                return
            roots = self._program.publisher.forget_constants(version, not_constant(version))
            self._program.reclaimer.collect()
        for root in sorted(roots, key=lambda each: each.number):
            while self.recompile_number(root.number):
                pass

    def _recompile_caller(self, version: Version) -> bool:
        """Recompile a warm caller of `version` instead of it; returns whether there was one."""
        with self._access.lock:
            caller = self._outermost_caller(version) if self._program.policy.background else version
            is_hot = self._heat(version) >= 1
        if caller is version:
            return False
        try:
            self.recompile(caller, hot_callee=version if is_hot else None)
        except Exception:
            # The caller has a request of its own, which reports the error.
            return False
        return True

    def _outermost_caller(self, version: Version) -> Version:
        """The last of the warm callers, each of which calls the one before; `version` itself where there is none."""
        seen = {version}
        while callers := [
            each
            for each in islice(version.symbol.callers, _CALLERS)
            if each not in seen and (self._waits(each) or self._is_warm(each, self._heat(version)))
        ]:
            version = max(callers, key=self._heat)
            seen.add(version)
        return version

    def _is_warm(self, version: Version, heat: float) -> bool:
        """Whether a version, which calls one of so much heat, has run so often that it is likely to become hot."""
        publisher = self._program.publisher
        runs, threshold = publisher.counted_runs(version), publisher.threshold(version) or 0
        return runs >= _WARM_RUNS and runs >= _WARM * heat * threshold

    def _waits(self, version: Version) -> bool:
        """Whether a request for a version is pending that compiling it would answer."""
        return self._program.publisher.has_reported(version) and not version.is_covered

    def _count_again(self, version: Version) -> bool:
        """Whether `version` was covered while it waited; then it reports itself again when it is hot again."""
        with self._access.lock:
            covered = version.is_covered and not self._is_pointless(version)
            if covered:
                version.mark_covered(False)
                version.count_work_again()
                self._program.publisher.report_again(version)
                self._program.events.emit(EventKind.COVERED, version, tier=Tier.BASELINE)
            return covered

    def recompile(self, version: Version, *, hot_callee: Version | None = None) -> bool:
        """Compile a version at -O3 and publish it, for the request of `hot_callee` or its own.

        Returns True if a callee changed meanwhile: try again.

        Does nothing where the version is optimized, must not be, or is no longer current. Raises ValueError where LLVM
        rejects the IR.
        """
        compiler, events = self._program.compiler, self._program.events
        with self._access.lock:
            if self._is_pointless(version):
                return False
            members, runs, policy = compiler.inline_group(version, {}), version.runs, self._program.policy
            constants = compiler.constants(members)
        compilation = compiler.compile_optimized(members, constants, runs=runs)
        with self._access.lock:
            if self._access.closed:
                return False
            is_off = policy.optimize and not self._program.policy.optimize
            reason = "-O3 was switched off" if is_off else _overtaken(version, members, constants)
            if reason:
                size, seconds = compilation.code.text_size, compilation.seconds
                events.emit(
                    EventKind.DISCARDED, version, tier=Tier.OPTIMIZED, size=size, seconds=seconds, message=reason
                )
                return not is_off and not self._is_pointless(version)
            compiler.install_optimized(compilation, compiler.load(compilation, {}), hot_callee)
            for member in members:
                if self._waits(member):
                    member.mark_covered(True)
            self._program.reclaimer.collect()
            return False

    def _is_pointless(self, version: Version) -> bool:
        is_done = version.optimized is not None or not version.unit.optimize
        return self._access.closed or not version.current or is_done


def _overtaken(version: Version, members: Iterable[Version], constants: Constants) -> str:
    """What has happened to a version while it was compiled with `members`; empty if the compilation can be used."""
    if version.optimized is not None:
        return "it was optimized"
    if version.symbol.version is None:
        return "it was removed"
    if varied := [each for each in members if each.unit.symbol in constants and not each.constants]:
        # Code with their guards must not come into use: where these lead when they fail is the unit's stub.
        return f"arguments of {labels(varied)} have changed"
    changed = [member for member in members if not member.current]
    return f"{labels(changed)} {'has' if len(changed) == 1 else 'have'} changed" if changed else ""
