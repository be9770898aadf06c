"""The Mandelbrot set on a cluster of Dask: the function travels as source, and each worker compiles it once.

    python tutorials/cluster/mandelbrot_cluster.py                          # 10^8 points, on two processes
    python tutorials/cluster/mandelbrot_cluster.py --points 1e6 --lose-one  # a worker is killed meanwhile
    python tutorials/cluster/mandelbrot_cluster.py --scheduler tcp://HOST:8786

It prints what it costs to send and to compile the function, and the time of the computation.
"""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import sys
import time
from math import isqrt
from typing import Any

import dask.array
from dask.distributed import Client, LocalCluster, wait

from kaleido import Function, Session

__all__ = ["PROGRAM", "arrival", "iterations", "main"]

PROGRAM = """
# After how many steps a point of the plane is known to be outside of the set; at most 100.
def escape(re im) steps(0, 0, re, im, 0)

def steps(x y re im n)
  if x*x + y*y > 4 | n >= 100 then n
  else steps(x*x - y*y + re, 2*x*y + im, re, im, n + 1)
"""

# Blocks along each axis: each of the workers gets many, so that all end at about the same time.
_BLOCKS = 16


def iterations(escape: Function, points: int) -> Any:
    """The steps of a square of points, as an array of Dask: one task for each block, which maps `escape` over it."""
    side = isqrt(points)
    block = -(-side // _BLOCKS)
    re = dask.array.linspace(-2.0, 0.5, side, chunks=block)
    im = dask.array.linspace(-1.25, 1.25, side, chunks=block)
    return escape.map(re, im[:, None])


def arrival(data: bytes) -> tuple[float, float]:
    """The seconds that a worker takes for a pickled function: the first time, and when it has arrived before."""
    begin = time.perf_counter()
    pickle.loads(data)
    first = time.perf_counter()
    pickle.loads(data)
    return first - begin, time.perf_counter() - first


def main(arguments: list[str]) -> int:
    """Run the example. Returns 1 if the loss of a worker has changed the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=float, default=1e8, help="how many (default: 1e8)")
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine (default: 2)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="use this cluster instead")
    parser.add_argument("--lose-one", action="store_true", help="compute again, and kill a worker meanwhile")
    options = parser.parse_args(arguments)
    with Session() as session:
        session.run(PROGRAM)
        if options.scheduler:
            with Client(options.scheduler) as client:
                return _run(client, session["escape"], int(options.points), options.lose_one)
        settings = {"n_workers": options.workers, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**settings) as cluster, Client(cluster) as client:
            return _run(client, session["escape"], int(options.points), options.lose_one)


def _run(client: Client, escape: Function, points: int, lose_one: bool) -> int:
    data = pickle.dumps(escape)
    print(f"the function as a program: {len(data):,} bytes")
    _print_arrivals(client, data)
    steps = iterations(escape, points)
    begin = time.perf_counter()
    total = steps.sum().compute()
    seconds = time.perf_counter() - begin
    print(f"{steps.size:,} points in {steps.npartitions} blocks: {total:,.0f} steps in {seconds:.1f} s")
    return _lose_one(client, steps, total, data) if lose_one else 0


def _print_arrivals(client: Client, data: bytes) -> None:
    for address, (first, again) in sorted(client.run(arrival, data).items()):
        print(f"{address}: arrived and compiled in {first * 1e3:.1f} ms, again in {again * 1e3:.2f} ms")


def _lose_one(client: Client, steps: Any, total: float, data: bytes) -> int:
    """Kill a worker on this machine while it computes. Dask gives its blocks to others, and starts it again."""
    processes = client.run(os.getpid)
    future = client.compute(steps.sum())
    os.kill(min(processes.values()), signal.SIGKILL)
    wait(future)
    client.wait_for_workers(len(processes))
    result = future.result()
    print(f"a worker was killed: {result:,.0f} steps, {'the same' if result == total else 'another number'}")
    _print_arrivals(client, data)
    return 0 if result == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
