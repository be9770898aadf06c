"""The arguments of the command ``kaleido``.

===========  ============================================================================
``options``  what they say, and the ones that need no parser: the usual command lines
``parser``   all others, by argparse; ``--help``
===========  ============================================================================
"""
