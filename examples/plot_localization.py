"""
Where it looks, with controls
=============================

A map in the middle of the lungs hits many lesions by luck. Before a map is believed it is compared
with maps that have not seen the film: those of other patients with the same finding, the mean place
of such lesions, the lung mask. :func:`~skcxr.metrics.localization_report` does this, box by box.
"""

import matplotlib.pyplot as plt
import numpy as np

from skcxr import CNNEmbedder, GradCAMFuser, make_chest_phantoms
from skcxr.inspection import AttentionDisplay, LocalizationDisplay
from skcxr.metrics import localization_report
from skcxr.model_selection import train_test_split_by_patient

# %%
# A network as ImageNet left it, whose linear head has seen 90 phantoms; 70 films of other patients
# to look at.

phantoms = make_chest_phantoms(
    160,
    size=128,
    label_names=["Cardiomegaly", "Effusion", "Mass"],
    prevalence=0.3,
    contrast=(0.5, 1),
    random_state=2,
)
train, new = train_test_split_by_patient(
    np.arange(160), phantoms.labels, phantoms.groups, test_size=0.45, random_state=0
)[:2]
films, names = phantoms.images[new], phantoms.frame["Image Index"].to_numpy()[new]
fuser = GradCAMFuser(CNNEmbedder("efficientnet_lite0"))
fuser.fit(phantoms.images[train], phantoms.labels.iloc[train])

# %%
# Some of them, each beside the map of another patient. Where the control looks as good, the map
# shows where masses are in general.

maps = fuser.attention_maps(films, size=(64, 64))
shown = np.flatnonzero(phantoms.labels["Mass"].to_numpy()[new])[:3]
AttentionDisplay.from_predictions(
    films[shown],
    maps=maps.cam[shown, list(maps.label_names).index("Mass")],
    label="Mass",
    boxes=phantoms.boxes,
    names=names[shown],
    groups=phantoms.groups[new][shown],
    random_state=0,
)
plt.show()

# %%
# All of them
# -----------
# Grad-CAM, and its fusion with the lung mask, against the boxes.

reports = {
    name: localization_report(
        stack,
        phantoms.boxes.query("image in @names"),
        images=names,
        label_names=maps.label_names,
        groups=phantoms.groups[new],
        masks=maps.mask,
        train_boxes=phantoms.boxes.query("image not in @names"),
        n_bootstraps=300,
        random_state=0,
    )
    for name, stack in (("Grad-CAM", maps.cam), ("fused", maps.fused))
}
LocalizationDisplay.from_reports(reports, metrics=["pointing game", "energy in box"])
plt.show()

# %%
# Grey are the controls. *mean box* knows only where lesions of the training films were, *lung mask*
# only where lungs are. A map that does not stay clear of them has not been shown to find lesions,
# however good it looks. Here the controls win: whoever guesses where such lesions usually are
# points better than this network.

for name, report in reports.items():
    control = report.best_control("pointing game")
    print(
        f"{name}: pointing game {control['value'] + control['difference']:.2f}, best control "
        f"({control['control']}) {control['value']:.2f}, difference {control['difference']:+.2f} "
        f"({control['low']:+.2f} to {control['high']:+.2f})"
    )

# %%
# By finding: a heart is always in the same place, so that the mean box is hard to beat.

reports["Grad-CAM"].per_label.round(2)
