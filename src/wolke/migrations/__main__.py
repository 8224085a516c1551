"""``python -m wolke.migrations "what changed"`` writes the next revision from the difference between records and schema."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from wolke.migrations import configuration, head


def main() -> None:
    message = " ".join(sys.argv[1:]) or "change"
    versions = list((Path(__file__).parent / "versions").glob("[0-9]*.py"))
    number = f"{int(head()) + 1:04}" if versions else "0001"
    slug = re.sub(r"\W+", "_", message.lower()).strip("_")
    with tempfile.TemporaryDirectory() as folder:
        engine = sa.create_engine(f"sqlite:///{folder}/scratch.db")
        with engine.connect() as connection:
            config = configuration(connection)
            config.set_main_option("file_template", f"{number}_{slug}")
            if versions:
                command.upgrade(config, "head")
            command.revision(config, message=message, autogenerate=True, rev_id=number)
        engine.dispose()


if __name__ == "__main__":
    main()
