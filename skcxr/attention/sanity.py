"""Do maps say what the network uses? Deletion, insertion, and weights made random."""

import copy

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.utils import check_random_state

from .._image_input import as_images
from .._torch import resolve_device, seeded
from .gradcam import label_positions
from .maps import class_maps, maps_through, networks_of
from .postprocess import resize_maps

_BLUR = 0.1  # of a film's height: the surroundings that stand in for what was deleted


def faithfulness(
    embedder,
    X,
    labels=None,
    *,
    maps=None,
    method="grad_cam",
    n_steps=10,
    noise=0.02,
    random_state=None,
):
    """Delete and insert what maps mark, and see what becomes of the network's probability.

    Deleted pixels become a blur of what is left plus noise, which leaks less of the deleted shape
    than one grey would; insertion begins with a blur of the whole film. A map that is true to the
    network has a small area under the deletion curve (the probability falls at once) and a large
    one under the insertion curve, compared with pixels in a random order and in the order of
    another film's map.

    Parameters
    ----------
    embedder : CNNEmbedder
        Fitted with labels; its own linear head gives the probability, since this is what Grad-CAM
        explains.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The films, at least two.
    labels : str, int, sequence of them or None, default=None
        None takes all.
    maps : ndarray of shape (n, n_labels, h, w) or None, default=None
        Maps to be judged; None makes them by `method`.
    method : str, default="grad_cam"
        See :func:`class_maps`.
    n_steps : int, default=10
        Steps from none to all of the pixels.
    noise : float, default=0.02
        Standard deviation of the noise, as a share of the range of grey levels.
    random_state : int, RandomState or None, default=None
        Of the noise, the random order and the other film.

    Returns
    -------
    DataFrame
        A row per film, label and order (``"map"``, ``"other film"``, ``"random"``): the areas
        deletion and insertion, in [0, 1].

    References
    ----------
    .. [1] V. Petsiuk et al. "RISE: Randomized input sampling for explanation of black-box models".
       BMVC, 2018.
    .. [2] Y. Rong et al. "A consistent and efficient evaluation strategy for attribution methods".
       ICML, 2022 (imputation with noise).

    Examples
    --------
    >>> from skcxr.attention import faithfulness
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import CNNEmbedder
    >>> films = make_chest_phantoms(4, size=64, random_state=0).images
    >>> embedder = CNNEmbedder("resnet18", weights=None, random_state=0)
    >>> embedder = embedder.fit(films, [[0, 1], [1, 0], [0, 0], [1, 1]])
    >>> found = faithfulness(embedder, films[:2], 0, n_steps=2, random_state=0)
    >>> found["order"].unique().tolist()
    ['map', 'other film', 'random']
    """
    rng = check_random_state(random_state)
    films = np.asarray(as_images(X, image_shape=embedder.image_shape))
    embedder = copy.copy(embedder)
    embedder.memory = None  # films that were changed are not worth keeping
    index = label_positions(labels, embedder.label_names_)
    names = np.asarray(embedder.label_names_)[index]
    if len(films) < 2:
        raise ValueError("The control needs the map of another film: pass at least two films.")
    if maps is None:
        maps = class_maps(embedder, films, list(index), method=method)
    maps = resize_maps(maps, films.shape[1:])
    if maps.shape[:2] != (len(films), len(index)):
        raise ValueError(
            f"maps must be of {len(films)} films and {len(index)} labels; got {maps.shape[:2]}."
        )
    steps = np.linspace(0, 1, n_steps + 1)
    rows = []
    for i, film in enumerate(films):
        other = (i + 1 + rng.randint(len(films) - 1)) % len(films)
        orders = {"map": maps[i], "other film": maps[other], "random": None}
        for name, map_by_label in orders.items():
            for j, column in enumerate(index):
                values = rng.uniform(size=film.shape)
                if map_by_label is not None:
                    # Ties, as in a map of zeros, in a random order.
                    values = map_by_label[j] + 1e-9 * values * max(map_by_label[j].max(), 1)
                areas = _areas(embedder, film, values, column, steps, noise, rng)
                rows.append((i, names[j], name, *areas))
    return pd.DataFrame(rows, columns=["film", "label", "order", "deletion", "insertion"])


