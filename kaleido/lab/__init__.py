"""The workbench, ``kaleido lab``: the page of the report, live, with an editor.

Two processes. The *worker* runs the program, so that whatever the program does, the page stays alive and can stop it.
The *server* has the page's connections, and knows nothing of the program. Messages are JSON, a line each.

===================  =======================================================================================
``lab_command``      ``kaleido lab``: arguments, the address, the server's life
``server``           the routes, as a Starlette application
``admission``        which requests are accepted: the secret, Host and Origin; the headers of each response
``audience``         the pages that are connected, each with a bounded queue of messages
``worker_process``   the worker as the server sees it: start, send, what comes back
``worker``           the worker's main loop: commands in, messages out
``workbench``        what the commands do: run, apply, evaluate, stop, the settings
``output_capture``   the program's output, taken from its file descriptor, bounded
``hold``             holds the recompiler before each swap, and releases it step by step
``text_checks``      tokens and errors of a text that is being edited
``programs``         the example programs, which the page can open
===================  =======================================================================================

The page's files are in ``assets``. The server needs Starlette and uvicorn, the extra ``kaleido-lang[lab]``.
"""
