"""
λ × dropout: a grid that costs one pass
=======================================

The weight λ of the lung mask and the dropout of the classifier are parameters of one pipeline, so
that scikit-learn's grid search reaches both. With ``memory`` no film goes through a network again,
and :class:`~skcxr.inspection.GridDisplay` draws what came out.
"""

import tempfile

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV

from skcxr import cache_info, get_scorer, make_chest_phantoms, make_hybrid_pipeline
from skcxr.inspection import GridDisplay
from skcxr.model_selection import MultilabelStratifiedGroupKFold

# %%
# Patients are kept whole by the splitter of the search, and by the part that stops each training
# early: both get ``groups``.

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
pipe = make_hybrid_pipeline(
    "frozen", size=128, texture=False, memory=memory.name, random_state=0
).set_params(classify__max_epochs=10)
search = GridSearchCV(
    pipe,
    {
        "features__attention__lam": [0, 0.25, 0.5, 0.75, 1],
        "classify__module__dropout": [0.0, 0.4, 0.6],
    },
    scoring={"macro AUC": get_scorer("macro_auc")},
    cv=MultilabelStratifiedGroupKFold(3, shuffle=True, random_state=0),
    refit=False,
    error_score="raise",
)
search.fit(X, y, groups=groups, classify__groups=groups)

# %%
# 45 fits, and each film went once through the network and once through the lung masker.

print(cache_info(memory.name))
memory.cleanup()

# %%
# The grid
# --------
# Each cell is the mean over the folds, with their standard deviation.

fig, ax = plt.subplots(figsize=(5.6, 3), layout="constrained")
GridDisplay.from_estimator(search, ax=ax)
plt.show()

# %%
# The best cell is the best of fifteen, and is framed because somebody will ask for it. Before it is
# believed, compare the distance between cells with ±: folds differ by more than settings do. The
# line for λ alone, at its best dropout, shows the same with the lowest and the highest fold.

GridDisplay.from_estimator(search, parameters="lam")
plt.show()

# %%
# To report a score of the chosen setting, search on the training part only and score on patients
# that the search has not seen, or put the search itself into
# :func:`~skcxr.model_selection.out_of_fold_predict`.
