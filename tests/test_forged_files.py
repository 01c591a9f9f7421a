"""Files made to do harm: each is refused by a ValueError, in little time and memory."""

import hashlib
import io
import json
import resource
import signal
import sys
import time
import warnings
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

import skmultimodal
from skmultimodal import DecisionFusion, FusionClassifier, load
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.persistence import _file as persistence
from skmultimodal.persistence import _safe_types as safe_types
from skmultimodal.persistence._values import MAKERS

pytest.importorskip("safetensors")
SECONDS, MEGABYTES = 5, 300


class TooLongError(BaseException):
    """Passes the ``except Exception`` of `load`."""


EVENTS = {"watched": None}
HARMFUL = ("os.", "subprocess.", "socket.", "shutil.", "pickle.", "ctypes.", "ftplib.")


def audit(event, args):
    if EVENTS["watched"] is None or event in ("os.listdir", "os.scandir"):
        return
    writes = event == "open" and (args[2] & 3 or set(str(args[1])) & set("wax+"))
    if event.startswith(HARMFUL) or writes:
        EVENTS["watched"].append((event, args))


sys.addaudithook(audit)


@contextmanager
def guarded():
    """Fail where a block takes long, takes memory, or touches the system."""

    def stop(*args):
        raise TooLongError

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    EVENTS["watched"] = []
    try:
        yield
    finally:
        found, EVENTS["watched"] = EVENTS["watched"], None
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        sys.dont_write_bytecode = kept
    assert not found
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < MEGABYTES * 1024


