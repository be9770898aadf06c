"""The page of a recording: as a document, its functions in node, and in a browser."""
