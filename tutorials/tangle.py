"""The reader's program, put together from the chapters: `kaleido.tutorial.tangle`, for a clone of this repository.

python -m tutorials.tangle N [FILE]    the program as of the end of chapter N, to standard output or FILE
"""

from __future__ import annotations

import sys

from kaleido.tutorial.tangle import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
