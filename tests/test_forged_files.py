"""Files made to do harm: each is refused by a ValueError, in little time and memory."""

import io
import json
import zipfile

import numpy as np
import pytest
from sklearn.utils import all_estimators

import skmultimodal
from skmultimodal import FusionClassifier, Training, load
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.persistence import _file as persistence
from skmultimodal.persistence import _safe_types as safe_types
from tests.forging import DECISION, ROOT, forged, manifest, npy, refused, sealed, signed

pytest.importorskip("safetensors")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skmm"


def calling(function, args, keywords=(), factory=None):
    """Return nodes of a tree whose state calls a function when it is read."""
    nodes = [
        ["array", [0], []],
        ["name", function, []],
        *factory_nodes(args, keywords),
        ["partial", [], [[1], [2], [4]]],
        ["defaultdict", [], [[5 if factory is None else factory]]],
        ["compiled", ["sklearn.tree._tree", "Tree"], [3, [0], 1, [6]]],
    ]
    return nodes


def factory_nodes(args, keywords):
    yield ["tuple", [], args]
    yield ["list", [], ["posix.system"]]
    yield ["dict", [], [part for key in keywords for part in (key, [3])]]


@pytest.mark.parametrize("trusted", [(), ["posix.system"]])
def test_a_file_cannot_load_another_one_with_more_trust(trusted, path, tmp_path):
    """`load` and ``trusted`` as a factory: this chain ran a command before."""
    sink, second = tmp_path / "sink", tmp_path / "two.skmm"
    array = [("arrays/0.npy", npy(np.array([2], dtype=np.intp)))]
    command = calling(["posix", "system"], [f"touch {sink}"])
    second.write_bytes(forged(command, array))
    for module in ("skmultimodal", "skmultimodal.persistence", persistence.__name__):
        chain = calling([module, "load"], [str(second)], ["trusted"])
        match = r"load, which is not among the types known"
        refused(path, forged(chain, array), match, trusted=trusted)
        bare = [["name", [module, "load"], []]]
        refused(path, forged(bare), match)
    refused(second, second.read_bytes(), None, trusted=trusted)
    assert not sink.exists()


def test_what_partial_and_defaultdict_may_call(path):
    allowed = [
        ["sklearn.utils.validation", "check_array"],
        ["torch.nn.modules.linear", "Linear"],
    ]
    refusals = [
        ["builtins", "bytes"],
        ["sklearn.linear_model._logistic", "LogisticRegression"],
        ["skmultimodal.estimators._classifier", "FusionClassifier"],
        ["torch.optim.sgd", "SGD"],
    ]
    for function in allowed + refusals:
        nodes = calling(function, [10])[1:6]
        nodes = [json.loads(json.dumps(node)) for node in nodes]
        nodes[-1][2] = [[0], [1], [3]]
        nodes[3][2] = []
        match = "not FusionClassifier|it holds functools.partial"
        if function in refusals:
            match = f"{'.'.join(function)}, which is not among"
        refused(path, forged(nodes), match)
        factory = [*nodes[:1], ["defaultdict", [], [[0]]]]
        if function != ["builtins", "bytes"]:
            refused(path, forged(factory), "may call nothing but builtin types")


