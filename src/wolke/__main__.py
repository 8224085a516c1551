"""``python -m wolke`` and the ``wolke`` command."""

from __future__ import annotations


def main() -> None:
    from wolke.cli.commands import app

    app()


if __name__ == "__main__":
    main()
