r"""LayerCAM: each pixel weighed by its own gradient where that is positive.

.. math::  W^c_{k,ij} = \mathrm{ReLU}\Big(\frac{\partial y^c}{\partial A^k_{ij}}\Big)

Made for earlier stages, whose maps are finer and whose mean gradient says little.

References
----------
P.-T. Jiang et al. "LayerCAM: Exploring hierarchical class activation maps for localization".
IEEE Transactions on Image Processing, 2021.
"""

import numpy as np


def linear_weights(maps, coef):
    """Weights (n_labels, K) for global average pooling and a linear head."""
    n_pixels = maps.shape[2] * maps.shape[3]
    return np.maximum(coef, 0) / np.float32(n_pixels)


def gradient_weights(maps, gradient):
    """Weights (n, K, h, w) of feature maps from the gradient of a score."""
    return gradient.clamp(min=0)
