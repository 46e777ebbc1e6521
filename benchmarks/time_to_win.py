"""The tables of results of ``seed-matrace bench time_to_win``, as docs/results has them.

    python benchmarks/time_to_win.py docs/results/time_to_win.json [MORE.json ...]

prints them as Markdown; several results are read as one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from seed_matrace.bench.win_tables import joined, ratio_table, read_wins, wins_table
from seed_matrace.sweeps.page import to_markdown


def main(*paths: str) -> None:
    results = joined([read_wins(path) for path in paths])
    tables = [wins_table(results), ratio_table(results)]
    print(to_markdown([table for table in tables if table], Path()), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
