"""PNG, JPEG, TIFF and BMP: the same levels whatever the depth, and no damaged film in silence."""

import io
import os
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile
from skimage import data as skdata

from skcxr._decode import read_image


def as_bits(grey, bits):
    return np.rint(grey / 255 * (2**bits - 1)).astype(np.uint16)


@pytest.fixture
def film():
    """Smooth and noisy, so that a JPEG of it is long."""
    return cv2.resize(skdata.camera(), (120, 104), interpolation=cv2.INTER_AREA)


def jpeg(image, *options):
    return cv2.imencode(".jpg", image, options)[1].tobytes()


# ---- grey levels -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["png", "tif", "dcm"])
def test_w3_one_film_of_8_12_and_16_bits_has_one_set_of_grey_levels(
    kind, grey, tmp_path, write_dicom
):
    for bits in (8, 12, 16):
        pixels = grey if bits == 8 else as_bits(grey, bits)
        if kind == "dcm":
            path = write_dicom(pixels, f"{bits}.dcm", bits=bits)
        else:
            path = tmp_path / f"{bits}.{kind}"
            Image.fromarray(pixels).save(path)
        for value_range in (None, (0, 2**bits - 1)):
            image = read_image(path, value_range).astype(int)
            assert np.abs(image - grey).max() <= 1


@pytest.mark.parametrize("kind", ["png", "tif", "bmp", "jpg", "dcm"])
def test_w3_value_range_leaves_8_bit_films_as_they_are(kind, film, tmp_path, write_dicom):
    path = tmp_path / f"film.{kind}"
    if kind == "dcm":
        path = write_dicom(film)
    else:
        Image.fromarray(film).save(path)
    np.testing.assert_array_equal(read_image(path, (0, 4095)), read_image(path))


@pytest.mark.parametrize("value_range", [(0, np.inf), (np.nan, 1), (5, 5), (5, 1), (1,), "ab", 3])
def test_h16_a_value_range_that_is_none_is_refused(value_range, grey, tmp_path):
    Image.fromarray(grey).save(tmp_path / "film.png")
    with pytest.raises(ValueError, match=r"value_range=.* is no range; expected two finite"):
        read_image(tmp_path / "film.png", value_range)


@pytest.mark.parametrize("deep", [False, True])
def test_c13_white_is_zero_tiff_is_turned_round(deep, grey, tmp_path):
    pixels = as_bits(grey, 12) if deep else grey
    white_is_zero = pixels.max() - pixels
    tifffile.imwrite(tmp_path / "film.tif", white_is_zero, photometric="miniswhite")
    image = read_image(tmp_path / "film.tif", (0, 4095) if deep else None).astype(int)
    assert np.abs(image - grey).max() <= 1


