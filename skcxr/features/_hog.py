"""Histograms of oriented gradients of stacks of grey images, with scikit-image's numbers.

The gradient of an 8-bit image takes 511 × 511 values, so its orientation is looked up instead of
computed, and the histograms of all cells of an image are one weighted count.
"""

from functools import lru_cache

import numpy as np

BLOCK_NORMS = ("L2-Hys", "L2", "L1", "L1-sqrt")
MAX_ORIENTATIONS = 254  # a bin, and one more for what is in none, are kept in a byte
_EPSILON = 1e-5  # scikit-image's


def hog_shape(size, orientations=9, pixels_per_cell=(32, 32), cells_per_block=(2, 2)):
    """Shape of the descriptor of one image.

    Parameters
    ----------
    size : (int, int)
        Height and width of the image in pixels.
    orientations : int, default=9
        Number of orientation bins.
    pixels_per_cell, cells_per_block : (int, int)
        Rows and columns of a cell in pixels, and of a block in cells.

    Returns
    -------
    (int, int, int, int, int)
        Rows and columns of blocks, rows and columns of cells in a block, orientations.

    Raises
    ------
    ValueError
        If the image is smaller than one block.
    """
    blocks = [
        side // cell - n_cells + 1
        for side, cell, n_cells in zip(size, pixels_per_cell, cells_per_block, strict=True)
    ]
    if min(blocks) < 1:
        least = [cell * n for cell, n in zip(pixels_per_cell, cells_per_block, strict=True)]
        raise ValueError(
            f"Images of {size[0]}×{size[1]} pixels are smaller than one HOG block: "
            f"pixels_per_cell={tuple(pixels_per_cell)} with cells_per_block="
            f"{tuple(cells_per_block)} needs at least {least[0]}×{least[1]}."
        )
    return (*blocks, *cells_per_block, orientations)


def hog_features(
    images,
    orientations=9,
    pixels_per_cell=(32, 32),
    cells_per_block=(2, 2),
    block_norm="L2-Hys",
    transform_sqrt=False,
):
    """HOG descriptor of every image, that of :func:`skimage.feature.hog`.

    Sums are in double precision here and in single precision there, which shows as differences
    of up to 3e-6 on X-rays (cells of 112×112 pixels).

    Parameters
    ----------
    images : ndarray of shape (n, H, W), uint8
        Grey images.
    orientations : int, default=9
        Number of orientation bins over 180°.
    pixels_per_cell, cells_per_block : (int, int)
        Rows and columns of a cell in pixels, and of a block in cells.
    block_norm : {"L2-Hys", "L2", "L1", "L1-sqrt"}, default="L2-Hys"
        Normalisation of a block.
    transform_sqrt : bool, default=False
        Take the square root of the pixels first.

    Returns
    -------
    ndarray of shape (n, block rows, block columns, cell rows, cell columns, orientations), float32
        See :func:`hog_shape`.

    Raises
    ------
    ValueError
        If the images are smaller than one block, or the normalisation has another name.

    References
    ----------
    N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    """
    if block_norm not in BLOCK_NORMS:
        raise ValueError(
            f"HOG block_norm {block_norm!r} is not supported; accepted are "
            f"{', '.join(BLOCK_NORMS)}."
        )
    if not 1 <= orientations <= MAX_ORIENTATIONS:
        raise ValueError(
            f"{orientations} HOG orientations are not supported: accepted are 1 to "
            f"{MAX_ORIENTATIONS}."
        )
    shape = hog_shape(images.shape[1:], orientations, pixels_per_cell, cells_per_block)
    cells = _cell_histograms(images, orientations, pixels_per_cell, transform_sqrt)
    blocks = np.lib.stride_tricks.sliding_window_view(cells, cells_per_block, axis=(1, 2))
    blocks = np.moveaxis(blocks, 3, -1).reshape(len(images), *shape)
    return _normalize(blocks, block_norm).astype(np.float32)


