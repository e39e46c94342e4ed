#!/usr/bin/python3
"""Compares two lists of pebble_ask.py; differences must be in the table of compat/README.md, and each row of it must be needed.

usage: pebble_compare.py THEIRS OURS README
"""

import collections
import re
import sys


def load(path):
    facts = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.rstrip("\n").split(" ", 2)
            facts[" ".join(words[:2])].append(words[2] if len(words) > 2 else "")
    return facts


def rows(path):
    patterns = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            cells = re.split(r"(?<!\\)\|", line)
            if len(cells) == 4 and cells[1].strip().startswith("`"):
                patterns += [p.replace("\\|", "|") for p in re.findall(r"`([^`]+)`", cells[1])]
    return patterns


def main():
    theirs, ours = load(sys.argv[1]), load(sys.argv[2])
    patterns, used, unlisted = rows(sys.argv[3]), set(), 0
    for key in sorted(set(theirs) | set(ours)):
        if sorted(theirs[key]) == sorted(ours[key]):
            continue
        fitting = [p for p in patterns if re.fullmatch(p, key)]
        used.update(fitting)
        if not fitting:
            unlisted += 1
            print(f"{key}\n    theirs: {theirs[key]}\n    ours:   {ours[key]}")
    idle = [p for p in patterns if p not in used]
    for pattern in idle:
        print(f"no difference fits the row `{pattern}` any more")
    print(f"{len(theirs)} facts of theirs, {len(ours)} of ours; {unlisted} differences without a reason, {len(idle)} reasons without one")
    sys.exit(1 if unlisted or idle or len(theirs) < 200 else 0)


main()
