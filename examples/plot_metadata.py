"""
Age, sex and view beside the film
=================================

What is known of a film besides its pixels can be a feature too, with one argument. It can also be a
trap: where bedside films are taken of sicker patients, the view predicts disease without any film.
Here such a collection is made, and looked at inside each view.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from skcxr import auc_within, load_chestxray14, make_chest_phantoms, make_hybrid_pipeline
from skcxr.datasets import write_chestxray14_layout
from skcxr.model_selection import out_of_fold_predict

# %%
# Metadata are columns of X, beside a column ``path``: so the phantoms go into a folder first. Then
# two thirds of the bedside films (AP) of patients without an effusion are left out.

folder = tempfile.TemporaryDirectory()
phantoms = make_chest_phantoms(
    240, size=96, label_names=["Effusion", "Nodule"], prevalence=0.3, random_state=0
)
data = load_chestxray14(write_chestxray14_layout(phantoms, f"{folder.name}/films", random_state=0))
y = data.labels[["Effusion", "Nodule"]]
bedside = (data.frame["View Position"] == "AP") & (y["Effusion"] == 0)
keep = ~(bedside & (np.random.default_rng(0).random(len(y)) < 0.67)).to_numpy()
X, y, groups = data.frame[keep], y[keep], data.groups[keep]
y.groupby(X["View Position"]).agg(["size", "mean"]).round(2)

# %%
# Three models: the film alone, the metadata alone (the film's branch dropped), and both. Missing
# ages would be imputed by the median and marked; a view that was not seen in ``fit`` is none of the
# known.

columns = ["Patient Age", "Patient Gender", "View Position"]
settings = {
    "size": 96,
    "texture": False,
    "attention": False,
    "classifier": MultiOutputClassifier(LogisticRegression(C=0.01, max_iter=1000)),
    "memory": f"{folder.name}/memory",
}
models = {
    "film": make_hybrid_pipeline("frozen", **settings),
    "metadata": make_hybrid_pipeline("frozen", metadata=columns, **settings).set_params(
        inputs__film="drop"
    ),
    "film and metadata": make_hybrid_pipeline("frozen", metadata=columns, **settings),
}
models["film and metadata"]

# %%
# Two questions
# -------------
# The AUC compares each film with a finding to each without. Inside a view it compares only films
# that were taken the same way, and what the view alone gives is gone.

rows = {}
for name, model in models.items():
    found = out_of_fold_predict(model, X, y, groups=groups, cv=3, random_state=0)
    rows[name] = auc_within(
        y, found.proba, X["View Position"], groups=groups, n_bootstraps=500, random_state=0
    )
folder.cleanup()

fig, axes = plt.subplots(1, 2, figsize=(7, 2.9), layout="constrained", sharex=True, sharey=True)
for ax, label in zip(axes, y, strict=True):
    for at, found in enumerate(rows.values()):
        line = found.per_label.loc[label]
        ax.plot(line["AUC"], at - 0.12, "o", color="#0072B2", markersize=8)
        ax.hlines(at + 0.12, line["low"], line["high"], color="#D55E00")
        ax.plot(line["AUC within strata"], at + 0.12, "D", color="#D55E00", markersize=7)
    ax.axvline(0.5, color="0.5", linestyle=":")
    ax.set(title=label, xlabel="AUC")
    ax.set_yticks(range(3), list(rows))
    ax.set_ylim(2.5, -0.5)
axes[0].plot([], [], "o", color="#0072B2", label="all films")
axes[0].plot([], [], "D-", color="#D55E00", label="within a view (95 %)")
fig.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %%
# The view alone predicts effusions in these films, and says nothing inside a view: it knows how
# films were chosen. Beside the film it adds nothing here. Where a model is to be used in both
# places, ask for the AUC within.
