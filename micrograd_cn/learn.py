"""The chapters: scripts in cells, in ``examples`` of the repository and in ``micrograd_cn/chapters`` of the wheel."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent
FOLDERS = (PACKAGE / "chapters", PACKAGE.parent / "examples")
HEADING = re.compile(r"^# # (\d+)\. (.+) · (.+)$", re.MULTILINE)


class Chapter(NamedTuple):
    """A chapter, as the first heading of its file names it."""

    number: int
    english: str
    chinese: str
    path: Path


def chapters() -> dict[int, Chapter]:
    """All chapters by number, in order."""
    folder = next((f for f in FOLDERS if f.is_dir()), FOLDERS[0])
    found = {}
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        if title := HEADING.search(path.read_text(encoding="utf-8")):
            found[int(title[1])] = Chapter(int(title[1]), title[2], title[3], path)
    return dict(sorted(found.items()))


def tell(path: Path) -> None:
    """Run a chapter as a program, cell by cell, and print its text between what the cells print."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    names = {"__name__": "__main__", "__file__": str(path)}
    for start, end in pairwise([*(i for i, line in enumerate(lines) if line.startswith("# %%")), len(lines)]):
        cell = lines[start:end]
        if "[markdown]" in cell[0]:
            print(*(line[2:].rstrip() for line in cell[1:]), sep="\n")
        else:  # empty lines before it, so that a traceback names its lines
            exec(compile("\n" * start + "".join(cell), str(path), "exec"), names)
            print()


def run(number: int | None) -> int:
    """List the chapters, or tell one; a sentence on the standard error if there is none, or a package is missing.

    Returns:
        The exit code: 0, or 2 for bad input.
    """
    found = chapters()
    if number is None:
        for chapter in found.values():
            print(f"{chapter.number:3}  {chapter.chinese} ({chapter.english})\n     {chapter.path}")
        return 0
    if number not in found:
        known = ", ".join(map(str, found)) or "-"
        print(f"micrograd-cn: 没有第 {number} 章 (there is no chapter {number}): {known}", file=sys.stderr)
        return 2
    try:
        tell(found[number].path)
    except ImportError as error:
        missing = error.name or error
        sentence = f"第 {number} 章需要 (chapter {number} needs) {missing}: pip install 'micrograd-cn[all]'"
        print(f"micrograd-cn: {sentence}", file=sys.stderr)
        return 2
    return 0
