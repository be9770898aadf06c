"""Text on a terminal. Every layer may use it; it imports nothing else of Kaleido.

===============  =====================================================================
``text``         the width of text in columns; padding, colors, replacing control characters
``streams``      C's standard output, which Kaleido shares with the native code it runs
``held_output``  ... held back while an entry runs, with a temporary line that does not mix with it
``input_mode``   the mode of the terminal's input: no echo, except for a program that reads it
===============  =====================================================================
"""
