"""The language: from a text to its abstract syntax tree, and back.

In the order in which a text meets them:

===================  ===================================================================================
``source_files``     reads programs from files: any bytes become a text
``prelude``          the text with the definitions that every session begins with
``operators``        the operator table: which runs of punctuation are operators, and their precedences
``lexer``            a text to tokens, by the grammar's terminals
``parser``           feeds the LALR parser by the operator table in force; recovers after errors
``lalr``             the LALR parser, which is fed one token at a time
``parse_tables``     its tables, generated from the grammar by ``table_generator``
``builder``          builds a node for each grammar rule, as the parser recognizes it
``nodes``            the nodes of the tree, and how to walk it without recursion
``syntax_errors``    the message for a token that the parser cannot accept
``hints``            what to write instead: for habits from other languages, and for slips of the keys
``printer``          a tree as an outline, and as a program again
``comments``         the comment above a definition, for Python and for editors
``highlighting``     Pygments lexers made from the grammar's terminals
===================  ===================================================================================

The grammar itself is `grammar/kaleido.lark`. Lark analyzes it for ``table_generator``, and is not needed to parse a
program. Nothing here knows LLVM, the engine or the session.
"""
