"""Output: values, messages and listings, in colors, and what is drawn for a while.

====================  ===================================================================
``console``           where the REPL writes values, messages and long output
``themes``            color themes
``code_lexers``       highlighting of LLVM IR and assembly
``progress``          the line `running for 3 s`, while an entry runs
``redraw``            a picture that is redrawn in place, for `:watch`
``terminal_control``  the mode of the terminal, and the signals that stop or end Kaleido
====================  ===================================================================
"""
