"""The few elements of a DICOM file that its picture depends on, and no other.

Patient, institution and dates are skipped while the file is read: what is not in memory cannot
get into an error or a log. Values are read here and not by pydicom, whose checks warn of values
that scanners do write and quote them.
"""

import io
import re
import warnings
import zlib

import numpy as np

from ._files import MAX_PIXELS, Unreadable

IMPLICIT, DEFLATED, BIG_ENDIAN = (f"1.2.840.10008.1.2{x}" for x in ("", ".1.99", ".2"))

TAGS = {
    "Modality": 0x00080060,
    "BodyPartExamined": 0x00180015,
    "ImagerPixelSpacing": 0x00181164,
    "ViewPosition": 0x00185101,
    "PatientOrientation": 0x00200020,
    "ImageLaterality": 0x00200062,
    "SamplesPerPixel": 0x00280002,
    "PhotometricInterpretation": 0x00280004,
    "PlanarConfiguration": 0x00280006,
    "NumberOfFrames": 0x00280008,
    "Rows": 0x00280010,
    "Columns": 0x00280011,
    "PixelSpacing": 0x00280030,
    "BitsAllocated": 0x00280100,
    "BitsStored": 0x00280101,
    "HighBit": 0x00280102,
    "PixelRepresentation": 0x00280103,
    "PixelPaddingValue": 0x00280120,
    "PixelPaddingRangeLimit": 0x00280121,
    "WindowCenter": 0x00281050,
    "WindowWidth": 0x00281051,
    "RescaleIntercept": 0x00281052,
    "RescaleSlope": 0x00281053,
    "WindowCenterWidthExplanation": 0x00281055,
    "VOILUTFunction": 0x00281056,
    "ModalityLUTSequence": 0x00283000,
    "LUTDescriptor": 0x00283002,
    "LUTExplanation": 0x00283003,
    "LUTData": 0x00283006,
    "VOILUTSequence": 0x00283010,
    "PixelData": 0x7FE00010,
}
_UNDEFINED = 0xFFFFFFFF
_PALETTE = {0x00281101 + i for i in range(3)} | {0x00281201 + i for i in range(3)}
_SEGMENTED = {0x00281221 + i for i in range(3)}


