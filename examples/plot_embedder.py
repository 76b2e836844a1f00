"""
What a network sees
===================

:class:`~skcxr.features.CNNEmbedder` turns a film into the pooled feature maps of a network. The
maps of a network that only knows ImageNet are looked at here, and which films it takes for alike.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import NearestNeighbors

from skcxr import CNNEmbedder, make_chest_phantoms

# %%
# The weights of EfficientNet-Lite0 come with skcxr. Without labels nothing is trained.

phantoms = make_chest_phantoms(200, size=128, random_state=0)
films, y, patients = phantoms.images, phantoms.labels, phantoms.groups
embedder = CNNEmbedder("efficientnet_lite0").set_output(transform="pandas")
embedding = embedder.fit_transform(films)
print(embedding.shape)

# %%
# Channels
# --------
# ``rows`` yields the maps before they are pooled, batch by batch: 1,280 channels of 4 × 4 places
# for films of 128 pixels. Here are the four channels that answer to one film more than to all
# others, in standard deviations. None of them has a name; the network was made for photographs.

values = embedding.to_numpy()
film = np.flatnonzero(y["Cardiomegaly"])[0]
above = (values[film] - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
channels = np.argsort(above)[::-1][:4]
maps = next(maps for _, maps in embedder.rows(films[[film]]).batches(1))[0].astype(float)

fig, axes = plt.subplots(1, 5, figsize=(8, 1.9), layout="constrained")
for ax, channel in zip(axes, [None, *channels], strict=True):
    ax.imshow(films[film], cmap="gray")
    ax.set(xticks=[], yticks=[], title="film" if channel is None else f"channel {channel}")
    if channel is not None:
        extent = (-0.5, 127.5, 127.5, -0.5)
        ax.imshow(maps[channel], cmap="inferno", alpha=0.5, extent=extent, interpolation="bilinear")
plt.show()

# %%
# Nearest films
# -------------
# For some films the nearest four by the angle between embeddings: first among all films, then among
# films of other patients.

nearest = NearestNeighbors(n_neighbors=len(films), metric="cosine").fit(values)
order = nearest.kneighbors(values, return_distance=False)[:, 1:]
same = patients[order] == patients[:, None]
several = np.flatnonzero(same.any(axis=1))

fig, axes = plt.subplots(3, 5, figsize=(8, 5.6), layout="constrained")
for line, film in zip(axes, several[[0, 6, 12]], strict=True):
    found = order[film, :4]
    for ax, i in zip(line, [film, *found], strict=True):
        ax.imshow(films[i], cmap="gray")
        ax.set(xticks=[], yticks=[])
        names = ", ".join(y.columns[y.iloc[i] == 1]) or "healthy"
        ax.set_xlabel(names.replace(", ", "\n"), fontsize=8)
        if i != film and patients[i] == patients[film]:
            ax.set_title("same patient", fontsize=9, color="#D55E00")
    line[0].set_title("film", fontsize=9)
plt.show()

# %%
# The network recognises the chest rather than the disease. That is why films of one patient must
# never be on both sides of a split: a classifier that remembers the patient would look like one
# that knows the disease.

elsewhere = [row[~mine] for row, mine in zip(order, same, strict=True)]
print(f"nearest film is of the same patient: {same[several, 0].mean():.0%}")
print(f"by chance:                           {same[several].mean():.0%}\n")
for label in y:
    has = y[label].to_numpy() == 1
    near = np.mean([has[elsewhere[i][:4]].mean() for i in np.flatnonzero(has)])
    print(
        f"{label:<14} {near:4.0%} of the nearest films of other patients, {has.mean():4.0%} of all"
    )
