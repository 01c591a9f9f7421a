"""Accuracy and speed of ``encoders="pretrained"`` with the weights of the extra.

    python benchmarks/bench_pretrained.py [--sets emoji birdstrikes ...]
        [--memory FOLDER] [--speed] [--json FILE] [--rst FILE]

Five stratified folds, shuffled with seed 0; the spoken digits on their given split.
Nothing is tuned on them. The hand-made stack has the same features and the same models
of each modality under scikit-learn's ``StackingClassifier``. Needs the extra
``offline``; features are embedded once and kept in FOLDER. ``--speed`` measures what
embedding costs over the bare model, and no accuracy.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import torch
from _common import alternate, bar_row, print_table, ratio
from bench_strategies import load, record, summary, take
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmultimodal import DecisionFusion, FusionClassifier, PretrainedEncoder, RowCache
from skmultimodal.data._columns import find_cells
from skmultimodal.datasets import load_emoji
from skmultimodal.encoders.features._row_cache import clear_row_cache
from skmultimodal.encoders.pretrained._installed import files_of
from skmultimodal.estimators._layout import layout_of

SETS = ("spoken_digits", "emoji", "birdstrikes")
DEFAULT, PRETRAINED = "FusionClassifier()", 'FusionClassifier("pretrained")'
STACK = "hand-made stack of the same models"


def select(X, name, columns):
    """Return the cells of one modality."""
    return find_cells(X, {name: columns})[name]


def models_of(X, memory):
    """Return the models of ``encoders="pretrained"`` for a stack."""
    layout, models = layout_of(X, "pretrained", None, "bench_pretrained"), []
    for name, pipe in layout.encoders(DecisionFusion()).items():
        cells = FunctionTransformer(
            select, kw_args={"name": name, "columns": layout.columns[name]}
        )
        if name in layout.pretrained:
            pipe.set_params(rowcache__memory=memory)
        models.append((name, make_pipeline(cells, *(step for _, step in pipe.steps))))
    return models


def candidates(X, memory):
    """Return the estimators to compare by name."""
    last = LogisticRegression(max_iter=1000)
    return {
        PRETRAINED: FusionClassifier("pretrained", random_state=0, memory=memory),
        DEFAULT: FusionClassifier(random_state=0, memory=memory),
        STACK: StackingClassifier(models_of(X, memory), last),
    }


def run(name, memory):
    """Return one record a candidate: accuracy, standard error, log loss, seconds."""
    X, y, folds = load(name, None)
    figures, rows = {}, candidates(X, memory)
    for fold, (train, test) in enumerate(folds):
        for label, model in rows.items():
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # convergence of the baselines
                model.fit(take(X, train), y[train])
                proba = model.predict_proba(take(X, test))
            seconds = time.process_time() - start
            record(figures, label, proba, y[test], model.classes_, seconds)
            right, loss = figures[label][-1][:2]
            print(name, fold, label, round(right, 4), round(loss, 4), flush=True)
    return [summary(name, label, parts) for label, parts in figures.items()]


def bars(records):
    """Return a row for each bar that must hold."""
    found = {(r["set"], r["candidate"]): r for r in records}
    rows = []
    for name in dict.fromkeys(r["set"] for r in records):
        ours, default = found[name, PRETRAINED], found[name, DEFAULT]
        if name == "emoji":
            stack = found[name, STACK]["accuracy"]
            rows.append(bar_row("emoji, accuracy", ours["accuracy"], 0.89, True))
            rows.append(bar_row("emoji, over the stack", ours["accuracy"], stack, True))
        elif name == "spoken_digits":
            rows.append(bar_row("digits, accuracy", ours["accuracy"], 0.997, True))
        else:
            least = default["accuracy"] - default["standard_error"]
            least = round(least, 4)
            rows.append(bar_row(f"{name}, accuracy", ours["accuracy"], least, True))
    return rows


def page(records):
    """Return the table as reStructuredText: accuracy and log loss by set."""
    sets = list(dict.fromkeys(r["set"] for r in records))
    found = {(r["set"], r["candidate"]): r for r in records}
    lines = [".. list-table::", "   :header-rows: 1", "", "   * - candidate"]
    lines += [f"     - {name.replace('_', ' ')}" for name in sets]
    for label in dict.fromkeys(r["candidate"] for r in records):
        shown = f"``{label}``" if "(" in label else label
        lines.append(f"   * - {shown}")
        for name in sets:
            r = found[name, label]
            said = f"{r['accuracy']:.3f} ± {r['standard_error']:.3f}"
            lines.append(f"     - {said}, {r['log_loss']:.3f}")
    return "\n".join(lines) + "\n"


def image_speed(n_rows):
    """Return seconds of embedding images, and of the bare model on them in batches."""
    cells = load_emoji(return_X_y=True)[0]["image"][:n_rows]
    encoder = PretrainedEncoder("efficientnet-lite0")
    RowCache(encoder).transform(cells[:1])  # loads the model
    encoder.fit(cells[:1])
    module = encoder._model()
    pixels = torch.from_numpy(
        encoder._prepared(list(cells), list(cells.index))["pixels"]
    )

    def embed():
        clear_row_cache()
        RowCache(encoder).transform(cells)

    def bare():
        with torch.inference_mode():
            for part in pixels.split(32):
                module(part)

    return {"embed": embed, "bare": bare}


def text_speed(n_rows):
    """Return seconds of embedding texts, and of sentence-transformers on them."""
    from sentence_transformers import SentenceTransformer

    texts = load_emoji(return_X_y=True)[0]["text"].drop_duplicates()[:n_rows]
    encoder = PretrainedEncoder("all-MiniLM-L6-v2")
    encoder.fit(texts[:1])
    package = SentenceTransformer(str(files_of("all-MiniLM-L6-v2")), device="cpu")

    def embed():
        clear_row_cache()
        RowCache(encoder).transform(texts)

    return {"embed": embed, "bare": lambda: package.encode(texts.tolist())}


def speed(repeats):
    """Return a row for each bar of speed."""
    seconds = alternate(image_speed(64), repeats)
    rows = [bar_row("image, over the bare model", ratio(seconds, "embed", "bare"), 1.1)]
    seconds = alternate(text_speed(400), repeats)
    what = "text, over sentence-transformers"
    return [*rows, bar_row(what, ratio(seconds, "embed", "bare"), 1.2)]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--memory", help="folder of features and models")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--repeats", type=int, default=5, help="of --speed [5]")
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--rst", help="write the table to this file")
    given = parser.parse_args()
    head = ["what", "value", "bar", "holds"]
    if given.speed:
        torch.set_num_threads(1)
        print_table(head, speed(given.repeats), "Speed, ratio of CPU seconds")
        return
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.sets:
            records += run(name, given.memory or folder)
            columns = list(records[0])
            print_table(columns, [[str(v) for v in r.values()] for r in records])
            if given.json:
                Path(given.json).write_text(json.dumps(records, indent=1))
    print_table(head, bars(records), "Bars")
    if given.rst:
        Path(given.rst).write_text(page(records), encoding="utf-8")


if __name__ == "__main__":
    main()
