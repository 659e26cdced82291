"""A job: one fit of one variant on one split, with the key that says whether it is done."""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.files.source_code import all_imported_files

ROOT = Path(__file__).resolve().parents[2]
SMALL_MARK = "-small"
# The code that a job's result depends on, by the family of its variant: these files and all
# that they import from the packages below.
CODE = {
    "peer": ("benchmarks/quality/peers.py",),
    "network": ("benchmarks/quality/networks.py", "benchmarks/quality/augmenting.py"),
}
CODE_OF_ALL = ("benchmarks/quality/rows.py",)
FITTING_PACKAGES = ("features", "models")
# Parameters that came later, at the value at which a fit is what it was without them.
NEUTRAL: dict[str, dict[str, Any]] = {
    "augment": {"labels": "labels"},  # a place; the benchmark reads no labels that people gave
    "autoencoder": {"n_pictured_rows": 1500},  # of a picture; the benchmark draws none
    "sgan": {
        "learning_rate_schedule": "constant",
        "historical_averaging_weight": 0.0,
        "diversity_weight": 0.0,
        "target_networks": False,
        "stop_at_equilibrium": False,
        "pseudo_label_agreement": 0.0,
        "drop_biased_pseudo_labels": False,
        "jit_compile": False,
    },
}
# A change here asks for new figures, not for new fits.
CODE_OF_FIGURES = (
    "benchmarks/quality/judging.py",
    *(f"evaluation/{name}.py" for name in ("calibration", "decisions", "ranking", "thresholds")),
)


@dataclass(frozen=True)
class Variant:
    """What is fitted.

    Attributes
    ----------
    name : str
        In tables and on the command line.
    family : {"peer", "network"}
        Which code it depends on.
    kind : str
        Function that fits it: a peer's name, "sgan", "dense_net", "autoencoder_error".
    settings : dict
        All that its fit depends on beside rows and seed; goes into the key.
    """

    name: str
    family: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One fit.

    Attributes
    ----------
    study, setting : str
        The table it belongs to, and the part of it (a label budget, a share of time).
    variant : Variant
        What is fitted.
    split : dict
        `function` of `rows` that makes the parts, and its arguments.
    fit_seed : int
        Of the fit.
    round : int
        Jobs of a lower round run first.
    """

    study: str
    setting: str
    variant: Variant
    split: dict[str, Any]
    fit_seed: int
    round: int

    @property
    def cell(self) -> str:
        """Name of split and seed: variants are compared within one."""
        split = " ".join(
            f"{k} {v}" for k, v in self.split.items() if k in ("seed", "fold", "share")
        )
        return ", ".join(part for part in (self.setting, split, f"fit {self.fit_seed}") if part)

    @property
    def name(self) -> str:
        """Readable name, unique among the jobs of a plan."""
        return f"{self.study}: {self.variant.name} ({self.cell})"

    def question(self, data: str) -> str:
        """Hash of what is asked: the key without the code that answers."""
        return _hash(self._facts(data))

    def key(self, data: str) -> str:
        """Hash of everything that the result depends on; equal fits of two studies share it."""
        code = fitting_version(CODE[self.variant.family] + CODE_OF_ALL)
        return _hash(self._facts(data) | {"code": code})

    def _facts(self, data: str) -> dict[str, Any]:
        return {
            "kind": self.variant.kind,
            "settings": _without_neutral(self.variant.settings),
            "split": self.split,
            "fit_seed": self.fit_seed,
            "data": data,
        }


def _without_neutral(settings: dict[str, Any]) -> dict[str, Any]:
    if "sections" not in settings:
        return settings
    sections = {
        name: {
            key: value
            for key, value in section.items()
            if key not in NEUTRAL.get(name, {}) or value != NEUTRAL[name][key]
        }
        if isinstance(section, dict)
        else section
        for name, section in settings["sections"].items()
    }
    augment = sections.get("augment")
    if augment and augment.get("method") != "vae":
        # Nothing is generated from codes; this is the value that earlier lines have.
        sections["augment"] = {**augment, "generation": "posterior"}
    return {**settings, "sections": sections}


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def data_version(path: Path, *, small: bool) -> str:
    """Hash of the data file and of how much of it is used."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] + (SMALL_MARK if small else "")


def figures_version() -> str:
    """Hash of the code that turns scores into figures."""
    return code_version(CODE_OF_FIGURES)


@cache
def fitting_version(names: tuple[str, ...], root: Path = ROOT) -> str:
    """Hash of Python files and of what they import, at any distance, from `FITTING_PACKAGES`."""
    starts = [Path(name) for name in names]
    found = all_imported_files(starts, root, FITTING_PACKAGES)
    return code_version(
        tuple(path.as_posix() for path in found if path.name != "__init__.py"), root
    )


@cache
def code_version(names: tuple[str, ...], root: Path = ROOT) -> str:
    """Hash of Python files and folders of them, blind to comments, layout and docstrings."""
    digest = hashlib.sha256()
    for name in names:
        path = root / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(_bare_code(file.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:16]


def _bare_code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[0] = ast.Expr(ast.Constant("docstring"))
    return ast.unparse(tree)
