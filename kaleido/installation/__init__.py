"""Kaleido on a machine: what a system and a shell need to know of the command, and what it needs of them.

======================  =====================================================================
``command_parsers``     the parsers of all commands, without running one
``command_options``     their options and arguments as data
``completion_command``  ``kaleido completions``
``shell_completions``   the completions for bash, zsh and fish
``manual_command``      ``kaleido man``
``manual_page``         the page for ``man``
``doctor_command``      ``kaleido doctor``: what is installed and what works, for bug reports
``extras``              the packages of the distribution's extras
======================  =====================================================================

Nothing here is imported by a run of a program.
"""
