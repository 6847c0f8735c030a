"""``python -m alframe_cli``."""

from alframe_cli.main import main

if __name__ == "__main__":
    main()
