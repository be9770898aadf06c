"""Setups for editors, which start the language server ``kaleido lsp``; README.md says how to use them.

================  =====================================================================================
``textmate``      the TextMate grammar, from the grammar: ``python -m kaleido.editors.textmate``
``vscode``        the extension for Visual Studio Code
``README.md``     how to install it, and the lines for Emacs, Vim and Neovim
================  =====================================================================================
"""
