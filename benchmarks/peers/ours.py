"""`FusionClassifier()`, untuned."""

from pathlib import Path

from _peer import main

REQUIREMENTS = [str(Path(__file__).parents[2])]


def fit_predict(train, y, test, kinds, limit):
    """Fit the default."""
    from skmultimodal import FusionClassifier

    model = FusionClassifier(random_state=0).fit(train, y)
    return model.classes_, model.predict_proba(test)


if __name__ == "__main__":
    main(fit_predict, ("image", "audio", "text", "table"), ["skmultimodal", "torch"])