def _cell_histograms(images, orientations, pixels_per_cell, transform_sqrt):
    """Mean gradient magnitude per orientation in every whole cell, (n, rows, columns, bins)."""
    height, width = images.shape[1:]
    n_rows, n_columns = height // pixels_per_cell[0], width // pixels_per_cell[1]
    # One more bin per cell, and one more cell, take what scikit-image counts nowhere: an angle
    # that rounds to 180°, and pixels beyond the last whole cell.
    n_bins = orientations + 1
    row, column = np.arange(height) // pixels_per_cell[0], np.arange(width) // pixels_per_cell[1]
    first_bin = (row[:, None] * n_columns + column) * n_bins
    n_used = n_rows * n_columns * n_bins
    first_bin[(row >= n_rows)[:, None] | (column >= n_columns)] = n_used

    # All buffers are made once: fresh ones of this size cost more than the arithmetic.
    pixels = np.empty((height, width), float if transform_sqrt else np.int16)
    down, right = np.zeros((2, height, width), pixels.dtype)
    index, size = np.empty((height, width), np.intp), np.empty((height, width))
    down_square, right_square = np.empty((2, height, width), np.float32)
    bins = np.empty((height, width), np.uint8)
    sums = np.empty((len(images), n_used))
    for image, image_sums in zip(images, sums, strict=True):
        pixels[...] = image
        if transform_sqrt:
            np.sqrt(pixels, out=pixels)
        np.subtract(pixels[2:], pixels[:-2], out=down[1:-1])
        np.subtract(pixels[:, 2:], pixels[:, :-2], out=right[:, 1:-1])
        if transform_sqrt:
            np.hypot(down, right, out=size)
            bins = _orientation_bins(down, right, orientations)
        else:
            np.multiply(down, 511, out=index, dtype=np.intp)
            index += right
            index += 255 * 511 + 255
            # mode="clip" lets take write to `out` without a copy; no index is out of range.
            _bin_table(orientations).take(index, out=bins, mode="clip")
            # Squares of whole numbers up to 255 and their sums are exact in single precision.
            np.multiply(down, down, out=down_square, dtype=np.float32)
            np.multiply(right, right, out=right_square, dtype=np.float32)
            down_square += right_square
            np.sqrt(down_square, out=size)
        np.add(first_bin, bins, out=index)
        image_sums[...] = np.bincount(index.ravel(), size.ravel(), n_used + n_bins)[:n_used]
    sums = sums.reshape(len(images), n_rows, n_columns, n_bins)[..., :orientations]
    return sums / (pixels_per_cell[0] * pixels_per_cell[1])


def _orientation_bins(down, right, orientations):
    """Orientation bin of gradients that are given by their rows and columns."""
    angle = np.arctan2(down, right) * (180 / np.pi) % 180
    # The edges are in single precision in scikit-image, which matters for those that are no
    # whole number of degrees.
    edges = (180.0 / orientations * np.arange(orientations + 1)).astype(np.float32)
    bins = np.searchsorted(edges.astype(float), angle.ravel(), side="right") - 1
    return bins.reshape(angle.shape).astype(np.uint8)


@lru_cache(maxsize=8)
def _bin_table(orientations):
    """`_orientation_bins` of every gradient of an 8-bit image; 261 kB."""
    steps = np.arange(-255.0, 256.0)
    return _orientation_bins(*np.meshgrid(steps, steps, indexing="ij"), orientations)


def _normalize(blocks, norm):
    """Normalise (n, rows, columns, cell rows, cell columns, bins) over the last three axes."""
    block = (3, 4, 5)
    if norm.startswith("L1"):
        blocks = blocks / (blocks.sum(block, keepdims=True) + _EPSILON)
        return np.sqrt(blocks) if norm == "L1-sqrt" else blocks
    blocks = blocks / np.sqrt((blocks**2).sum(block, keepdims=True) + _EPSILON**2)
    if norm == "L2-Hys":
        blocks = np.minimum(blocks, 0.2)
        blocks /= np.sqrt((blocks**2).sum(block, keepdims=True) + _EPSILON**2)
    return blocks
