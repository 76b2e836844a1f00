"""Read mutated files under a memory limit; ``python fuzz.py FOLDER N SEED`` prints the figures.

Every outcome must be a whole image or an error that names the file. A file of the same bytes is
made by the same seed.
"""

import collections
import io
import json
import os
import struct
import sys
import time
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, RLELossless

from skcxr._decode import read_image

MEMORY = 2 * 2**30
SECONDS = 5
SHAPE = 96, 80


def film():
    """No row or column of it is constant, so that a part that was made up shows."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    smooth = 120 + 70 * np.sin(rows / 9) * np.cos(columns / 7)
    return np.clip(smooth + rng.normal(0, 8, SHAPE), 1, 254).astype(np.uint8)


def pillow(image, form, **options):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, form, **options)
    return stream.getvalue()


def dicom(pixels, syntax="1.2.840.10008.1.2.1", compressed=None, photometric="MONOCHROME2"):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = UID(syntax)
    data = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=syntax == "1.2.840.10008.1.2",
        is_little_endian=syntax != "1.2.840.10008.1.2.2",
    )
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    data.Modality, data.PatientName, data.PatientID = "DX", "Doe^Jane", "4711"
    data.Rows, data.Columns, data.SamplesPerPixel = *pixels.shape, 1
    data.PhotometricInterpretation = photometric
    data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.WindowCenter, data.WindowWidth = 2 ** (data.BitsStored - 1), 2**data.BitsStored
    data.PixelData = compressed or pixels.tobytes()
    if compressed:
        data["PixelData"].is_undefined_length = True
    if syntax == RLELossless:
        data.compress(RLELossless, pixels)
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def originals():
    """One sound file of every kind: name to (bytes, pixels as they are to be read)."""
    from pydicom.encaps import encapsulate

    image = film()
    deep = image.astype(np.uint16) * 257
    colour = np.dstack([image, image.T.reshape(SHAPE), 255 - image])
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    files = {
        "grey.png": cv2.imencode(".png", image)[1].tobytes(),
        "deep.png": cv2.imencode(".png", deep)[1].tobytes(),
        "colour.png": cv2.imencode(".png", colour)[1].tobytes(),
        "grey.jpg": jpeg,
        "progressive.jpg": cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[
            1
        ].tobytes(),
        "restart.jpg": cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_RST_INTERVAL, 8])[1].tobytes(),
        "colour.jpg": cv2.imencode(".jpg", colour)[1].tobytes(),
        "raw.tif": pillow(image, "TIFF"),
        "deep.tif": pillow(deep, "TIFF", compression="tiff_lzw"),
        "lzw.tif": pillow(image, "TIFF", compression="tiff_lzw"),
        "deflate.tif": pillow(image, "TIFF", compression="tiff_adobe_deflate"),
        "packbits.tif": pillow(image, "TIFF", compression="packbits"),
        "grey.bmp": pillow(image, "BMP"),
        "raw.dcm": dicom(deep),
        "one.dcm": dicom(deep, photometric="MONOCHROME1"),
        "eight.dcm": dicom(image),
        "implicit.dcm": dicom(deep, "1.2.840.10008.1.2"),
        "big.dcm": dicom(deep.byteswap(), "1.2.840.10008.1.2.2"),
        "deflated.dcm": dicom(deep, "1.2.840.10008.1.2.1.99"),
        "rle.dcm": dicom(deep, RLELossless),
        "jpeg.dcm": dicom(image, "1.2.840.10008.1.2.4.50", encapsulate([jpeg])),
        "j2k.dcm": dicom(
            image,
            "1.2.840.10008.1.2.4.90",
            encapsulate([pillow(image, "JPEG2000", no_jp2=True)]),
        ),
    }
    return files


def mutate(data, rng, others):
    """Mutated bytes, and what was done to them."""
    data = bytearray(data)
    n = len(data)
    kind = rng.choice(
        "flip flips cut cut_end zeros noise drop insert repeat head tail header length".split()
    )
    # Half of the damage goes where headers are.
    at = int(rng.integers(0, min(n, 400))) if rng.random() < 0.4 else int(rng.integers(0, n))
    size = int(rng.integers(1, max(2, n // 3)))
    if kind == "flip":
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == "flips":
        for i in rng.integers(0, n, 10):
            data[i] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        del data[at:]
    elif kind == "cut_end":
        end = b"\xff\xd9" if data[:2] == b"\xff\xd8" else bytes(data[-12:])
        data = data[: max(at, 40)] + end
    elif kind == "zeros":
        data[at : at + size] = bytes(len(data[at : at + size]))
    elif kind == "noise":
        data[at : at + size] = rng.bytes(len(data[at : at + size]))
    elif kind == "drop":
        del data[at : at + size]
    elif kind == "insert":
        data[at:at] = rng.bytes(int(rng.integers(1, 200)))
    elif kind == "repeat":
        data[at:at] = data[at : at + size]
    elif kind in ("head", "tail"):
        other = others[int(rng.integers(len(others)))]
        data = other[:at] + data[at:] if kind == "head" else data[:at] + other[at:]
    elif kind == "header":
        i = int(rng.integers(0, min(n - 4, 400)))
        data[i : i + 2] = struct.pack("<H", int(rng.choice([0, 1, 40000, 65535])))
    elif kind == "length":
        i = int(rng.integers(0, min(n - 4, 400)))
        data[i : i + 4] = struct.pack("<I", int(rng.choice([2**31, 2**32 - 2, 2**32 - 1, 10**9])))
    return bytes(data), str(kind)


def bomb(n=40000):
    """A PNG that says n × n pixels, with right check sums."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", n, n, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(10**6))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def odd_files(folder):
    """What is no regular file, or a header that promises too much."""
    for name in ("folder.png", "folder.dcm"):
        (folder / name).mkdir()
        yield folder / name
    os.mkfifo(folder / "pipe.png")
    (folder / "dangling.png").symlink_to(folder / "nothing")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "endless.png").symlink_to("/dev/zero")
    yield from (folder / f"{name}.png" for name in ("pipe", "dangling", "loop", "endless"))
    huge = film()
    tiff = bytearray(pillow(huge, "TIFF"))
    for tag in (256, 257):
        i = tiff.find(struct.pack("<HHI", tag, 4, 1))
        tiff[i + 8 : i + 12] = struct.pack("<I", 40000)
    bitmap = bytearray(pillow(huge, "BMP"))
    bitmap[18:26] = struct.pack("<ii", 40000, 40000)
    jpeg = bytearray(cv2.imencode(".jpg", huge)[1].tobytes())
    i = jpeg.find(b"\xff\xc0")
    jpeg[i + 5 : i + 9] = struct.pack(">HH", 40000, 40000)
    picture = bytearray(dicom(huge.astype(np.uint16)))
    for tag in (b"\x28\0\x10\0US", b"\x28\0\x11\0US"):
        i = picture.find(tag)
        picture[i + 8 : i + 10] = struct.pack("<H", 40000)
    deflated = bytearray(dicom(huge, "1.2.840.10008.1.2.1.99"))
    start = 144 + struct.unpack("<I", deflated[140:144])[0]
    packer = zlib.compressobj(9, wbits=-15)
    packed = b"".join(packer.compress(bytes(10**7)) for _ in range(100)) + packer.flush()
    deflated[start:] = packed
    bombs = {"bomb.png": bomb(), "bomb.tif": tiff, "bomb.bmp": bitmap, "bomb.jpg": jpeg}
    bombs |= {"bomb.dcm": picture, "deflate_bomb.dcm": deflated, "empty.png": b""}
    for name, data in bombs.items():
        (folder / name).write_bytes(data)
        yield folder / name


