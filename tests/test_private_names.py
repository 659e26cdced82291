"""What our code relies on in libraries though their documentation does not promise it.

A release may change such names without a word. After an upgrade these tests say which name of
which library changed, and which of our files to mend.
"""

import ast
import inspect
import pkgutil
import re
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import CodeType

import pytest
from packaging.requirements import Requirement

from pipeline.files.source_code import OUR_PACKAGES
from pipeline.tracking.server import prepare_mlflow

REPOSITORY = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = {
    "dvc": "dvc",
    "imblearn": "imbalanced-learn",
    "mlflow": "mlflow",
    "sklearn": "scikit-learn",
    "skops": "skops",
}
# DVC documents `dvc.api` alone, so whatever else we import from it must stand in the table.
UNDOCUMENTED = {"dvc"}
ESTIMATORS = (
    "models/classifier.py, models/multiclass.py, features/generators.py, features/latent.py, "
    "features/sequences.py"
)
CONSTRAINTS = (
    "models/parameter_constraints.py, models/multiclass.py, features/generators.py, "
    "features/oversampling.py, features/sequences.py"
)
# Our files -> sentences about libraries: a name, a verb of `true_words`, and words. "takes only"
# allows no further parameters, since the library calls ours in its place.
TABLE = {
    "pipeline/run/dvc_engine.py": [
        # What we replace, and whether DVC's own code still goes through it.
        ("dvc.stage.run.cmd_run", "takes only", "stage, dry, run_env"),
        ("dvc.stage.run.run_stage", "mentions", "cmd_run, stage_cache, restore"),
        ("dvc.fs.LocalFileSystem.open", "takes", "path, mode, **"),
        ("dvc.repo.Repo.__init__", "mentions", "root_dir, stage, stage_cache"),
        ("dvc.stage.Stage.save", "mentions", "stage_cache, save"),
        ("dvc.stage.cache.StageCache", "takes only", "repo"),
        ("dvc.stage.cache.StageCache.save", "takes only", "stage"),
        ("dvc.stage.cache.StageCache.restore", "takes", "stage"),
        ("dvc.stage.cache.StageCache.restore", "mentions", "_can_hash, _create_stage, checkout"),
        ("dvc.stage.cache.StageCache._create_stage", "takes only", "cache, wdir"),
        ("dvc.stage.cache._can_hash", "mentions", "persist"),
        ("dvc.repo.reproduce._reproduce", "takes", "repro_fn"),
        # What we call and read.
        ("dvc.repo.Repo", "takes", "root_dir, fs"),
        ("dvc.repo.Repo", "has", "index, tmp_dir, __enter__, __exit__"),
        ("dvc.repo.Repo.reproduce", "takes", "targets, all_pipelines, **"),
        ("dvc.repo.index.Index", "has", "deps, graph"),
        ("dvc.repo.stage.StageLoad.collect", "takes", "target"),
        ("dvc.repo.reproduce._reproduce_stage", "takes", "stage, **"),
        ("dvc.repo.reproduce.get_active_graph", "takes", "graph"),
        ("dvc.repo.reproduce.plan_repro", "takes", "graph, stages"),
        ("dvc.stage.Stage.checkout", "takes", "**"),
        ("dvc.output.Output.checkout", "takes", "force"),
        ("dvc.output.Output.__init__", "mentions", "def_path, persist"),
        ("dvc.lock.make_lock", "takes", "lockfile, tmp_dir"),
        ("dvc.rwlock", "has", "RWLOCK_FILE, RWLOCK_LOCK"),
        ("dvc.rwlock.SCHEMA.schema", "has", "read, write"),
        ("dvc.rwlock.INFO_SCHEMA", "has", "pid"),
        ("dvc.exceptions.DvcException", "extends", "Exception"),
        ("dvc.lock.LockError", "extends", "DvcException"),
        ("dvc.repo.NotDvcRepoError", "extends", "DvcException"),
        ("dvc.scm.SCMError", "extends", "DvcException"),
    ],
    "pipeline/run/staleness.py": [
        ("dvc.stage.Stage.__init__", "mentions", "deps, outs"),
        ("dvc.stage.PipelineStage.__init__", "mentions", "name, cmd_changed"),
        ("dvc.output.Output.__init__", "mentions", "hash_info"),
        ("dvc.output.Output.status", "mentions", "not in cache"),
        ("dvc.output.Output.workspace_status", "mentions", "deleted, modified, new"),
        ("dvc.output.HashInfo", "takes", "value"),
        ("dvc.dependency.ParamsDependency", "has", "read_params"),
    ],
    "pipeline/tracking/run.py": [
        ("mlflow.system_metrics.system_metrics_monitor.SystemMetricsMonitor", "takes",
         "run_id, sampling_interval, resume_logging, tracking_uri"),
    ],
    "pipeline/model/archives.py": [
        # skops writes the private place of a class into a scaler's file.
        ("sklearn.compose.ColumnTransformer", "is defined as",
         "sklearn.compose._column_transformer.ColumnTransformer"),
        ("sklearn.preprocessing.OneHotEncoder", "is defined as",
         "sklearn.preprocessing._encoders.OneHotEncoder"),
        ("skops.io._audit.Node.__init__", "mentions", "__class__, __module__"),
        ("skops.io._general", "has",
         "DictNode, JsonNode, ListNode, ObjectNode, SliceNode, TupleNode, TypeNode"),
    ],
    "pipeline/model/scaler.py": [
        ("skops.io._utils.get_state", "mentions", "__id__"),
        ("skops.io._numpy.NdArrayNode.__init__", "mentions", "file"),
    ],
    "features/oversampling.py, features/gan_oversampling.py": [
        ("imblearn.base.SamplerMixin._fit_resample", "takes", "X, y"),
        ("imblearn.base.SamplerMixin.fit_resample", "mentions",
         "_fit_resample, sampling_strategy_"),
        ("imblearn.over_sampling.base.BaseOverSampler._parameter_constraints", "has",
         "sampling_strategy"),
    ],
    "features/scaling.py": [("sklearn.utils.validation", "has", "FLOAT_DTYPES")],
    ESTIMATORS: [
        ("sklearn.base._fit_context", "takes", "prefer_skip_nested_validation"),
        ("sklearn.base._fit_context", "mentions", "_validate_params"),
        ("sklearn.base.BaseEstimator._validate_params", "mentions", "_parameter_constraints"),
    ],
    CONSTRAINTS: [
        ("sklearn.utils._param_validation.Interval", "takes", "type, left, right, closed"),
        ("sklearn.utils._param_validation.StrOptions", "takes", "options"),
        ("sklearn.utils._param_validation.InvalidParameterError", "extends", "ValueError"),
        ("sklearn.utils._param_validation.make_constraint", "mentions",
         "array-like, boolean, random_state"),
    ],
}  # fmt: skip
ROWS = [(user, *sentence) for user, sentences in TABLE.items() for sentence in sentences]


