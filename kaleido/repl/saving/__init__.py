"""The text of what has run: for `:undo`, and for files that are loaded and saved.

=================  =============================================================
``undo_log``       the items that have run, and what each entry changed
``saved_program``  these items as the text of a new file
``saved_files``    the files that were loaded or saved
``merging``        the text for a file that was loaded, with what has changed
``user_files``     the user's init.kal, and the folders of settings and history
=================  =============================================================
"""
