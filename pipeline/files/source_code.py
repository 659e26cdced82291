"""Which files of our code a file imports, at any distance."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

OUR_PACKAGES = ("evaluation", "features", "models", "pipeline")


def imported_files(
    path: Path, root: Path, packages: Iterable[str] = OUR_PACKAGES
) -> list[Path]:  # fmt: skip
    """Return the files of our packages that a file names in its imports, wherever in it.

    Parameters
    ----------
    path : Path
        A Python file below `root`.
    root : Path
        The folder that holds the packages.
    packages : iterable of str
        Top-level packages whose files count.

    Returns
    -------
    list of Path
        Sorted, relative to `root`. Of a package that is imported itself, its ``__init__.py``.
    """
    modules = set()
    for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            # `from models import sgan` and `from models.sgan import model` both name modules.
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    ours = [module.split(".") for module in modules if module.split(".")[0] in packages]
    files = [Path(*parts).with_suffix(".py") for parts in ours]
    files += [Path(*parts, "__init__.py") for parts in ours]
    return sorted(file for file in files if (root / file).is_file())


def all_imported_files(
    starts: Iterable[Path],
    root: Path,
    packages: Iterable[str] = OUR_PACKAGES,
    follow: Callable[[Path], bool] = lambda _: True,
) -> list[Path]:
    """Return some files and all that they import at any distance, sorted, relative to `root`.

    Parameters
    ----------
    starts : iterable of Path
        Where to begin.
    root, packages
        As in `imported_files`.
    follow : callable
        Says of an imported file whether it counts.
    """
    found: set[Path] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [other for other in imported_files(path, root, packages) if follow(other)]
    return sorted(found)