def made_up(image, truth):
    """Whether the last rows are flat in the image and not in the film: partly grey, no word."""
    flat = (image.max(axis=1) == image.min(axis=1)) & (truth.max(axis=1) != truth.min(axis=1))
    return bool(flat[-8:].all())


def judge(path, truth, kind):
    """One word on what became of a file; all but 'same', 'other' and 'refused' are faults."""
    begin = time.monotonic()
    try:
        image = read_image(path)
    except (ValueError, FileNotFoundError) as error:
        text = str(error)
        verdict = "refused" if str(path) in text else "unnamed"
        if any(secret in text.replace(str(path), "") for secret in ("Doe", "4711")):
            verdict = "patient"
    except Exception as error:
        verdict = f"raised {type(error).__name__}"
    else:
        if truth is None:
            verdict = "read"
        elif image.shape != truth.shape or image.dtype != np.uint8:
            verdict = f"shape {image.shape}"
        elif np.array_equal(image, truth):
            verdict = "same"
        elif made_up(image, truth) and not kind.startswith(("zeros", "insert")):
            verdict = "partly grey"
        else:
            verdict = "other"
    return f"took {SECONDS} s" if time.monotonic() - begin > SECONDS else verdict


def main(folder, n, seed):
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")  # other modalities, and what pydicom says beside
    folder = Path(folder)
    sound = originals()
    truths = {}
    for name, data in sound.items():
        (folder / name).write_bytes(data)
        truths[name] = read_image(folder / name)
    others = list(sound.values())
    rng = np.random.default_rng(seed)
    counts = collections.defaultdict(collections.Counter)
    faults = []

    def note(path, form, kind, verdict):
        counts[form][verdict if verdict in ("same", "other", "refused") else "fault"] += 1
        if verdict not in ("same", "other", "refused"):
            faults.append((str(path), kind, verdict))

    for path in odd_files(folder):
        verdict = judge(path, None, "odd")
        note(path, "odd", "odd", verdict)
    names = list(sound)
    for i in range(n):
        name = names[i % len(names)]
        data, kind = mutate(sound[name], rng, others)
        ending = rng.choice([Path(name).suffix] * 4 + [".png", ".jpg", ".tif", ".dcm", ""])
        path = folder / f"{i}_{Path(name).stem}{ending}"
        path.write_bytes(data)
        verdict = judge(path, truths[name], kind)
        note(path, name, kind, verdict)
        if verdict in ("same", "other", "refused"):
            path.unlink()
    print(json.dumps({"counts": counts, "faults": faults}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
