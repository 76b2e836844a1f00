r"""Grad-CAM++: positive gradients, weighed so that several places count alike.

With :math:`g = \partial y^c / \partial A^k_{ij}`,

.. math::
    \alpha^{kc}_{ij} = \frac{g^2}{2 g^2 + \sum_{ab} A^k_{ab}\, g^3}, \qquad
    W^c_k = \sum_{ij} \alpha^{kc}_{ij}\, \mathrm{ReLU}(g).

The paper differentiates :math:`\exp(y^c)`, which multiplies the maps of one image and label by one
positive number; it is left out. With global average pooling and a linear head g is
:math:`w_{ck} / Z`, so that :math:`W^c_k = \mathrm{ReLU}(w_{ck}) / (2 + w_{ck} \bar A^k)`.

References
----------
A. Chattopadhyay et al. "Grad-CAM++: Generalized gradient-based visual explanations for deep
convolutional networks". WACV, 2018.
"""

import numpy as np


def linear_weights(maps, coef):
    """Weights (n, n_labels, K) for global average pooling and a linear head."""
    n, n_channels = maps.shape[:2]
    flat = maps.reshape(n * n_channels, -1).astype(np.float32, copy=False)
    mean = flat @ np.full(flat.shape[1], 1 / flat.shape[1], np.float32)
    below = coef * mean.reshape(n, 1, n_channels)
    below += 2
    below[below == 0] = 1
    return np.divide(np.maximum(coef, 0), below, out=below)


def gradient_weights(maps, gradient):
    """Weights (n, K, 1, 1) of feature maps from the gradient of a score."""
    below = 2 * gradient**2 + maps.sum((2, 3), keepdim=True) * gradient**3
    alpha = gradient**2 / below.masked_fill(below == 0, 1)
    return (alpha * gradient.clamp(min=0)).sum((2, 3), keepdim=True)
