"""
Look at the films first
=======================

A folder of films holds files that are cut off, inverted, turned or there twice, and a night of
computing goes by before anyone looks. :func:`~skcxr.check_images` reads every film once and says
what is wrong with it. Here ten phantoms are spoilt on purpose.
"""

import tempfile
from pathlib import Path
from textwrap import fill

import cv2
import matplotlib.pyplot as plt
import numpy as np
from skimage.io import imread, imsave

from skcxr import check_images, make_chest_phantoms

# %%
# A folder with good films and bad ones.

films = make_chest_phantoms(16, size=224, n_patients=16, random_state=5).images
spoilt = {
    "inverted": 255 - films[0],
    "turned": np.rot90(films[1]),
    "upside_down": films[2][::-1],
    "white": np.where(np.arange(224) < 60, 255, films[3]).astype(np.uint8),
    "no_contrast": (120 + films[4] // 40).astype(np.uint8),
    "twice": films[10],
    "nearly_twice": cv2.convertScaleAbs(films[11], alpha=0.8, beta=20),
    "narrow": films[5][:, 60:160],
    "tiny": cv2.resize(films[6], (48, 48), interpolation=cv2.INTER_AREA),
}
folder = tempfile.TemporaryDirectory()
for i, film in enumerate(films[7:]):
    imsave(f"{folder.name}/good_{i}.png", film, check_contrast=False)
for name, film in spoilt.items():
    imsave(f"{folder.name}/{name}.png", film, check_contrast=False)
with (
    open(f"{folder.name}/good_0.png", "rb") as good,
    open(f"{folder.name}/cut_off.png", "wb") as bad,
):
    bad.write(good.read()[:9000])

# %%
# One line per film, one score per issue: 1 is without fault, below 0.5 is an issue.

frame = check_images(folder.name, verbose=0)
frame.index = [Path(path).stem for path in frame["path"]]
issues = [name for name in frame if name.startswith("is_")]
found = {
    film: [name.removeprefix("is_").removesuffix("_issue") for name in issues if row[name]]
    for film, row in frame.iterrows()
}
bad = [film for film, names in found.items() if names]
frame.loc[bad, ["n_issues", "rotation", "height", "width", "error"]]

# %%
# What was found, film by film. The good one of a pair may be named as well: which of two copies is
# wanted, only you know.

fig, axes = plt.subplots(3, 4, figsize=(7.2, 7.2), layout="constrained")
for ax, film in zip(axes.flat, bad, strict=True):
    ax.set(xticks=[], yticks=[], title=film.replace("_", " "))
    ax.set_xlabel(fill(", ".join(found[film]).replace("_", " "), 22), fontsize=9, color="#D55E00")
    if frame.loc[film, "error"]:
        ax.text(0.5, 0.5, "cannot be\nread", ha="center", va="center", transform=ax.transAxes)
        ax.set_aspect("equal")
    else:
        ax.imshow(imread(frame.loc[film, "path"]), cmap="gray", vmin=0, vmax=255)
plt.show()
folder.cleanup()

# %%
# Judgements err, and an odd film may be the one that matters. Look before you leave films out;
# rates of false alarms on real films are in the docstring of :func:`~skcxr.check_images`.

print("good films without an issue:", sum(not found[f"good_{i}"] for i in range(9)), "of 9")
