"""AutoGluon Multimodal with pretrained weights in a local folder.

`--weights` is a folder with `text` and `image`, saved models of transformers and
of timm. Nothing is downloaded.
"""

import os
import tempfile
from pathlib import Path

from _peer import main

REQUIREMENTS = ["autogluon.multimodal"]


def fit_predict(train, y, test, kinds, limit):
    """Fit within nine tenths of the limit."""
    weights = Path(os.environ.get("PEER_WEIGHTS") or "")
    if not (weights / "text").is_dir():
        raise SystemExit("needs --weights FOLDER with text/ and image/")
    from autogluon.multimodal import MultiModalPredictor

    chosen = {
        "model.hf_text.checkpoint_name": str(weights / "text"),
        "model.timm_image.checkpoint_name": str(weights / "image"),
        "env.num_gpus": 0,
    }
    with tempfile.TemporaryDirectory() as folder:
        model = MultiModalPredictor(label="y", path=folder, problem_type="multiclass")
        model.fit(train.assign(y=y), time_limit=0.9 * limit, hyperparameters=chosen)
        found = model.predict_proba(test, as_pandas=True)
    return found.columns, found.to_numpy()


if __name__ == "__main__":
    main(fit_predict, ("image", "text", "table"), ["autogluon.multimodal"])
