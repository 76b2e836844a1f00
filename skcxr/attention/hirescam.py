r"""HiResCAM: each pixel weighed by its own gradient.

.. math::  W^c_{k,ij} = \frac{\partial y^c}{\partial A^k_{ij}}

With global average pooling and a linear head the gradient is the same in every pixel, and HiResCAM
is Grad-CAM. It differs, and stays true to what the head computes, for heads that look at places.

References
----------
R. L. Draelos, L. Carin. "Use HiResCAM instead of Grad-CAM for faithful explanations of
convolutional neural networks". arXiv:2011.08891, 2020.
"""

from .gradcam import linear_weights

__all__ = ["gradient_weights", "linear_weights"]


def gradient_weights(maps, gradient):
    """Weights (n, K, h, w) of feature maps from the gradient of a score."""
    return gradient
