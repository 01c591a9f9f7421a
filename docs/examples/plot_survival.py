"""
How long until: times of events that are not all seen
=====================================================

Times that depend on a number and on words, made so that the truth is known, and seen
only until a random time. The estimator predicts the probability that the event is later
than any time, also for rows that lack a modality.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skmultimodal import FusionSurvival

rng = np.random.default_rng(0)
words = ["pump", "valve", "leak", "noise", "worn", "clean", "new", "dry", "hot"]
X = pd.DataFrame(
    {
        "age": rng.normal(size=900),
        "report": [" ".join(rng.choice(words, 8)) for _ in range(900)],
    }
)
log_hazard = X["age"] + 0.8 * X["report"].str.count("leak")
time, until = rng.exponential(np.exp(-log_hazard)), rng.exponential(1.5, size=900)
y = np.empty(900, dtype=[("event", bool), ("time", float)])
y["event"], y["time"] = time <= until, np.minimum(time, until)
fit, new = slice(0, 600), slice(600, 900)

model = FusionSurvival(random_state=0).fit(X[fit], y[fit])

# %%
# Survival by the model and as it was made, for rows of low and of high risk.
grid = np.linspace(0.01, 2, 80)
risk = model.predict(X[new])
thirds = np.digitize(risk, np.quantile(risk, [1 / 3, 2 / 3]))
predicted = model.predict_survival_function(X[new], times=grid)
true = np.exp(-np.exp(log_hazard[new].to_numpy())[:, None] * grid)

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for third, name in enumerate(("low", "middle", "high")):
    rows = thirds == third
    (line,) = ax.plot(grid, predicted[rows].mean(axis=0), label=f"{name} risk")
    ax.plot(grid, true[rows].mean(axis=0), "--", color=line.get_color())
ax.plot([], [], "--", color="0.4", label="as made")
ax.set(xlabel="time", ylabel="share without event", ylim=(0, 1))
ax.legend()

# %%
# Concordance, which is 0.5 by chance: with both, and with either alone.
{
    "both": model.score(X[new], y[new]),
    "age alone": model.score(X[new].assign(report=None), y[new]),
    "report alone": model.score(X[new].assign(age=np.nan), y[new]),
}