def _areas(embedder, film, values, column, steps, noise, rng):
    """Mean probability while the highest values are deleted, and while they are inserted."""
    rank = np.empty(values.size)
    rank[np.argsort(-values.ravel(), kind="stable")] = np.arange(values.size)
    rank = rank.reshape(values.shape) / values.size
    everywhere = _blur(film, np.ones(film.shape, np.float32))
    changed = []
    for step in steps:
        kept = (rank >= step).astype(np.float32)
        changed.append(_replace(film, rank < step, _blur(film, kept), noise, rng))
    for step in steps:
        changed.append(_replace(film, rank >= step, everywhere, noise, rng))
    proba = expit(embedder.decision_function(np.stack(changed))[:, column])
    return [np.trapezoid(part, steps) for part in np.split(proba, 2)]


def _blur(film, kept):
    """A blur of the kept pixels alone; their mean where none is near."""
    import cv2

    sigma = _BLUR * film.shape[0]
    weight = cv2.GaussianBlur(kept, (0, 0), sigma)
    blurred = cv2.GaussianBlur(film.astype(np.float32) * kept, (0, 0), sigma)
    grey = film[kept > 0].mean() if kept.any() else film.mean()
    return np.where(weight > 1e-3, blurred / np.maximum(weight, 1e-3), grey)


def _replace(film, where, by, noise, rng):
    by = by + rng.normal(scale=255 * noise, size=film.shape)
    return np.where(where, np.clip(np.rint(by), 0, 255), film).astype(np.uint8)


def randomization_check(embedder, X, labels=None, *, method="grad_cam", random_state=None):
    """Make a network random from its head downwards, and see whether its maps change.

    Maps that stay the same with a random head or random stages show what films look like and not
    what the network has learnt.

    Parameters
    ----------
    embedder : CNNEmbedder
        Fitted with labels; it is not changed.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        A few films.
    labels : str, int, sequence of them or None, default=None
        None takes all.
    method : str, default="grad_cam"
        See :func:`class_maps`.
    random_state : int, RandomState or None, default=None
        Of the random weights.

    Returns
    -------
    DataFrame
        A row per step (``"nothing"``, ``"head"``, then each stage with all above it): mean rank
        correlation of the maps with those of the trained network, and the number of maps that are
        not constant.

    References
    ----------
    J. Adebayo et al. "Sanity checks for saliency maps". NeurIPS, 2018.

    Examples
    --------
    >>> from skcxr.attention import randomization_check
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import CNNEmbedder
    >>> films = make_chest_phantoms(4, size=64, random_state=0).images
    >>> embedder = CNNEmbedder("resnet18", weights=None, random_state=0)
    >>> embedder = embedder.fit(films, [[0, 1], [1, 0], [0, 0], [1, 1]])
    >>> randomization_check(embedder, films, random_state=0).index.tolist()
    ['nothing', 'head', 'layer4', 'layer3', 'layer2', 'layer1', 'stem']
    """
    rng = check_random_state(random_state)
    films = np.asarray(as_images(X, image_shape=embedder.image_shape))
    index = label_positions(labels, embedder.label_names_)
    networks = copy.deepcopy(networks_of(embedder))
    device = resolve_device(embedder.device)
    stages = [name for name, _ in networks[0][0]]

    def maps():
        (found,) = maps_through(networks, films, index, stages[-1:], method, device)
        return found.reshape(len(films) * len(index), -1)

    trained = maps()
    rows = [("nothing", *_rank_correlation(trained, trained))]
    networks = [
        (parts, rng.normal(scale=coef.std(), size=coef.shape).astype(np.float32))
        for parts, coef in networks
    ]
    rows.append(("head", *_rank_correlation(trained, maps())))
    for name in stages[::-1]:
        with seeded(rng):
            for parts, _ in networks:
                for module in dict(parts)[name].modules():
                    if hasattr(module, "reset_parameters"):
                        module.reset_parameters()
        rows.append((name, *_rank_correlation(trained, maps())))
    return pd.DataFrame(rows, columns=["random", "correlation", "maps"]).set_index("random")


def _rank_correlation(a, b):
    """Mean Spearman correlation of rows, and how many rows have one."""
    from scipy.stats import rankdata

    varies = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
    if not varies.any():
        return np.nan, 0
    a, b = (rankdata(part[varies], axis=1) for part in (a, b))
    a, b = (part - part.mean(axis=1, keepdims=True) for part in (a, b))
    together = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return float(together.mean()), int(varies.sum())
