"""The command ``kaleido report``: runs a program as ``kaleido`` does, and writes what the JIT did.

==================  =======================================================================
``report_command``  options, files, and what is written into them
``compared``        the same program at -O0 alone, at -O3 alone and tiered, in a subprocess
==================  =======================================================================
"""
