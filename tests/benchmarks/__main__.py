"""Benchmarks: Kaleido against other compilers.

python -m tests.benchmarks [--kernels fib,tak] [--repeat 5] [--clock cpu]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.kernels import KERNELS
from tests.benchmarks.peak import measured, table
from tests.benchmarks.peers import contestants


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--kernels", default="", help="names, separated by commas (default: all)")
    parser.add_argument("--repeat", type=int, default=5, help="how many runs of each (default: 5)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a machine with other work")
    parser.add_argument("--peers", default="", help="names, separated by commas (default: all)")
    options = parser.parse_args(arguments)
    kernels = [kernel for kernel in KERNELS if not options.kernels or kernel.name in options.kernels.split(",")]
    with tempfile.TemporaryDirectory() as build:
        peers, missing = contestants(Path(build))
        if options.peers:
            peers = [peer for peer in peers if peer.name in options.peers.split(",")]
        for message in missing:
            print(message, file=sys.stderr)
        results = []
        for kernel in kernels:
            results.append(measured(kernel, peers, options.repeat))
            native, own = results[-1].native(options.clock), results[-1].ratio("kaleido", options.clock)
            print(f"{kernel.name}: {own or 0:.2f} of {native or 0:.2f} s", file=sys.stderr, flush=True)
    print(table(results, [peer.name for peer in peers], options.clock), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
