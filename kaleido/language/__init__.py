"""Text to abstract syntax tree: the operator table, the parser, the nodes, the printer."""
