"""skrub's `tabular_pipeline`: columns vectorised by kind, under boosted trees."""

from _peer import main

REQUIREMENTS = ["skrub"]


def fit_predict(train, y, test, kinds, limit):
    """Fit the pipeline with its defaults."""
    from skrub import tabular_pipeline

    model = tabular_pipeline("classifier").fit(train, y)
    return model.classes_, model.predict_proba(test)


if __name__ == "__main__":
    main(fit_predict, ("text", "table"), ["skrub", "scikit-learn"])
