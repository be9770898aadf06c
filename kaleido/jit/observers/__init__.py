"""Machine code of units, for tools that look at the process from outside. Each is a subscriber of an engine's events.

=================  ================================================================================
``code_events``    loaded and freed code, from events and from what is there already
``process_files``  files that are this process's own
``perf_map``       the file from which ``perf report`` takes names
``jit_dump``       the file from which ``perf inject`` takes names, code and source lines, with times
``elf_symbols``    names of addresses as an object file in memory
``gdb``            GDB's interface for JIT compilers: names in backtraces, and breakpoints on them
=================  ================================================================================

All are opt-in: nothing here is imported unless it is asked for. Stubs, counter prologues and entry points have no
names. Attach an observer before the first call: of a unit that is optimized already, it sees the optimized code only.
"""

from kaleido.jit.observers.gdb import GdbInterface
from kaleido.jit.observers.jit_dump import JitDump
from kaleido.jit.observers.perf_map import PerfMap

__all__ = ["GdbInterface", "JitDump", "PerfMap"]