def true_words(thing, verb):
    """Return all words that make the sentence "thing VERB word" true."""
    if verb in ("takes", "takes only"):
        parameters = inspect.signature(thing).parameters.values()
        return {"**" if one.kind is one.VAR_KEYWORD else one.name for one in parameters} - {"self"}
    if verb == "mentions":
        return words_in_code(inspect.unwrap(thing).__code__)
    if verb == "extends":
        return {base.__name__ for base in thing.__mro__}
    if verb == "is defined as":
        return {f"{thing.__module__}.{thing.__qualname__}"}
    return set(thing) if isinstance(thing, Mapping) else set(dir(thing))  # "has"


def words_in_code(code):
    """Return the names and texts in a function and in the functions inside it."""
    words = set(code.co_names) | {text for text in code.co_consts if isinstance(text, str)}
    inside = [part for part in code.co_consts if isinstance(part, CodeType)]
    return words.union(*map(words_in_code, inside))


def complaint(user, name, verb, words):
    """Return what is no longer true of a row of the table, as a sentence, or None."""
    distribution = DISTRIBUTIONS[name.split(".")[0]]
    library = f"{distribution} {version(distribution)}"
    try:
        found = true_words(pkgutil.resolve_name(name), verb)
    except (ImportError, AttributeError):
        return f"{library} no longer has {name}, used by {user}"
    expected = set(words.split(", "))
    wrong = expected ^ found if verb == "takes only" else expected - found
    expectation = f"expected that it {verb} {words}, not so: {', '.join(sorted(wrong))}"
    return f"{library} changed {name}, used by {user}: {expectation}" if wrong else None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]} {row[2]}")
