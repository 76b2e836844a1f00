"""
Save a model, and load it elsewhere
===================================

A pickle runs whatever code its author put into it. :func:`~skcxr.save` writes numbers and settings
only, and :func:`~skcxr.load` executes nothing, so that a model may be passed on. Here is what such
a file holds.
"""

import tempfile
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skimage.io import imsave

from skcxr import load, make_chest_phantoms, make_hybrid_pipeline, predict_frame, save

# %%
# A small model. Its network is as ImageNet left it, in a package that skcxr requires.

phantoms = make_chest_phantoms(
    120, size=96, label_names=["Effusion", "Mass"], prevalence=0.4, random_state=0
)
model = make_hybrid_pipeline("frozen", size=96, attention=False, random_state=0)
model.fit(phantoms.images, phantoms.labels, classify__groups=phantoms.groups)

# %%
# Weights that ship with a package stay there as long as they are unchanged; the file names them
# with their digest.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "model.skcxr"
save(model, path)
loaded = load(path)
assert np.array_equal(loaded.predict_proba(phantoms.images), model.predict_proba(phantoms.images))
print(f"{path.stat().st_size / 1e6:.1f} MB; the loaded model gives the same numbers to the bit")

# %%
# What is in it
# -------------
# An archive that any tool opens: settings as JSON, arrays and networks. No path, no name of a file
# and no row of the training data; the folder behind ``memory`` is dropped.

with zipfile.ZipFile(path) as archive:
    for part in archive.infolist():
        print(f"{part.filename:<22}{part.file_size / 1e3:>10,.1f} kB")

# %%
# A table of films
# ----------------
# What ``skcxr predict model.skcxr films/ -o predictions.csv`` does, too: probability, threshold and
# decision of each film, by its file. Here are the five new films that rank from the least to the
# most likely effusion.

new = make_chest_phantoms(
    40, size=96, label_names=["Effusion", "Mass"], prevalence=0.4, random_state=1
)
order = np.argsort(loaded.predict_proba(new.images)[:, 0])[[0, 10, 20, 30, 39]]
for rank, film in enumerate(new.images[order]):
    imsave(f"{folder.name}/film_{rank}.png", film, check_contrast=False)
table = predict_frame(loaded, sorted(Path(folder.name).glob("*.png")))
table["file"] = [Path(file).name for file in table["file"]]
folder.cleanup()
table.round(3)

# %%
fig, axes = plt.subplots(1, 5, figsize=(8, 2.2), layout="constrained")
for ax, film, drawn, row in zip(
    axes, new.images[order], new.labels.to_numpy()[order], table.to_dict("records"), strict=True
):
    ax.imshow(film, cmap="gray")
    ax.set(xticks=[], yticks=[], title=f"effusion: {row['Effusion probability']:.2f}")
    ax.set_xlabel("has one" if drawn[0] else "has none", color="#D55E00" if drawn[0] else "0.3")
plt.show()
