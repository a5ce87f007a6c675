"""Rows of the benchmarks, as the tables of `docs/benchmark-log.md`.

python benchmarks/attention_layers.py --json > rows.jsonl
python benchmarks/tables.py rows.jsonl
"""

import json
import sys
from pathlib import Path


def table(rows):
    """A Markdown table of dicts that have the same keys."""
    titles = list(dict.fromkeys(key for row in rows for key in row))
    lines = [titles, ["---"] * len(titles)]
    lines += [["" if row.get(key) is None else str(row[key]) for key in titles] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    """Prints one table for each file, behind what it was measured on."""
    for path in sys.argv[1:]:
        rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
        for row in rows:
            if "machine" in row:
                print(", ".join(f"{name} {value}" for name, value in row["machine"].items()))
        print()
        print(table([row for row in rows if "machine" not in row]))
        print()


if __name__ == "__main__":
    main()
