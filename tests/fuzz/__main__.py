"""Search for programs that some tier gets wrong, and for texts that the reader cannot take.

python -m tests.fuzz --seconds 3600 [--seed N]       search; exits with 1 if anything was found
python -m tests.fuzz --program FILE [--schedule N]   run one program again, in every mode
python -m tests.fuzz --text FILE                     read one text again
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.search import Case, Finding, check
from tests.fuzz.watch import Watch

EVENTS = ("compiled O0", "compiled O3", "hot", "swapped", "deoptimized", "freed", "failed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to search (60)")
    parser.add_argument("--seed", type=int, default=0, help="where the random numbers begin (0)")
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="where to write what fails")
    parser.add_argument("--program", type=Path, help="run this one program in every mode instead")
    parser.add_argument("--schedule", type=int, default=0, help="... by this schedule")
    parser.add_argument("--text", type=Path, help="read this one text instead")
    options = parser.parse_args()
    if options.program is not None:
        check(Case("tiers", options.program.read_bytes(), options.schedule))
    elif options.text is not None:
        check(Case("reader", options.text.read_bytes()))
    else:
        return search(options.seconds, options.seed, options.findings)
    return 0


def search(seconds: float, seed: int, directory: Path) -> int:
    """Search, tell what was done, write what was found into `directory`; gives the exit code."""
    watch = Watch(seed)
    spent = watch.run(seconds, lambda finding: print(save(finding, directory), flush=True))
    counts = watch.counts
    print(f"{counts['tiers']:,} programs in every mode, {counts['tiers'] / spent:.1f} a second", end=", ")
    print(f"less {counts['too long']:,} that took too long; {counts['reader']:,} texts read")
    print("the engine:", ", ".join(f"{counts[kind]:,} {kind}" for kind in EVENTS))
    print(f"{len(watch.findings):,} found in {spent:,.0f} s")
    return 1 if watch.findings else 0


def save(finding: Finding, directory: Path) -> str:
    """Write a finding to a file of its own; gives what to say about it."""
    directory.mkdir(parents=True, exist_ok=True)
    case = finding.case
    number = len(list(directory.glob("*.kal"))) + 1
    path = directory / f"{case.kind}-{number}.kal"
    again = f"--program {path} --schedule {case.seed}" if case.kind == "tiers" else f"--text {path}"
    message = finding.message.replace("\n", "\n# ")
    note = f"# {message}\n# python -m tests.fuzz {again}\n".encode()
    # A text that the reader cannot take is kept as it is, to the byte.
    path.write_bytes(note + case.data if case.kind == "tiers" else case.data)
    return f"{path}: {finding.message}\n  python -m tests.fuzz {again}"


if __name__ == "__main__":
    sys.exit(main())
