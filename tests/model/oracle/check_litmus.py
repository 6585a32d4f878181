#!/usr/bin/env python3
"""Compares the outcomes listed in a source with those that the oracle finds.

    check_litmus.py [--print] [--only NAME] SOURCE...

One line a LITMUS block that differs; exits 1 if there was one. --print shows all blocks, with the number of
executions. See litmus_source.py for what a block may contain.
"""

import argparse
import sys
from pathlib import Path

from litmus_source import blocks, verdict
from rc11 import Search, by_value


def describe(outcomes):
    return outcomes if isinstance(outcomes, str) else ", ".join(f'"{outcome}"' for outcome in outcomes)


def main():
    parser = argparse.ArgumentParser(description="Compares the outcomes listed in a source with the oracle's.")
    parser.add_argument("--print", action="store_true", help="all blocks, not only those that differ")
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("sources", nargs="+", type=Path)
    options = parser.parse_args()
    seen = wrong = 0
    for block in (block for path in options.sources for block in blocks(path.read_text(encoding="utf-8"))):
        if options.only not in (None, block.name):
            continue
        seen += 1
        search = Search(block.program, count=options.print)
        found = verdict(search)
        same = found == (block.outcomes if isinstance(block.outcomes, str) else by_value(block.outcomes))
        wrong += not same
        if options.print:
            print(f"{block.name}: {search.executions} executions, {describe(found)}")
        if not same:
            print(f"{block.name}: listed {describe(block.outcomes)}; found {describe(found)}")
    print(f"{seen} compared, {wrong} differ")
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