NAMES = [
    ("os", "system"),
    ("posix", "system"),
    ("builtins", "eval"),
    ("builtins", "getattr"),
    ("subprocess", "Popen"),
    ("joblib.memory", "Memory"),
    ("joblib.numpy_pickle", "load"),
    ("numpy", "load"),
    ("numpy", "lib.format.read_array"),
    ("pickle", "loads"),
    ("pandas", "read_pickle"),
    ("torch.hub", "load"),
    ("torch.serialization", "load"),
    ("sklearn.utils", "Bunch.fromkeys"),
    ("sklearn.base", "os.system"),
    ("sklearn.utils.validation", "warnings.warn"),
    ("sklearn.pipeline", "clone"),
    ("sklearn.datasets", "fetch_openml"),
    ("sklearn.datasets._base", "load_files"),
    ("sklearn.conftest", "BaseEstimator"),
    ("sklearn.linear_model.tests.test_base", "LinearRegression"),
    ("torch.nn.modules.module", "functools.partial"),
    ("torch.optim.optimizer", "functools.partial"),
    ("skmultimodal", "load"),
    ("skmultimodal.fusion.apart._cache", "_Work"),
    ("skmultimodal.fusion.apart._cache", "pickle.loads"),
    ("skmultimodal.persistence._file", "load"),
    ("skmultimodal.persistence._file", "os.replace"),
    ("skmultimodal.estimators._base", "FusionClassifier.save"),
    ("skmultimodal.encoders.pretrained._hugging_face", "HuggingFaceEncoder"),
    ("skmultimodal.encoders.pretrained._sentences", "SentenceTransformerEncoder"),
]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_names_that_nobody_vouched_for(module, name, path):
    kinds = {
        "name": [module, name],
        "object": [module, name],
        "compiled": [module, name],
        "network": [module, name, 0],
    }
    for kind, words in kinds.items():
        match = rf"{module}.{name}.*trusted=\["
        refused(path, forged([[kind, words, []]]), match)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.pipeline", "TransformerMixin"),  # no estimator
        ("sklearn.linear_model", "LogisticRegression"),  # defined elsewhere
        ("sklearn.pipeline", "BaseEstimator"),
        ("sklearn.pipeline", "make_pipeline"),
        ("sklearn.ensemble._hist_gradient_boosting.grower", "TreeGrower"),
        ("torch.nn.modules.module", "register_module_forward_hook"),
        ("sklearn.ensemble._forest", "np.random.Generator"),
        ("torch.nn.modules.linear", "Module"),
        ("torch.nn.modules.linear", "init"),
        ("torch.optim.sgd", "Optimizer"),
    ],
)
def test_names_must_be_classes_defined_where_they_are_named(module, name, path):
    refused(path, forged([["name", [module, name], []]]), f"{module}.{name}")


def test_only_estimators_are_rebuilt_with_a_state(path):
    for full in (
        "torch.nn.modules.linear.Linear",
        "torch.optim.sgd.SGD",
        "sklearn.utils.validation.check_array",
        "builtins.list",
    ):
        node = ["object", [*full.rsplit(".", 1), "a"], [1]]
        refused(path, forged([node]), f"{full}, which is not among")
    call = ["compiled", ["math", "sqrt"], [4.0]]  # trust is not a reason to call
    refused(path, forged([call]), "math.sqrt, which is not", trusted=["math.sqrt"])


def test_the_reviewed_names_exist_and_our_public_classes_are_among_them():
    for use, names in safe_types.NAMES.items():
        for full in names:
            module, _, name = full.rpartition(".")
            found = safe_types.find(module, name, use)
            assert isinstance(found, type) or full in safe_types.CALLABLE
    pretrained = "HuggingFaceEncoder SentenceTransformerEncoder PretrainedEncoder"
    unsafe = {*pretrained.split(), "RowCache"}  # they read other files
    functions, bases = {"describe", "load"}, {"BaseEncoder"}
    public = {n: getattr(skmultimodal, n) for n in skmultimodal._LAZY}
    ours = {
        name
        for name, kind in public.items()
        if f"{kind.__module__}.{kind.__qualname__}" in safe_types.OBJECTS
    }
    assert public.keys() - ours == unsafe | functions | bases


def test_estimators_of_scikit_learn_are_known():
    for _, kind in all_estimators():
        inner = kind.__module__.split(".")[1]
        if inner in safe_types.ROOMS.split():
            assert safe_types.find(kind.__module__, kind.__qualname__, "object") is kind


