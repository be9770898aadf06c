"""What the command ``kaleido`` is called with.

================  ============================================================================
``options``       what that means, and the usual command lines, which need no parser
``arguments``     all others, by argparse; ``--help``
``program_file``  for subcommands: the program in a file, and messages about its errors
================  ============================================================================
"""
