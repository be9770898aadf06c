"""An example for each command, which `:help :COMMAND` shows: a transcript that can be pasted into a new session.

Output is shown where it is short, and the same every time. The tests run all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EXAMPLES"]

_SQUARE = "kal> def square(x) x * x\n"
_SUM = "kal> def sum(n) var s in (for i = 1, i < n in s = s + i) : s\n"

EXAMPLES: Mapping[str, str] = {
    "help": "kal> :help for\nkal> :help :tiers\n",
    "list": _SQUARE + "kal> :list\n",
    "info": _SQUARE + "kal> :info square\nkal> :info\n",
    "tiers": _SQUARE + "kal> square(3)\n9.0\nkal> :tiers\n",
    "events": _SQUARE + "kal> square(3)\n9.0\nkal> :events square\n",
    "ast": "kal> :ast 1 + 2 * 3\nBinary +\n  Number 1.0\n  Binary *\n    Number 2.0\n    Number 3.0\n",
    "ir": _SQUARE + "kal> :ir square\nkal> :ir square O3\n",
    "asm": _SQUARE + "kal> :asm square O3\n",
    "diff": _SQUARE + "kal> :diff square\nkal> :diff square asm\n",
    "cfg": _SUM + "kal> :cfg sum O3\n",
    "time": _SUM + "kal> :time sum(1000000)\n",
    "bench": _SUM + "kal> :bench sum(1000)\n",
    "watch": "kal> def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)\nkal> :watch fib(25)\n",
    "optimize": _SQUARE + "kal> :optimize square\n",
    "deoptimize": _SQUARE + "kal> :optimize square\nkal> :deoptimize square\n",
    "report": "kal> for i = 1, i < 100000 in sin(i)\nkal> :report demo.html\n",
    "trace": "kal> :trace demo.json\nkal> for i = 1, i < 100000 in sin(i)\nkal> :trace\n",
    "load": "kal> :load demo.kal\n",
    "reload": "kal> :load demo.kal\nkal> :edit\nkal> :reload\n",
    "edit": _SQUARE + "kal> :edit square\n",
    "save": _SQUARE + "kal> :save demo.kal\nsaved 1 definition to `demo.kal`\n",
    "undo": _SQUARE + "kal> :undo\nremoved square\n",
    "reset": _SQUARE + "kal> :reset\nremoved 1 function: `:undo` restores it\n",
    "set": "kal> :set theme light\nkal> :set\n",
    "quit": "kal> :quit\n",
}
"""By the name of the command."""
