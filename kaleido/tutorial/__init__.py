"""The tutorial in the terminal: the chapters, the program they build, and the command that shows them.

In the order in which a chapter passes through them:

==================  ===================================================================================
``chapters``        finds the chapters, and the fenced blocks in them
``arrangement``     the order of the program for readers of the whole
``tangle``          puts the reader's program together from the blocks
``reader``          executes blocks in a folder, as a reader of the chapter would
``doctest_player``  the script that plays a Python session for ``reader``
``markdown``        parses a chapter's text to parts: headings, paragraphs, tables, blocks
``layout``          renders parts as lines of a terminal, and fits them into screenfuls
``key_choices``     the keys, and the line that shows those available
``keyboard``        reads keys: one at a time from a terminal, or by the line
``block_runner``    runs the blocks of a chapter: in a live session, or with ``reader``
``bookmark``        the place where the reader stopped
``pager``           shows one chapter, a screenful at a time
``navigator``       moves between chapters
``command``         ``kaleido tutorial``: its arguments, and what it does without a terminal
``own_program``     checks a reader's own program against a chapter
``check_command``   ``kaleido tutorial check``: says what differs, and where to look first
``program_history`` ``kaleido tutorial history``: the growth of the program as a git repository
==================  ===================================================================================

The first five import only Python's standard library.
"""
