"""Deletion curves: what is left of a prediction when its best parts are taken away.

    python benchmarks/bench_deletion.py [--rows 40] [--orders 16] [--json FILE]

Gated networks on the bundled data. Parts of each held-out row are taken away, those
that speak most for the predicted class first, as ranked by Shapley values, integrated
gradients, the gradient at the whole cell times the change, and at random. The figure
is the mean probability of the predicted class along the way, both ends included: the
lower, the better the ranking. Differences are paired by row; in brackets their standard
errors. Where an encoder has no way for gradients, there are none.
"""

from __future__ import annotations

import numpy as np
from _common import arguments, print_table, save

from skmultimodal import FusionClassifier, GatedFusion, Training
from skmultimodal.datasets import load_birdstrikes, load_emoji, load_spoken_digits
from skmultimodal.inspection import part_attributions
from skmultimodal.inspection._gradients import integrated
from skmultimodal.inspection._play import Game, play

DATA = {
    "emoji": (load_emoji, ("image", "text")),
    "spoken digits": (load_spoken_digits, ("image", "audio")),
    "bird strikes": (load_birdstrikes, ("text", "table")),
}
EPOCHS = 15
TRAINING_ROWS = 600
SHARES = np.linspace(0, 1, 11)  # of the parts that are taken away


class Order(Game):
    """The sets that are left when parts are taken away in an order."""

    def __init__(self, row, parts, order):
        self.row, self.parts = row, parts
        n_parts = len(order)
        places = np.empty(n_parts, dtype=int)
        places[order] = np.arange(n_parts)
        self.subsets = places >= np.arange(n_parts + 1)[:, None]


def curves(clf, X, modality, found, orders):
    """Return the probability of the predicted class by share taken away, by row."""
    cells, present = clf.reader_.read(X)
    columns = np.searchsorted(clf.classes_, found.target_)
    games = [
        Order(row, {modality: found.parts_[row]}, order)
        for row, order in enumerate(orders)
    ]
    left = play(clf, cells, present, games, columns, "probability", "blank")
    return np.array(
        [np.interp(SHARES, np.linspace(0, 1, len(one)), one) for one in left]
    )


def ranked(clf, X, modality, n_orders):
    """Return the attributions, and by method the order of the parts of each row."""
    options = {"output": "probability", "random_state": 0}
    shapley = part_attributions(clf, X, modality, n_orders=n_orders, **options)
    random = np.random.default_rng(0)
    values = {
        "Shapley": shapley.values_,
        **by_gradients(clf, X, modality, shapley, options),
        "random": [random.normal(size=len(one)) for one in shapley.values_],
    }
    orders = {
        name: [np.argsort(-np.asarray(one), kind="stable") for one in rows]
        for name, rows in values.items()
    }
    return shapley, orders


def by_gradients(clf, X, modality, found, options):
    """Return the attributions by gradients; none where there is no way for them."""
    try:
        whole = part_attributions(clf, X, modality, method="gradients", **options)
    except ValueError as error:
        print(error)
        return {}
    cells, present = clf.reader_.read(X)
    columns = np.searchsorted(clf.classes_, found.target_)
    alone = integrated(
        clf.fusion_,
        cells,
        present,
        modality,
        found.parts_,
        columns,
        1,
        options["output"],
        at_end=True,
    )[0]
    return {"integrated gradients": whole.values_, "gradient alone": alone}


def measured(name, modality, clf, X, n_orders):
    """Return the areas under the curves by method, of one modality of one data set."""
    found, orders = ranked(clf, X, modality, n_orders)
    areas = {
        method: curves(clf, X, modality, found, order).mean(axis=1)
        for method, order in orders.items()
    }
    rows = []
    for method, area in areas.items():
        row = {"data": name, "modality": modality, "method": method}
        row["area"] = f"{area.mean():.3f}"
        for other in ("gradient alone", "random"):
            if other not in areas:
                row[f"less {other}"] = "-"
                continue
            gap = area - areas[other]
            error = gap.std(ddof=1) / np.sqrt(len(gap))
            row[f"less {other}"] = f"{gap.mean():+.3f} ({error:.3f})"
        rows.append(row)
    return rows


def main():
    options = arguments(
        __doc__,
        rows=(int, 40, "held-out rows"),
        orders=(int, 16, "orders of the Shapley values"),
        data=(str, "", "one data set alone"),
    )
    table = []
    for name, (load, modalities) in DATA.items():
        if options.data not in ("", name):
            continue
        X, y = load(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(X))
        X, y = X.iloc[order], y.iloc[order]
        clf = FusionClassifier(
            fusion=GatedFusion(), training=Training(max_epochs=EPOCHS), random_state=0
        )
        clf.fit(X[:TRAINING_ROWS], y[:TRAINING_ROWS])
        held_out = X[TRAINING_ROWS : TRAINING_ROWS + options.rows]
        for modality in modalities:
            rows = measured(name, modality, clf, held_out, options.orders)
            print_table(rows[0], [one.values() for one in rows])
            table += rows
    save(options.json, areas=table)


if __name__ == "__main__":
    main()
