"""Maps of images by a fitted embedder, batch by batch."""

import copy

import numpy as np

from .._image_input import as_images
from .._torch import resolve_device, to_input
from .cam import check_method, linear_cam, stage_cams
from .gradcam import label_positions
from .postprocess import average_flipped, fuse_scales, resize_maps

_LINEAR = ("grad_cam", "hires_cam")  # for a linear head the sum over channels alone is needed


def iter_class_maps(
    embedder,
    X,
    labels=None,
    *,
    method="grad_cam",
    stages=None,
    flip=False,
    size=None,
    batch_size=32,
):
    """Yield the maps of images, as many at a time as a batch holds.

    Parameters
    ----------
    embedder : CNNEmbedder
        Fitted with labels; the maps of several cross-fitted networks are averaged, and those of a
        network that was trained on mirrored films with those of the mirrored film.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The images.
    labels : str, int, sequence of them or None, default=None
        Names or positions of the labels wanted; None takes all.
    method : {"grad_cam", "grad_cam++", "hires_cam", "layer_cam"}, default="grad_cam"
        How the feature maps are weighed; without `stages` HiResCAM is the same as Grad-CAM.
    stages : sequence of str or None, default=None
        Stages of the network, such as ``("layer3", "layer4")``, whose maps are fused as LayerCAM
        does it (:func:`fuse_scales`). It takes a backward pass for each label. None takes the last
        one, where all labels come from one product.
    flip : bool, default=False
        Whether to average with the maps of the mirrored film.
    size : (int, int) or None, default=None
        Height and width that the maps are interpolated to; None keeps their own (with several
        stages that of the finest).
    batch_size : int, default=32
        Images at a time.

    Yields
    ------
    where : slice
        Rows of X.
    maps : ndarray of shape (m, n_labels, h, w), float32
        Not normalised.

    Raises
    ------
    ValueError
        For a label or a stage that the embedder does not know.

    Examples
    --------
    >>> from skcxr.attention import iter_class_maps
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import CNNEmbedder
    >>> films = make_chest_phantoms(4, size=64, random_state=0)
    >>> embedder = CNNEmbedder("resnet18", weights=None, random_state=0)
    >>> embedder = embedder.fit(films.images, [[0, 1], [1, 0], [0, 0], [1, 1]])
    >>> parts = iter_class_maps(embedder, films.images, batch_size=3)
    >>> [maps.shape for _, maps in parts]
    [(3, 2, 2, 2), (1, 2, 2, 2)]
    """
    check_method(method)
    index = label_positions(labels, embedder.label_names_)
    plain = stages is None and (len(embedder.head_coefs_) == 1 or method in _LINEAR)

    def maps_of(X):
        for where, rows in _batches(embedder, X, index, method, stages, plain, batch_size):
            yield where, rows if size is None else resize_maps(rows, size)

    # Rows of the embedder are averaged already where it was trained on mirrored films.
    flip = flip or (not plain and getattr(embedder, "_mirror", False))
    if plain and not flip:
        yield from maps_of(X)
        return
    images = as_images(X, image_shape=embedder.image_shape)
    for start in range(0, len(images), batch_size):
        where = slice(start, min(start + batch_size, len(images)))
        batch = np.stack(list(images.take(np.arange(where.start, where.stop))))
        ((_, maps),) = maps_of(batch)
        if flip:
            ((_, flipped),) = maps_of(np.ascontiguousarray(batch[:, :, ::-1]))
            maps = average_flipped(maps, flipped)
        yield where, maps


def class_maps(embedder, X, labels=None, **kwargs):
    """Maps of images by a fitted embedder.

    Parameters
    ----------
    embedder, X, labels, **kwargs
        As in :func:`iter_class_maps`, which needs the memory of a batch only.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        Not normalised.

    Examples
    --------
    >>> from skcxr.attention import class_maps
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import CNNEmbedder
    >>> films = make_chest_phantoms(4, size=64, random_state=0)
    >>> embedder = CNNEmbedder("resnet18", weights=None, random_state=0)
    >>> embedder = embedder.fit(films.images, [[0, 1], [1, 0], [0, 0], [1, 1]])
    >>> class_maps(embedder, films.images, 0, method="layer_cam", size=(64, 64)).shape
    (4, 1, 64, 64)
    """
    return np.concatenate([maps for _, maps in iter_class_maps(embedder, X, labels, **kwargs)])


def grad_cam(embedder, X, labels=None, *, batch_size=32):
    """Grad-CAM maps of images by a fitted embedder.

    Parameters
    ----------
    embedder, X, labels, batch_size
        As in :func:`iter_class_maps`.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        Not normalised, at the resolution of the feature maps.

    Raises
    ------
    ValueError
        For a label that the embedder does not know.

    Examples
    --------
    >>> from skcxr.attention import grad_cam
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import CNNEmbedder
    >>> films = make_chest_phantoms(4, size=64, random_state=0)
    >>> embedder = CNNEmbedder("resnet18", weights=None, random_state=0)
    >>> embedder = embedder.fit(films.images, [[0, 1], [1, 0], [0, 0], [1, 1]])
    >>> grad_cam(embedder, films.images).shape
    (4, 2, 2, 2)
    """
    return class_maps(embedder, X, labels, batch_size=batch_size)


def _batches(embedder, X, index, method, stages, plain, batch_size):
    """Yield maps at their own resolution; of several cross-fitted networks, the mean."""
    if not plain:
        networks = networks_of(embedder)
        last = networks[0][0][-1][0]
        device = resolve_device(embedder.device)
        parts = maps_through(networks, X, index, stages or [last], method, device)
        yield slice(0, len(X)), parts[0] if stages is None else fuse_scales(parts)
    elif len(embedder.head_coefs_) > 1:
        for where, rows in embedder.activation_rows(X).batches(batch_size):
            evidence = np.maximum(rows[:, 0, index], 0)
            yield where, evidence / np.float32(np.prod(evidence.shape[2:]))
    else:
        for where, rows in embedder.rows(X).batches(batch_size):
            yield where, linear_cam(rows, embedder.head_coef_[index], method)


def networks_of(embedder):
    """Named stages and head of each network: one, or those that were cross-fitted."""
    trunk = list(embedder.trunk_.named_children())
    tails = [list(tail.named_children()) for tail in embedder.tails_] or [[]]
    return [(trunk + tail, coef) for tail, coef in zip(tails, embedder.head_coefs_, strict=True)]


def maps_through(networks, batch, index, stages, method, device):
    """Maps at stages of networks, one backward pass for each label; the mean over networks."""
    import torch

    found = []
    for parts, coef in networks:
        if device.type != "cpu":  # the fitted network stays where it can be pickled from
            parts = [(name, copy.deepcopy(part).to(device)) for name, part in parts]
        weight = torch.as_tensor(coef[index], device=device)

        def head(x, weight=weight):
            return x.mean((2, 3)) @ weight.T

        inputs = to_input(np.asarray(batch), device)
        found.append(stage_cams(parts, head, inputs, stages=stages, method=method))
    return [np.mean(of_stage, axis=0) for of_stage in zip(*found, strict=True)]