def test_a_library_is_as_our_code_relies_on_it(row):
    prepare_mlflow()  # before its import, or it reports usage to its makers
    if sentence := complaint(*row):
        pytest.fail(sentence, pytrace=False)


def names_of_libraries(source):
    """Return what a source text imports, reads from an import, or names as "library._x.y"."""
    names, meaning = set(), {}
    nodes = list(ast.walk(ast.parse(source)))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                names.add(start + alias.name)
                whole = start or alias.asname
                known = alias.name if whole else alias.name.split(".")[0]
                meaning[alias.asname or known] = start + known
    for node in nodes:
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            names |= {f"{meaning[first]}.{rest}"} if first in meaning else set()
        elif isinstance(node, ast.Constant) and re.fullmatch(r"[\w.]+\._[\w.]+", str(node.value)):
            names.add(node.value)
    return {name for name in names if name.split(".")[0] not in OUR_PACKAGES}


def missing_from_table(path, source):
    """Return the private names of libraries in a file of ours that the table lacks for it."""
    rows = [row for row in ROWS if path in row[0]]
    listed = {f"{name}.{word}" for _, name, _, words in rows for word in words.split(", ")}
    listed |= {words for _, _, verb, words in rows if verb == "is defined as"}
    return {
        name
        for name in names_of_libraries(source)
        if (first := name.split(".")[0]) not in sys.stdlib_module_names
        and (first in UNDOCUMENTED or re.search(r"\._(?!_)", name))
        and not any(f"{one}.".startswith(f"{name}.") for one in listed)
    }


def test_the_table_lists_every_private_name():
    """Methods that a subclass overrides are not seen; list them by hand."""
    paths = [path for package in OUR_PACKAGES for path in (REPOSITORY / package).rglob("*.py")]
    sources = {path.relative_to(REPOSITORY).as_posix(): path.read_text() for path in paths}
    missing = {path: missing_from_table(path, source) for path, source in sources.items()}
    lines = [f"{path} uses {', '.join(names)}" for path, names in missing.items() if names]
    if lines:
        pytest.fail("\n".join([*lines, "Use public names, or add these to TABLE."]), pytrace=False)
    assert set(", ".join(TABLE).split(", ")) <= set(sources), "a file of ours has moved"


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values())
def test_the_versions_of_a_library_have_an_upper_bound(distribution):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    bounds = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
    bound = bounds[distribution]
    assert any(part.operator == "<" for part in bound), f"{distribution}{bound}: no upper bound"
    found = version(distribution)
    assert found in bound, f"{distribution} {found} is installed; pyproject.toml allows {bound}"


@pytest.mark.parametrize(
    ("name", "verb", "words"),
    [
        ("dvc.stage.run.run_command", "takes", "stage"),
        ("dvc.stage.run.cmd_run", "takes", "stage, environment"),
        ("dvc.stage.run.cmd_run", "takes only", "stage, dry"),
        ("dvc.stage.run.run_stage", "mentions", "command_run"),
        ("dvc.lock.LockError", "extends", "OSError"),
        ("dvc.rwlock.INFO_SCHEMA", "has", "host"),
        ("dvc.output.HashInfo", "is defined as", "dvc.output.HashInfo"),
    ],
)
def test_a_change_is_said_in_a_sentence(name, verb, words):
    sentence = complaint("our.py", name, verb, words)
    assert re.match(rf"dvc 3\S* (no longer has|changed) {name}, used by our\.py", sentence)


def test_private_names_are_seen_wherever_they_stand():
    for text in (
        "from sklearn.utils._tags import get_tags",
        "import numpy as np\nnp._core.umath",
        "import dvc.stage.run\ndvc.stage.run.prepare_kwargs",
        "NAME = 'sklearn.tree._classes.DecisionTreeClassifier'",
        "from sklearn.base import _fit_context",  # listed, but not for this file
    ):
        assert missing_from_table("pipeline/run/dvc_engine.py", text), text
    ours = "import numpy, _thread\nfrom models import _x\nnumpy.__version__"
    assert not missing_from_table("pipeline/run/dvc_engine.py", ours)
