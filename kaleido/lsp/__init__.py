"""The language server, ``kaleido lsp``: what an editor shows about a program, by the Language Server Protocol.

====================  ==================================================================================
``lsp_command``       ``kaleido lsp``: the options
``language_server``   the requests of the protocol, as a pygls server on standard input and output
``open_document``     one open document: its text, its last tree without a syntax error, its last run
``program_symbols``   what each name and operator of a program refers to
``answers``           what the server says about a document: completion, hover, hints, symbols, folding
``semantic_tokens``   the tokens of a text by what they mean
``renaming``          new names, refused where the program would not stay the same
``text_positions``    offsets in a text as lines and columns of the protocol
``run_process``       runs a program in a process of its own, with a time limit
``run_worker``        that process
====================  ==================================================================================

Nothing runs while a user types. A document is checked in a session that never runs it. Tiers and values come from the
command ``kaleido.run``, which editors offer as a button, and are shown until the next run. A run has a process of its
own, ends after a time limit, and may not declare C functions beyond the prelude's, unless the server was started with
``--extern``.

The server needs pygls, the extra ``kaleido-lang[lsp]``. All modules but ``language_server`` and those above it in this
list do without it.
"""
