"""The prompt on a terminal: what prompt_toolkit shows and does while an entry is typed.

=======================  =======================================================================
``prompt``               the reader of entries: the prompt, notices above it, the toolbar below
``key_bindings``         Enter and Alt-Enter
``completion``           Tab
``history``              the history of entries, in a file
``prompt_styles``        highlighting while typing, and the themes as styles
``signatures``           the call that the cursor is in, for the toolbar
``status``               the tiers and the recompiler, for the toolbar
``notices``              lines above the prompt that say what the JIT did
``terminal_background``  asks the terminal whether its background is dark or light
=======================  =======================================================================
"""
