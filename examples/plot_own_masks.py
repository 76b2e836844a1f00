"""
Train on your own masks
=======================

The lung masks that ship leave the heart out. Who studies something else, or films that look
different, trains :class:`~skcxr.segmentation.UNetMasker` on masks of their own: here of the whole
chest cavity, lungs and what lies between them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator

from skcxr import GradCAMFuser, UNetMasker, make_chest_phantoms
from skcxr.inspection import SegmentationDisplay
from skcxr.metrics import segmentation_report

# %%
# Masks of our own: in each row everything between the outer borders of the lungs.

phantoms = make_chest_phantoms(60, size=96, random_state=4)
lungs = phantoms.masks
from_left = np.maximum.accumulate(lungs, axis=2)
from_right = np.maximum.accumulate(lungs[:, :, ::-1], axis=2)[:, :, ::-1]
cavity = from_left & from_right
train, test = np.arange(40), np.flatnonzero(phantoms.groups > phantoms.groups[39])

# %%
# 40 films and a working size of 96 pixels are enough for phantoms, which are more alike than
# patients. With ``weights="lungs"`` the training would start from the shipped network.

masker = UNetMasker(weights=None, side=96, epochs=20, postprocess=None, random_state=0)
masker.fit(phantoms.images[train], cavity[train])
masks = masker.transform(phantoms.images[test])
print(segmentation_report(cavity[test], masks, n_bootstraps=0))

# %%
# The worst films and the middling ones, of other patients. The lower border is where most is wrong:
# our masks end at the level of the lowest lung, and nothing in the film marks it.

SegmentationDisplay.from_predictions(phantoms.images[test], cavity[test], masks, n_cases=4)
plt.show()

# %%
# Into the pipeline
# -----------------
# A masker that was fitted goes in frozen; ``make_hybrid_pipeline(masker=...)`` takes it the same
# way. ``save_weights`` writes a file that ``weights=`` reads again.

fuser = GradCAMFuser(masker=FrozenEstimator(masker), lam=1)
print(fuser)
