"""
Calibrate probabilities
=======================

A net that is trained with balanced weights finds rare labels, and says 0.6 where one film in ten is
ill. :class:`~skcxr.model_selection.MultilabelCalibrator` learns, on patients that the net has not
seen, what its numbers mean. The ranking of films stays as it is, and so does the AUC.
"""

import tempfile

import matplotlib.pyplot as plt
from sklearn.base import clone

from skcxr import MultilabelMLP, make_chest_phantoms, make_hybrid_pipeline
from skcxr.inspection import ReliabilityDisplay
from skcxr.metrics import expected_calibration_error, multilabel_scores
from skcxr.model_selection import MultilabelCalibrator, train_test_split_by_patient

# %%
# ``pos_weight="balanced"`` counts each positive for as much as all negatives together.

phantoms = make_chest_phantoms(400, size=96, contrast=(0.5, 1), random_state=0)
X, X_test, y, y_test, groups, groups_test = train_test_split_by_patient(
    phantoms.images, phantoms.labels, phantoms.groups, test_size=0.5, random_state=0
)
memory = tempfile.TemporaryDirectory()
model = make_hybrid_pipeline(
    "frozen",
    size=96,
    texture=False,
    attention=False,
    classifier=MultilabelMLP(pos_weight="balanced", random_state=0),
    memory=memory.name,
)
models = {
    "balanced weights": clone(model).fit(X, y, classify__groups=groups),
    "and calibrated": MultilabelCalibrator(model, cv=3, random_state=0).fit(X, y, groups=groups),
}
proba = {name: model.predict_proba(X_test) for name, model in models.items()}
memory.cleanup()

# %%
# Mean probability against the share of films that are ill, for all labels and for one of them; bars
# are 95 % intervals over patients.

ReliabilityDisplay.from_predictions(y_test, proba, groups=groups_test, n_bins=6, labels="Effusion")
plt.show()

# %%
# The expected calibration error falls and the AUC stays what it was, up to the part of the training
# data that each fit holds out.

for name, values in proba.items():
    error = expected_calibration_error(y_test, values, strategy="quantile").mean()
    auc = multilabel_scores(y_test, values)["macro_auc"]
    print(f"{name:<18} mean expected calibration error {error:.3f}, macro AUC {auc:.3f}")

# %%
# With a threshold of 0.5 the calibrated model predicts rare labels less often, as it should: 0.5
# now means that every second such film is ill. Choose thresholds for what a miss and a false alarm
# cost, with ``threshold_metric=`` of the calibrator or a
# :class:`~skcxr.model_selection.MultilabelThresholdTuner`.
