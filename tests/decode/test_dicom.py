"""DICOM: grey levels as PS3.3 has them, padding, headers that lie, and nobody's name."""

import logging
import struct
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

from skcxr._decode import read_image


@pytest.fixture
def deep(grey):
    """The same film in 12 bits."""
    return np.rint(grey / 255 * 4095).astype(np.uint16)


def stretched(values, black=None):
    inside = values if black is None else values[~black]
    levels = (values - float(inside.min())) / (float(inside.max()) - float(inside.min())) * 255
    return np.rint(np.where(False if black is None else black, 0, levels))


# ---- photometric interpretation ----------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("window", [False, True])
def test_monochrome1_equals_its_inverted_twin(bits, window, grey, write_dicom):
    top = 2**bits - 1
    pixels = np.rint(20 + grey / 255 * (top - 60)).astype(np.uint8 if bits == 8 else np.uint16)
    tags, twin_tags = {}, {}
    if window:
        tags = {"WindowCenter": 0.4 * top, "WindowWidth": 0.7 * top, "VOILUTFunction": "SIGMOID"}
        twin_tags = {**tags, "WindowCenter": 0.6 * top}
    one = write_dicom(
        top - pixels, "one.dcm", bits=bits, PhotometricInterpretation="MONOCHROME1", **tags
    )
    two = write_dicom(pixels, "two.dcm", bits=bits, **twin_tags)
    for value_range in (None, (0, top)):
        difference = read_image(one, value_range).astype(int) - read_image(two, value_range)
        assert np.abs(difference).max() <= window  # exponentials of two signs


def test_c5_16_bit_monochrome1_does_not_overflow(grey, write_dicom):
    pixels = grey.astype(np.uint16) * 200 + 14000  # minimum and maximum together exceed 65535
    path = write_dicom(pixels, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_image(path), 255 - grey)


def test_signed_pixels(grey, write_dicom):
    path = write_dicom(grey.astype(np.int16) * 16 - 2000)
    np.testing.assert_array_equal(read_image(path), grey)


@pytest.mark.parametrize("photometric", ["CMYK", "HSV", "ARGB", ""])
def test_c13_other_photometric_interpretations_are_refused(photometric, grey, write_dicom):
    path = write_dicom(grey, PhotometricInterpretation=photometric)
    with pytest.raises(ValueError, match=r"film\.dcm: its PhotometricInterpretation is neither"):
        read_image(path)


# ---- look-up tables ----------------------------------------------------------------------------


@pytest.mark.parametrize("slope", ["", None, "1"])
def test_c5_an_empty_rescale_slope_counts_as_absent(slope, deep, write_dicom):
    path = write_dicom(deep, bits=12, RescaleSlope=slope, RescaleIntercept="-1024")
    expected = read_image(write_dicom(deep, "plain.dcm", bits=12))
    np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize("width", ["0", "", "-5"])
