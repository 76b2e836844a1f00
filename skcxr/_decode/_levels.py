"""Grey levels of any dtype to uint8."""

import numpy as np


def check_value_range(value_range):
    """(low, high) as two floats, or None.

    Raises
    ------
    ValueError
        Unless `value_range` is None or two finite numbers, the lower one first.
    """
    if value_range is None:
        return None
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            f"value_range={value_range!r} is no range; expected two finite numbers, the lower "
            "one first, or None."
        )
    return low, high


def to_uint8(image, value_range=None, *, name="image", invert=False, padding=None):
    """Map a grey image linearly to 0..255.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        8-bit levels (uint8) are taken as they are.
    value_range : (float, float) or None
        Values that become 0 and 255 in images that are not uint8; None takes the image's own
        minimum and maximum.
    name : str
        What to call the image in an error.
    invert : bool
        Whether low values are bright, as in MONOCHROME1.
    padding : ndarray of shape (H, W), bool, or None
        Pixels outside the image proper: they count in no range and become 0.

    Returns
    -------
    ndarray of shape (H, W), uint8

    Raises
    ------
    ValueError
        For values that are not finite or lie outside `value_range`, for a `value_range` that is
        no range, and for an image that is nothing but padding.
    """
    value_range = check_value_range(value_range)
    if image.dtype == np.uint8:
        if not invert and padding is None:
            return image
        levels = 255 - image if invert else image.copy()
    else:
        inside = image if padding is None else image[~padding]
        if inside.size == 0:
            raise ValueError(f"{name} is empty, or nothing but padding.")
        low, high = _range(inside, value_range, name)
        if image.dtype.kind in "iu" and image.dtype.itemsize <= 2:
            # All levels that there can be, once: the same numbers, faster. A negative value counts
            # from the end of the table.
            values = np.arange(int(inside.min()), int(inside.max()) + 1)
            table = np.zeros(2 ** (8 * image.dtype.itemsize), np.uint8)
            table[values] = _linear(values, low, high, invert)
            levels = table[image]
        else:
            levels = _linear(image, low, high, invert)
    if padding is not None:
        levels[padding] = 0
    return levels


def _range(inside, value_range, name):
    low, high = float(inside.min()), float(inside.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{name} contains NaN or infinity; pixels must be finite.")
    if value_range is None:
        return low, high
    floor, ceiling = value_range
    if low < floor or high > ceiling:
        raise ValueError(
            f"{name} has values in [{low:g}, {high:g}], outside value_range="
            f"({floor:g}, {ceiling:g}); widen value_range, or leave it None to stretch "
            "each image from its own minimum to its own maximum."
        )
    return floor, ceiling


def _linear(values, low, high, invert):
    # Halved first, so that the span of a float image near the limits of its dtype is finite.
    half_span = 0.5 * high - 0.5 * low
    if half_span == 0:
        return np.zeros(values.shape, np.uint8)
    values = values.astype(np.float64) * 0.5
    above = 0.5 * high - values if invert else values - 0.5 * low
    # Padding may lie anywhere; everything else is in the range.
    return np.rint(np.clip(above * (255.0 / half_span), 0, 255)).astype(np.uint8)


def luma(colours):
    """Grey of an RGB image (ITU-R BT.601), of the same dtype.

    Parameters
    ----------
    colours : ndarray of shape (H, W, 3)
        Red, green and blue.

    Returns
    -------
    ndarray of shape (H, W)
    """
    import cv2

    if colours.dtype in (np.uint8, np.uint16, np.float32):
        return cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2GRAY)
    return np.rint(colours @ np.array([0.299, 0.587, 0.114])).astype(colours.dtype)
