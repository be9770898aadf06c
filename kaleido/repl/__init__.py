"""The REPL: reads an entry, runs it, shows its results, until the user leaves.

An *entry* is what the user submits at one prompt: a program, or commands of the REPL, or both. The modules, in the
order in which an entry meets them:

====================  ============================================================================
====================  ============================================================================

prompt_toolkit takes long to import. Only ``prompt`` and the modules listed with it import it, and ``loop`` imports
``prompt`` only on a terminal.
"""

from kaleido.repl.loop import Repl

__all__ = ["Repl"]
