"""Valid files with a few changes: they load, or end in a ValueError."""

import json
import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.naive_bayes import GaussianNB

from skmultimodal import DecisionFusion, FusionClassifier, load
from skmultimodal.persistence._values import MAKERS
from tests.forging import DECISION, SECONDS, guarded, saved, sealed
from tests.parameters import nested

pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rule = DecisionFusion(rule="stacking", calibrate="isotonic")
    joint = {"max_epochs": 1, "random_state": 0}
    classifiers = [
        FusionClassifier(fusion="parallel", **nested(joint)),
        FusionClassifier(fusion="attention", missing="impute", **nested(joint)),
        FusionClassifier(DECISION, fusion=rule, random_state=np.random.RandomState(0)),
        FusionClassifier(
            [("m0", CalibratedClassifierCV(GaussianNB(), cv=2)), *DECISION[1:]],
            fusion="decision",
        ),
    ]
    return [saved(clf, folder) for clf in classifiers]


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


@pytest.mark.long
@settings(max_examples=3000, **FUZZ)
@given(data=st.data())
def test_many_mutated_files_load_or_are_refused(data, files, tmp_path_factory):
    check_a_mutation(files, tmp_path_factory.getbasetemp() / "mutated", data)
