"""
A CNN on attention maps, or an MLP?
===================================

Das 2025 also gives the fused maps themselves to a small convolutional network:
:class:`~skcxr.classifiers.AttentionCNN`. Is that better than an MLP on the same maps, or than one
on the feature maps that the attention pools?
"""

import tempfile

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcxr import (
    AttentionCNN,
    CNNEmbedder,
    GradCAMFuser,
    MultilabelMLP,
    UNetMasker,
    compare_models,
    make_chest_phantoms,
)
from skcxr.inspection import LabelAUCDisplay
from skcxr.model_selection import out_of_fold_predict

# %%
# Three labels, and so three maps of 4 × 4 places for each film of 128 pixels.

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


def make_fuser(**settings):
    embedder = CNNEmbedder("efficientnet_lite0", memory=memory.name)
    return GradCAMFuser(embedder, UNetMasker(memory=memory.name), lam=0.5, **settings)


# %%
# ``output="maps"`` hands on the maps of each label as flat rows, which the CNN folds back.

fuser = make_fuser(output="maps").fit(X, y)
maps = fuser.attention_maps(X[:3])
fig, axes = plt.subplots(3, 4, figsize=(6.4, 4.9), layout="constrained")
for i, (line, film, fused) in enumerate(zip(axes, X, maps.fused, strict=False)):
    line[0].imshow(film, cmap="gray")
    for ax, name, one in zip(line[1:], maps.label_names, fused, strict=True):
        ax.imshow(one, cmap="inferno", vmin=0, vmax=1)
        ax.set_title(name if i == 0 else "", fontsize=11)
    for ax in line:
        ax.set(xticks=[], yticks=[])
plt.show()

# %%
# Three pipelines, out of fold
# ----------------------------
# Every film is predicted by a model that has seen neither it nor another film of its patient.

about = {"max_epochs": 60, "random_state": 0}
models = {
    "CNN on maps": make_pipeline(
        make_fuser(output="maps"), AttentionCNN(map_shape=fuser.map_shape_, **about)
    ),
    "MLP on maps": make_pipeline(
        make_fuser(output="maps"), StandardScaler(), MultilabelMLP(**about)
    ),
    "MLP on pooled features": make_pipeline(make_fuser(), StandardScaler(), MultilabelMLP(**about)),
}
found = {
    name: out_of_fold_predict(model, X, y, groups=groups, cv=3, random_state=0)
    for name, model in models.items()
}
memory.cleanup()

# %%
comparison = compare_models(found, None, y, groups=groups, n_bootstraps=500, random_state=0)
LabelAUCDisplay.from_reports(comparison.reports)
plt.show()

# %%
# 48 numbers of the maps against 1,280 pooled features, and 160 films: where an interval of the
# difference holds 0, nothing was shown. What a linear head makes of the network is in the maps
# already, which is no small part of what an MLP would have to find in the features.

for name in ("CNN on maps", "MLP on maps"):
    print(comparison.paired_test(name, "MLP on pooled features", metric="macro_auc"), end="\n\n")
