"""
Explain one film
================

:func:`~skcxr.explain` says of a film what the model found, how sure it is and in which zone of the
lungs the evidence lies, as a table, as sentences and as a figure. All of it is about the model: it
is no proof of what is in the patient.
"""

import tempfile
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

from skcxr import explain, make_chest_phantoms, make_hybrid_pipeline
from skcxr.inspection import AttentionDisplay
from skcxr.model_selection import MultilabelCalibrator

# %%
# "Likely" in a sentence should mean likely, so the model is calibrated, and the thresholds are
# chosen in the same go.

phantoms = make_chest_phantoms(
    160,
    size=128,
    label_names=["Cardiomegaly", "Effusion", "Mass"],
    prevalence=0.3,
    contrast=(0.5, 1),
    random_state=2,
)
new = phantoms.groups > phantoms.groups[119]
memory = tempfile.TemporaryDirectory()
model = MultilabelCalibrator(
    make_hybrid_pipeline("frozen", size=128, texture=False, memory=memory.name, random_state=0),
    cv=2,
    threshold_metric="f1",
    random_state=0,
).fit(phantoms.images[~new], phantoms.labels[~new], groups=phantoms.groups[~new])

# %%
# A new patient's film, in which there is an effusion.

y = phantoms.labels[new]
film = np.flatnonzero(y["Effusion"])[[0]]
explanation = explain(model, phantoms.images[new][film], names=["new film"])
print(explanation)

# %%
print(fill(explanation.to_text(), 90))
print("\nDrawn into the phantom were:", ", ".join(y.columns[y.iloc[film[0]] == 1]))

# %%
# The sentences do not flatter: most of the evidence lies where no lung is. This network has seen
# little more than a hundred phantoms.
#
# The maps of the findings above their threshold. The outline is the lung mask that the zones are
# taken from.

explanation.plot()
plt.show()

# %%
# Would another patient's map have looked as convincing here? ``explain`` knows one film alone; the
# control needs others.

patients = phantoms.groups[new]
others = np.flatnonzero((y["Effusion"] == 1) & (patients != patients[film]))[:5]
AttentionDisplay.from_estimator(
    model,
    phantoms.images[new][film],
    label="Effusion",
    others=phantoms.images[new][others],
    boxes=phantoms.boxes,
    names=phantoms.frame["Image Index"].to_numpy()[new][film],
    random_state=0,
)
plt.show()
memory.cleanup()
