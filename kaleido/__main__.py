"""``python -m kaleido``, which is the command ``kaleido``."""

import sys

if __name__ == "__main__":
    try:
        from kaleido.cli import main
    except KeyboardInterrupt:
        sys.exit(130)
    main()
