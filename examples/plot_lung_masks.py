"""
Lung masks, and when not to trust them
======================================

:class:`~skcxr.segmentation.UNetMasker` comes with weights for frontal films and makes soft masks.
On films that are cut, turned or no chest at all a mask is worth nothing, and ``mask_quality`` says
so.
"""

import matplotlib.pyplot as plt
import numpy as np

from skcxr import UNetMasker, make_chest_phantoms
from skcxr.inspection import SegmentationDisplay
from skcxr.segmentation import ZONES, lung_zones

# %%
# Nothing is trained: ``fit`` only loads the weights. Phantoms were among what they were trained on,
# so a Dice coefficient on phantoms says little; ``MODEL_CARD.md`` beside the weights has real
# films.

phantoms = make_chest_phantoms(24, size=192, random_state=1)
masker = UNetMasker().fit(phantoms.images)
masks = masker.transform(phantoms.images)
display = SegmentationDisplay.from_predictions(phantoms.images, phantoms.masks, masks, n_cases=4)
print(display.frame().describe().loc[["mean", "min"]].round(3))

# %%
# What can go wrong
# -----------------
# Films as they are found in archives, and noise that is no film.

film = phantoms.images[0]
noise = np.random.default_rng(0).integers(0, 256, film.shape, dtype=np.uint8)
spoilt = {
    "as it is": film,
    "one lung": np.pad(film[:, :96], ((0, 0), (48, 48))),
    "upside down": film[::-1],
    "inverted": 255 - film,
    "low contrast": (118 + film // 16).astype(np.uint8),
    "noise": noise,
}
films = np.stack(list(spoilt.values()))
quality = masker.mask_quality(films).set_axis(list(spoilt))
quality[["area", "balance", "parts", "doubt", "flag"]].round(2)

# %%
# :class:`~skcxr.attention.GradCAMFuser` does not use a mask with a flag: it pools such a film as if
# the lungs filled it, and warns once. A flag says that a mask cannot be lungs, not that the others
# are right.

fig, axes = plt.subplots(2, 3, figsize=(7, 5), layout="constrained")
outlines = masker.transform(films)
for ax, name, image, mask in zip(axes.flat, spoilt, films, outlines, strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    if mask.max() > 0.5:
        ax.contour(mask, levels=[0.5], colors="#E69F00", linewidths=1.8)
    ax.set(xticks=[], yticks=[], title=f"{name}: {quality.loc[name, 'flag']}")
plt.show()

# %%
# Zones
# -----
# Of a mask :func:`~skcxr.segmentation.lung_zones` makes six zones of the lungs, the heart and the
# rest, which :func:`~skcxr.explain` names a map's place by. Sides are the patient's.

zones = lung_zones(masks[:1])[0]
colors = plt.get_cmap("viridis")(np.linspace(0, 1, 7))[:, :3]
shown = (zones[:7, :, :, None] * colors[:, None, None]).sum(0)
fig, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
ax.imshow(phantoms.images[0], cmap="gray")
ax.imshow(np.dstack([shown, 0.55 * (1 - zones[7])]))
for name, zone in zip(ZONES[:7], zones, strict=False):
    row, column = (np.average(np.arange(192), weights=zone.sum(axis)) for axis in (1, 0))
    ax.text(column, row, name.replace(" ", "\n"), ha="center", va="center", color="white",
            fontsize=10, bbox={"facecolor": "black", "alpha": 0.5, "pad": 1.5})  # fmt: skip
ax.set(xticks=[], yticks=[])
plt.show()
