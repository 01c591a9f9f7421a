"""scikit-learn transformers as encoders: standardisation, gaps, tables of skrub."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import FunctionTransformer

from skmultimodal import FusionClassifier, TextEncoder, Training
from skmultimodal.encoders._base import TransformerEncoder


def encoder():
    return TransformerEncoder(FunctionTransformer(), out_features=4)


def test_features_are_standardised_with_weights():
    X = np.array([[1.0, 5.0], [3.0, 5.0], [9.0, 5.0]])
    fitted = encoder().fit(X, sample_weight=np.array([1.0, 1.0, 0.0]))
    features = fitted.transform(X)["features"]
    np.testing.assert_allclose(features, [[-1, 0], [1, 0], [7, 0]])


def test_a_missing_feature_is_the_mean_and_marked():
    X = np.array([[1.0, 0.0], [np.nan, 1.0], [3.0, 2.0], [2.0, np.nan]])
    fitted = encoder().fit(X[:3])
    features = fitted.transform(X)["features"]
    np.testing.assert_allclose(features[:, 0], [-1, 0, 1, 0])
    np.testing.assert_allclose(features[:, 2], [0, 1, 0, 0])
    assert features[3, 1] == 0  # a gap where fit had none
    module = fitted.build()
    assert module(*map(_tensor, [features])).shape == (4, 4)


def _tensor(values):
    import torch

    return torch.from_numpy(values).float()


def test_an_infinite_feature_is_an_error():
    with pytest.raises(ValueError, match=r"row 0: column 1 of what .* is infinite"):
        encoder().fit(np.array([[1.0, np.inf], [2.0, 3.0]]))


def test_a_loss_of_nan_is_an_error_and_not_a_model(emoji_small):
    X, y = emoji_small
    clf = FusionClassifier(
        [("text", TextEncoder())], training=Training(lr=1e38, optimizer="sgd")
    )
    with pytest.raises(ValueError, match=r"train_loss is NaN in epoch .* Lower 'lr'"):
        clf.fit(X, y)
    assert not hasattr(clf, "fusion_")


def test_table_vectorizer_of_skrub(birdstrikes_small):
    skrub = pytest.importorskip("skrub", reason="needs skrub")
    X, y = birdstrikes_small
    table = [name for name in X if name != "text"]
    assert X[table].isna().any(axis=None)
    clf = FusionClassifier(
        [("table", skrub.TableVectorizer()), ("text", TextEncoder())],
        "parallel",
        columns={"table": table},
        random_state=0,
        training=Training(max_epochs=30),
    )
    clf.fit(X, y)
    alone = clf.predict_proba_per_modality(X)["table"]
    assert np.isfinite(alone).all()
    majority = pd.Series(y).value_counts(normalize=True).iloc[0]
    assert clf.score(X, y) > majority + 0.15
