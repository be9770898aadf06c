"""``python -m kaleido``."""

from kaleido.cli import main

if __name__ == "__main__":
    main()
