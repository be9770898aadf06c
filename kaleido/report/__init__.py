"""Results as text: what the engine did, its code, and measurements.

In the order in which a program's data meets them:

===============  ====================================================================================
``event_lines``  the engine's events as lines of text
``trace``        the engine's events as a timeline in Chrome's trace format
``stats_table``  the table of ``--stats``: each function and loop that was compiled in a run
``tier_table``   the table of ``:tiers``: each function and loop that has code now
``tier_marks``   the mark and the color of each tier, wherever text names one
``columns``      what the columns of both tables contain
``tables``       aligned columns, for both tables
``listing``      LLVM IR and assembly without what only tools read; which callees were inlined
``flow``         the control-flow graph of a function, read from its IR
``drawing``      a control-flow graph as boxes and lines, or as Graphviz source
``measurement``  the samples of a benchmark, and their median and spread
``bars``         a measurement as bars
``run_times``    the time of each run as a chart that falls at a swap
``recording_text``  a recording as forty lines of text
===============  ====================================================================================

The functions return text; only :meth:`trace.Trace.save` writes it. Nothing here knows the session.
"""
