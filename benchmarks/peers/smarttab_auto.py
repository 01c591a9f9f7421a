"""SmartTab with its defaults, told which columns are images, audio and text."""

from _peer import main

REQUIREMENTS = ["smarttab"]


def fit_predict(train, y, test, kinds, limit):
    """Fit, with the modalities declared as its documentation recommends."""
    import smarttab

    media = {column: kind for column, kind in kinds.items() if kind != "table"}
    model = smarttab.fit(
        train.assign(target=y),
        target="target",
        modalities=media,
        task_type="multiclass",
    )
    found = model.predict_proba(test)
    found = getattr(found, "values", found)
    return model.classes_, found


if __name__ == "__main__":
    main(fit_predict, ("image", "audio", "text", "table"), ["smarttab"])
