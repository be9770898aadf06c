"""Source in, values out: a program that grows item by item, and the engine that runs it.

The files, in the order in which a text meets them:

====================  ================================================================================
``session``           `Session`, the public API: `run` and `evaluate` take a text
``parsed_text``       parse: the text's items, and the functions that it defines further down
``pipeline``          takes each item through the steps below, under the session's lock
``transaction``       check and lower: definitions that take effect together, with their units
``expression``        the same for an expression at top level, with the variables that it uses
``checks``            prototypes against the function table; bodies by ``codegen.checker``
``libraries``         shared libraries, in which externs are found
``python_function``   Python functions that a host registers as externs
``defined_function``  the result: a definition with its references and its unit
``engine_errors``     define and run, by the engine; its errors as messages with a place in the text
``function_table``    commit: the functions, operators and top-level variables that the session has
``snapshot``          the undo record of a commit
``collector_pause``   no garbage collection meanwhile
``recovery``          after an item with errors: the errors in the rest of the text
====================  ================================================================================

``function`` is what Python code gets from a session: a function to call and to inspect. ``modes`` has the engine's
policy for each mode, ``asynchronous`` a call for asyncio. ``portable`` makes a program of a function, for pickle, and
``arrivals`` a function of such a program.
"""

from kaleido.codegen.scope import LAST_VALUE
from kaleido.session.function import Function
from kaleido.session.libraries import LibraryError
from kaleido.session.modes import MODES, mode_of, policy_for, with_threshold, with_tiers
from kaleido.session.pipeline import Result
from kaleido.session.session import Session
from kaleido.session.snapshot import Change

__all__ = [
    "LAST_VALUE",
    "MODES",
    "Change",
    "Function",
    "LibraryError",
    "Result",
    "Session",
    "mode_of",
    "policy_for",
    "with_threshold",
    "with_tiers",
]
