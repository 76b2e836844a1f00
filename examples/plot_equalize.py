"""
Equalise films
==============

Films of two machines differ in brightness and contrast before they differ in disease.
:class:`~skcxr.preprocessing.HistEqualizer` brings their histograms to one form: of the whole film
(``"global"``), or tile by tile with a limit on the contrast (``"clahe"``).
"""

import matplotlib.pyplot as plt
import numpy as np

from skcxr import HistEqualizer, make_chest_phantoms

# %%
# One chest, three exposures: as it is, dark, and flat. The phantom is synthetic; no patient is
# behind it.

film = make_chest_phantoms(1, size=256, label_names=["Mass"], random_state=3).images[0]
dark = (255 * (film / 255) ** 2.2).astype(np.uint8)
flat = (90 + 0.35 * film).astype(np.uint8)
films = np.stack([film, dark, flat])

# %%
# Each film is changed on its own and nothing is learned from others, so that ``fit_transform`` on
# all films leaks nothing into a test part. ``"none"`` is there for a search to compare with.

methods = ["none", "global", "clahe"]
results = {method: np.asarray(HistEqualizer(method).fit_transform(films)) for method in methods}

# %%
# Below each film is the histogram of its grey levels.

fig, axes = plt.subplots(
    6, 3, figsize=(6.4, 8.4), height_ratios=[4, 1] * 3, layout="constrained", squeeze=False
)
for i, method in enumerate(methods):
    for j, exposure in enumerate(["as it is", "dark", "flat"]):
        image, histogram = axes[2 * i, j], axes[2 * i + 1, j]
        image.imshow(results[method][j], cmap="gray", vmin=0, vmax=255)
        image.set(xticks=[], yticks=[])
        histogram.hist(results[method][j].ravel(), bins=64, range=(0, 255), color="#0072B2")
        histogram.set(xlim=(0, 255), xticks=[0, 255], yticks=[])
        histogram.spines[["top", "left", "right"]].set_visible(False)
        if i == 0:
            image.set_title(exposure)
    axes[2 * i, 0].set_ylabel(method, fontsize=12)
plt.show()

# %%
# How alike are they?
# -------------------
# The mean absolute difference of the dark and the flat film from the first, in grey levels. Global
# equalisation depends on the order of grey levels only, which neither exposure changes, so that
# what is left is rounding: dark levels that became one, and a third of the levels in the flat film.
# CLAHE has a limit on the contrast that it adds, and so keeps more of the difference.

for method in methods:
    first, *others = results[method].astype(int)
    print(f"{method:>7}:", *(f"{np.abs(other - first).mean():6.1f}" for other in others))

# %%
# Does it help a classifier? On real films from one source hardly: the recipe ``"small"`` trains its
# network on films as they are, and changes their exposure at random instead. Search over
# ``equalize__method`` where your films come from several machines.