def sealed(members):
    """Return a file of members with a digest that fits, as a forger would."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.comment = persistence.MARK + b"0" * 64
    return signed(buffer.getvalue()[:-64])


def signed(content):
    return content + hashlib.sha256(content).hexdigest().encode()


def manifest(**changes):
    name = "skmultimodal.estimators._classifier.FusionClassifier"
    return {
        "format": persistence.FORMAT,
        "class": name,
        "versions": persistence._versions(),
    } | changes


def forged(nodes, others=(), **changes):
    members = {"manifest.json": manifest(**changes), "estimator.json": nodes}
    return sealed([*((n, json.dumps(m)) for n, m in members.items()), *others])


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def refused(path, content, match=None, **kwargs):
    path.write_bytes(content)
    with guarded(), pytest.raises(ValueError, match=match):
        load(path, **kwargs)


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
    ("skmultimodal.encoders.pretrained._encoder", "SentenceTransformerEncoder"),
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


def test_the_reviewed_names_exist_and_our_public_classes_are_among_them():
    for use, names in safe_types.NAMES.items():
        for full in names:
            module, _, name = full.rpartition(".")
            found = safe_types.find(module, name, use)
            assert isinstance(found, type) or full in safe_types.CALLABLE
    refused = {"HuggingFaceEncoder", "SentenceTransformerEncoder", "load"}
    bases = {"BaseEncoder"}
    public = {n: getattr(skmultimodal, n) for n in skmultimodal._LAZY}
    ours = {
        name
        for name, kind in public.items()
        if f"{kind.__module__}.{kind.__qualname__}" in safe_types.OBJECTS
    }
    assert public.keys() - ours == refused | bases


def test_estimators_of_scikit_learn_are_known():
    for _, kind in all_estimators():
        inner = kind.__module__.split(".")[1]
        if inner in safe_types.ROOMS.split():
            assert safe_types.find(kind.__module__, kind.__qualname__, "object") is kind


def test_paths_of_a_file_are_not_kept(path):
    X, y = make_multimodal_classification(n_samples=30, random_state=0)
    clf = FusionClassifier(DECISION, fusion="decision").fit(X, y)
    clf.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    nodes = json.loads(members["estimator.json"])
    for _, words, parts in nodes:
        for name in ("memory", "checkpoint", "callbacks"):
            if words[1:2] == ["FusionClassifier"] and name in words:
                parts[words.index(name) - 2] = "elsewhere"
    members["estimator.json"] = json.dumps(nodes)
    path.write_bytes(sealed(members.items()))
    loaded = load(path)
    assert loaded.memory is loaded.checkpoint is loaded.callbacks is None


DECISION = [
    ("m0", make_pipeline(StandardScaler(), LogisticRegression())),
    ("m1", HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3)),
    ("m2", RandomForestClassifier(2, max_depth=2)),
]


def with_array(data):
    """Return a file of one array."""
    return forged([["array", [0], []]], [("arrays/0.npy", data)])


class Touch:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickled_arrays_are_refused(path, tmp_path):
    sink = tmp_path / "sink"
    values = np.empty(1, dtype=object)
    values[0] = Touch(sink)
    data = npy(values)
    refused(path, with_array(data), "too long or too short")
    # as many bytes as the header says: a pickle may be followed by anything
    head = data[:128].replace(b"(1,)", b"(N,)")
    length = 1000
    head = head.replace(b"(N,), }   ", f"({length},), }}".encode())
    padded = head + data[128:].ljust(8 * length, b"\0")
    np.lib.format.read_array(io.BytesIO(padded), allow_pickle=True)  # it does harm
    assert sink.exists()
    sink.unlink()
    refused(path, with_array(padded), "allow_pickle=False")
    assert not sink.exists()


def header(text, data=b""):
    text = text.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def test_headers_of_arrays_have_a_limit(path):
    shape = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }%s\n"
    usual = header(shape % ("1,", " " * 100), b"\0" * 8)
    refused(path, with_array(usual), "it holds numpy.ndarray")
    long = header(shape % ("1,", " " * 20_000), b"\0" * 8)
    refused(path, with_array(long), r"(?i)header.*large")
    for much in ("100000000000,", "4294967296, 4294967296", "-1,", "0,", "2,"):
        forgery = header(shape % (much, ""), b"\0" * 8)
        refused(path, with_array(forgery), "too long or too short")
    for much in ("-1, -1", "10**11,", "1.0,", "None,", "[1],"):
        refused(path, with_array(header(shape % (much, ""), b"\0" * 8)))
    nothing = shape.replace("<f8", "|V0") % ("10000000000,", "")
    refused(path, with_array(header(nothing)), "too long or too short")
    deep = header("(" * 5_000)
    refused(path, with_array(deep))


def doubled(kind, levels, top=()):
    """Return nodes that hold the one before twice: 2**levels when walked."""
    nodes = [["list" if kind == "list" else "tuple", [], [1, 2]]]
    nodes += [[kind, [], [[i], [i]]] for i in range(levels)]
    return [*nodes, *top]


@pytest.mark.parametrize("kind", ["tuple", "list", "dict"])
def test_shared_tuples_cannot_double_without_end(kind, path):
    levels = 60
    tops = [
        [["dict", [], [[levels], 1]]],
        [["set", [], [[levels]]]],
        [["objects", [1], [[levels]]], ["extension", ["Int64"], [[levels + 1]]]],
        [["object", ["sklearn.naive_bayes", "GaussianNB", "_sklearn_version"], [[60]]]],
    ]
    for top in tops:
        refused(path, forged(doubled(kind, levels, top)))
    content = forged(doubled(kind, levels, tops[0]))
    assert len(content) < 5000


def test_a_column_cannot_be_copied_without_end(path):
    data = npy(np.zeros(1_000_000))
    parts = [[3], [1], *[[0]] * 2000]
    nodes = [
        ["array", [0], []],
        ["range_index", [], [0, 1_000_000, 1, None]],
        ["range_index", [], [0, 2000, 1, None]],
        ["index", [], [[2], None]],
        ["frame", [], parts],
    ]
    nodes[3] = ["range_index", [], [0, 2000, 1, None]]
    content = forged(nodes, [("arrays/0.npy", data)])
    refused(path, content, "far larger than the file")


def test_keys_of_one_hash(path):
    prime = sys.hash_info.modulus
    keys = [prime * k for k in range(50_000)]
    refused(path, forged([["set", [], keys]]), "same hash")
    pairs = [part for key in keys for part in (key, None)]
    refused(path, forged([["dict", [], pairs]]), "same hash")


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        {},
        None,
        1,
        "node",
        [[]],
        [None],
        [["list"]],
        [["list", [], [], []]],
        [["no kind", [], []]],
        [[["list"], [], []]],
        [["list", [], [[0]]]],  # itself
        [["list", [], [[-1]]]],
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
        [["object", ["sklearn." + "a." * 5000, "GaussianNB"], []]],
        [["object", ["sklearn.naive_bayes", "\ud800"], []]],
        [["object", ["sklearn.naive_bayes", "GaussianNB"], []]],  # no root of ours
        [["compiled", ["sklearn.tree._tree", "Tree"], []]],
        [["compiled", ["sklearn._loss._loss", "CyHuberLoss"], ["a"]]],
        [["network", ["skmultimodal.fusion.joint._model", "JointModel", 0], []]],
        [["network", ["sklearn.naive_bayes", "GaussianNB", 0], []]],
        [["array", [0], []]],
        [["array", ["../../../../etc/passwd"], []]],
    ],
    ids=lambda nodes: str(nodes)[:60],
)
def test_odd_trees(nodes, path):
    refused(path, forged(nodes))


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
    node = ["object", ["skmultimodal.estimators._classifier", "FusionClassifier"], []]
    members = {"manifest.json": given, "estimator.json": [node]}
    refused(path, sealed((n, json.dumps(m)) for n, m in members.items()))
    path.write_bytes(forged([node]))
    assert isinstance(load(path), FusionClassifier)  # but for the manifest


def test_odd_archives(path):
    node = ["object", ["skmultimodal.estimators._classifier", "FusionClassifier"], []]
    parts = [
        ("manifest.json", json.dumps(manifest())),
        ("estimator.json", json.dumps([node])),
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


TREE = ["sklearn.tree._tree", "Tree"]


def tree_file(change, **words):
    """Return a file of a small tree with changed numbers."""
    X = np.arange(12.0).reshape(6, 2)
    kind = RandomForestClassifier(1, max_depth=2, bootstrap=False)
    tree = kind.fit(X, [0, 1, 0, 1, 0, 1]).estimators_[0].tree_
    _, (n_features, n_classes, n_outputs), state = tree.__reduce__()
    state = {key: np.copy(v) if np.ndim(v) else v for key, v in state.items()}
    state = change(state) or state
    nodes = [
        ["array", [0], []],
        ["array", [1], []],
        ["array", [2], []],
        [
            "dict",
            [],
            [
                *("max_depth", state["max_depth"], "node_count", state["node_count"]),
                *("nodes", [1], "values", [2]),
            ],
        ],
        ["compiled", TREE, [n_features, [0], words.get("n_outputs", n_outputs), [3]]],
    ]
    arrays = [n_classes, state["nodes"], state["values"]]
    return forged(nodes, [(f"arrays/{i}.npy", npy(a)) for i, a in enumerate(arrays)])


def test_trees_that_lead_out_of_their_arrays(path):
    def setting(name, value):
        return lambda state: state["nodes"][name].__setitem__(0, value)

    refused(path, tree_file(lambda state: None), "it holds sklearn.tree._tree.Tree")
    for name, value in [
        ("left_child", 0),
        ("right_child", 0),
        ("left_child", -2),
        ("right_child", 10**9),
        ("feature", 10**9),
        ("feature", -5),
    ]:
        refused(path, tree_file(setting(name, value)), "a tree")
    refused(path, tree_file(lambda state: state | {"node_count": 10**9}), "sizes")
    refused(path, tree_file(lambda state: state | {"nodes": state["nodes"][:0]}))
    refused(path, tree_file(lambda state: None, n_outputs=10**9), "sizes")


def test_predictors_sparse_matrices_and_generators_out_of_their_arrays(path):
    X = np.arange(70.0)[:, None] % 7
    y = (X[:, 0] % 3 == 1).astype(int)
    model = HistGradientBoostingClassifier(
        max_iter=1, min_samples_leaf=2, categorical_features=[0]
    ).fit(X, y)
    predictor = model._predictors[0][0]
    assert predictor.nodes["is_categorical"].any()
    names = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")
    for name, value, match in [
        (None, None, "it holds sklearn.ensemble"),
        ("left", 0, "does not end"),
        ("right", 10**6, "does not end"),
        ("bitset_idx", 10**6, "categories that it does not have"),
    ]:
        arrays = [np.copy(getattr(predictor, key)) for key in names]
        if name is not None:
            arrays[0][name][0] = value
        words = [*type(predictor).__module__.rsplit("\n"), "TreePredictor", *names]
        nodes = [["array", [i], []] for i in range(3)]
        nodes.append(["object", words, [[0], [1], [2]]])
        others = [(f"arrays/{i}.npy", npy(a)) for i, a in enumerate(arrays)]
        refused(path, forged(nodes, others), match)

    matrix = [np.ones(2), np.array([0, 10**6], "i4"), np.array([0, 1, 2], "i4")]
    nodes = [["array", [i], []] for i in range(3)]
    nodes += [["tuple", [], [2, 3]], ["sparse", ["csr_matrix"], [[0], [1], [2], [3]]]]
    others = [(f"arrays/{i}.npy", npy(a)) for i, a in enumerate(matrix)]
    refused(path, forged(nodes, others), "indices")

    key = [("arrays/0.npy", npy(np.zeros(624, "u4")))]
    for place in (-1, 10**9):
        nodes = [
            ["array", [0], []],
            ["dict", [], ["key", [0], "pos", place]],
            ["dict", [], ["bit_generator", "MT19937", "state", [1]]],
            ["random", ["Generator", "MT19937"], [[2]]],
        ]
        refused(path, forged(nodes, key), "at no place")


def saved(clf, folder):
    X, y = make_multimodal_classification(n_samples=40, random_state=0)
    clf.fit(X, y).save(folder / "model")
    with zipfile.ZipFile(folder / "model") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rule = DecisionFusion(rule="stacking", calibrate="isotonic")
    joint = {"max_epochs": 1, "random_state": 0}
    classifiers = [
        FusionClassifier(fusion="parallel", **joint),
        FusionClassifier(fusion="attention", missing="impute", **joint),
        FusionClassifier(DECISION, fusion=rule, random_state=np.random.RandomState(0)),
        FusionClassifier(
            [("m0", CalibratedClassifierCV(GaussianNB(), cv=2)), *DECISION[1:]],
            fusion="decision",
        ),
    ]
    return [saved(clf, folder) for clf in classifiers]


@pytest.mark.parametrize(
    ("number", "kind", "name", "value"),
    [
        (0, "TabularEncoder", "out_features", 10**9),
        (1, "AttentionFusion", "n_layers", 10**9),
        (1, "AttentionFusion", "out_features", 4 * 10**6),
    ],
)
def test_networks_larger_than_their_weights(number, kind, name, value, files, path):
    """A width that takes all memory, and a loop of layers that never ends."""
    nodes = json.loads(files[number]["estimator.json"])
    forged_nodes = [node for node in nodes if node[1][1:2] == [kind]]
    for _, words, parts in forged_nodes:
        parts[words.index(name) - len(words)] = value
    assert forged_nodes
    members = files[number] | {"estimator.json": json.dumps(nodes)}
    refused(path, sealed(members.items()), "larger than its weights")


HUGE = [10**6, 10**9, 10**12, -(10**9), 2**63, 10**30]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from(HUGE),
    st.floats(),
    st.sampled_from(["", "a", "load", "posix", "<f8", "O", "memory", "__class__"]),
    st.sampled_from(["__dict__", "_sklearn_version", "MT19937", "cuda:9", "\ud800"]),
    st.sampled_from(["skmultimodal.persistence._file", "sklearn.base", "os.system"]),
)
PARTS = st.one_of(
    SCALARS,
    st.tuples(st.integers(-2, 400)).map(list),
    st.recursive(SCALARS, st.lists, max_leaves=4),
    st.dictionaries(st.text(max_size=3), SCALARS, max_size=2),
)
SPECIAL = ["array", "compiled", "name", "network", "object", "partial"]


def mutate_list(draw, items, junk):
    """Change, drop, add, double or swap items of a list in place."""
    if not isinstance(items, list):
        return
    at = draw(st.integers(0, max(len(items) - 1, 0)))
    action = draw(st.sampled_from(["change", "drop", "add", "double", "swap"]))
    if action == "add" or not items:
        items.insert(at, draw(junk))
    elif action == "change":
        items[at] = draw(junk)
    elif action == "drop":
        del items[at]
    elif action == "double":
        items.insert(at, items[at])
    else:
        other = draw(st.integers(0, len(items) - 1))
        items[at], items[other] = items[other], items[at]


def mutate_tree(draw, nodes):
    index = draw(st.integers(0, len(nodes) - 1))
    action = draw(st.sampled_from(["kind", "words", "parts", "parts", "nodes", "node"]))
    if action == "nodes":
        mutate_list(draw, nodes, st.lists(PARTS, max_size=4))
    elif action == "node" or len(nodes[index]) < 3:
        mutate_list(draw, nodes[index], PARTS)
    elif action == "kind":
        nodes[index][0] = draw(st.sampled_from([*MAKERS, *SPECIAL]))
    else:
        mutate_list(draw, nodes[index][1 if action == "words" else 2], PARTS)


def mutate_manifest(draw, given):
    key = draw(st.sampled_from([*given, *given["versions"]]))
    (given if key in given else given["versions"])[key] = draw(PARTS)


def mutate_bytes(draw, data):
    data = bytearray(data)
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    for _ in range(draw(st.integers(0, 3))):
        if data:  # mostly in the header
            last = min(len(data), draw(st.sampled_from([100, 10**9]))) - 1
            data[draw(st.integers(0, last))] = draw(st.integers(0, 255))
    return bytes(data)


def mutated(draw, file):
    """Return a valid file with a few changes and a digest that fits."""
    members = dict(file)
    nodes = json.loads(members["estimator.json"])
    given = json.loads(members["manifest.json"])
    for _ in range(draw(st.integers(1, 3))):
        what = draw(st.sampled_from(["tree", "tree", "tree", "manifest", "bytes"]))
        if what == "tree" and nodes:
            mutate_tree(draw, nodes)
        elif what == "manifest":
            mutate_manifest(draw, given)
            break
        else:
            name = draw(st.sampled_from([n for n in members if "/" in n]))
            members[name] = mutate_bytes(draw, members[name])
    members["estimator.json"] = json.dumps(nodes)
    members["manifest.json"] = json.dumps(given)
    return sealed(members.items())


def check_a_mutation(files, path, data):
    content = mutated(data.draw, data.draw(st.sampled_from(files)))
    path.write_bytes(content)
    start = time.perf_counter()
    with guarded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded = load(path)
        except ValueError:
            return
    assert time.perf_counter() - start < SECONDS
    assert isinstance(loaded, FusionClassifier)


FUZZ = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@settings(max_examples=30, derandomize=True, **FUZZ)
@given(data=st.data())
def test_mutated_files_load_or_are_refused(data, files, tmp_path_factory):
    check_a_mutation(files, tmp_path_factory.getbasetemp() / "mutated", data)


@pytest.mark.slow
@settings(max_examples=3000, **FUZZ)
@given(data=st.data())
def test_many_mutated_files_load_or_are_refused(data, files, tmp_path_factory):
    check_a_mutation(files, tmp_path_factory.getbasetemp() / "mutated", data)
