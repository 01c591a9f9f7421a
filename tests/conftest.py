"""One thread, the quick tests, and small real data sets decoded once a session."""

import os
from collections import defaultdict

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and torch read it

import pytest
from sklearn.model_selection import train_test_split

from skmultimodal.datasets import load_birdstrikes, load_emoji, load_spoken_digits

QUICK = 1  # test functions of each file


@pytest.hookimpl(tryfirst=True)  # before -m deselects
def pytest_collection_modifyitems(items):
    """Mark the first test functions of each file as quick, each by its first case.

    A rule rather than a list: a file that is moved or added has quick tests at once.
    """
    marked = defaultdict(set)
    for item in items:
        if not isinstance(item, pytest.Function):
            continue  # a doctest
        if any(map(item.get_closest_marker, ("slow", "long", "distributed"))):
            continue
        functions = marked[item.path]
        if item.function not in functions and len(functions) < QUICK:
            functions.add(item.function)
            item.add_marker("quick")


def _stratified(X, y, n_samples):
    """Return n_samples rows with the class shares of the whole."""
    X, _, y, _ = train_test_split(
        X, y, train_size=n_samples, stratify=y, random_state=0
    )
    return X.reset_index(drop=True), y.reset_index(drop=True)


@pytest.fixture(scope="session")
def emoji():
    """All emoji as (X, y); not to be changed in place."""
    return load_emoji(return_X_y=True)


@pytest.fixture(scope="session")
def emoji_small(emoji):
    """200 emoji with columns image and text, 8 classes."""
    return _stratified(*emoji, 200)


@pytest.fixture(scope="session")
def birdstrikes_small():
    """200 bird strikes with a text and 9 table columns, 6 classes."""
    return _stratified(*load_birdstrikes(return_X_y=True), 200)


@pytest.fixture(scope="session")
def digits_small():
    """200 spoken digits with columns image, audio and text, 10 classes."""
    return _stratified(*load_spoken_digits(return_X_y=True), 200)
