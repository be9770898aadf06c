"""Views of code for reports: LLVM IR and assembly, each line with the place in the source that it comes from.

===========  ==========================================================================
``view``     one unit in one tier, as data that JSON can hold
``passes``   what each pass of LLVM's has made of it
===========  ==========================================================================
"""

from kaleido.code_views.view import view

__all__ = ["view"]
