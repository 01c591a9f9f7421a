"""`FusionClassifier("pretrained")`, untuned, with the weights of the extra."""

from pathlib import Path

from _peer import main

REQUIREMENTS = [f"{Path(__file__).parents[2]}[offline]"]


def fit_predict(train, y, test, kinds, limit):
    """Fit with pretrained models beside the default ones."""
    from skmultimodal import FusionClassifier

    model = FusionClassifier("pretrained", random_state=0).fit(train, y)
    return model.classes_, model.predict_proba(test)


if __name__ == "__main__":
    main(fit_predict, ("image", "audio", "text", "table"), ["skmultimodal", "torch"])
