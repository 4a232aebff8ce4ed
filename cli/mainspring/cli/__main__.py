"""``python -m mainspring.cli``."""

from mainspring.cli.main import main

if __name__ == "__main__":
    main()
