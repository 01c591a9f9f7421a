"""Models of one modality made others, for targets that models do not know."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skmultimodal.encoders._supervised import learns_from_y

__all__ = ["WrappedModel", "of_last_step"]


class WrappedModel(MetaEstimatorMixin, BaseEstimator):
    """A model that fits clones of its `estimator`, with the weights of the rows."""

    estimator: Any

    def get_metadata_routing(self):
        """Return that `sample_weight` goes to the model as that asks for it."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(estimator=self.estimator, method_mapping=mapping)


def of_last_step(model, wrap):
    """Return a wrapped model: of a pipeline, its last step is wrapped.

    Where earlier steps learn from y, the whole of it is.

    Parameters
    ----------
    model : estimator
    wrap : callable
        From a model to one that wraps it.

    Examples
    --------
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmultimodal.fusion.apart._wrapped import of_last_step
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> of_last_step(model, BaggingClassifier)[-1]
    BaggingClassifier(estimator=LogisticRegression())
    """
    steps = model.steps if isinstance(model, Pipeline) else []
    if len(steps) < 2 or learns_from_y(model[:-1]):
        return wrap(model)
    name, last = steps[-1]
    return Pipeline([*steps[:-1], (name, wrap(last))])
