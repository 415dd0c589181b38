"""The tables of a gallery's database, for the page of the file formats."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder

__all__ = ["page"]

TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)


def page(text: str) -> str:
    """Return the page of the file formats with the tables of a gallery made now."""
    with tempfile.TemporaryDirectory() as folder:
        Image.new("RGB", (8, 8)).save(Path(folder) / "a.png")
        index_folder(folder, encoder=HashEncoder())
        database = Path(folder) / ".stitch" / "gallery.sqlite"
        with closing(sqlite3.connect(database)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            ).fetchall()
            rows = [row(connection, name) for (name,) in names]
    head = f"\nSchema {version}:\n\n| table | columns |\n|---|---|\n"
    return TABLE.sub(lambda _: head + "".join(rows) + "\n", text)


def row(connection: sqlite3.Connection, table: str) -> str:
    """Return the row of one table: its columns with their types, keys in bold."""
    columns = connection.execute(
        "SELECT name, type, pk FROM pragma_table_info(?)", (table,)
    ).fetchall()
    cells = [
        f"**`{name}`** {kind}".rstrip() if key else f"`{name}` {kind}".rstrip()
        for name, kind, key in columns
    ]
    return f"| `{table}` | {', '.join(cells)} |\n"
