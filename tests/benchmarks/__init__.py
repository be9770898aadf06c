"""Benchmarks: ``python -m tests.benchmarks`` measures Kaleido against other compilers and against its own goals.

All figures are ratios. Both sides of a ratio run alternately, and the minimum of each is used: on a busy machine a
slow run says little, and the fastest one disturbs least.

``kernels/``      the programs: each in Kaleido and in C, some also in Lua and JavaScript
``kernels.py``    the table of these programs
``processes.py``  runs a command and measures it
``peers.py``      the other compilers, and how a kernel is run with each
``evaluate.py``   runs one Kaleido program, and prints the time of its evaluation without that of the start
``peak.py``       kernels against peers: the table of ratios
``figures.py``    a figure and its goal
``tiering.py``    tiered runs against -O0 and -O3 alone
``speculation.py``  speculation on arguments, on and off; ``constants/`` has programs for it
``waiting.py``    the start, the prompt, an entry, a call from Python, optimized code
``floor.py``      what llvmlite alone takes to compile the same
``output.py``     output in a loop against C
``array_maps.py`` functions over arrays against C and Numba
``growing.py``    large inputs and long sessions
``chart.py``      the picture; ``report.py``: the block of README.md
"""
