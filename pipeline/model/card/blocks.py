"""The pieces that a model card is laid out in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Block:
    """One piece of a section.

    Attributes
    ----------
    kind : {"text", "note", "list", "table"}
        What it is.
    lines : list of str
        The sentences or the items; of a table, its caption.
    header : list of str
        Of a table.
    rows : list of list of str
        Of a table; the first cell names the row.
    numeric : set of int
        Columns of figures, which are aligned to the right.
    """

    kind: str
    lines: list[str]
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Section:
    """A heading, the name that links lead to, and what stands under it."""

    name: str
    title: str
    blocks: list[Block]


def text(*lines: str) -> Block:
    """Return a paragraph."""
    return Block("text", list(lines))


def note(*lines: str) -> Block:
    """Return a remark."""
    return Block("note", list(lines))


def bullets(lines: list[str]) -> Block:
    """Return a list."""
    return Block("list", lines)


def table(caption: str, header: list[str], rows: list[list[str]], numeric: str = "") -> Block:
    """Return a table; `numeric` has the digits of the columns with figures, such as "12"."""
    return Block("table", [caption], header, rows, frozenset(map(int, numeric)))


def absence(value: Any) -> str | None:
    """Return why something is not available, or None where it is."""
    if isinstance(value, Mapping) and "not_available" in value:
        return f"not available: {value['not_available']}"
    return None
