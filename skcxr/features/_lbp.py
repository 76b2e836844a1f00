"""Local binary patterns of stacks of grey images, with scikit-image's codes.

The four diagonal neighbours of the usual circle lie between pixels, and smooth X-rays are full of
ties between such an interpolated value and its centre. What a tie gives is decided by rounding, so
the interpolation here is scikit-image's in double precision, operation by operation, on whole
images instead of single pixels.
"""

from functools import lru_cache
from math import ceil, floor

import numpy as np

METHODS = ("uniform", "ror", "default")
_MAX_POINTS = {"uniform": 254, "ror": 16, "default": 16}


def check_lbp(points, method):
    """Refuse what scikit-image can do and this module cannot.

    Parameters
    ----------
    points : int
        Number of neighbours.
    method : str
        Kind of code.

    Raises
    ------
    ValueError
        If the method is not in ``METHODS`` or the codes would not fit the histogram.
    """
    if method not in METHODS:
        raise ValueError(
            f"LBP method {method!r} is not supported; accepted are {', '.join(METHODS)} "
            "(scikit-image's 'nri_uniform' and 'var' are not)."
        )
    most = _MAX_POINTS[method]
    if not 1 <= points <= most:
        reason = "" if method == "uniform" else ", because its histogram counts 2**points patterns"
        raise ValueError(
            f"{points} LBP points are not supported with method {method!r}: accepted are 1 to "
            f"{most}{reason}."
        )


def lbp_bins(points, method):
    """Codes that can occur, in the order of the bins of :func:`lbp_histograms`.

    Parameters
    ----------
    points : int
        Number of neighbours P.
    method : {"uniform", "ror", "default"}
        Kind of code.

    Returns
    -------
    ndarray of int
        P + 2 codes for "uniform"; the smallest member of each class of rotated patterns for "ror"
        (36 for P = 8); all 2**P for "default".
    """
    check_lbp(points, method)
    if method == "uniform":
        return np.arange(points + 2)
    if method == "ror":
        return np.unique(_smallest_rotation(points))
    return np.arange(2**points)


def lbp_codes(images, points=8, radius=1.0, method="uniform"):
    """Code of every pixel, equal to :func:`skimage.feature.local_binary_pattern`.

    Parameters
    ----------
    images : ndarray of shape (n, H, W), uint8
        Grey images. Beyond the border the value is 0, as in scikit-image.
    points : int, default=8
        Number of neighbours P, evenly spaced on a circle.
    radius : float, default=1.0
        Radius of that circle in pixels.
    method : {"uniform", "ror", "default"}, default="uniform"
        "uniform": number of neighbours not darker than the centre where the pattern changes at
        most twice, else P + 1. "default": bit i is neighbour i. "ror": the smallest of the
        rotations of "default".

    Returns
    -------
    ndarray of shape (n, H, W), uint8 or uint16

    References
    ----------
    T. Ojala, M. Pietikäinen, T. Mäenpää, "Multiresolution gray-scale and rotation invariant
    texture classification with local binary patterns", IEEE TPAMI 24(7), 971-987, 2002.
    """
    check_lbp(points, method)
    codes = np.empty(images.shape, _code_type(points, method))
    for code, row in zip(_patterns(images, points, radius, method), codes, strict=True):
        row[...] = code if method != "ror" else _smallest_rotation(points)[code]
    return codes


