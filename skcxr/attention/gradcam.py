r"""Grad-CAM of all labels from one forward pass.

For a score y^c and feature maps A^k of Z pixels, Grad-CAM [1]_ is

.. math::
    \alpha_k^c = \frac{1}{Z} \sum_{ij} \frac{\partial y^c}{\partial A^k_{ij}}, \qquad
    L^c = \mathrm{ReLU}\Big(\sum_k \alpha_k^c A^k\Big).

References
----------
.. [1] R. R. Selvaraju et al. "Grad-CAM: Visual explanations from deep networks via gradient-based
   localization". ICCV, 2017.
"""

import numpy as np


def linear_grad_cam(maps, coef):
    r"""Grad-CAM for global average pooling and a linear head, with no backward pass.

    There :math:`\partial y^c / \partial A^k_{ij} = w_{ck} / Z`, so that
    :math:`L^c = \mathrm{ReLU}(\sum_k w_{ck} A^k) / Z` exactly.

    Parameters
    ----------
    maps : ndarray of shape (n, n_channels, h, w)
        Feature maps.
    coef : ndarray of shape (n_labels, n_channels)
        Weights of the linear head.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        Maps as the equations give them, not normalised.
    """
    n, n_channels, height, width = maps.shape
    flat = maps.reshape(n, n_channels, height * width).astype(np.float32, copy=False)
    cams = np.matmul(np.asarray(coef, np.float32), flat)
    np.maximum(cams, 0, out=cams)
    cams /= height * width
    return cams.reshape(n, -1, height, width)


def head_grad_cam(maps, head, labels=None):
    """Grad-CAM for any head, with a backward pass through the head alone.

    Parameters
    ----------
    maps : ndarray or Tensor of shape (n, n_channels, h, w)
        Feature maps.
    head : callable
        Turns maps into scores (n, n_labels); differentiable by torch.
    labels : sequence of int, default=None
        Columns of the scores; None takes all.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        Maps as the equations give them, not normalised.
    """
    import torch

    # A caller in inference mode would otherwise get no gradient.
    with torch.inference_mode(False), torch.enable_grad():
        maps = torch.as_tensor(maps).detach().float().clone().requires_grad_()
        scores = head(maps)
        labels = range(scores.shape[1]) if labels is None else labels
        cams = []
        for label in labels:
            (gradient,) = torch.autograd.grad(scores[:, label].sum(), maps, retain_graph=True)
            alpha = gradient.mean((2, 3))
            cams.append(torch.relu(torch.einsum("nk,nkhw->nhw", alpha, maps.detach())))
        return torch.stack(cams, 1).cpu().numpy()


def grad_cam(embedder, X, labels=None, *, batch_size=32):
    """Grad-CAM maps of images by a fitted embedder.

    Parameters
    ----------
    embedder : ResNetEmbedder
        Fitted with labels.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The images.
    labels : str, int, sequence of them or None, default=None
        Names or positions of the labels wanted; None takes all.
    batch_size : int, default=32
        Images at a time.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        Not normalised, at the resolution of the feature maps.

    Raises
    ------
    ValueError
        For a label that the embedder does not know.
    """
    coef = embedder.head_coef_[label_positions(labels, embedder.label_names_)]
    batches = embedder.rows(X).batches(batch_size)
    return np.concatenate([linear_grad_cam(maps, coef) for _, maps in batches])


def label_positions(labels, names):
    """Positions of labels that are given by name or by position.

    Raises
    ------
    ValueError
        Naming what is known.
    """
    if labels is None:
        return np.arange(len(names))
    if isinstance(labels, str) or np.ndim(labels) == 0:
        labels = [labels]
    known = {str(name): i for i, name in enumerate(names)}
    positions = []
    for label in labels:
        position = known.get(label) if isinstance(label, str) else int(label)
        if position is None or not -len(names) <= position < len(names):
            raise ValueError(f"Unknown label {label!r}; the labels are {', '.join(known)}.")
        positions.append(position)
    return np.array(positions)


def normalise(cams):
    """Divide each map by its maximum, so that it peaks at 1; a map of zeros stays so."""
    peak = cams.max((-2, -1), keepdims=True)
    return np.divide(cams, peak, out=np.zeros_like(cams), where=peak > 0)
