"""What the command ``kaleido`` is called with.

``options``          what they say, and the ones that need no parser: the usual command lines
``argument_parser``  all others, by argparse; ``--help``
===================  ============================================================================
=======
=============  ============================================================================
``options``    what that means, and the usual command lines, which need no parser
``arguments``  all others, by argparse; ``--help``
=============  ============================================================================
"""
