"""SmartTab with its defaults, told which columns are images, audio and text."""

from _peer import clock_of_cpu, main

REQUIREMENTS = ["smarttab", "pillow"]


def fit_predict(train, y, test, kinds, limit):
    """Fit within three quarters of the limit, on one thread, modalities declared."""
    clock_of_cpu()
    import smarttab

    model = smarttab.fit(
        train.assign(target=y),
        target="target",
        modalities={c: "tabular" if k == "table" else k for c, k in kinds.items()},
        task_type="multiclass",
        time_limit=0.75 * limit,
        cpu_threads=1,
    )
    return model.target_encoder.classes_, model.predict_proba(test)


if __name__ == "__main__":
    main(fit_predict, ("image", "audio", "text", "table"), ["smarttab", "catboost"])
