"""
Attention, fused with the lungs
===============================

Grad-CAM says where a network found evidence, the lung mask where it may look.
:class:`~skcxr.attention.GradCAMFuser` mixes them, F = λ · mask + (1 - λ) · Grad-CAM, and pools the
network's maps by F. Here λ goes from 0 to 1, and what it does to the attention is measured, with
other patients' maps as a control.
"""

import matplotlib.pyplot as plt
import numpy as np

from skcxr import CNNEmbedder, GradCAMFuser, make_chest_phantoms
from skcxr.metrics import localization_report
from skcxr.model_selection import train_test_split_by_patient

# %%
# Phantoms with boxes around their lesions, and a network as ImageNet left it, on whose embedding a
# linear head is fitted: its weights are what Grad-CAM needs.

phantoms = make_chest_phantoms(
    160,
    size=128,
    label_names=["Cardiomegaly", "Effusion", "Mass"],
    prevalence=0.3,
    contrast=(0.5, 1),
    random_state=2,
)
train, test = train_test_split_by_patient(
    np.arange(160), phantoms.labels, phantoms.groups, test_size=0.4, random_state=0
)[:2]
fuser = GradCAMFuser(CNNEmbedder("efficientnet_lite0"))
fuser.fit(phantoms.images[train], phantoms.labels.iloc[train])
maps = fuser.attention_maps(phantoms.images[test], size=(64, 64))

# %%
# ``maps`` has the parts and what they fuse to, so that any λ can be looked at.

lams = [0, 0.25, 0.5, 0.75, 1]


def fuse(lam):
    return lam * maps.mask[:, None] + (1 - lam) * maps.cam


assert np.allclose(fuse(0.5), maps.fused, atol=1e-6)
names = phantoms.frame["Image Index"].to_numpy()[test]
boxes = phantoms.boxes.query("image in @names")
film = np.flatnonzero(phantoms.labels["Effusion"].to_numpy()[test])[0]
box = boxes.query("image == @names[@film] and label == 'Effusion'").iloc[0]
fig, axes = plt.subplots(2, 3, figsize=(7, 5), layout="constrained")
for ax, lam in zip(axes.flat, [None, *lams], strict=True):
    ax.imshow(phantoms.images[test][film], cmap="gray")
    ax.set(xticks=[], yticks=[], title="Effusion" if lam is None else f"λ = {lam}")
    ax.add_patch(plt.Rectangle((box.x, box.y), box.w, box.h, fill=False, color="#56B4E9", lw=2))
    if lam is not None:
        ax.imshow(fuse(lam)[film, 1], cmap="inferno", alpha=0.55, vmin=0, vmax=1,
                  extent=(-0.5, 127.5, 127.5, -0.5), interpolation="bilinear")  # fmt: skip
plt.show()

# %%
# How much of the attention is in the lesion?
# -------------------------------------------
# The share of F inside the lesion's box, over all boxes of the test part. The control is F with the
# Grad-CAM of another patient who has the same finding: it has the lungs of that patient, and has
# not seen the film.

energy = {"this film's maps": [], "another patient's": []}
for lam in lams:
    report = localization_report(
        fuse(lam),
        boxes,
        images=names,
        label_names=maps.label_names,
        groups=phantoms.groups[test],
        n_bootstraps=200,
        random_state=0,
    )
    row = report.summary.loc["energy in box"]
    energy["this film's maps"].append(row["map"])
    energy["another patient's"].append(row["other patient"])

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for (name, rows), color, style in zip(energy.items(), ["#D55E00", "0.4"], ["-", "--"], strict=True):
    value, low, high = np.array(rows).T
    ax.plot(lams, value, "o", linestyle=style, color=color, label=name)
    ax.fill_between(lams, low, high, color=color, alpha=0.15, linewidth=0)
ax.set(xlabel="λ (0: Grad-CAM alone, 1: lung mask alone)", ylabel="share of F in the box")
ax.set_ylim(bottom=0)
ax.legend(frameon=False)
plt.show()

# %%
# At λ = 1 F is the lung mask, the film's own or another patient's. What the film's line has above
# the control is what the network saw in it, and here that is little. What both lines gain with λ is
# where lungs are. A fused map looks better than Grad-CAM, and its score is higher, without any more
# of the film in it.
