"""The tutorial: its chapters, the program they come to, and the command that goes through them.

===============  ====================================================================================
``chapters``     where the chapters are, and the blocks in them
``tangle``       the reader's program, put together from blocks
``reader``       what a reader does with blocks, in a folder; ``playing`` plays a Python session there
``markdown``     a chapter's text as parts: headings, paragraphs, tables, blocks
``layout``       parts as lines of a terminal, and how many of them are a screenful
``keys``         what can be pressed, and the line that says so
``keyboard``     reads keys: from a terminal, or by the line
``workshop``     where a chapter's blocks run: a live session, and the program's folder
``walk``         goes through one chapter, a screenful at a time
``guide``        goes from chapter to chapter
``command``      ``kaleido tutorial``
===============  ====================================================================================

The first three need nothing but Python's standard library.
"""