def test_paths_of_a_file_are_not_kept(path):
    X, y = make_multimodal_classification(n_samples=30, random_state=0)
    clf = FusionClassifier(DECISION, fusion="decision", training=Training())
    clf.fit(X, y).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    nodes, forged_names = json.loads(members["estimator.json"]), set()
    for _, words, parts in nodes:
        for name in {"memory", "checkpoint", "callbacks"}.intersection(words[2:]):
            parts[words.index(name) - len(words)] = "elsewhere"
            forged_names.add((words[1], name))
    assert {("FusionClassifier", "memory"), ("Training", "checkpoint")} <= forged_names
    members["estimator.json"] = json.dumps(nodes)
    path.write_bytes(sealed(members.items()))
    loaded = load(path)
    kept = loaded.memory, loaded.training.checkpoint, loaded.training.callbacks
    assert kept == (None, None, None)


@pytest.mark.parametrize(
    "nodes",
    [
        [[]],
        [None],
        [["list"]],
        [["list", [], [], []]],
        [["no kind", [], []]],
        [[["list"], [], []]],
        [["list", [], [[0]]]],  # itself
        [["list", [], [[-1]]]],
        [["list", [], []], ["list", [], [[-1]]]],
        [["list", [], [[1]]], ["list", [], []]],  # a later one
        [["list", [], []], ["list", [], [[0, 0]]]],
        [["list", [], []], ["list", [], [[False]]]],
        [["list", [], []], ["list", [], [[0.0]]]],
        [["list", [], [{"@": 0}]]],
        [["list", [], [[]]]],
        [["list", [], [[[0]]]]],
        [["dict", [], [1]]],
        [["dict", [], [1, 2, 1, 3]]],
        [["dict", [], [1, 2, 1.0, 3]]],
        [["list", [], []], ["dict", [], [[0], 1]]],
        [["scalar", ["O", "0000000000000000"], []]],
        [["scalar", ["<f8", "00"], []]],
        [["scalar", ["<f8", "0"], []]],
        [["scalar", ["i4,i4", "0000000000000000"], []]],
        [["scalar", ["V0", ""], []]],
        [["dtype", ["i4," * 100_000], []]],
        [["dtype", ["(1000,1000,1000)f8"], []]],
        [["objects", [10**18], []]],
        [["ufunc", ["load"], []]],
        [["ufunc", ["__builtins__"], []]],
        [["mapping", ["defaultdict"], []]],
        [["mapping", [[]], []]],
        [["random", ["RandomState", "seed"], [None]]],
        [["series", [], [1, 1, 1]]],
        [["range_index", [], [0, 10**12, 1, None]], ["series", [], [1, [0], None]]],
        [["range_index", [], [0, 10**12, 1, None]], ["index", [], [[0], None]]],
        [["range_index", [], [0, 10**12, 1, None]], ["frame", [], [[0], [0], 1]]],
        [["range", [], [0, 10**12, 1]], ["frame", [], [[0], [0]]]],
        [["extension", ["Int64"], [10**12]]],
        [["sparse", ["csr_matrix"], [1, 2, 3, 4]]],
        [["pandas_dtype", ["os.system"], []]],
        [["object", [], []]],
        [["object", ["sklearn.naive_bayes"], []]],
        [["object", ["sklearn.naive_bayes", "GaussianNB", "a"], []]],
        [["object", ["sklearn.naive_bayes", "GaussianNB"], [1]]],
        [["object", ["sklearn.naive_bayes", "GaussianNB", 1], [1]]],
        [["object", ["sklearn.naive_bayes", "GaussianNB", "a", "a"], [1, 2]]],
        [["object", ["sklearn." + "a." * 5000, "GaussianNB"], []]],
        [["object", ["sklearn.naive_bayes", "\ud800"], []]],
        [["compiled", ["sklearn.tree._tree", "Tree"], []]],
        [["compiled", ["sklearn._loss._loss", "CyHuberLoss"], ["a"]]],
        [["network", ["skmultimodal.fusion.joint._model", "JointModel", 0], []]],
        [["network", ["sklearn.naive_bayes", "GaussianNB", 0], []]],
        [["array", [0], []]],
        [["array", ["../../../../etc/passwd"], []]],
    ],
    ids=lambda nodes: str(nodes)[:60],
)
def test_odd_nodes(nodes, path):
    refused(path, forged([*nodes, ROOT]), "cannot be loaded")


