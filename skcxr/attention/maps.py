"""Maps of images by a fitted embedder, batch by batch."""

import copy

import numpy as np

from .._image_input import as_images
from .cam import check_method, linear_cam, stage_cams
from .gradcam import label_positions
from .postprocess import average_flipped, fuse_scales, resize_maps


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
        Fitted with labels.
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
    """
    check_method(method)
    index = label_positions(labels, embedder.label_names_)
    coef = embedder.head_coef_[index]
    images = as_images(X, image_shape=embedder.image_shape)

    def maps_of(rows):
        if stages is None:
            parts = embedder.rows(rows).batches(batch_size)
            maps = np.concatenate([linear_cam(part, coef, method) for _, part in parts])
        else:
            maps = fuse_scales(_through(embedder, rows, coef, stages, method))
        return maps if size is None else resize_maps(maps, size)

    if stages is None and not flip:
        for where, part in embedder.rows(X).batches(batch_size):
            maps = linear_cam(part, coef, method)
            yield where, maps if size is None else resize_maps(maps, size)
        return
    for start in range(0, len(images), batch_size):
        where = slice(start, min(start + batch_size, len(images)))
        batch = images.take(np.arange(where.start, where.stop))
        batch = np.stack([np.asarray(image) for image in batch])
        maps = maps_of(batch)
        if flip:
            maps = average_flipped(maps, maps_of(np.ascontiguousarray(batch[:, :, ::-1])))
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
    """
    return class_maps(embedder, X, labels, batch_size=batch_size)


def _through(embedder, batch, coef, stages, method):
    """Maps at stages of the embedder's network, one backward pass for each label."""
    import torch

    from .._torch import resolve_device, to_input

    device = resolve_device(embedder.device)
    parts = []
    for part in (embedder.trunk_, embedder.tail_):
        if part is not None:
            # The fitted network stays where it can be pickled from.
            part = part if device.type == "cpu" else copy.deepcopy(part).to(device)
            parts += part.eval().named_children()
    weight = torch.as_tensor(coef, device=device)
    batch = to_input(batch, device)
    return stage_cams(
        parts, lambda x: x.mean((2, 3)) @ weight.T, batch, stages=stages, method=method
    )
