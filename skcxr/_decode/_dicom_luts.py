"""From stored values of a DICOM file to those that are shown: PS3.3 C.11.1, C.11.2, C.7.5.1.1.2."""

import numpy as np

from ._dicom_elements import plain
from ._files import Unreadable


def padding_mask(pixels, elements):
    """Where pixels are padding (PS3.3 C.7.5.1.1.2), or None where none is."""
    if not elements.bytes("PixelPaddingValue"):
        return None
    stored = elements.integer("BitsStored", elements.integer("BitsAllocated"))
    signed = elements.integer("PixelRepresentation", 0) == 1

    def as_stored(value):
        # Scanners write the value with either sign; its bits are what counts.
        value %= 2**stored
        return value - 2**stored if signed and value >= 2 ** (stored - 1) else value

    first = as_stored(elements.integer("PixelPaddingValue"))
    last = as_stored(elements.integer("PixelPaddingRangeLimit", first))
    mask = (pixels >= min(first, last)) & (pixels <= max(first, last))
    if mask.all():
        raise Unreadable("it is nothing but pixel padding")
    return mask if mask.any() else None


def apply_modality(pixels, elements):
    """Modality LUT or rescale (PS3.3 C.11.1).

    Returns
    -------
    values : ndarray of shape (H, W)
        `pixels` itself where nothing is to be done.
    low, high : float
        The values that the type of the pixels can take, after it.
    """
    for item in elements.items("ModalityLUTSequence")[:1]:
        values, bits = _look_up(pixels, item, elements)
        return values, 0, 2**bits - 1
    stored = elements.integer("BitsStored", elements.integer("BitsAllocated"))
    low, high = 0, 2**stored - 1
    if elements.integer("PixelRepresentation", 0) == 1:
        low, high = -(2 ** (stored - 1)), 2 ** (stored - 1) - 1
    # An element without a value says nothing.
    slope = (elements.decimals("RescaleSlope") or [1.0])[0]
    intercept = (elements.decimals("RescaleIntercept") or [0.0])[0]
    if slope == 0:
        raise Unreadable("RescaleSlope is 0")
    if (slope, intercept) == (1, 0):
        return pixels, low, high
    return pixels * slope + intercept, low * slope + intercept, high * slope + intercept


def apply_voi(values, elements, voi, low, high):
    """VOI LUT or window (PS3.3 C.11.2); a LUT goes before a window, as in pydicom.

    Parameters
    ----------
    values : ndarray of shape (H, W)
    elements : Elements
    voi : str or None
        ``"first"``, an explanation, or None.
    low, high : float
        Values that a window maps to.

    Returns
    -------
    ndarray of shape (H, W)
        uint8 behind a LUT of 8 bits; float behind a window.
    """
    if voi is None:
        return values
    luts = elements.items("VOILUTSequence")
    windows = _windows(elements)
    names = [lut.text("LUTExplanation") for lut in luts] + [name for name, *_ in windows]
    if voi == "first":
        chosen = 0
    elif voi in names:
        chosen = names.index(voi)
    else:
        known = ", ".join(plain(name) for name in names) or "none"
        raise Unreadable(f"it has no window or VOI LUT {voi!r}, but {known}")
    if chosen < len(luts):
        return _look_up(values, luts[chosen], elements)[0]
    if not windows:
        return values
    _, centre, width = windows[chosen - len(luts)]
    return low + (high - low) * _window(values.astype(float), centre, width, _function(elements))


def _function(elements):
    function = elements.text("VOILUTFunction").upper() or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise Unreadable("its VOILUTFunction is none of LINEAR, LINEAR_EXACT and SIGMOID")
    return function


def _windows(elements):
    """(explanation, centre, width) of every window that has a valid width."""
    centres, widths = elements.decimals("WindowCenter"), elements.decimals("WindowWidth")
    names = elements.texts("WindowCenterWidthExplanation")
    names += [""] * (len(centres) - len(names))
    least = 1 if _function(elements) == "LINEAR" else np.finfo(float).tiny
    windows = zip(names, centres, widths, strict=False)
    return [window for window in windows if window[2] >= least]


def _window(values, centre, width, function):
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, from 0 to 1."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(float)
    return np.clip((values - centre) / width + 0.5, 0, 1)


def _look_up(values, item, elements):
    """Values through a table, uint8 where it has 8 bits, and its bits."""
    signed = elements.integer("PixelRepresentation", 0) == 1
    descriptor = item.integers("LUTDescriptor")
    if len(descriptor) != 3:
        raise Unreadable("a look-up table has no descriptor")
    n, bits = int(descriptor[0]) or 2**16, int(descriptor[2])
    first = int(item.integers("LUTDescriptor", signed)[1])
    data = item.bytes("LUTData")
    if len(data) >= 2 * n:
        table = item.integers("LUTData")[:n]
    elif bits == 8 and len(data) >= n:
        table = np.frombuffer(data, np.uint8)[:n]
    else:
        raise Unreadable(f"a look-up table has {len(data)} bytes for {n} entries")
    if not 8 <= bits <= 16:
        raise Unreadable(f"a look-up table of {bits} bits; expected 8 to 16")
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, n - 1)
    return table.astype(np.uint8 if bits == 8 else np.uint16)[index], bits
