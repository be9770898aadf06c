"""Programs in one layout: the command ``kaleido fmt``, and the formatting of the language server.

A text becomes words with their comments, then a stream of words and places for line breaks, then lines:

===================  ===================================================================================
``words``            a text as words, each with the comments before and behind it
``structure``        where lines may break, from the syntax tree: a stream for ``line_breaking``
``line_breaking``    the stream to lines of at most WIDTH columns
``formatter``        all of this for one program, and the check that only its layout has changed
``format_command``   ``kaleido fmt``
===================  ===================================================================================

The rules:

- A line has at most 100 columns, where the words allow it. An indentation is four blanks.
- A construct is on one line if it fits there and was written on one. Otherwise it breaks at all its places: before
  `else` and the body of a definition, `for`, `var` or branch, after each argument and each operator of one precedence.
- Lines of one operator chain are aligned with its first operand, and the branches of an `if` with the `if`. The body of
  a `var` is not indented.
- There is one blank around infix operators and none in parentheses. Parentheses and digits stay as they are.
- Items on one line stay there, with `; ` between them. At the end of a line a `;` is left out, except where the next
  item would continue this one.
- Comments stay: at the end of their line, two blanks behind it and aligned with those of the lines around it, or on
  lines of their own. One blank line is kept where there were some.
"""
