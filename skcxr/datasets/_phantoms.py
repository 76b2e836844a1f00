"""make_chest_phantoms: synthetic frontal radiographs with labels, boxes and lung masks."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from .._sklearn import Interval, validate_params
from ._boxes import box_table
from ._bunch import data_set
from ._labels import CHESTXRAY14_LABELS
from ._phantom_anatomy import Chest
from ._phantom_lesions import PAINT, RESHAPE
from ._phantom_scene import Scene

#: Share of the images that show each disease unless `prevalence` says otherwise.
PREVALENCE = {
    "Atelectasis": 0.16,
    "Cardiomegaly": 0.14,
    "Effusion": 0.22,
    "Infiltration": 0.28,
    "Mass": 0.10,
    "Nodule": 0.12,
    "Pneumonia": 0.06,
    "Pneumothorax": 0.08,
    "Consolidation": 0.08,
    "Edema": 0.05,
    "Emphysema": 0.06,
    "Fibrosis": 0.05,
    "Pleural_Thickening": 0.06,
    "Hernia": 0.03,
}
DEFAULT_LABELS = ("Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumothorax")

# A disease that a patient has shows in this share of the patient's images. Sick patients have
# several diseases: `_SICKNESS` are the factors on the prevalence, with mean 1.
_PERSISTENCE = 0.8
_SICKNESS = ((0.4, 0.6), (1.9, 0.4))
_MAX_PREVALENCE = 0.4

DESCR = """\
Chest phantoms
--------------
Synthetic frontal chest radiographs, drawn from outlines; no patient is behind them, and what a
model scores on them says nothing about patients. They exist for tests, examples and as extra
training data for lung segmentation.

:Images: {n} of {patients} phantom patients, {size} x {size} pixels, uint8
:Labels: {labels}
:Masks: both lung fields as they are annotated in the NLM Montgomery set: heart and mediastinum
    left out, opaque parts of the lung included
:Boxes: x, y, width and height in pixels of these images

