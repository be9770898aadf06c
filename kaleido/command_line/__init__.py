"""The arguments of the command ``kaleido``.

===================  ============================================================================
``options``          what they say, and the ones that need no parser: the usual command lines
``argument_parser``  all others, by argparse; ``--help``
===================  ============================================================================
"""
