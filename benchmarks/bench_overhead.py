"""Cost of fit and predict over a hand-written PyTorch loop, and that of skorch.

    python benchmarks/bench_overhead.py [--repeats 15] [--json FILE]

Three networks: a small CNN + LSTM, a tiny MLP and a larger CNN + LSTM. All
contestants train the same modules (made by the encoders and the strategy), on the
same tensors, with the same fused AdamW, batch size and number of epochs, one
thread. Time is CPU time of the process; contestants alternate.

``hand``      the loop one writes by hand, batches by index-select of tensors
``ours``      the loop of the library, from the same tensors to a trained net
``skorch``    ``skorch.NeuralNetClassifier`` as shipped, on dicts of arrays

The last table compares whole estimators: ``FusionClassifier.fit`` on a frame with
the hand loop preceded by the preprocessing one would write by hand.
"""

from __future__ import annotations

from functools import partial
from statistics import median

import numpy as np
import pandas as pd
import torch
from _common import alternate, arguments, bar_row, print_table, ratio, save
from skorch import NeuralNetClassifier
from torch import nn

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    ImageEncoder,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.fusion.apart._standalone import _Alone as Alone
from skmultimodal.training._fit import train
from skmultimodal.training._network import FusionNetwork, module_key
from skmultimodal.training._outputs import predict_outputs
from skmultimodal.training._settings import JointTraining, TrainingSettings
from skmultimodal.training._tasks import Classification
from skmultimodal.training._tensors import Tensors

N_STEPS, N_CLASSES, BATCH, PREDICT_BATCH = 20, 10, 64, 512
BARS = {"CNN + LSTM": 1.05, "tiny MLP": 1.10, "larger CNN + LSTM": 1.05}
PREDICT_BAR = 1.10


