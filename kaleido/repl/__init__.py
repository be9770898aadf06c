"""The REPL: reads an entry, runs it, shows its results, until the user leaves.

An *entry* is what the user submits at one prompt: a program, or commands of the REPL, or both. In the order in which
an entry meets them:

===============  =========================================================================
``loop``         the read-eval-print loop
``line_editor``  reads entries at a terminal, with prompt_toolkit
``entries``      reads entries as lines; splits an entry into programs and commands
``commands``     the commands, and their help
``state``        the state of one REPL, and how it runs a program
``settings``     the options of `:set`
``saving``       what has run: for `:undo`, and as files
``event_log``    what happened since the start, for `:events` and `:trace`
``display``      writes values, messages and listings
===============  =========================================================================

prompt_toolkit takes long to import. Only ``line_editor`` imports it, and ``loop`` imports that only on a terminal.
"""

from kaleido.repl.loop import Repl

__all__ = ["Repl"]
