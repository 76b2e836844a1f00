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
_BAND_PIXELS = 26_000  # 208 kB in double precision, half an image of 224×224
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
    codes = _patterns(images, points, radius, method)
    return _smallest_rotation(points)[codes] if method == "ror" else codes


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


def _fractions(start, stop, offset):
    """Distance to the pixel before, per position; its last bits depend on the position."""
    position = np.arange(start, stop) + offset
    return position - np.floor(position)


def _patterns(images, points, radius, method):
    """Codes of all images; "ror" comes as "default", rotations not yet merged.

    Images are padded, and then padded rows are laid end to end: the neighbours of all pixels are
    one contiguous stretch of memory, which NumPy goes through faster than a window of rows. What
    this computes for the padding itself is dropped. Bands of rows keep a buffer in a core's cache,
    and buffers are made once because fresh ones cost as much as the arithmetic.
    """
    height, width = images.shape[1:]
    border = ceil(radius) + 1
    wide = width + 2 * border
    tall = min(height, max(1, _BAND_PIXELS // wide))
    neighbours = list(zip(*_neighbours(points, radius), strict=True))
    between_columns = {c for _, c in neighbours if c != floor(c)}
    between_rows = {r for r, _ in neighbours if r != floor(r)}

    codes = np.empty(images.shape, _code_type(points, method))
    for start in range(0, height, tall):
        stop = min(start + tall, height)
        n = stop - start
        lines = slice(wide, (n + 2 * border - 1) * wide)  # one row spared at each end, for shifts
        column_weight = {
            c: np.tile(_fractions(-border, width + border, c), n + 2 * border - 2)
            for c in between_columns
        }
        row_weight = {r: np.repeat(_fractions(start, stop, r), wide) for r in between_rows}
        column_rest = {c: 1 - weight for c, weight in column_weight.items()}
        row_rest = {r: 1 - weight for r, weight in row_weight.items()}
        grey = np.zeros((n + 2 * border, wide), np.uint8)
        real = np.empty(grey.size)
        columns = {c: np.empty(grey.size) for c in between_columns}
        column_part = np.empty(lines.stop - lines.start)
        value, part = np.empty((2, n * wide))
        bit, previous, differs = np.empty((3, n * wide), bool)
        changes = np.empty(n * wide, np.uint8)
        code = np.empty(n * wide, codes.dtype)
        pixels = grey.ravel()

        def window(array, r, c, n=n):
            """Get what lies floor(r) rows and floor(c) columns from each pixel of the band."""
            begin = (border + floor(r)) * wide + floor(c)
            return array[begin : begin + n * wide]

        above, below = max(0, start - border), min(height, stop + border)
        inside = np.s_[above - start + border : below - start + border, border : border + width]
        for image, image_codes in zip(images, codes, strict=True):
            grey[inside] = image[above:below]
            real[...] = pixels
            for c, weight in column_weight.items():
                line, left = columns[c][lines], lines.start + floor(c)
                right = left + line.size
                np.multiply(real[left:right], column_rest[c], out=line)
                np.multiply(real[left + 1 : right + 1], weight, out=column_part)
                line += column_part
            code[...] = changes[...] = 0
            # Bit i of a code is neighbour i: the last neighbour comes first and is shifted most.
            for i, (r, c) in reversed(list(enumerate(neighbours))):
                if r in row_weight:
                    line, column = (columns[c], 0) if c in columns else (real, c)
                    np.multiply(window(line, r, column), row_rest[r], out=value)
                    np.multiply(window(line, r + 1, column), row_weight[r], out=part)
                    np.add(value, part, out=value)
                    np.greater_equal(value, window(real, 0, 0), out=bit)
                elif c in columns:
                    np.greater_equal(window(columns[c], r, 0), window(real, 0, 0), out=bit)
                else:  # on a pixel: bytes compare faster than doubles
                    np.greater_equal(window(pixels, r, c), window(pixels, 0, 0), out=bit)
                if method != "uniform":
                    code += code
                code += bit.view(np.uint8)
                if method == "uniform":
                    if i < points - 1:  # the step from the last to the first is not counted
                        np.not_equal(bit, previous, out=differs)
                        changes += differs.view(np.uint8)
                    bit, previous = previous, bit
            if method == "uniform":
                # P + 1 where the pattern is not uniform: the maximum takes no branches.
                np.greater(changes, 2, out=differs)
                np.multiply(differs.view(np.uint8), points + 1, out=changes)
                np.maximum(code, changes, out=code)
            image_codes[start:stop] = code.reshape(n, wide)[:, border : border + width]
    return codes
