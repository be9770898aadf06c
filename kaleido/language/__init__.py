"""The language: from a text to its abstract syntax tree, and back.

In the order in which a text meets them:

=================  =====================================================================================
``source_files``   reads programs from files: any bytes become a text
``prelude``        the text with the definitions that every session begins with
``operators``      the operator table: which runs of punctuation are operators, and their precedences
``parser``         drives the LALR parser with the operator table in force; recovers after errors
``builder``        builds a node for each grammar rule, as the parser recognizes it
``nodes``          the nodes of the tree, and how to walk it without recursion
``syntax_errors``  the message for a token that the parser cannot accept
``hints``          what to write instead: for habits from other languages, and for slips of the keys
``printer``        a tree as an outline, and as a program again
``highlighting``   Pygments lexers made from the grammar's terminals
=================  =====================================================================================

The grammar itself is `grammar/kaleido.lark`. Nothing here knows LLVM, the engine or the session.
"""