def test_c5_a_window_without_width_counts_as_absent(width, deep, write_dicom):
    path = write_dicom(deep, bits=12, WindowCenter="2000", WindowWidth=width)
    np.testing.assert_array_equal(
        read_image(path), read_image(write_dicom(deep, "plain.dcm", bits=12))
    )


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": 2.5, "RescaleIntercept": -1000.0}])
def test_windows_are_pydicoms(function, rescale, deep, write_dicom):
    path = write_dicom(
        deep, bits=12, WindowCenter=1800, WindowWidth=1200, VOILUTFunction=function, **rescale
    )
    dataset = pydicom.dcmread(path)
    expected = apply_windowing(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    assert np.abs(read_image(path) - stretched(expected)).max() <= 1


def test_the_first_window_one_by_name_or_none(deep, write_dicom):
    path = write_dicom(
        deep,
        bits=12,
        WindowCenter=[1800, 2600],
        WindowWidth=[1200, 600],
        WindowCenterWidthExplanation=["NORMAL", "HARDER"],
    )
    dataset = pydicom.dcmread(path)
    for voi, index in (("first", 0), ("NORMAL", 0), ("HARDER", 1)):
        expected = stretched(apply_windowing(dataset.pixel_array, dataset, index))
        assert np.abs(read_image(path, voi=voi) - expected).max() <= 1
    np.testing.assert_array_equal(read_image(path, voi=None), stretched(deep))
    with pytest.raises(ValueError, match=r"film\.dcm: .*no window or VOI LUT 'BONE', but .*HARDER"):
        read_image(path, voi="BONE")


def lut(values, first, bits, name):
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation = [len(values), first, bits], name
    item.LUTData = np.asarray(values, "<u2").tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    return item


@pytest.mark.parametrize("bits", [8, 12])
def test_look_up_tables_are_pydicoms(bits, deep, write_dicom):
    curve = np.rint(np.linspace(0, 1, 3000) ** 0.5 * (2**bits - 1))
    path = write_dicom(
        deep,
        bits=12,
        ModalityLUTSequence=Sequence([lut(np.arange(4096)[::-1], 0, 16, "")]),
        VOILUTSequence=Sequence([lut(curve, 500, bits, "CURVE"), lut(curve[::-1], 0, bits, "X")]),
        WindowCenter=100,
        WindowWidth=50,
    )
    expected = curve[np.clip(4095 - deep.astype(int) - 500, 0, 2999)]
    if bits == 12:  # pydicom 3.0 wraps the index of a table of 8 bits round at 256
        dataset = pydicom.dcmread(path)
        reference = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
        np.testing.assert_array_equal(expected, reference)
        expected = stretched(expected)
    np.testing.assert_array_equal(read_image(path), expected)
    np.testing.assert_array_equal(read_image(path, voi="CURVE"), expected)
    # Sequences and items of undefined length are stored in another way.
    dataset = pydicom.dcmread(path)
    for name in ("ModalityLUTSequence", "VOILUTSequence"):
        dataset[name].is_undefined_length = True
        for item in dataset[name].value:
            item.is_undefined_length_sequence_item = True
    dataset.save_as(path)
    np.testing.assert_array_equal(read_image(path), expected)


def test_a_table_shorter_than_it_says_is_refused(deep, write_dicom):
    short = lut(range(100), 0, 16, "")
    short.LUTDescriptor = [5000, 0, 16]
    path = write_dicom(deep, bits=12, VOILUTSequence=Sequence([short]))
    with pytest.raises(ValueError, match=r"film\.dcm: .*200 bytes for 5000 entries"):
        read_image(path)


# ---- padding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_w9_padding_is_black_and_counts_in_no_range(photometric, grey, write_dicom):
    values = grey.astype(np.int16) * 4
    black = np.zeros(grey.shape, bool)
    black[:, :5] = black[-3:] = True
    values[black] = -32768
    path = write_dicom(
        values, PixelPaddingValue=-32768, PhotometricInterpretation=photometric, bits=16
    )
    shown = -values.astype(int) if photometric == "MONOCHROME1" else values.astype(int)
    np.testing.assert_array_equal(read_image(path), stretched(shown, black))
    inside = (0, 1020)
    assert (read_image(path, inside)[black] == 0).all()


def test_w9_a_range_of_padding_values(grey, write_dicom):
    values = grey.astype(np.uint16) * 10 + 100
    values[:2], values[2:4] = 40000, 40010
    path = write_dicom(values, PixelPaddingValue=40000, PixelPaddingRangeLimit=40010)
    black = values > 4000
    np.testing.assert_array_equal(read_image(path), stretched(values.astype(int), black))


def test_w9_nothing_but_padding_is_refused(grey, write_dicom):
    path = write_dicom(np.full(grey.shape, 7, np.uint16), PixelPaddingValue=7)
    with pytest.raises(ValueError, match=r"film\.dcm: .*nothing but pixel padding"):
        read_image(path)


# ---- headers -----------------------------------------------------------------------------------


def test_c5_no_preamble(grey, write_dicom, tmp_path):
    path = write_dicom(grey)
    bare = tmp_path / "bare.dcm"
    bare.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_image(bare), grey)
    # Neither a preamble nor a file meta group, as old archives write it.
    dataset = pydicom.dcmread(path)
    elements = Dataset({element.tag: element for element in dataset})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        elements.save_as(bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert bare.read_bytes()[:1] == b"\x08"
    np.testing.assert_array_equal(read_image(bare), grey)


@pytest.mark.parametrize("tag", ["Rows", "Columns", "BitsAllocated", "SamplesPerPixel"])
@pytest.mark.parametrize("value", [0, 1, 7, 40000, 65535])
def test_h1_headers_that_promise_other_pixels_are_refused(tag, value, grey, write_dicom):
    if (tag, value) == ("SamplesPerPixel", 1):
        return
    path = write_dicom(grey.astype(np.uint16))
    content = bytearray(path.read_bytes())
    at = content.find(struct.pack("<HH", *divmod(pydicom.tag.Tag(tag), 2**16)) + b"US")
    content[at + 8 : at + 10] = struct.pack("<H", value)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"film\.dcm"):
        read_image(path)