class Elements:
    """Elements by keyword, each read on demand from the bytes of its value.

    Parameters
    ----------
    raw : dict of {int: pydicom.dataelem.RawDataElement}
    syntax : str
        Transfer syntax UID; empty where the file has none.
    """

    def __init__(self, raw, syntax=""):
        self.raw, self.syntax = raw, syntax
        self.order = "big" if syntax == BIG_ENDIAN else "little"

    def bytes(self, keyword):
        """The value as it is in the file; empty where there is none."""
        element = self.raw.get(TAGS[keyword])
        value = None if element is None else element.value
        return value if isinstance(value, bytes) else b""

    def texts(self, keyword):
        """Values of a text element, one string each."""
        text = self.bytes(keyword).decode("latin-1")
        return [part.strip(" \0") for part in text.split("\\")]

    def text(self, keyword):
        """First value of a text element, or an empty string."""
        return self.texts(keyword)[0]

    def decimals(self, keyword):
        """Numbers written as text, such as a window or the number of frames."""
        try:
            numbers = [float(text) for text in self.texts(keyword) if text]
        except ValueError:
            numbers = [np.nan]
        if not np.isfinite(numbers).all():
            raise Unreadable(f"{keyword} is no number")
        return numbers

    def integers(self, keyword, signed=False):
        """Binary numbers of 16 bits."""
        value = self.bytes(keyword)
        order = ">" if self.order == "big" else "<"
        return np.frombuffer(value[: len(value) // 2 * 2], f"{order}{'i' if signed else 'u'}2")

    def integer(self, keyword, default=None, signed=False):
        """One binary number of 16 bits."""
        numbers = self.integers(keyword, signed)
        if len(numbers):
            return int(numbers[0])
        if default is None:
            raise Unreadable(f"it has no {keyword}")
        return default

    def items(self, keyword):
        """Items of a sequence, as Elements."""
        from pydicom.dataset import Dataset

        element = self.raw.get(TAGS[keyword])
        if element is None or not element.value:
            return []
        items = Dataset({element.tag: element})[element.tag].value
        every = ({int(tag): item.get_item(tag) for tag in item.keys()} for item in items)
        return [Elements(raw, self.syntax) for raw in every]

    def palette(self):
        """Elements of the colour tables, as pydicom wants them."""
        from pydicom.dataset import Dataset

        tables = _PALETTE | _SEGMENTED
        return Dataset({e.tag: e for tag, e in self.raw.items() if tag in tables})


def plain(text):
    """Text of a code, without what codes do not have; never more than 16 characters."""
    return re.sub(r"[^A-Z0-9_ ]", "?", text.upper())[:16]


def read_elements(data):
    """Elements of a DICOM file, with or without a preamble.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    Elements
    """
    from pydicom.filereader import data_element_generator

    file = io.BytesIO(data)
    file.seek(132 if data[128:132] == b"DICM" else 0)
    syntax = ""
    if data[file.tell() : file.tell() + 2] == b"\x02\0":
        meta = data_element_generator(file, False, True, lambda tag, *_: tag >> 16 != 2)
        meta = {int(element.tag): element.value for element in meta}
        syntax = (meta.get(0x00020010) or b"").decode("latin-1").strip(" \0")
    if syntax == DEFLATED:
        file = io.BytesIO(_inflate(data[file.tell() :]))
        data = file.getbuffer()
    if not syntax and bytes(data[file.tell() : file.tell() + 2]) == b"\0\x08":
        syntax = BIG_ENDIAN
    # Some files are written otherwise than their transfer syntax says.
    vr = bytes(data[file.tell() + 4 : file.tell() + 6])
    implicit = not (vr.isalpha() and vr.isupper())
    wanted = {*TAGS.values()} | _PALETTE | _SEGMENTED
    raw = {}
    for element in data_element_generator(
        file, implicit, syntax != BIG_ENDIAN, specific_tags=list(wanted)
    ):
        # A sequence of undefined length comes parsed, all else as bytes.
        if getattr(element, "length", _UNDEFINED) not in (_UNDEFINED, len(element.value or b"")):
            raise Unreadable("the DICOM file is cut off, or a length in it is damaged")
        raw[int(element.tag)] = element
        if element.tag == TAGS["PixelData"]:
            break
    else:
        raise Unreadable("the DICOM file has no pixels, or ends before them")
    return Elements(raw, syntax)


def elements_of(dataset):
    """Elements of a dataset that pydicom has read, or that was made in memory.

    Parameters
    ----------
    dataset : pydicom.dataset.Dataset

    Returns
    -------
    Elements
    """
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset

    if TAGS["PixelData"] not in dataset:
        raise Unreadable("the dataset has no PixelData")
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = _syntax_of(dataset)
    wanted = {*TAGS.values()} | _PALETTE | _SEGMENTED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that scanners do write, which it would quote
        found = (dataset[tag] for tag in wanted if tag in dataset)
        kept = Dataset({element.tag: element for element in found})
        kept.file_meta = meta
        file = io.BytesIO()
        dcmwrite(
            file,
            kept,
            implicit_vr=meta.TransferSyntaxUID == IMPLICIT,
            little_endian=meta.TransferSyntaxUID != BIG_ENDIAN,
            force_encoding=True,
        )
    return read_elements(file.getvalue())


def _syntax_of(dataset):
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is not None:
        return syntax
    _, is_little_endian = getattr(dataset, "original_encoding", (None, None))
    return BIG_ENDIAN if is_little_endian is False else f"{IMPLICIT}.1"


def _inflate(data):
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(data, 2 * MAX_PIXELS)
    if inflater.unconsumed_tail:
        raise Unreadable("its deflated content is larger than any film")
    if not inflater.eof:
        raise Unreadable("its deflated content is cut off")
    return inflated
