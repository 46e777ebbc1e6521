"""The tables of a result of ``seed-matrace bench time_to_win``, as docs/results has them.

    python benchmarks/time_to_win.py docs/results/time_to_win.json [OLDER.json]

prints them as Markdown; with an older result also what the first setting needs of those there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from seed_matrace.bench.win_tables import ratio_table, read_wins, wins_table
from seed_matrace.sweeps.page import to_markdown


def main(path: str, older: str | None = None) -> None:
    results = read_wins(path)
    tables = [wins_table(results), ratio_table(results, read_wins(older) if older else None)]
    print(to_markdown([table for table in tables if table], Path()), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