def test_pixels_in_the_upper_bits_are_refused(deep, write_dicom):
    path = write_dicom(deep << 4, bits=12, HighBit=15)
    with pytest.raises(ValueError, match=r"film\.dcm: 12 bits stored with HighBit 15"):
        read_image(path)


@pytest.mark.parametrize("length", [2**31, 2**32 - 2, 10**9, 3])
def test_h1_lengths_that_the_file_cannot_hold_are_refused(length, grey, write_dicom):
    path = write_dicom(grey)
    content = bytearray(path.read_bytes())
    at = content.find(b"\xe0\x7f\x10\0")
    content[at + 8 : at + 12] = struct.pack("<I", length)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"film\.dcm: not a readable image"):
        read_image(path)


def test_a_transfer_syntax_that_does_not_go_with_the_elements(grey, write_dicom):
    path = write_dicom(grey)
    explicit = path.read_bytes()
    path.write_bytes(
        explicit.replace(b"1.2.840.10008.1.2.1\0", ImplicitVRLittleEndian.encode() + b"\0\0\0")
    )
    np.testing.assert_array_equal(read_image(path), grey)


def test_what_is_no_chest_radiograph_warns_or_is_refused(grey, write_dicom):
    path = write_dicom(grey, BodyPartExamined="HAND")
    with pytest.warns(
        UserWarning, match=r"film\.dcm says BodyPartExamined HAND, which is no chest"
    ):
        read_image(path)
    with pytest.raises(ValueError, match=r"film\.dcm says BodyPartExamined HAND"):
        read_image(path, modality="raise")
    np.testing.assert_array_equal(read_image(path, modality="ignore"), grey)
    with pytest.raises(ValueError, match="modality='never'; expected"):
        read_image(path, modality="never")
    with pytest.raises(ValueError, match=r"mr\.dcm says Modality MR"):
        read_image(write_dicom(grey, "mr.dcm", Modality="MR"), modality="raise")


def test_what_a_missing_decoder_is_called(grey, write_dicom, monkeypatch):
    from pydicom.encaps import encapsulate

    path = write_dicom(grey)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.HTJ2K
    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(60)])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    monkeypatch.setattr(pydicom.pixels.get_decoder(pydicom.uid.HTJ2K), "_available", {})
    monkeypatch.setattr("skcxr._decode._dicom_pixels.find_spec", lambda package: None)
    with pytest.raises(ValueError, match=r"film\.dcm: .*pip install pylibjpeg pylibjpeg-openjpeg"):
        read_image(path)


def test_no_patient_in_any_error_warning_or_log(grey, write_dicom, caplog, capfd):
    rng = np.random.default_rng(0)
    path = write_dicom(grey, BodyPartExamined="HAND")
    sound = path.read_bytes()
    said = []
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(200):
            content = bytearray(sound)
            for at in rng.integers(132, 600, 4):
                content[at] = int(rng.integers(256))
            path.write_bytes(content)
            try:
                read_image(path)
            except ValueError as error:
                hidden = error.__context__ if not error.__suppress_context__ else None
                said.append(f"{error} {error.__cause__} {hidden}")
    said += [str(warning.message) for warning in caught] + [caplog.text, *capfd.readouterr()]
    said = " ".join(said)
    assert said.count("film.dcm") > 50
    for secret in ("Doe", "Jane", "4711", "19700101"):
        assert secret not in said.replace(str(path), "")
