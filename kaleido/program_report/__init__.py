"""The command ``kaleido report``: runs a program as ``kaleido`` does, and writes what the JIT did.

==================  ==================================================
``report_command``  options, files, and what is written into them
==================  ==================================================
"""
