"""Search for programs that some tier gets wrong, and for texts that the reader cannot take.

python -m tests.fuzz --seconds 3600 [--seed N] [--jobs N]   search; exits with 1 if anything was found
python -m tests.fuzz --program FILE                         run the program of a finding again, in every mode
python -m tests.fuzz --text FILE                            read one text again

The file of a finding has its program. A line `# schedule N` before the program chooses its thresholds, and when the
recompiler publishes. Where it has several programs, each after such a line, they run in the same sessions.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.fuzz.rewritings import table
from tests.fuzz.search import Case, Finding, check
from tests.fuzz.watch import Watch

EVENTS = ("compiled O0", "compiled O3", "hot", "swapped", "deoptimized", "freed", "failed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to search (60)")
    parser.add_argument("--seed", type=int, default=0, help="where the random numbers begin (0)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes that search (one for each core)"
    )
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="where to write what fails")
    parser.add_argument("--program", type=Path, help="run this one program in every mode instead")
    parser.add_argument("--text", type=Path, help="read this one text instead")
    options = parser.parse_args()
    if options.program is not None:
        check(program_case(options.program.read_bytes()))
    elif options.text is not None:
        check(Case("reader", options.text.read_bytes()))
    else:
        return search(options.seconds, options.seed, options.jobs, options.findings)
    return 0


def search(seconds: float, seed: int, jobs: int, directory: Path) -> int:
    """Search, tell what was done, write what was found into `directory`, until Ctrl-C; gives the exit code."""
    begin = time.monotonic()
    watches = [Watch(seed + job, step=jobs) for job in range(jobs)]
    one_at_a_time = threading.Lock()
    known: set[tuple[str, bytes]] = set()

    def found(finding: Finding) -> None:
        with one_at_a_time:
            if (finding.case.kind, finding.case.data) not in known:
                known.add((finding.case.kind, finding.case.data))
                print(save(finding, directory), flush=True)

    interrupted = False
    with ThreadPoolExecutor(jobs) as pool:
        searches = [pool.submit(watch.run, seconds, found) for watch in watches]
        try:
            for each in searches:
                each.result()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            for watch in watches:
                watch.stop()
    spent = time.monotonic() - begin
    counts = sum((watch.counts for watch in watches), Counter[str]())
    print(f"{counts['tiers']:,} programs in every mode, {counts['tiers'] / spent:.1f} a second", end=", ")
    print(f"less {counts['too long']:,} that took too long; {counts['reader']:,} texts read")
    print(table(counts, counts["tiers"] - counts["too long"]))
    print("the engine:", ", ".join(f"{counts[kind]:,} {kind}" for kind in EVENTS))
    print(f"{len(known):,} found in {spent:,.0f} s")
    return 1 if known else 128 + signal.SIGINT if interrupted else 0


def save(finding: Finding, directory: Path) -> str:
    """Write a finding to a file of its own; gives what to say about it."""
    directory.mkdir(parents=True, exist_ok=True)
    case = finding.case
    path = directory / f"{case.kind}-{len(list(directory.glob('*.kal'))) + 1}.kal"
    again = f"python -m tests.fuzz --{'program' if case.kind == 'tiers' else 'text'} {path}"
    # A text that the reader cannot take is kept as it is, to the byte.
    path.write_bytes(case.data if case.kind == "reader" else program_file(case, f"{finding.message}\n{again}"))
    return f"{path}: {finding.message}\n  {again}"


def program_file(case: Case, note: str) -> bytes:
    """The file of a finding: `note` as comments, then each program after its schedule."""
    programs = [f"# schedule {each.seed}\n".encode() + each.data for each in (*case.earlier, case)]
    return "".join(f"# {line}\n" for line in note.splitlines()).encode() + b"".join(programs)


def program_case(data: bytes) -> Case:
    """The case in the file of a finding, or in a file with a program alone."""
    first, *rest = re.split(rb"(?m)^# schedule (\d+)\n", data)
    cases = [Case("tiers", text, int(seed)) for seed, text in zip(rest[::2], rest[1::2], strict=True)]
    *earlier, last = cases or [Case("tiers", first)]
    return replace(last, earlier=tuple(earlier))


if __name__ == "__main__":
    sys.exit(main())
