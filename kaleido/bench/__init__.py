"""Benchmarks: how long an expression takes at each tier, and a program in each mode.

``expression_runs``  `:bench` of the prompt: one expression, repeatedly, at -O0 and at -O3
``program_runs``     a program from its text to its end, at -O0, at -O3, and tiered
``bench_command``    ``kaleido bench FILE``: arguments and output
"""

from kaleido.bench.expression_runs import Disagreement, Run, Series, driver, measure, reachable, sampled
from kaleido.bench.program_runs import measure_program

__all__ = ["Disagreement", "Run", "Series", "driver", "measure", "measure_program", "reachable", "sampled"]
