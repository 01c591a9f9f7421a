"""Train as the arguments say, alone or under `torchrun`; write what each process has.

Run by test_accelerate.py as ``train_accelerated.py FOLDER '{"option": value}'``.
"""

import json
import pickle
import sys
from pathlib import Path

import numpy as np

from skmultimodal import (
    FusionClassifier,
    ImageEncoder,
    ParallelFusion,
    TextEncoder,
    Training,
)
from skmultimodal.datasets import load_emoji


def main(folder, accumulation=1, precision="no", partial=False, verbose=0, **params):
    from accelerate import Accelerator  # not where pytest looks for doctests

    X, y = load_emoji(return_X_y=True)
    X, y = X[:303], y[:303]  # of batches of 50, the last has 3 rows
    accelerator = Accelerator(
        cpu=True, gradient_accumulation_steps=accumulation, mixed_precision=precision
    )
    # nothing may be drawn at random for a row, for the rows are dealt otherwise
    encoders = [
        ("image", ImageEncoder((4,), 8, dropout=0.0)),
        ("text", TextEncoder(out_features=8, dropout=0.0)),
    ]
    defaults = {"max_epochs": 3, "batch_size": 50, "optimizer": "sgd", "lr": 0.1}
    clf = FusionClassifier(
        encoders,
        ParallelFusion(),
        Training(**defaults | params, accelerator=accelerator, modality_dropout=0.0),
        random_state=accelerator.process_index,  # that of the first is for all
        verbose=verbose,
    )
    clf.fit(X, y, sample_weight=np.linspace(0.5, 2, len(y)))
    if partial:
        clf.partial_fit(X[:100], y[:100])
    again = pickle.loads(pickle.dumps(clf.set_params(training__accelerator=None)))
    np.savez(
        Path(folder) / f"{accelerator.process_index}.npz",
        proba=again.predict_proba(X),
        loss=clf.history_["train_loss"],
    )
    accelerator.end_training()


if __name__ == "__main__":
    main(sys.argv[1], **json.loads(sys.argv[2]))
