"""Which modalities X has: those that are named, and those that are inferred."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skmultimodal.data._columns import did_you_mean, find_cells, left_out
from skmultimodal.data._containers import MultimodalData
from skmultimodal.data._table import COLUMN_KINDS
from skmultimodal.encoders._auto import KINDS, Inferred, infer_columns
from skmultimodal.encoders.pretrained._sources import is_name
from skmultimodal.fusion._auto import auto_encoders

__all__ = ["Layout", "is_drop", "is_numeric", "layout_of", "pairs_of"]

AUTO, PRETRAINED = "auto", "pretrained"
MEDIA = ("image", "text", "audio")  # that pretrained encoders read


class Layout(NamedTuple):
    """Where modalities live, and what encodes them.

    Attributes
    ----------
    columns : dict of str to column(s)
        Of each modality, in order.
    given : dict of str to encoder
        The encoders that were given.
    inferred : dict of str to Inferred
        The modalities whose encoder follows from their kind and the strategy.
    dropped : tuple of str
        Modalities switched off.
    kinds : dict of str to str
        What single columns of tables are taken for.
    plain : bool
        Whether all is one matrix of numbers.
    regression : bool
    pretrained : dict of str to PretrainedEncoder
        Encoders in whatever form suits the strategy.
    chosen : dict of str to (str, PretrainedEncoder or None)
        For ``"pretrained"``: the kind of each modality, and what was chosen for it.
    """

    columns: dict[str, Any]
    given: dict[str, Any]
    inferred: dict[str, Inferred]
    dropped: tuple[str, ...]
    kinds: dict[str, str]
    plain: bool
    regression: bool
    pretrained: Mapping[str, Any] = MappingProxyType({})
    chosen: Mapping[str, Any] = MappingProxyType({})

    def encoders(self, strategy, n_classes=2) -> dict[str, Any]:
        """Return the encoder of each modality under a strategy, for some classes."""
        kind = self.plain, self.regression, n_classes
        found = {**auto_encoders(self.inferred, strategy, *kind), **self.given}
        if self.pretrained:
            from skmultimodal.encoders.pretrained._defaults import suited

            for name, encoder in self.pretrained.items():
                found[name] = suited(encoder, strategy, self.regression)
        return {name: found[name] for name in self.columns}

    @property
    def follows(self) -> bool:
        """Whether encoders follow from the strategy."""
        return bool(self.inferred or self.pretrained)


def layout_of(X, encoders, columns, owner, regression=False) -> Layout:
    """Return the modalities of X under the parameters of an estimator.

    Parameters
    ----------
    X : DataFrame, MultimodalData or ndarray of shape (n_samples, n_features)
    encoders : "auto", list of (str, encoder) or dict of str to encoder
    columns : dict of str to column(s), or None
    owner : str
        Whom errors name.
    regression : bool, default=False

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.estimators._layout import layout_of
    >>> X = pd.DataFrame({"note": ["very good food", "bad food"], "price": [9.5, 20.0]})
    >>> layout_of(X, {"note": "drop"}, None, "FusionClassifier").columns
    {'table': ['price']}
    """
    columns = dict(columns or {})
    if isinstance(encoders, str):
        if encoders not in (AUTO, PRETRAINED):
            raise ValueError(_not_encoders(encoders, owner))
        inferred = infer_columns(X)
        each = dict.fromkeys(columns, AUTO)
        make = f"Pass encoders={each!r} to make modalities of them."
        _refuse_unknown(columns, list(inferred), "modalities of X", make)
        for name, where in columns.items():
            inferred[name] = inferred[name]._replace(columns=where)
        found = {name: i.columns for name, i in inferred.items()}
        layout = Layout(found, {}, inferred, (), {}, is_numeric(X), regression)
        return layout if encoders == AUTO else _beside(layout, inferred, owner)
    specs, others = dict(pairs_of(encoders, owner)), isinstance(encoders, dict)
    if others:
        specs |= {name: AUTO for name in columns if name not in specs}
    elif all(map(is_drop, specs.values())):
        raise ValueError(f"Every encoder of {owner} is 'drop'. Keep at least one.")
    kinds = {n: s for n, s in specs.items() if isinstance(s, str) and s in COLUMN_KINDS}
    joined = [n for n in kinds if others and n not in columns and _has(X, n)]
    specs = {
        n: "table" if n in kinds else s for n, s in specs.items() if n not in joined
    }
    _refuse_unknown(columns, list(specs), "encoders")
    # of a list, a single modality that is not named like a column is all of X
    alone = not others and len(specs) == 1 and not _has(X, next(iter(specs)))
    where = {
        name: columns.get(name, _whole(X) if alone else name)
        for name in specs
        if alone or name in columns or _has(X, name)
    }
    unknown = [name for name in specs if name not in where]
    rest = _rest(X, where, joined) if others or unknown else {}
    for name in unknown:
        if name in rest:
            where[name] = rest[name].columns
        elif others:
            raise ValueError(_no_modality(X, name, rest, owner))
        else:
            where[name] = name  # an error will say that it is none
    if others:
        where |= {name: i.columns for name, i in rest.items()}
    layout = _sorted(X, specs, where, rest, regression)._replace(kinds=kinds)
    if not layout.columns:
        raise ValueError(f"Every encoder of {owner} is 'drop'. Keep at least one.")
    asked = {n: i for n, i in layout.inferred.items() if _is(specs.get(n), PRETRAINED)}
    return _beside(layout, asked, owner) if asked else layout


def _beside(layout, asked, owner) -> Layout:
    """Return the layout with the best installed encoder beside each that is asked for.

    It is a modality of its own, of the same cells.
    """
    from skmultimodal.encoders.pretrained._defaults import best_encoder
    from skmultimodal.encoders.pretrained._installed import EXTRA

    media = {n: best_encoder(i.kind) for n, i in asked.items() if i.kind in MEDIA}
    lacking = [name for name, encoder in media.items() if encoder is None]
    every = asked.keys() == layout.inferred.keys() and not layout.given
    if not media:
        kinds = sorted({i.kind for i in asked.values()})
        raise ValueError(
            f"'pretrained' is for modalities of {', '.join(MEDIA)}. {owner} found "
            f"{list(asked)} of {', '.join(kinds)}. Use 'auto'."
        )
    if lacking and (not every or len(lacking) == len(media)):
        kinds = sorted({asked[name].kind for name in lacking})
        raise ImportError(
            f"No pretrained encoder of {', '.join(kinds)} is installed, which "
            f"'pretrained' of {owner} needs for {lacking}: {EXTRA}"
        )
    columns, pretrained = {}, {}
    for name, where in layout.columns.items():
        columns[name] = where
        if media.get(name) is not None:
            other = _free(f"{name}_{PRETRAINED}", layout.columns)
            columns[other], pretrained[other] = where, media[name]
    chosen = {name: (i.kind, media.get(name)) for name, i in asked.items()}
    pretrained = {**layout.pretrained, **pretrained}
    return layout._replace(columns=columns, pretrained=pretrained, chosen=chosen)


def _no_modality(X, name, rest, owner) -> str:
    known = sorted({*map(str, _names_of(X)), *rest})
    return (
        f"'encoders' of {owner} has an entry for {name!r}, which is neither a column "
        f"nor a modality of X.{did_you_mean(name, known)} Known are {known[:20]}. Say "
        f"where it lives with columns={{{name!r}: ...}}."
    )


def _sorted(X, specs, where, inferred, regression) -> Layout:
    """Sort the modalities by what is said of them, in the order they are named."""
    dropped = tuple(name for name, spec in specs.items() if is_drop(spec))
    order = [*specs, *(name for name in where if name not in specs)]
    where = {name: where[name] for name in order if name not in dropped}
    given, automatic, pretrained = {}, {}, {}
    for name, found in where.items():
        spec = specs.get(name, AUTO)
        if not isinstance(spec, str):
            given[name] = spec
        elif is_name(spec):
            kind = _kind_at(X, name, found)
            pretrained[name] = _named(spec, kind)
        elif spec not in (AUTO, PRETRAINED):
            automatic[name] = Inferred(spec, found)
        elif name in inferred:
            automatic[name] = inferred[name]
        else:
            automatic[name] = Inferred(_kind_at(X, name, found), found)
    return Layout(where, given, automatic, dropped, {}, False, regression, pretrained)


def _named(name, kind):
    """Return the encoder of a model that is named."""
    from skmultimodal.encoders.pretrained._encoder import PretrainedEncoder

    return PretrainedEncoder(name, kind if kind in MEDIA else None)


def _kind_at(X, name, where) -> str:
    """Return the kind of what a modality finds in its columns."""
    cells = find_cells(X, {name: where})[name]
    if not isinstance(cells, pd.DataFrame):
        block = cells.ndim > 1
        cells = MultimodalData({name: cells}) if block else pd.DataFrame({name: cells})
    kinds = {kind for kind, _ in infer_columns(cells).values()}
    return kinds.pop() if len(kinds) == 1 else "table"


def _rest(X, named, joined=()) -> dict[str, Inferred]:
    """Return the modalities of the columns that are not named, some in the table."""
    if not named and not joined:
        return infer_columns(X)
    left = left_out(X, [*named.values(), *joined])
    if not left:
        rest: dict[str, Inferred] = {}
    elif not isinstance(X, (pd.DataFrame, MultimodalData)):
        rest = {"table": Inferred("table", left)}
    elif isinstance(X, MultimodalData):
        rest = infer_columns(MultimodalData({name: X[name] for name in left}))
    else:
        rest = infer_columns(X[left])
    if joined:
        name = next(
            (n for n, (kind, c) in rest.items() if isinstance(c, list)), "table"
        )
        before = rest[name].columns if name in rest else []
        rest[name] = Inferred("table", [*before, *joined])
    return {_free(name, named): inferred for name, inferred in rest.items()}


def _free(name, taken) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def pairs_of(encoders, owner) -> list[tuple[str, Any]]:
    """Return given encoders as pairs of name and encoder, checked."""
    if isinstance(encoders, dict):
        encoders = list(encoders.items())
    try:
        pairs = [(name, spec) for name, spec in encoders]
    except (TypeError, ValueError):
        pairs = None
    if pairs is None or not all(isinstance(name, str) for name, _ in pairs):
        raise ValueError(_not_encoders(encoders, owner))
    if not pairs:
        raise ValueError(f"The 'encoders' of {owner} are empty. Give at least one.")
    for name, spec in pairs:
        for candidate in spec if isinstance(spec, list) and spec else [spec]:
            _check_usable(name, candidate)
    return pairs


def _not_encoders(encoders, owner) -> str:
    return (
        f"The 'encoders' parameter of {owner} must be 'auto', 'pretrained', a list of "
        f"(name, encoder) pairs or a dict {{name: encoder}}. Got {encoders!r} instead."
    )


def _check_usable(name, spec):
    """Refuse what is no encoder, and say how it becomes one."""
    if isinstance(spec, str):
        known = ("drop", AUTO, PRETRAINED, *KINDS, *COLUMN_KINDS)
        if spec in known or is_name(spec):
            return
        expected = (
            f"'auto', 'drop', a kind of modality among {list(KINDS)} or of "
            f"column among {list(COLUMN_KINDS)}, 'pretrained', or the name, folder or "
            "file of a pretrained model"
        )
        hint = did_you_mean(spec, known)
        raise ValueError(f"Modality {name!r}: expected {expected}. Got {spec!r}.{hint}")
    methods = ("build", "transform", "predict")
    if any(hasattr(spec, m) for m in methods) and not isinstance(spec, type):
        return  # TextEncoder for TextEncoder() is none
    raise TypeError(
        f"Modality {name!r}: expected an encoder, a scikit-learn transformer, "
        f"classifier or regressor, a list of these, 'auto' or 'drop'. Got {spec!r} "
        f"instead.{_wrapper(spec)}"
    )


def _wrapper(spec) -> str:
    """Return what makes a network or a function an encoder."""
    from torch import nn

    if isinstance(spec, nn.Module):
        return (
            " Wrap the network so that each fit starts afresh: ModuleEncoder(factory), "
            "where factory is its class or a function that returns a new one."
        )
    if isinstance(spec, type):
        name = spec.__name__
        if issubclass(spec, nn.Module):
            return f" Wrap the class of the network: ModuleEncoder({name})."
        return f" Give an instance: {name}()."
    if callable(spec):
        name = getattr(spec, "__name__", "function")
        return (
            f" Wrap the function: ModuleEncoder({name}) if it returns a network, "
            f"sklearn.preprocessing.FunctionTransformer({name}) if it turns cells into "
            "features."
        )
    return ""


def is_drop(spec) -> bool:
    """Whether a modality is switched off."""
    return _is(spec, "drop")


def _is(spec, word) -> bool:
    return isinstance(spec, str) and spec == word


def is_numeric(X) -> bool:
    """Whether a frame or an array is a plain matrix of numbers."""
    if isinstance(X, np.ndarray):
        return X.dtype != object
    return isinstance(X, pd.DataFrame) and all(
        pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        for dtype in X.dtypes
    )


def _names_of(X) -> list:
    if isinstance(X, pd.DataFrame):
        return list(X.columns)
    return list(X) if isinstance(X, MultimodalData) else []


def _has(X, name) -> bool:
    """Whether X has a column of a name; the first level of several counts."""
    if isinstance(X, pd.DataFrame):
        return name in X.columns
    return isinstance(X, MultimodalData) and name in X


def _whole(X):
    """Return the columns of all of X; one that is not of numbers as a Series."""
    names = _names_of(X)
    if not names:
        return slice(None)
    return names if len(names) > 1 or is_numeric(X) else names[0]


def _refuse_unknown(columns, known, what, remedy=""):
    unknown = [name for name in columns if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known)
        raise ValueError(
            f"'columns' has entries for {unknown}, which are not among the {what}, "
            f"{known}.{hint or ' ' * bool(remedy) + remedy}"
        )
