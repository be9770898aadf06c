"""What made a recording: the versions of Kaleido and LLVM, and the machine."""

from __future__ import annotations

import platform
from functools import cache

__all__ = ["producer"]


@cache
def producer() -> dict[str, str]:
    from llvmlite.binding import llvm_version_info

    from kaleido import __version__

    llvm = ".".join(map(str, llvm_version_info))
    return {"kaleido": __version__, "llvm": llvm, "machine": f"{platform.machine()} {platform.system()}"}
