"""Kaleido in notebooks: a kernel for Jupyter, and ``%%kaleido`` in notebooks with Python.

===================  ===================================================================================
``__main__``         ``python -m kaleido.jupyter``: installs the kernel, or is it
``kernel_spec``      what Jupyter has to know about the kernel, and where that is installed
``notebook_kernel``  the kernel: the messages of the Jupyter protocol, on ipykernel's Kernel
``magics``           ``%load_ext kaleido``
``cells``            runs a cell: programs and commands of the REPL, in the order of its lines
``rich_output``      tables of tiers, reports and notices as HTML
===================  ===================================================================================

``notebook_kernel`` and ``kernel_spec`` need ipykernel, the extra ``kaleido-lang[jupyter]``; ``magics`` needs IPython.
A cell is an entry of the REPL: the rules and commands are the same, and so is the state behind them.
"""
