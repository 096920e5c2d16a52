"""Whether the figures of a report reach what they must, where the truth is known: targets, and what was reached.

    python tests/benchmarks/figures.py --data ../shared/data                # all parts
    python tests/benchmarks/figures.py --data ../shared/data --part people  # what people would say

The parts are the modules beside this one, each with options of its own when it is run by itself. The exit status is 0
where every target is met.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

PARTS = ("people", "moves")


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with labelled/*.parquet and feeds/*.parquet")
    parser.add_argument("--part", choices=PARTS, action="append", help="one of them; all unless given")
    options = parser.parse_args()
    met = [importlib.import_module(part).run(options.data) for part in options.part or PARTS]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
