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

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.attention import linear_grad_cam
    >>> maps = np.array([[[[1.0, 0.0]], [[0.0, 2.0]]]])  # one film, two channels
    >>> linear_grad_cam(maps, [[1.0, -1.0], [0.0, 3.0]]).tolist()
    [[[[0.5, 0.0]], [[0.0, 3.0]]]]
    """
    coef = np.asarray(coef, np.float32)
    cams = weighed_sum(maps, coef)
    cams /= maps.shape[2] * maps.shape[3]
    return cams


def weighed_sum(maps, weights):
    """ReLU of the weighed sum over channels; weights of shape ([n,] n_labels, n_channels)."""
    n, n_channels, height, width = maps.shape
    flat = maps.reshape(n, n_channels, height * width).astype(np.float32, copy=False)
    cams = np.matmul(weights, flat)
    np.maximum(cams, 0, out=cams)
    return cams.reshape(n, -1, height, width)


def linear_weights(maps, coef):
    """Weights (n_labels, K) for global average pooling and a linear head."""
    return coef / np.float32(maps.shape[2] * maps.shape[3])


def gradient_weights(maps, gradient):
    """Weights (n, K, 1, 1) of feature maps from the gradient of a score."""
    return gradient.mean((2, 3), keepdim=True)


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
