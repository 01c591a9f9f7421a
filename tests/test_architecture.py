"""The order of the layers, and what `import skmultimodal` leaves alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skmultimodal"
FILES = sorted(PACKAGE.rglob("*.py"))

# From top to bottom: a file imports from its own room and from those below.
LAYERS = [
    ["__main__"],
    ["distributed", "model_selection", "utils"],
    ["inspection"],
    ["estimators"],
    ["persistence"],
    ["fusion"],
    ["encoders"],
    ["training"],
    ["datasets"],
    ["data"],
    ["_lazy", "_parameters", "_sklearn", "_warnings"],
    ["__init__"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

LONGEST = 450
LONGER: dict[str, str] = {}  # name of a file -> why it may be longer

# Names without a public spelling, outside _sklearn.py.
PRIVATE = {("model_selection/_compare.py", "_safe_indexing")}

# Attributes that are set on another object than the own one, and why that is right.
OWN_COPY, OF_OTHERS = "a copy of the own class", "how another library is told"
SET_FROM_OUTSIDE = {
    ("__main__.py", "warnings.showwarning"): OF_OTHERS,
    ("_sklearn.py", "block.name_caption"): OF_OTHERS,
    ("encoders/_module.py", "part.training"): OF_OTHERS,
    ("encoders/_modules.py", "part.training"): OF_OTHERS,
    ("encoders/pretrained/_models.py", "model.config.apply_spec_augment"): OF_OTHERS,
    ("encoders/pretrained/_onnx.py", "options.intra_op_num_threads"): OF_OTHERS,
    ("encoders/pretrained/_onnx.py", "options.log_severity_level"): OF_OTHERS,
    ("fusion/_low_rank.py", "linear.weight"): OF_OTHERS,
    ("fusion/apart/_bar.py", "self._bar.total"): OF_OTHERS,
    ("fusion/apart/_standalone.py", "model.classes_"): OF_OTHERS,
    ("fusion/apart/_standalone.py", "model.estimators_"): OF_OTHERS,
    ("fusion/joint/_model.py", "model.interrupted"): OWN_COPY,
    ("fusion/joint/_model.py", "model.net"): OWN_COPY,
    ("fusion/joint/_model.py", "model.weights"): OWN_COPY,
    ("fusion/joint/_preparation.py", "plain.cross_fitted"): OWN_COPY,
    ("fusion/joint/_preparation.py", "plain.pool_weights"): OWN_COPY,
    ("fusion/joint/_strategy.py", "spec.weights_are_fitted"): OWN_COPY,
    ("persistence/_file.py", "archive.comment"): OF_OTHERS,
    ("persistence/_values.py", "bits.state"): OF_OTHERS,
    ("training/_criterion.py", "self.given.reduction"): OF_OTHERS,
    ("utils/_module_checks.py", "parameter.data"): OF_OTHERS,
}

LAZY = ["torch", "skorch", "matplotlib", "polars", "narwhals", "PIL", "soundfile"]


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def imports(path):
    """Return (module, imported name or None) of every import in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} has a relative import"
            found += [(node.module, alias.name) for alias in node.names]
    return found


def part_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_parts(path):
    """Return the parts of the package that a file imports."""
    for module, name in imports(path):
        root, _, inner = module.partition(".")
        if root == "skmultimodal":
            first = inner.partition(".")[0] or name
            yield first if first in LEVEL else "__init__"


def test_every_part_has_a_layer():
    assert {part_of(path) for path in FILES} <= LEVEL.keys()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down(path):
    own = LEVEL[part_of(path)]
    upward = {part for part in imported_parts(path) if LEVEL[part] < own}
    if path.name != "__init__.py" or path.parent != PACKAGE:
        assert not upward, f"{name_of(path)} imports {upward} from a layer above"


MODULES = {
    "skmultimodal." + name_of(path).removesuffix(".py").replace("/", "."): path
    for path in FILES
}


def test_files_do_not_form_cycles():
    """Within a layer, too, imports have an order, those inside functions as well.

    Exempt are imports of types, and of public names by way of a package: a result
    draws itself by its display, which computes the result of an estimator.
    """
    graph = {
        path: {MODULES[module] for module, _ in imports(path) if module in MODULES}
        for path in FILES
        if path.name != "__init__.py"
    }
    while graph:
        free = {path for path, below in graph.items() if not below & graph.keys()}
        assert free, f"cycle among {sorted(map(name_of, graph))}"
        graph = {path: below for path, below in graph.items() if path not in free}


def test_what_depends_on_the_task_is_a_method_of_the_task():
    """Its kind is a word for messages and names: nothing compares it."""
    compared = [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and ("task.kind" in ast.unparse(node) or "task_.kind" in ast.unparse(node))
    ]
    assert compared == []


def attributes_set(path):
    """Return the attributes a file sets, but of ``self`` and scikit-learn's tags."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = ast.unparse(node.value)
            if owner.partition(".")[0] not in ("cls", "tags") and owner != "self":
                yield name_of(path), ast.unparse(node)


def test_no_attribute_is_set_from_outside():
    """An object changes by its own methods, or is made anew with what is other."""
    found = {pair for path in FILES for pair in attributes_set(path)}
    assert found <= SET_FROM_OUTSIDE.keys(), found - SET_FROM_OUTSIDE.keys()
    assert found == SET_FROM_OUTSIDE.keys(), "strike out what is no longer so"


def test_skorch_is_imported_by_the_training_alone():
    users = {
        name_of(path)
        for path in FILES
        for module, _ in imports(path)
        if module.partition(".")[0] == "skorch"
    }
    assert users == {
        "training/_accelerated.py",
        "training/_callbacks.py",
        "training/_net.py",
        "training/_progress.py",
    }


def test_private_scikit_learn_names_are_imported_in_one_file():
    private = {
        (name_of(path), name)
        for path in FILES
        for module, name in imports(path)
        if module.partition(".")[0] == "sklearn"
        and any(part.startswith("_") for part in [*module.split("."), name or ""])
    }
    outside = {(path, name) for path, name in private if path != "_sklearn.py"}
    assert outside == PRIVATE


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_short(path):
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert n_lines <= LONGEST or name_of(path) in LONGER


def test_the_list_of_longer_files_is_current():
    for name in LONGER:
        assert len((PACKAGE / name).read_text("utf-8").splitlines()) > LONGEST, name


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, skmultimodal; from skmultimodal import MultimodalData; "
        f"print(*[name for name in {LAZY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        check=True,
    )
    assert done.stdout.split() == []