@pytest.mark.parametrize("kind", ["png", "tif", "bmp"])
def test_c13_palettes_are_looked_up(kind, grey, tmp_path):
    image = Image.fromarray(grey, "L").convert("P")
    image.putpalette([255 - i // 3 for i in range(768)])  # black is white
    image.save(tmp_path / f"film.{kind}")
    np.testing.assert_array_equal(read_image(tmp_path / f"film.{kind}"), 255 - grey)


def test_c13_colour_is_luma(tmp_path):
    astronaut = skdata.astronaut()[:96, :80]
    expected = astronaut @ [0.299, 0.587, 0.114]
    for kind in ("png", "tif", "bmp"):
        Image.fromarray(astronaut).save(tmp_path / f"film.{kind}")
        assert np.abs(read_image(tmp_path / f"film.{kind}") - expected).max() <= 1.01


@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_c13_four_inks_are_refused(kind, grey, tmp_path):
    Image.fromarray(grey).convert("CMYK").save(tmp_path / f"film.{kind}")
    with pytest.raises(ValueError, match=rf"film\.{kind}: .*expected grey"):
        read_image(tmp_path / f"film.{kind}")


def test_tiff_of_every_packing_depth_and_byte_order(grey, tmp_path):
    path = tmp_path / "film.tif"
    for options in ({}, {"tile": (16, 16)}, {"rowsperstrip": 7}, {"byteorder": ">"}):
        for pixels in (grey, as_bits(grey, 16), grey.astype(np.float32), grey.astype(np.uint32)):
            if options == {"byteorder": ">"} and pixels.dtype == np.uint32:
                continue
            for packing in (None, "zlib"):
                tifffile.imwrite(path, pixels, compression=packing, **options)
                if "byteorder" in options and packing and pixels.itemsize > 1:
                    with pytest.raises(ValueError, match=r"film\.tif: a packed big-endian"):
                        read_image(path)
                    continue
                np.testing.assert_array_equal(read_image(path), grey)
    for packing in ("tiff_lzw", "packbits"):
        Image.fromarray(as_bits(grey, 16)).save(path, compression=packing)
        np.testing.assert_array_equal(read_image(path), grey)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
def test_orientation_is_applied_as_pillow_applies_it(orientation, kind, film, tmp_path):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"tiffinfo": {274: orientation}} if kind == "tif" else {"exif": exif}
    Image.fromarray(film).save(tmp_path / f"film.{kind}", **options)
    # From memory: Pillow 13 mixes up the sides of a turned TIFF that it maps from a file.
    with Image.open(io.BytesIO((tmp_path / f"film.{kind}").read_bytes())) as stored:
        stored.load()  # turns TIFF already
        turned = stored if kind == "tif" else ImageOps.exif_transpose(stored)
        expected = np.asarray(turned).astype(int)
    image = read_image(tmp_path / f"film.{kind}")
    assert image.shape == expected.shape
    assert np.abs(image - expected).max() <= 1


# ---- one image, whole --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tif", "png"])
def test_h16_further_pages_and_frames_are_refused(kind, grey, tmp_path):
    pages = [Image.fromarray(grey), Image.fromarray(255 - grey)]
    pages[0].save(tmp_path / f"two.{kind}", save_all=True, append_images=pages[1:])
    with pytest.raises(ValueError, match=rf"two\.{kind}: an? .*; expected one"):
        read_image(tmp_path / f"two.{kind}")


def test_h16_a_gif_is_no_film(grey, tmp_path):
    Image.fromarray(grey).save(tmp_path / "film.gif")
    with pytest.raises(ValueError, match=r"film\.gif: not a readable image .*expected PNG"):
        read_image(tmp_path / "film.gif")


def damaged_jpegs(film):
    """Damage of which libjpeg warns, and goes on."""
    for options in ((), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)):
        sound = jpeg(film, *options)
        middle = len(sound) // 2
        yield "half", sound[:middle] + b"\xff\xd9"
        yield "gap", sound[:middle] + sound[middle + 300 :]
        yield "zeros", sound[:middle] + bytes(500) + sound[middle + 500 :]
        yield "other", sound[:middle] + np.arange(5000, dtype="<u2").tobytes()


def test_h4_a_jpeg_cut_in_half_and_closed_is_refused(film, tmp_path, capfd):
    for i, (kind, content) in enumerate(damaged_jpegs(film)):
        path = tmp_path / f"{kind}{i}.jpg"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{path.name}: not a readable image"):
            read_image(path)
    assert capfd.readouterr() == ("", "")


def test_h4_a_progressive_jpeg_without_its_last_scans_is_refused(film, tmp_path):
    content = jpeg(film, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    scans = [i for i in range(len(content)) if content[i : i + 2] == b"\xff\xda"]
    (tmp_path / "coarse.jpg").write_bytes(content[: scans[-1]] + b"\xff\xd9")
    with pytest.raises(ValueError, match=r"coarse\.jpg: .*ends before all of its scans"):
        read_image(tmp_path / "coarse.jpg")


def test_h4_a_jpeg_whose_lower_part_was_made_black_is_refused(film, tmp_path, capfd):
    flat = film.copy()
    flat[-16:] = 0  # as collimation leaves it: this is sound
    sound = jpeg(flat, cv2.IMWRITE_JPEG_QUALITY, 80)
    (tmp_path / "sound.jpg").write_bytes(sound)
    assert (read_image(tmp_path / "sound.jpg")[-8:] == 0).all()
    path = tmp_path / "flipped.jpg"
    black = 0
    for at in range(700, 2000):
        content = bytearray(sound)
        content[at] ^= 0x10
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        if capfd.readouterr().err or image is None or image[-48:].any():
            continue
        black += 1  # without a word
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"flipped\.jpg: .*darker or brighter than 8 bits"):
            read_image(path)
    assert black > 0


