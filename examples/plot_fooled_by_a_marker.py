"""
Fooled by a marker
==================

Hospitals lay letters of lead beside the patient. Where one hospital sends sicker patients than the
other, a network can learn the letters instead of the chests, and scores well until it meets a third
hospital (Zech et al., PLOS Medicine, 2018). Here a model is fooled that way, the checks of
:func:`~skcxr.evaluate` find it, and three remedies are scored on films without the marker.
"""

import tempfile

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.multioutput import MultiOutputClassifier

from skcxr import UNetMasker, auc_within, evaluate, make_chest_phantoms, make_hybrid_pipeline
from skcxr.datasets import paste_marker
from skcxr.inspection import AttentionDisplay
from skcxr.model_selection import train_test_split_by_patient

# %%
# Half of the films come from hospital H2, but most of those with an effusion. The test films are
# scored three times: as they came, without any marker, and with it on those of the other hospital.

phantoms = make_chest_phantoms(
    300, size=128, label_names=["Effusion"], prevalence=0.4, random_state=0
)
films, y = phantoms.images, phantoms.labels
ill = y["Effusion"].to_numpy() == 1
h2 = np.random.default_rng(0).random(len(y)) < np.where(ill, 0.9, 0.25)
versions = {
    "as they came": paste_marker(films, where=h2),
    "no marker": films,
    "marker swapped": paste_marker(films, where=~h2),
}
marked = versions["as they came"]
memory = tempfile.TemporaryDirectory()
masker = UNetMasker(memory=memory.name).fit(films)
usable = [masker.mask_quality(version)["usable"] for version in versions.values()]
good = np.flatnonzero(np.all(usable, axis=0))  # lungs that can be cropped to
train, test = train_test_split_by_patient(
    good, y.iloc[good], phantoms.groups[good], test_size=0.4, random_state=0
)[:2]
print(f"H2: {h2.mean():.0%} of the films, {h2[ill].mean():.0%} of those with an effusion")

# %%
# A logistic regression on a network as ImageNet left it, and on its maps pooled by Grad-CAM. With
# one ``memory`` no film goes through the network twice.


def make_model(lam=0):
    model = make_hybrid_pipeline(
        "frozen",
        size=128,
        equalize="none",
        lam=lam,
        texture=False,
        classifier=MultiOutputClassifier(LogisticRegression(C=0.01, max_iter=1000)),
        memory=memory.name,
    )
    return model.set_params(features__attention__passthrough=lam < 1)


def score(model, change=np.asarray):
    """AUC on each version of the test films."""
    return {
        name: roc_auc_score(ill[test], model.predict_proba(change(version[test]))[0][:, 1])
        for name, version in versions.items()
    }


fooled = make_model().fit(marked[train], y.iloc[train])
auc = {"nothing done": score(fooled)}
pd.Series(auc["nothing done"]).round(2)

# %%
# How the checks find it
# ----------------------
# CXR005 asks whether metadata alone, here the hospital, predicts as well as the network. CXR009
# compares the maps with the lesions' boxes and with maps that have not seen the film.
# :func:`~skcxr.auc_within` compares films of one hospital only: that is what the network knows.

hospital = pd.DataFrame({"hospital": np.where(h2, "H2", "H1")[test]})
names = phantoms.frame["Image Index"].to_numpy()[test]
boxes = phantoms.boxes.query("image in @names")
about = {"groups": phantoms.groups[test], "n_bootstraps": 200, "random_state": 0}
found = evaluate(
    fooled, marked[test], y.iloc[test], metadata=hospital, boxes=boxes, names=names, **about
)
for code in ("CXR005", "CXR009"):
    print(code, found.checks.table.loc[code, "status"], found.checks.table.loc[code, "detail"])
auc_within(y.iloc[test], found.predictions["model"].proba, hospital["hospital"], **about)

# %%
# The network's evidence for an effusion: mostly near the letters and not in the boxes, and much the
# same in another patient's film.

rows = np.flatnonzero((h2 & ill)[test])
shown = rows[np.unique(about["groups"][rows], return_index=True)[1][:3]]  # three patients
chosen = marked[test][shown]
maps = fooled["features"]["attention"].attention_maps(chosen, size=(64, 64))
AttentionDisplay.from_predictions(
    chosen,
    maps=maps.cam[:, 0],
    label="Effusion",
    boxes=boxes,
    names=names[shown],
    groups=about["groups"][shown],
    random_state=0,
)
plt.show()

# %%
# Three remedies
# --------------
# *Crop*: the network is shown the box around the lung mask alone. *Masked pooling*: it is shown the
# film, but its maps are pooled under the lung mask (``lam=1``). *Augmentation*: each training film
# is there with and without the marker, which then says nothing; one has to know what to paste.


def crop(images):
    out = np.empty_like(images)
    for i, mask in enumerate(masker.transform(images) > 0.5):
        rows, columns = (np.flatnonzero(mask.any(axis))[[0, -1]] for axis in (1, 0))
        part = images[i, slice(*rows), slice(*columns)]
        out[i] = cv2.resize(part, images.shape[1:], interpolation=cv2.INTER_AREA)
    return out


auc["lung crop"] = score(make_model().fit(crop(marked[train]), y.iloc[train]), crop)
auc["masked pooling"] = score(make_model(lam=1).fit(marked[train], y.iloc[train]))
twice = np.concatenate([films[train], paste_marker(films[train])])
auc["augmentation"] = score(make_model().fit(twice, pd.concat([y.iloc[train]] * 2)))
memory.cleanup()

# %%
table = pd.DataFrame(auc).T
fig, ax = plt.subplots(figsize=(6.6, 3.3), layout="constrained")
for name, color, shape in zip(table, ("#0072B2", "0.3", "#D55E00"), "osD", strict=True):
    ax.plot(table[name], table.index, shape, color=color, label=name, markersize=9)
ax.hlines(table.index, table.min(axis=1), table.max(axis=1), color="0.8", zorder=0)
ax.axvline(0.5, color="0.5", linestyle=":")
ax.invert_yaxis()
ax.set_xlabel("AUC of the effusion (dotted: chance)")
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()
table.round(2)

# %%
# Swapping the marker costs the fooled model a quarter of its AUC. Cropping to the lungs takes the
# marker away, and shows the network more of the lungs. Augmentation makes the three versions alike.
# Masked pooling hardly helps: each place of a deep network's maps has seen the whole film, the
# marker as well, so that a mask over the maps is no mask over the film.
