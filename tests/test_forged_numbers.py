"""Arrays, trees and sizes that lie: refused before they take memory or hang."""

import io
import json
import sys

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from skmultimodal import FusionClassifier, TabularEncoder, Training
from tests.forging import forged, npy, refused, saved, sealed

pytest.importorskip("safetensors")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skmm"


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
    refused(path, with_array(long), r"[Hh]eader.*large")
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
    twice = (lambda i: ["a", [i], "b", [i]]) if kind == "dict" else lambda i: [[i], [i]]
    nodes += [[kind, [], twice(i)] for i in range(levels)]
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
        refused(path, forged(doubled(kind, levels, top)), "far larger than the file")
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


@pytest.mark.parametrize(
    ("fusion", "kind", "changes"),
    [
        ("parallel", "TabularEncoder", {"out_features": 10**9}),
        ("parallel", "TransformerEncoder", {"out_features": 10**9}),
        ("attention", "AttentionFusion", {"out_features": 4 * 10**6}),
        (
            "attention",
            "AttentionFusion",
            {"n_layers": 10**9, "n_heads": 1, "out_features": 1},
        ),
    ],
)
def test_networks_larger_than_their_weights(fusion, kind, changes, tmp_path):
    """A width that takes all memory, and a loop of layers that never ends."""
    tables = {name: TabularEncoder() for name in ("m0", "m1", "m2")}
    clf = FusionClassifier(
        tables if kind == "TabularEncoder" else "auto",
        fusion,
        random_state=0,
        training=Training(max_epochs=1),
    )
    members = saved(clf, tmp_path)
    nodes = json.loads(members["estimator.json"])
    changed = [node for node in nodes if node[1][1:2] == [kind]]
    assert changed
    for _, words, parts in changed:
        for name, value in changes.items():
            parts[words.index(name) - len(words)] = value
    members["estimator.json"] = json.dumps(nodes)
    refused(tmp_path / "model", sealed(members.items()), "larger than its weights")
    assert torch.is_grad_enabled()
