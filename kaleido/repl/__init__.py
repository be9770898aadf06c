"""The REPL: reads an entry, runs it, shows its results, until the user leaves.

An *entry* is what the user submits at one prompt: a program, or commands of the REPL, or both. The modules, in the
order in which an entry meets them:

====================  ============================================================================
``loop``              class Repl: the read-eval-print loop
``user_files``        where init.kal and the history are, and whether other users can write to them
``history``           the file that keeps earlier entries
``entries``           where an entry ends, its programs and commands, and the reader for plain lines
``prompt``            the reader for terminals, on prompt_toolkit; it uses ``history`` and
``key_bindings``      ... Enter and Alt-Enter
``prompt_styles``     ... highlighting of the input, in the colors of ``themes``
``completion``        ... Tab completion
``signatures``        ... the call that the cursor is in
``status``            ... the toolbar: units at each tier, and the state of the recompiler
``notices``           ... lines above the prompt that report what the JIT did
``state``             the session, the console and the settings of one REPL; runs programs
``undo_log``          the items that have run, for ``:save``, and their changes, for ``:undo``
``settings``          the options of ``:set``
``console``           where values, messages and long output are written
``progress``          the line that shows how long an entry has been running
``terminal_control``  ... echo while an entry runs; Ctrl-Z and signals that end Kaleido
``redraw``            a picture that is redrawn in place, for ``:watch``
``commands``          the commands, in one table; ``topics`` has the texts of ``:help TOPIC``
====================  ============================================================================

prompt_toolkit takes long to import. Only ``prompt`` and the modules listed with it import it, and ``loop`` imports
``prompt`` only on a terminal.
"""

from kaleido.repl.loop import Repl

__all__ = ["Repl"]
