"""Stored pixels of a DICOM file, decoded by pydicom and its plug-ins."""

from importlib.util import find_spec
from itertools import pairwise

import numpy as np

from ._files import Unreadable, Unwanted, check_size
from ._jpeg import decode_jpeg
from ._levels import luma
from ._pillow import refuse_if_lenient

_NATIVE = {"", *(f"1.2.840.10008.1.2{x}" for x in ("", ".1", ".1.99", ".2"))}
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
# Those of more than 8 bits, lossless ones and JPEG-LS, which others than libjpeg decode.
_JPEGS = {f"1.2.840.10008.1.2.4.{n}" for n in (51, 57, 70, 80, 81)}
_MORE = bytes([0x55, 0x2A, 0x6D, 0x13] * 64)
_RLE = "1.2.840.10008.1.2.5"
_COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


def read_pixels(elements):
    """Pixels of the one frame, before any look-up table.

    Parameters
    ----------
    elements : Elements

    Returns
    -------
    pixels : ndarray of shape (H, W)
        Stored values of a grey image; luma of a colour image.
    colour : bool
    """
    height, width = elements.integer("Rows"), elements.integer("Columns")
    frames = elements.decimals("NumberOfFrames")
    if frames and frames[0] > 1:
        raise Unwanted(
            f"pixel data of shape ({frames[0]:.0f}, {height}, {width}); expected one frame (rows, "
            "columns)"
        )
    check_size(height, width)
    photometric = elements.text("PhotometricInterpretation")
    samples = elements.integer("SamplesPerPixel", 1)
    allocated = elements.integer("BitsAllocated")
    if photometric not in {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", *_COLOURS}:
        raise Unwanted("its PhotometricInterpretation is neither grey, palette, RGB nor YBR")
    if samples != (3 if photometric in _COLOURS else 1):
        raise Unreadable(f"{samples} samples per pixel do not go with {photometric}")
    if allocated not in (1, 8, 16, 32):
        raise Unwanted(f"BitsAllocated {allocated}; expected 1, 8, 16 or 32")
    stored = elements.integer("BitsStored", allocated)
    if elements.integer("HighBit", stored - 1) != stored - 1:
        # Retired from the standard; pydicom would take the wrong bits.
        raise Unwanted(f"{stored} bits stored with HighBit {elements.integer('HighBit')}")
    options = {
        "rows": height,
        "columns": width,
        "samples_per_pixel": samples,
        "photometric_interpretation": photometric,
        "bits_allocated": allocated,
        "bits_stored": stored,
        "pixel_representation": elements.integer("PixelRepresentation", 0),
        "planar_configuration": elements.integer("PlanarConfiguration", 0),
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
        "pixel_vr": elements.raw[0x7FE00010].VR or "OW",
    }
    value = elements.bytes("PixelData")
    from pydicom.encaps import encapsulate

    if elements.syntax in _NATIVE:
        bits = height * width * samples * allocated
        value = _native(value, -(-bits // 8) if photometric != "YBR_FULL_422" else bits // 12)
        syntax = elements.syntax or "1.2.840.10008.1.2.1"
    else:
        frame = _frame(value, elements.syntax, (height, width))
        value, syntax = encapsulate([frame]), elements.syntax
    pixels = _decode(value, syntax, options)
    if syntax in _JPEGS:
        # A decoder fills in what is missing at the end, and says nothing: then, and only then, more
        # data before the end mark change the picture.
        more = encapsulate([_with_more_data(frame)])
        if not np.array_equal(_decode(more, syntax, options), pixels):
            raise Unreadable("its compressed pixels are cut off")
    if photometric == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        return luma(apply_color_lut(pixels, elements.palette())), True
    return (luma(pixels), True) if samples == 3 else (pixels, False)


def _native(value, expected):
    if len(value) < expected:
        raise Unreadable(f"its pixels are cut off: {len(value)} of {expected} bytes")
    even = expected + expected % 2
    if any(value[even:]):  # some writers fill up with zeros
        raise Unreadable(f"it has {len(value)} bytes of pixels where its header says {expected}")
    return value[:even]


def _with_more_data(jpeg):
    end = jpeg.rfind(b"\xff\xd9")
    if end < 0:
        raise Unreadable("its compressed pixels are cut off")
    return jpeg[:end] + _MORE + jpeg[end:]


def _frame(value, syntax, shape):
    """The compressed bytes of the one frame; a JPEG only if its decoder says nothing."""
    fragments, at = [], 0
    while value[at : at + 4] == _ITEM:
        end = at + 8 + int.from_bytes(value[at + 4 : at + 8], "little")
        if end > len(value):
            break
        fragments.append(value[at + 8 : end])
        at = end
    if len(fragments) < 2 or value[at : at + 4] not in (b"", _END):
        raise Unreadable("its compressed pixels are cut off, or their lengths are damaged")
    if len(fragments[0]) > 4:
        raise Unwanted("compressed pixel data of several frames; expected one")
    frame = b"".join(fragments[1:])
    if syntax == _JPEG_BASELINE and decode_jpeg(frame).shape != shape:
        raise Unreadable("its header and its compressed pixels differ in size")
    refuse_if_lenient()
    if syntax == _RLE:
        _check_rle(frame, shape[0] * shape[1])
    return frame


def _check_rle(frame, plane):
    """Refuse segments that hold fewer or more bytes than a plane of the picture (PS3.5, G)."""
    header = [int.from_bytes(frame[i : i + 4], "little") for i in range(0, 64, 4)]
    starts = header[1 : 1 + header[0]]
    for begin, end in pairwise([*starts, len(frame)]):
        found, at = 0, begin
        while at < end:
            head = frame[at]
            if head < 128:
                found += min(head + 1, end - at - 1)  # what is left of a padding byte is nothing
                at += head + 2
            else:
                found += 257 - head if head > 128 else 0
                at += 2 if head > 128 else 1
        if found != plane:
            raise Unreadable("its RLE segments are damaged, or do not go with its size")


def _decode(value, syntax, options):
    from pydicom.pixels import get_decoder

    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise Unreadable("its TransferSyntaxUID is not one of pictures") from None
    name = decoder.UID.name
    if not decoder.is_available:
        raise Unwanted(f"{name} needs another decoder: {_plugin(name)}")
    try:
        return decoder.as_array(value, index=0, **options)[0]
    except RuntimeError as error:
        # Pillow decodes some of what its name promises: no JPEG of 12 bits, for one.
        hint = _plugin(name)
        hint = f"; if the file is sound, {hint}" if hint else ""
        raise Unreadable(" ".join(str(error).split()) + hint) from None


def _plugin(name):
    """What to install for an encoding; empty where it is there."""
    kind = "openjpeg" if "2000" in name else "libjpeg"
    if find_spec(kind) is not None:
        return ""
    return f'pip install pylibjpeg pylibjpeg-{kind}, or "skcxr[dicom]", which has both'
