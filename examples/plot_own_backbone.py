"""
Your own network
================

``backbone=`` takes any module that turns grey films into feature maps. Here a network of four
layers is trained from nothing, with the settings of :class:`~skcxr.features.FineTuning`; everything
after it, from cross-fitting to Grad-CAM, works as with the networks that skcxr knows by name.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from skcxr import CNNEmbedder, FineTuning, make_chest_phantoms
from skcxr.attention import class_maps
from skcxr.inspection import HistoryDisplay
from skcxr.model_selection import train_test_split_by_patient

# %%
# From (m, 1, H, W) in [-1, 1] to maps (m, C, h, w); pooling and head are not part of it. A vision
# transformer goes through :class:`~skcxr.features.TokenMaps`. Give the children of a ``Sequential``
# names, and each is a stage that fine-tuning can start from. Batch norms keep their statistics in
# fine-tuning, so a network that starts from nothing has group norms.


def block(inputs, outputs):
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(8, outputs), nn.ReLU())


torch.manual_seed(0)
network = nn.Sequential()
for i, (inputs, outputs) in enumerate([(1, 16), (16, 32), (32, 64), (64, 64)]):
    network.add_module(f"stage{i + 1}", block(inputs, outputs))

# %%
# Two networks, each on the patients that the other does not see. Nothing is known yet, so the rate
# is high and the same in all layers.

phantoms = make_chest_phantoms(
    300,
    size=64,
    label_names=["Cardiomegaly", "Effusion"],
    prevalence=0.4,
    contrast=(0.5, 1),
    random_state=0,
)
X, X_test, y, y_test, groups, _ = train_test_split_by_patient(
    phantoms.images, phantoms.labels, phantoms.groups, test_size=0.4, random_state=0
)
embedder = CNNEmbedder(
    network,
    weights=None,
    fine_tune=FineTuning(
        epochs=20, lr=2e-3, lr_decay=1.0, batch_size=16, ema=0.9, mixup=0, flip=False
    ),
    cross_fit=2,
    random_state=0,
)
logits = embedder.fit_transform(X, y, groups=groups)
HistoryDisplay.from_history(embedder.history_.rename(columns={"network": "net"}))
plt.show()

# %%
# What it learned
# ---------------
# ``fit_transform`` gave each training film the logits of the network that did not see it, so that
# their AUC is as honest as that of the test part.

test_logits = embedder.decision_function(X_test)
for j, label in enumerate(y):
    print(
        f"{label:<13} AUC out of fold {roc_auc_score(y[label], logits[:, j]):.2f}, "
        f"of other patients {roc_auc_score(y_test[label], test_logits[:, j]):.2f}"
    )

# %%
# 180 films are few for a network that starts from nothing: this is little above chance, where one
# that knew photographs before does better. Grad-CAM of the film with the highest logit of each
# label shows it too: the map of an effusion need not lie on the fluid.

fig, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for (left, right), (j, label) in zip(axes.reshape(2, 2), enumerate(y), strict=True):
    film = X_test[[np.argmax(test_logits[:, j])]]
    cam = class_maps(embedder, film, label, size=(64, 64))[0, 0]
    for ax in (left, right):
        ax.imshow(film[0], cmap="gray")
        ax.set(xticks=[], yticks=[])
    right.imshow(cam, cmap="inferno", alpha=0.55)
    left.set_title(label)
plt.show()
