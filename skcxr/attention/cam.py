r"""Class activation maps: what all methods share.

A method is how feature maps :math:`A^k` are weighed for a label's score :math:`y^c`:

.. math::  L^c = \mathrm{ReLU}\Big(\sum_k W^c_k \odot A^k\Big).

With global average pooling and a linear head the gradient
:math:`\partial y^c / \partial A^k_{ij} = w_{ck} / Z` is the same in all Z pixels, so that every
method here weighs whole channels and all labels come from one matrix product. Other heads, and
earlier stages of a network, take one backward pass a label.
"""

import numpy as np

from . import gradcam, gradcam_plus_plus, hirescam, layercam

#: Each has ``linear_weights(maps, coef)`` and ``gradient_weights(maps, gradient)``.
METHODS = {
    "grad_cam": gradcam,
    "grad_cam++": gradcam_plus_plus,
    "hires_cam": hirescam,
    "layer_cam": layercam,
}


def check_method(method):
    """Return the module of a method, or say which there are."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}; got {method!r}.")
    return METHODS[method]


def linear_cam(maps, coef, method="grad_cam"):
    """Maps of every label for global average pooling and a linear head, without a backward pass.

    Parameters
    ----------
    maps : ndarray of shape (n, n_channels, h, w)
        Feature maps.
    coef : ndarray of shape (n_labels, n_channels)
        Weights of the linear head.
    method : {"grad_cam", "grad_cam++", "hires_cam", "layer_cam"}, default="grad_cam"
        How the feature maps are weighed. HiResCAM is the same as Grad-CAM here.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        As the equations give them, not normalised.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.attention import linear_cam
    >>> maps = np.array([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # 1 image, 2 channels, 1 by 2 pixels
    >>> linear_cam(maps, [[2.0, -1.0]]).ravel().tolist()
    [0.0, 2.0]
    >>> linear_cam(maps, [[2.0, -1.0]], method="layer_cam").ravel().tolist()
    [1.0, 2.0]
    """
    maps = np.asarray(maps)
    weights = check_method(method).linear_weights(maps, np.asarray(coef, np.float32))
    return gradcam.weighed_sum(maps, weights)


def head_cam(maps, head, labels=None, method="grad_cam"):
    """Maps for any head, with a backward pass through the head alone.

    Parameters
    ----------
    maps : ndarray or Tensor of shape (n, n_channels, h, w)
        Feature maps.
    head : callable
        Turns maps into scores (n, n_labels); differentiable by torch.
    labels : sequence of int, default=None
        Columns of the scores; None takes all.
    method : {"grad_cam", "grad_cam++", "hires_cam", "layer_cam"}, default="grad_cam"
        How the feature maps are weighed.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        As the equations give them, not normalised.

    Examples
    --------
    >>> import torch
    >>> from skcxr.attention import head_cam
    >>> maps = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    >>> head_cam(maps, lambda x: x.amax((2, 3)), method="hires_cam").tolist()
    [[[[1.0, 0.0]], [[0.0, 2.0]]]]
    """
    return stage_cams([], head, maps, labels, method=method)[0]


def head_grad_cam(maps, head, labels=None):
    """Grad-CAM for any head: :func:`head_cam` with its default method.

    Parameters
    ----------
    maps, head, labels
        As in :func:`head_cam`.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32

    Examples
    --------
    >>> import torch
    >>> from skcxr.attention import head_grad_cam
    >>> maps = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    >>> head_grad_cam(maps, lambda x: x.mean((2, 3))).tolist()
    [[[[0.5, 0.0]], [[0.0, 1.0]]]]
    """
    return head_cam(maps, head, labels)


def stage_cams(network, head, batch, labels=None, *, stages=None, method="layer_cam"):
    """Maps at the input or at stages of a network, by a backward pass for each label.

    Parameters
    ----------
    network : sequence of (str, nn.Module), or empty
        Named parts that follow each other, as ``named_children()`` of an ``nn.Sequential``.
    head : callable
        Turns the last part's output into scores (n, n_labels).
    batch : ndarray or Tensor of shape (n, C, H, W)
        What goes into the first part.
    labels : sequence of int, default=None
        Columns of the scores; None takes all.
    stages : sequence of str, default=None
        Parts at whose output maps are wanted; None is the input.
    method : {"grad_cam", "grad_cam++", "hires_cam", "layer_cam"}, default="layer_cam"
        How the feature maps are weighed.

    Returns
    -------
    list of ndarray of shape (n, n_labels, h, w), float32
        One for each of `stages`, at its own resolution.

    References
    ----------
    P.-T. Jiang et al. "LayerCAM: Exploring hierarchical class activation maps for localization".
    IEEE Transactions on Image Processing, 2021.

    Examples
    --------
    >>> import torch
    >>> from skcxr.attention import stage_cams
    >>> parts = [("first", torch.nn.Conv2d(1, 4, 3)), ("second", torch.nn.Conv2d(4, 2, 3))]
    >>> films = torch.zeros(2, 1, 16, 16)
    >>> found = stage_cams(parts, lambda x: x.mean((2, 3)), films, stages=["first", "second"])
    >>> [maps.shape for maps in found]
    [(2, 2, 14, 14), (2, 2, 12, 12)]
    """
    import torch

    weigh = check_method(method).gradient_weights
    parts = list(network)
    unknown = [name for name in stages or () if name not in dict(parts)]
    if unknown:
        raise ValueError(
            f"stages={list(stages)!r}: the network's stages are {', '.join(dict(parts))}."
        )
    # A caller in inference mode would otherwise get no gradient.
    with torch.inference_mode(False), torch.enable_grad():
        kept = []

        def keep(x):
            # The first that is wanted starts the graph. Later parts may work in place.
            kept.append(x if kept else x.detach().clone().requires_grad_())
            return kept[-1].clone()

        x = torch.as_tensor(batch).detach().float().clone()
        x = keep(x) if stages is None else x
        for name, part in parts:
            x = part(x)
            if stages is not None and name in stages:
                x = keep(x)
        scores = head(x)
        labels = range(scores.shape[1]) if labels is None else labels
        cams = [[] for _ in kept]
        for label in labels:
            gradients = torch.autograd.grad(scores[:, label].sum(), kept, retain_graph=True)
            for out, maps, gradient in zip(cams, kept, gradients, strict=True):
                weights = weigh(maps.detach(), gradient)
                out.append(torch.relu((weights * maps.detach()).sum(1)))
        return [torch.stack(out, 1).cpu().numpy() for out in cams]
