"""
Four models compared
====================

:func:`~skcxr.make_report_models` has the four models of Das 2025 by name, and
:func:`~skcxr.compare_models` its Table 1, with intervals that resample patients. Here they are
trained on so few and so small phantoms that the differences mean nothing, and the figure says so.
"""

import tempfile

import matplotlib.pyplot as plt

from skcxr import FineTuning, compare_models, make_chest_phantoms, make_report_models
from skcxr.inspection import ModelComparisonDisplay
from skcxr.model_selection import out_of_fold_predict

# %%
# The default recipe trains five networks for eight passes; here two are trained for two, and only
# their batch norms. What a film is made into is kept in ``memory`` and shared by the models.

phantoms = make_chest_phantoms(
    160,
    size=128,
    label_names=["Cardiomegaly", "Effusion", "Mass"],
    prevalence=0.3,
    contrast=(0.5, 1),
    random_state=2,
)
X, y, groups = phantoms.images, phantoms.labels, phantoms.groups
memory = tempfile.TemporaryDirectory()
models = make_report_models(
    size=128,
    fine_tune=FineTuning.from_recipe("norm", epochs=2),
    cross_fit=2,
    memory=memory.name,
    random_state=0,
)

# %%
# The table
# ---------
# Each film is predicted by models that have not seen its patient; ``groups`` reach the folds, the
# cross-fitted networks and the part that stops each MLP and sets its thresholds. F1 depends on
# these thresholds, AUC does not.

found = {}
for name, model in models.items():
    model.set_params(classify__thresholds="auto", classify__n_nets=1)
    found[name] = out_of_fold_predict(model, X, y, groups=groups, cv=2, random_state=0)
memory.cleanup()
comparison = compare_models(found, None, y, groups=groups, n_bootstraps=500, random_state=0)
print(comparison)

# %%
ModelComparisonDisplay.from_comparison(comparison, metrics=["Macro-F1", "Macro AUC"])
plt.show()

# %%
# Is one better than another?
# ---------------------------
# Overlapping intervals do not answer that: the models are scored on the same films. A paired test
# resamples the same patients for both.

for name in ("fine_tuned_mlp", "deeper_mlp_shrunk", "final_hybrid_mlp"):
    print(comparison.paired_test(name, "base_mlp"), end="\n\n")

# %%
# What 160 films of phantom patients can tell is little; the plain model is not beaten here. What
# each part gave on real films, and what it cost, is told in the user guide, with intervals.
