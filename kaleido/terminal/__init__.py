"""What every layer uses to show text.

===========  =====================================================================
``text``     columns, padding, colors, harmless characters
``streams``  standard output, shared with native code
===========  =====================================================================
"""
