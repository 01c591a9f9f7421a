"""Which transformers learn from y, and which treat the rows of fit apart."""

from __future__ import annotations

import dis
import inspect

from sklearn.base import TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags

__all__ = ["cross_fits", "learns_from_y"]

KNOWN = ("sklearn", "skmultimodal")  # whose tags say whether they need y


def learns_from_y(spec) -> bool:
    """Whether what an encoder or transformer does depends on y.

    It does if that of any step of a pipeline, column transformer or union does: where
    the tags or the signature of `fit` say that y is required; for classifiers and
    regressors that transform (discriminant analysis, partial least squares); for
    selectors that ask a model or score columns; and for transformers of others whose
    `fit` or `fit_transform` reads y.

    Parameters
    ----------
    spec : BaseEncoder or transformer
        Not a complete model.

    Examples
    --------
    >>> from sklearn.feature_selection import SelectKBest
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmultimodal.encoders._supervised import learns_from_y
    >>> learns_from_y(make_pipeline(StandardScaler(), SelectKBest()))
    True
    >>> learns_from_y(StandardScaler())
    False
    """
    return any(map(_learns, _steps(spec)))


def cross_fits(spec) -> bool:
    """Whether `fit_transform` gives the rows of fit what `transform` would not.

    As :class:`sklearn.preprocessing.TargetEncoder` does, which encodes each row
    without its own y. Of transformers that learn from y, those with a `fit_transform`
    of their own count.

    Parameters
    ----------
    spec : BaseEncoder or transformer
    """
    return any(_own(part, "fit_transform") and _learns(part) for part in _steps(spec))


def _steps(spec):
    """Yield the transformers that a composition is made of."""
    if isinstance(spec, Pipeline):
        parts = [step for _, step in spec.steps]
    elif isinstance(spec, FeatureUnion):
        parts = [part for _, part in spec.transformer_list]
    elif isinstance(spec, ColumnTransformer):
        parts = [part for _, part, _ in spec.transformers] + [spec.remainder]
    elif hasattr(spec, "wraps"):
        parts = [spec.wraps]
    else:
        if hasattr(spec, "fit"):  # not "drop" nor "passthrough"
            yield spec
        return
    for part in parts:
        yield from _steps(part)


def _learns(part) -> bool:
    asks = hasattr(part, "estimator") or hasattr(part, "score_func")
    if isinstance(part, SelectorMixin) and asks:
        return True  # the tags of some of them do not say so
    if hasattr(part, "__sklearn_tags__"):
        tags = get_tags(part)
        if tags.target_tags.required:
            return True
        if tags.estimator_type in ("classifier", "regressor"):
            return True
    y = inspect.signature(part.fit).parameters.get("y")
    if y is not None and y.default is inspect.Parameter.empty:
        return True
    if type(part).__module__.partition(".")[0] in KNOWN:
        return False
    methods = [name for name in ("fit", "fit_transform") if _own(part, name)]
    return any(_reads_y(getattr(part, name)) for name in methods)


def _own(part, name) -> bool:
    """Whether a method is there and not scikit-learn's, which fits and transforms."""
    method = getattr(type(part), name, None)
    return method not in (None, getattr(TransformerMixin, name, None))


def _reads_y(method) -> bool:
    """Whether a method has a parameter y and reads it; True where that is unknown."""
    code = getattr(inspect.unwrap(method), "__code__", None)
    if code is None:
        return True
    n_named = code.co_argcount + code.co_kwonlyargcount
    if "y" not in code.co_varnames[:n_named]:
        return bool(code.co_flags & inspect.CO_VARARGS)
    for step in dis.get_instructions(code):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if "y" in names and ("LOAD" in step.opname or "CLOSURE" in step.opname):
            return True
    return False