Images of one patient share the anatomy; pose, exposure and, in part, diseases differ.
"""


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "size": [Interval(Integral, 32, None, closed="left")],
        "n_patients": [Interval(Integral, 1, None, closed="left"), None],
        "label_names": ["array-like", str],
        "prevalence": [dict, Interval(Real, 0, 1, closed="both"), None],
        "contrast": [tuple],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_chest_phantoms(
    n_samples=200,
    size=224,
    *,
    n_patients=None,
    label_names=DEFAULT_LABELS,
    prevalence=None,
    contrast=(0.0, 1.0),
    random_state=None,
):
    """Draw synthetic frontal chest radiographs with diseases, boxes and lung masks.

    Parameters
    ----------
    n_samples : int, default=200
        Number of images.
    size : int, default=224
        Side of the square images in pixels, at least 32. The chests themselves do not change
        with `size`.
    n_patients : int or None, default=None
        Number of patients. None: each patient has one to about six images, 1.7 on average, and
        image i does not depend on `n_samples`.
    label_names : sequence of str or "all", default=six diseases
        Diseases that occur, out of :data:`CHESTXRAY14_LABELS`; the columns of `labels`, in this
        order. The default is Cardiomegaly, Effusion, Infiltration, Mass, Nodule and
        Pneumothorax.
    prevalence : dict of {str: float}, float or None, default=None
        Expected share of the images with each disease, at most 0.4. None: between 0.03 (Hernia)
        and 0.28 (Infiltration). A dict may leave diseases out. Diseases cluster in patients and
        go together, so that the share in a few images differs.
    contrast : tuple of two floats, default=(0.0, 1.0)
        Range from which the strength of each lesion is drawn: 0 is subtle, 1 is plain.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        images, data : ndarray of shape (n_samples, size, size), uint8
            The radiographs, those of one patient side by side.
        labels, target : DataFrame of shape (n_samples, n_labels), int8
            1 where the disease is shown. Rows without a 1 are healthy.
        masks : ndarray of shape (n_samples, size, size), bool
            The lung fields.
        boxes : DataFrame
            One row per lesion: `index` (row of `images`), `image` (file name), `label`,
            `x`, `y`, `w`, `h` in pixels, and `frame_width`, `frame_height`, the size of the
            images. Every 1 in `labels` has at least one.
        groups : ndarray of shape (n_samples,), int
            Patient of each image, numbered from 1.
        frame : DataFrame
            `patient` and metadata named as :func:`load_chestxray14` names them.
        DESCR : str
            What this is.

    See Also
    --------
    write_chestxray14_layout : Write phantoms to disk in the layout of ChestX-ray14.
    paste_marker : Another hospital's letters in the corner of some of them.

    Examples
    --------
    >>> from skcxr.datasets import make_chest_phantoms
    >>> phantoms = make_chest_phantoms(8, size=64, random_state=0)
    >>> phantoms.images.shape, phantoms.masks.dtype, list(phantoms.labels)[:2]
    ((8, 64, 64), dtype('bool'), ['Cardiomegaly', 'Effusion'])
    """
    names = _check_labels(label_names)
    rates = _check_prevalence(prevalence, names)
    low, high = _check_contrast(contrast)
    entropy = check_random_state(random_state).randint(2**31, size=4).tolist()

    sizes = _images_per_patient(n_samples, n_patients, entropy)
    images = np.empty((n_samples, size, size), np.uint8)
    masks = np.empty((n_samples, size, size), bool)
    labels = np.zeros((n_samples, len(names)), np.int8)
    boxes, rows = [], []
    i = 0
    for patient, count in enumerate(sizes, start=1):
        rng = _generator(entropy, patient)
        chest_seed = int(rng.integers(2**62))
        factor = rng.choice([f for f, _ in _SICKNESS], p=[p for _, p in _SICKNESS])
        # Every disease draws, wanted or not: the others stay the same under another choice.
        luck = dict(zip(CHESTXRAY14_LABELS, rng.random(len(CHESTXRAY14_LABELS)), strict=True))
        for visit in range(count):
            rng = _generator(entropy, patient, visit + 1)
            shows = dict(zip(CHESTXRAY14_LABELS, rng.random(len(luck)), strict=True))
            present = [
                name
                for name in names
                if luck[name] < _carrier_rate(rates[name], factor) and shows[name] < _PERSISTENCE
            ]
            portable = bool(rng.random() < 0.25)
            chest = Chest(np.random.default_rng(chest_seed))
            image, masks[i], found = _draw(chest, rng, size, present, portable, (low, high))
            images[i] = image
            file_name = f"{patient:08d}_{visit:03d}.png"
            labels[i] = [name in present for name in names]
            boxes += [(i, file_name, *box, size, size) for box in found]
            view = "AP" if portable else "PA"
            rows.append((patient, file_name, visit, patient, chest.age, chest.sex, view))
            i += 1
    frame = pd.DataFrame(
        rows,
        columns=[
            "patient",
            "Image Index",
            "Follow-up #",
            "Patient ID",
            "Patient Age",
            "Patient Gender",
            "View Position",
        ],
    )
    description = DESCR.format(
        n=n_samples, patients=len(sizes), size=size, labels=", ".join(names) or "none"
    )
    return data_set(
        frame,
        pd.DataFrame(labels, columns=names),
        frame["patient"].to_numpy(),
        data=images,
        images=images,
        masks=masks,
        boxes=box_table(boxes),
        DESCR=description,
    )


def _draw(chest, rng, size, present, portable, contrast):
    """One radiograph: image (size, size), mask (size, size), boxes [(label, x, y, w, h)]."""
    low, high = contrast
    strength = {name: low + (high - low) * rng.beta(1.3, 1.3) for name in present}
    # A visit is not a copy of the one before: breath, and the magnified heart of a portable film.
    breath = rng.normal(0, 0.03)
    chest.dome += breath - 0.05 * portable
    chest.heart_left *= 1 + 0.07 * portable
    for name in present:
        if name in RESHAPE:
            RESHAPE[name](chest, rng, strength[name])
    scene = Scene(chest, rng, size, portable)
    found = []
    for name in present:
        for layer in PAINT[name](scene, rng, strength[name]):
            found.append((name, *_bounding_box(layer)))
    return scene.expose(scene.density()), scene.mask(), found


def _bounding_box(layer):
    """Pixels where `layer` is above a quarter of its maximum, as x, y, w, h."""
    inside = layer > 0.25 * layer.max()
    x, y = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
    return (float(x[0]), float(y[0]), float(x[-1] + 1 - x[0]), float(y[-1] + 1 - y[0]))


def _generator(entropy, *key):
    """Random generator of one patient, or of one image of it."""
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=key))


def _carrier_rate(rate, factor):
    return min(1.0, rate / _PERSISTENCE * factor)


def _images_per_patient(n_samples, n_patients, entropy):
    rng = _generator(entropy, 0)
    if n_patients is None:
        sizes, total = [], 0
        while total < n_samples:
            sizes.append(min(int(rng.geometric(0.6)), n_samples - total))
            total += sizes[-1]
        return sizes
    if n_patients > n_samples:
        raise ValueError(
            f"n_patients={n_patients} is more than n_samples={n_samples}: a patient has at least "
            "one image."
        )
    extra = rng.multinomial(n_samples - n_patients, np.full(n_patients, 1 / n_patients))
    return (1 + extra).tolist()


def _check_labels(label_names):
    if isinstance(label_names, str):
        if label_names != "all":
            raise ValueError(f"label_names is 'all' or a list of names, got {label_names!r}.")
        return list(CHESTXRAY14_LABELS)
    names = list(label_names)
    unknown = [name for name in names if name not in PAINT]
    if unknown:
        raise ValueError(
            f"No phantom shows {unknown}; label_names takes {list(CHESTXRAY14_LABELS)}."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"label_names has duplicates: {names}.")
    return names


def _check_prevalence(prevalence, names):
    if prevalence is None:
        prevalence = {}
    elif not isinstance(prevalence, dict):
        prevalence = dict.fromkeys(names, prevalence)
    unknown = sorted(set(prevalence) - set(names))
    if unknown:
        raise ValueError(f"prevalence names {unknown}, which are not in label_names={names}.")
    rates = {name: prevalence.get(name, PREVALENCE[name]) for name in names}
    for name, rate in rates.items():
        if not 0 <= rate <= _MAX_PREVALENCE:
            raise ValueError(
                f"prevalence of {name} must be between 0 and {_MAX_PREVALENCE}, got {rate}."
            )
    return rates


def _check_contrast(contrast):
    if len(contrast) != 2 or not 0 <= contrast[0] <= contrast[1] <= 1:
        raise ValueError(
            f"contrast must be (low, high) with 0 <= low <= high <= 1, got {contrast}."
        )
    return contrast