def lbp_histograms(images, points=8, radius=1.0, method="uniform", grid=(1, 1)):
    """Share of each code in each image, or in each cell of a grid over it.

    Parameters
    ----------
    images : ndarray of shape (n, H, W), uint8
        Grey images.
    points, radius, method
        As in :func:`lbp_codes`.
    grid : (int, int), default=(1, 1)
        Rows and columns of cells; sizes differ by at most a pixel where they do not divide.

    Returns
    -------
    ndarray of shape (n, grid[0], grid[1], n_bins), float32
        Sums to 1 over the bins, which are those of :func:`lbp_bins`.

    Raises
    ------
    ValueError
        If the grid has more cells than pixels along an axis.
    """
    import cv2

    bins = lbp_bins(points, method)
    height, width = images.shape[1:]
    if grid[0] > height or grid[1] > width:
        raise ValueError(f"An LBP grid of {grid} does not fit images of {height}×{width} pixels.")
    rows = np.linspace(0, height, grid[0] + 1).astype(int)
    columns = np.linspace(0, width, grid[1] + 1).astype(int)
    n_codes = points + 2 if method == "uniform" else 2**points
    if method == "ror":
        member = np.searchsorted(bins, _smallest_rotation(points))
    shares = np.empty((len(images), *grid, len(bins)), np.float32)
    for image_shares, code in zip(shares, _patterns(images, points, radius, method), strict=True):
        for i, j in np.ndindex(*grid):
            cell = code[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            counts = cv2.calcHist([cell], [0], None, [n_codes], [0, n_codes]).ravel()
            if method == "ror":  # counting the 2**P patterns and then merging spares a look-up
                counts = np.bincount(member, weights=counts)
            np.divide(counts, cell.size, out=image_shares[i, j], casting="same_kind")
    return shares


def _code_type(points, method):
    return np.uint8 if method == "uniform" or points <= 8 else np.uint16


@lru_cache(maxsize=8)
def _smallest_rotation(points):
    """For each of the 2**points patterns, the smallest of its rotations."""
    turned = smallest = np.arange(2**points, dtype=np.uint32)
    for _ in range(points - 1):
        turned = (turned >> 1) | ((turned & 1) << (points - 1))
        smallest = np.minimum(smallest, turned)
    return smallest.astype(_code_type(points, "ror"))


def _neighbours(points, radius):
    """Row and column offset of each neighbour, counter-clockwise from the right.

    scikit-image takes the radius in single precision and rounds offsets to five decimals.
    """
    radius = float(np.float32(radius))
    angle = 2 * np.pi * np.arange(points) / points
    return np.round(-radius * np.sin(angle), 5), np.round(radius * np.cos(angle), 5)


def _fractions(n, offset):
    """Distance to the pixel before, per position; its last bits depend on the position."""
    position = np.arange(n) + offset
    return position - np.floor(position)


def _patterns(images, points, radius, method):
    """Yield each image's codes, in one buffer that is used again.

    "ror" comes as "default": rotations are merged by whoever needs them.
    """
    height, width = images.shape[1:]
    neighbours = list(zip(*_neighbours(points, radius), strict=True))
    border = ceil(radius) + 1
    inside = np.s_[border : border + height, border : border + width]
    tall = (height + 2 * border, width)
    # All buffers are made once: fresh ones of this size cost more than the arithmetic.
    grey = np.zeros((height + 2 * border, width + 2 * border), np.uint8)
    real = np.zeros(grey.shape)
    between = {c: np.empty(tall) for _, c in neighbours if c != floor(c)}
    column_part = np.empty(tall)
    row_part, other_part = np.empty((2, height, width))
    row_weight = {r: _fractions(height, r)[:, None] for r, _ in neighbours}
    column_weight = {c: _fractions(width, c) for c in between}
    bit, previous, change = np.empty((3, height, width), bool)
    code = np.empty((height, width), _code_type(points, method))
    changes = np.empty((height, width), np.uint8)

    for image in images:
        grey[inside] = real[inside] = image
        for c, line in between.items():
            left, weight = border + floor(c), column_weight[c]
            np.multiply(real[:, left : left + width], 1 - weight, out=line)
            np.multiply(real[:, left + 1 : left + 1 + width], weight, out=column_part)
            line += column_part
        code[...] = changes[...] = 0
        for i, (r, c) in enumerate(neighbours):
            top, left = border + floor(r), border + floor(c)
            if c in between:
                line = between[c]
            elif r == floor(r):  # on a pixel: bytes compare eight times faster than doubles
                line = grey[:, left : left + width]
            else:
                line = real[:, left : left + width]
            value = line[top : top + height]
            if r != floor(r):
                weight = row_weight[r]
                np.multiply(value, 1 - weight, out=row_part)
                np.multiply(line[top + 1 : top + 1 + height], weight, out=other_part)
                value = np.add(row_part, other_part, out=row_part)
            np.greater_equal(value, image if line.dtype == np.uint8 else real[inside], out=bit)
            if method == "uniform":
                code += bit.view(np.uint8)
                if i:  # the step from the last neighbour to the first is not counted there either
                    np.not_equal(bit, previous, out=change)
                    changes += change.view(np.uint8)
                bit, previous = previous, bit
            else:
                code += np.left_shift(bit.view(np.uint8), i, dtype=code.dtype)
        if method == "uniform":
            np.copyto(code, points + 1, where=changes > 2)
        yield code