@pytest.mark.parametrize("nodes", [[], {}, None, 1, "node", [ROOT, ["list", [], []]]])
def test_odd_roots(nodes, path):
    refused(path, forged(nodes))
    bayes = [["object", ["sklearn.naive_bayes", "GaussianNB"], []]]
    same = {"class": "sklearn.naive_bayes.GaussianNB"}
    refused(path, forged(bayes, **same), "it holds sklearn.naive_bayes.GaussianNB")


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("series", [1, [0], None]),
        ("frame", [[1], [0], 1]),
        ("index", [1, None]),
        ("extension", [10**6]),
        ("masked", [1, 1]),
        ("column", [1]),
    ],
)
def test_arrays_are_made_of_arrays(kind, parts, path):
    indices = [["range_index", [], [0, n, 1, None]] for n in (1000, 1)]
    words = ["Int64"] if kind == "extension" else []
    nodes = [*indices, [kind, words, parts], ROOT]
    refused(path, forged(nodes), "in the place of an array")


def test_deep_and_broken_json(path):
    whole = json.dumps(manifest()).encode()
    for data in (b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe", b"", b"9" * 5000):
        refused(path, sealed([("manifest.json", whole), ("estimator.json", data)]))
        refused(path, sealed([("manifest.json", data), ("estimator.json", b"[]")]))


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "format",
        1,
        {},
        {"format": persistence.FORMAT},
        manifest(versions=None),
        manifest(versions=[]),
        manifest(versions={"torch": ["1"]}),
        manifest(format=[1]),
        manifest(format=99, versions={}),
        manifest(format=str(persistence.FORMAT)),
        manifest(**{"class": "skmultimodal.FusionRegressor"}),
        manifest(**{"class": None}),
    ],
    ids=lambda given: str(given)[:50],
)
def test_odd_manifests(given, path):
    members = {"manifest.json": given, "estimator.json": [ROOT]}
    refused(path, sealed((n, json.dumps(m)) for n, m in members.items()))
    path.write_bytes(forged([ROOT]))
    assert isinstance(load(path), FusionClassifier)  # but for the manifest


def test_odd_archives(path):
    parts = [
        ("manifest.json", json.dumps(manifest())),
        ("estimator.json", json.dumps([ROOT])),
    ]
    refused(path, sealed([*parts, parts[1]]), "two members of one name")
    for name in ("arrays/0.npy", "../../evil", "/etc/passwd", "x", "arrays/", "a\\b"):
        refused(path, sealed([*parts, (name, b"")]), "not of the estimator")
    refused(path, sealed(parts[:1]))
    refused(path, sealed(parts[1:]))
    refused(path, sealed([]))
    refused(path, signed(b"PK" + persistence.MARK))
    refused(path, signed(b"PK\x05\x06" + b"\0" * 18 + persistence.MARK))


def test_compressed_and_overlapping_members(path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b" " * 10**8)
        archive.comment = persistence.MARK + b"0" * 64
    refused(path, signed(buffer.getvalue()[:-64]), "compressed")
    # one megabyte that a thousand names share
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a"), b" " * 10**6)
        first = archive.infolist()[0]
        for number in range(1000):
            other = zipfile.ZipInfo(f"{number}")
            other.CRC, other.header_offset = first.CRC, first.header_offset
            other.file_size = other.compress_size = first.file_size
            archive.filelist.append(other)
        archive.comment = persistence.MARK + b"0" * 64
    refused(path, signed(buffer.getvalue()[:-64]), "overlap")
