"""``python -m kaleido.jupyter install``; Jupyter starts the kernel with ``python -m kaleido.jupyter -f FILE``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from kaleido.command_line.arguments import missing_extra

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Install the kernel, or be it. Returns the exit code."""
    parser = ArgumentParser("python -m kaleido.jupyter", description="The kernel for Jupyter.")
    parser.add_argument("action", choices=["install"], help="make the kernel known to Jupyter")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user; without an option: in this environment")
    where.add_argument("--prefix", default=sys.prefix, help="below another folder than that of this environment")
    try:
        if arguments[:1] == ["-f"]:
            from kaleido.jupyter.notebook_kernel import launch

            launch()
            return 0
        options = parser.parse_args(arguments)
        from kaleido.jupyter.kernel_spec import install

        folder = install(user=options.user, prefix=None if options.user else options.prefix)
    except ImportError as error:
        missing_extra(parser, "the kernel", "jupyter", error)
    except OSError as error:
        parser.error(f"the kernel cannot be installed: {error}")
    print(f"The kernel is in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
