"""The order of the examples in the gallery: first steps first."""

from pathlib import Path

NAMES = [
    "quickstart_emoji",
    "seed_network",
    "xor",
    "spoken_digits",
    "birdstrikes",
    "grid_search",
    "missing_modality",
    "importance",
    "parts",
    "calibration",
    "conformal",
    "cascade",
    "regression",
    "quantiles",
    "ordinal",
    "survival",
    "multilabel",
    "pretrained",
    "sentences",
    "own_encoder",
    "own_strategy",
    "saving",
]


class ReadingOrder:
    """Sort examples as listed; one that is not comes last, by name."""

    def __init__(self, src_dir):
        pass  # sphinx-gallery gives the folder; the names suffice

    def __call__(self, filename):
        name = Path(filename).stem.removeprefix("plot_")
        return (NAMES.index(name) if name in NAMES else len(NAMES), name)