@pytest.mark.parametrize("packing", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_h4_damaged_strips_of_a_tiff_are_refused(packing, film, tmp_path, capfd):
    path = tmp_path / "film.tif"
    Image.fromarray(film).save(path, compression=packing)
    sound = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        begin, count = (tiff.pages[0].tags[tag].value[0] for tag in (273, 279))
    ways = {"cut": sound[: begin + count // 2]}
    if packing in ("tiff_lzw", "tiff_adobe_deflate"):
        half = begin + count // 2
        ways["noise"] = sound[:half] + b"\xff" * 40 + sound[half + 40 :]
        ways["zeros"] = sound[:half] + bytes(40) + sound[half + 40 :]
    for content in ways.values():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"film\.tif: not a readable image"):
            read_image(path)
    assert capfd.readouterr() == ("", "")


def test_h4_deflated_strips_are_checked_by_their_check_sum(film, tmp_path):
    path = tmp_path / "film.tif"
    Image.fromarray(film).save(path, compression="tiff_adobe_deflate")
    sound = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        begin, count = (tiff.pages[0].tags[tag].value[0] for tag in (273, 279))
    sound[begin + count - 1] ^= 1
    path.write_bytes(sound)
    with pytest.raises(ValueError, match=r"film\.tif: .*incorrect data check"):
        read_image(path)


def test_h4_pillows_lenience_is_refused(film, tmp_path, monkeypatch):
    Image.fromarray(film).save(tmp_path / "film.tif")
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ValueError, match=r"film\.tif: .*LOAD_TRUNCATED_IMAGES is set"):
        read_image(tmp_path / "film.tif")


def test_h17_what_a_decoder_writes_on_standard_error_is_an_error(film, tmp_path, capfd):
    rng = np.random.default_rng(0)
    sound = bytearray(jpeg(film))
    path = tmp_path / "film.jpg"
    complained = 0
    for _ in range(60):
        content = sound.copy()
        for at in rng.integers(700, len(sound) - 2, 3):
            content[at] ^= 1 << int(rng.integers(8))
        cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        complaint = capfd.readouterr().err
        path.write_bytes(content)
        if complaint:
            complained += 1
            with pytest.raises(ValueError, match=r"film\.jpg: not a readable image"):
                read_image(path)
        else:
            read_image(path)
        assert capfd.readouterr().err == ""
    assert complained > 10


def test_h17_beside_others_only_the_damaged_film_is_refused(film, tmp_path, capfd):
    from concurrent.futures import ThreadPoolExecutor

    sound, damaged = tmp_path / "sound.jpg", tmp_path / "damaged.jpg"
    content = jpeg(film)
    sound.write_bytes(content)
    damaged.write_bytes(content[: len(content) // 2] + b"\xff\xd9")
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)

    def outcome(i):
        os.write(2, b"a word of another thread\n")
        try:
            return np.array_equal(read_image(damaged if i % 7 == 3 else sound), expected)
        except ValueError as error:
            return "damaged.jpg" in str(error) and "refused"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(outcome, range(140)))
    assert outcomes == ["refused" if i % 7 == 3 else True for i in range(140)]
    assert capfd.readouterr().err == "a word of another thread\n" * 140


def test_png_check_sums_are_checked(film, tmp_path):
    Image.fromarray(film).save(tmp_path / "film.png")
    sound = (tmp_path / "film.png").read_bytes()
    for at in range(8, len(sound), 97):
        content = bytearray(sound)
        content[at] ^= 4
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.png: not a readable image"):
            read_image(tmp_path / "bad.png")


# ---- what is not read at all -------------------------------------------------------------------


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_size_is_refused_from_the_header(film, tmp_path):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 0, 0, 0, 0))
    ends = chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    content = bytearray(jpeg(film))
    at = content.find(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 40000, 40000)
    bombs = {"bomb.png": b"\x89PNG\r\n\x1a\n" + header + ends, "bomb.jpg": content}
    for name, bomb in bombs.items():
        (tmp_path / name).write_bytes(bomb)
        with pytest.raises(ValueError, match=f"{name}: its header says 40000 × 40000 pixels, more"):
            read_image(tmp_path / name)


def test_h7_only_regular_files_are_opened(tmp_path):
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name in ("folder", "pipe", "endless", "loop"):
        # In a process of its own: a pipe would hang, /dev/zero would fill the memory.
        code = (
            f"from skcxr._decode import read_image; read_image({str(tmp_path / name)!r} + '.png')"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
        )
        assert f"{name}.png: cannot be read (" in run.stderr
        assert "ValueError" in run.stderr
    (tmp_path / "dangling.png").symlink_to("nothing")
    with pytest.raises(FileNotFoundError, match=r"No such image file: .*dangling\.png"):
        read_image(tmp_path / "dangling.png")


def test_h8_a_jpeg_is_decoded_at_part_of_its_size_when_asked(tmp_path):
    large = cv2.GaussianBlur(skdata.camera(), (0, 0), 3)  # 512 × 512
    cv2.imwrite(str(tmp_path / "film.jpg"), large)
    assert read_image(tmp_path / "film.jpg").shape == (512, 512)
    for min_size, side in ((600, 512), (257, 512), (256, 256), (100, 128), (64, 64), (8, 64)):
        image = read_image(tmp_path / "film.jpg", min_size=min_size)
        assert image.shape == (side, side)
        expected = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(image - expected).mean() < 2


def test_h8_a_turned_jpeg_at_part_of_its_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    large = Image.fromarray(skdata.camera()[:400])
    large.save(tmp_path / "film.jpg", exif=exif)
    assert read_image(tmp_path / "film.jpg").shape == (512, 400)
    assert read_image(tmp_path / "film.jpg", min_size=100).shape == (128, 100)
