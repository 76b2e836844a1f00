"""
Many films, a store and a cluster
=================================

A hundred thousand films do not fit into memory, a network's pass over them takes hours, and an
experiment needs many passes. skcxr works in batches, keeps per film what does not depend on labels,
and sends chunks to a dask cluster if there is one. Here 64 phantoms stand for them.
"""

import tempfile
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from dask.distributed import Client
from skimage.io import imsave

from skcxr import (
    cache_info,
    make_chest_phantoms,
    make_hybrid_pipeline,
    transform_in_chunks,
    warm_cache,
)

# %%
# X are paths: a film is read when a stage needs it.

folder = tempfile.TemporaryDirectory()
phantoms = make_chest_phantoms(
    64,
    size=128,
    label_names=["Cardiomegaly", "Effusion", "Mass"],
    prevalence=0.3,
    contrast=(0.5, 1),
    random_state=2,
)
paths = np.array([f"{folder.name}/{i:03d}.png" for i in range(64)])
for path, film in zip(paths, phantoms.images, strict=True):
    imsave(path, film, check_contrast=False)
y, groups = phantoms.labels, phantoms.groups

# %%
# The store
# ---------
# With ``memory`` what each stage makes of a film is kept under a digest of its pixels and of all
# settings. Interrupted, :func:`~skcxr.warm_cache` goes on where it was. What is kept grows with the
# films alone: another λ and another fold compute nothing.

memory = f"{folder.name}/memory"
pipe = make_hybrid_pipeline("frozen", size=128, memory=memory, random_state=0)
pipe.set_params(classify__max_epochs=3)
kept = {}


def count(step):
    kept[step] = cache_info(memory)["bytes"].drop("fit", errors="ignore") / 1e3


warm_cache(pipe, paths[:32])
count("32 films warmed")
pipe.fit(paths[:48], y[:48], classify__groups=groups[:48])
count("fit on 48 films")
pipe.set_params(features__attention__lam=0.9).fit(paths[16:48], y[16:48])
count("other λ, other fold")
pipe.predict_proba(paths)
count("predict all 64")

colors = ["#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7"]
ax = pd.DataFrame(kept).T.plot.bar(stacked=True, color=colors, rot=0, width=0.6, figsize=(6.8, 3.6))
ax.set_ylabel("kB kept")
ax.legend(frameon=False, loc="upper left")
ax.spines[["top", "right"]].set_visible(False)
ax.figure.set_layout_engine("constrained")
plt.show()

# %%
# Bytes per film: decoded images are as sensitive as the films themselves.

info = cache_info(memory)
(info["bytes"] / info["entries"]).round().astype(int).rename("bytes each").to_frame().join(info)

# %%
# Chunks, on a cluster
# --------------------
# :func:`~skcxr.transform_in_chunks` writes features into a memory-mapped file, so that memory does
# not grow with the number of films. Workers are sent the paths of a chunk, and read the films
# themselves; this process alone writes. The cluster here are two threads of this process; yours is
# found by ``Client("scheduler:8786")``.

alone = transform_in_chunks(pipe[:-1], paths, chunk_size=16)
here = {"processes": False, "protocol": "tcp", "dashboard_address": None}
with (
    Client(n_workers=2, threads_per_worker=1, **here),
    joblib.parallel_config(backend="dask"),
):
    features = transform_in_chunks(
        pipe[:-1], paths, chunk_size=16, n_jobs=2, out=f"{folder.name}/features.npy"
    )
size = Path(f"{folder.name}/features.npy").stat().st_size
print(f"{features.shape[0]} films, {features.shape[1]} features each, {size / 1e6:.1f} MB on disk")
print("the same as in one process:", np.array_equal(alone, features))
folder.cleanup()
