"""Source in, values out: a growing program, and the engine that runs it.

===============  =====================================================================
``definitions``  what is defined, as far as the language knows
``session``      the public API for Python
===============  =====================================================================
"""

from kaleido.session.session import MODES, Change, Function, LibraryError, Result, Session, policy_for

__all__ = ["MODES", "Change", "Function", "LibraryError", "Result", "Session", "policy_for"]