def media(n_samples, size, seed=0):
    """Return pictures and texts of N_STEPS words, and their classes."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (n_samples, size, size), dtype=np.uint8)
    words = np.array([f"word{i}" for i in range(200)], dtype=object)
    texts = [" ".join(row) for row in rng.choice(words, (n_samples, N_STEPS))]
    y = rng.integers(0, N_CLASSES, n_samples)
    return pd.DataFrame({"image": list(pictures), "text": texts}), y


def cases():
    """Return (frame, y, encoders, strategy, epochs) of each size of network."""
    X, y = media(5000, 8)
    small = {
        "image": ImageEncoder((16, 32), 32, dropout=0.0),
        "text": TextEncoder(
            level="word",
            cell="lstm",
            embedding_features=32,
            hidden_features=32,
            out_features=32,
            bidirectional=False,
        ),
    }
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.standard_normal((5000, 64)))
    table.columns = [f"x{i}" for i in range(64)]
    tiny = {"table": TabularEncoder(hidden_features=(), out_features=32, dropout=0.0)}
    X_large, y_large = media(1000, 16)
    large = {
        "image": ImageEncoder((64, 128), 128, dropout=0.0),
        "text": TextEncoder(
            level="word",
            cell="lstm",
            embedding_features=64,
            hidden_features=128,
            out_features=128,
            bidirectional=False,
        ),
    }
    feature = FeatureFusion()
    return {
        "CNN + LSTM": (X, y, small, feature, 1),
        "tiny MLP": (table, y, tiny, Alone(), 4),
        "larger CNN + LSTM": (X_large, y_large, large, feature, 1),
    }


class ByHand(nn.Module):
    """The modules of the library under the forward pass one would write."""

    def __init__(self, network):
        super().__init__()
        self.names = network.names
        self.encoders, self.fusion = network.encoders, network.fusion

    def forward(self, **inputs):
        embedded = {}
        for name in self.names:
            keys = INPUTS[name]
            block = {key: inputs[key] for key in keys if key in inputs}
            embedded[name] = self.encoders[module_key(name)](**block)
        return self.fusion(embedded).scores


INPUTS = {
    "image": ["pixels"],
    "text": ["tokens", "lengths"],
    "table": ["numbers", "categories"],
}


def hand_fit(make, tensors, target, epochs, lr):
    """Return a module trained by the plain loop."""
    torch.manual_seed(0)
    module = make()
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=lr, weight_decay=1e-3, fused=True
    )
    loss_of = nn.CrossEntropyLoss()
    module.train()
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(target)).split(BATCH):
            optimizer.zero_grad()
            scores = module(**{key: value[rows] for key, value in tensors.items()})
            loss = loss_of(scores, target[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        float(total)
    return module


def hand_predict(module, tensors):
    module.eval()
    n_samples, parts = len(next(iter(tensors.values()))), []
    with torch.inference_mode():
        for rows in torch.arange(n_samples).split(PREDICT_BATCH):
            scores = module(**{key: value[rows] for key, value in tensors.items()})
            parts.append(scores.softmax(1))
    return torch.cat(parts).numpy()


def dense(data):
    """Return the tensors of `data` by input, ragged ones padded to the longest."""
    tensors = {}
    for block in data.inputs.values():
        for key, value in block.items():
            if hasattr(value, "padded"):
                value, tensors["lengths"] = value.padded(torch.arange(len(value)))
            # a copy has the plain strides that an index-select gives, on both sides
            tensors[key] = torch.empty(value.shape, dtype=value.dtype).copy_(value)
    return tensors


def compare(X, y, encoders, spec, epochs, repeats):
    """Return CPU seconds of fit and of predict by contestant."""
    encoders = {
        name: encoder.fit(X if name == "table" else X[name])
        for name, encoder in encoders.items()
    }
    inputs = {
        name: encoder.transform(X if name == "table" else X[name])
        for name, encoder in encoders.items()
    }
    task = Classification(y)
    settings = TrainingSettings(
        max_epochs=epochs, batch_size=BATCH, lr_schedule="constant"
    )
    network = partial(
        FusionNetwork,
        {name: encoder.build for name, encoder in encoders.items()},
        partial(spec.build_for, task, joint=JointTraining()),  # one plain loss
    )
    target = task.encode(y)
    ours = Tensors(inputs, target=target)
    tensors = dense(ours)
    labels = torch.from_numpy(target)
    arrays = {key: value.numpy() for key, value in tensors.items()}

    def by_hand():
        return hand_fit(lambda: ByHand(network()), tensors, labels, epochs, settings.lr)

    def by_us():
        return train(network, task, ours, None, settings, seed=0)[0]

    def by_skorch():
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            ByHand(network()),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=1e-3,
            optimizer__fused=True,
            lr=settings.lr,
            batch_size=BATCH,
            max_epochs=epochs,
            train_split=None,
            verbose=0,
        )
        return net.fit(arrays, target)

    fit = alternate({"hand": by_hand, "ours": by_us, "skorch": by_skorch}, repeats)
    module, net, skorch_net = by_hand(), by_us(), by_skorch()

    def we_predict():
        return task.response(predict_outputs(net, ours, ["scores"])["scores"])

    np.testing.assert_allclose(
        we_predict(), hand_predict(ByHand(net.module_), tensors), rtol=1e-4, atol=1e-6
    )
    predict = alternate(
        {
            "hand": partial(hand_predict, module, tensors),
            "ours": we_predict,
            "skorch": partial(skorch_net.predict_proba, arrays),
        },
        repeats,
    )
    return fit, predict


def whole(repeats):
    """Return CPU seconds of complete fits, from a frame to a trained model."""
    X, y = media(5000, 8)
    _, _, encoders, spec, epochs = cases()["CNN + LSTM"]
    image, text = encoders.values()
    epochs = 3 * epochs

    def estimator():
        FusionClassifier(
            [("image", image), ("text", text)],
            spec,
            random_state=0,
            training=Training(
                max_epochs=epochs,
                lr_schedule="constant",
                early_stopping=False,
                aux_weight=0.0,
                modality_dropout=0.0,
            ),
        ).fit(X, y)

    def by_hand():
        pixels = torch.from_numpy(np.stack(X["image"].to_list())[:, None])
        rows = [row.split() for row in X["text"]]
        ids = {w: i for i, w in enumerate(sorted({w for r in rows for w in r}), 2)}
        tokens = torch.tensor([[ids[word] for word in row] for row in rows])
        classes, target = np.unique(y, return_inverse=True)
        encoders = {
            "image": image.fit(X["image"].head(64)).build,
            "text": text.fit(X["text"].head(512)).build,
        }
        lengths = torch.full((len(y),), N_STEPS)
        hand_fit(
            lambda: ByHand(
                FusionNetwork(encoders, lambda w: spec.build(w, len(classes)))
            ),
            {"pixels": pixels, "tokens": tokens, "lengths": lengths},
            torch.from_numpy(target),
            epochs,
            2e-3,
        )

    return alternate({"hand": by_hand, "estimator": estimator}, repeats)


def main():
    options = arguments(__doc__, repeats=(int, 15, "timed rounds"))
    torch.set_num_threads(1)
    figures, rows, bars = {}, [], []
    for name, case in cases().items():
        fit, predict = compare(*case, repeats=options.repeats)
        figures[name] = {"fit": fit, "predict": predict}
        for what, seconds in (("fit", fit), ("predict", predict)):
            for contestant in ("ours", "skorch"):
                rows.append(
                    [
                        f"{name}, {what}",
                        contestant,
                        median(seconds["hand"]),
                        median(seconds[contestant]),
                        ratio(seconds, contestant, "hand"),
                    ]
                )
        bars.append(bar_row(f"fit, {name}", ratio(fit, "ours", "hand"), BARS[name]))
        bars.append(
            bar_row(f"predict, {name}", ratio(predict, "ours", "hand"), PREDICT_BAR)
        )
    columns = ["case", "contestant", "hand [CPU s]", "contestant [CPU s]", "ratio"]
    print_table(columns, rows, "Same tensors, modules, optimiser, batches, epochs")
    seconds = whole(max(options.repeats // 3, 1))
    figures["whole"] = {"fit": seconds}
    print_table(
        ["case", "hand [CPU s]", "FusionClassifier [CPU s]", "ratio"],
        [
            [
                "frame to fitted model",
                median(seconds["hand"]),
                median(seconds["estimator"]),
                ratio(seconds, "estimator", "hand"),
            ]
        ],
        "Whole fits, preprocessing and checks included",
    )
    print_table(["bar", "measured", "bar", "held"], bars, "Bars")
    save(options.json, seconds=figures, bars=bars)


if __name__ == "__main__":
    main()
