"""What may be read at all: regular files, of a size that a film can have."""

import os
import stat

ACCEPTED = "PNG, JPEG, TIFF, BMP or DICOM"

# The largest films are analogue ones scanned at 50 µm: 35 × 43 cm, 61 megapixels. A flat-panel
# detector has 19. More than this is a mistake or an attack, and is refused from the header.
MAX_PIXELS = 100_000_000
# Three colours of 16 bits each, and room for a header.
MAX_BYTES = 6 * MAX_PIXELS + 2**20


class Unreadable(ValueError):
    """Why a file is refused; :func:`read_image` puts the file's name before it."""


class Unwanted(Unreadable):
    """Why a file is refused that is not damaged, but not one film that can be shown."""


def stat_file(path):
    """Stat a file that can be read as an image: a regular one, or a link to one.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    os.stat_result

    Raises
    ------
    FileNotFoundError
        When there is none, or a link leads nowhere.
    ValueError
        For a folder, a pipe, a socket or a device, none of which is opened; for one that is
        larger than any film; and for one that may not be looked at.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"No such image file: {path}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: cannot be read ({why}); expected {ACCEPTED}.") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, a socket or a device"
        raise ValueError(f"{path}: cannot be read (it is {kind}); expected {ACCEPTED}.")
    if found.st_size > MAX_BYTES:
        raise ValueError(
            f"{path}: cannot be read (its {found.st_size / 1e6:.0f} MB are more than the "
            f"{MAX_BYTES / 1e6:.0f} MB that a film of {MAX_PIXELS // 10**6} megapixels can have)."
        )
    return found


def read_bytes(path):
    """All bytes of a regular file.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    bytes

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`stat_file`, and for a file that may not be opened.
    """
    stat_file(path)
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror or error}); expected {ACCEPTED}."
        ) from None


def check_size(height, width):
    """Refuse an image that is empty or larger than any film, before it is decoded."""
    if height < 1 or width < 1:
        raise Unreadable(f"its header says {height} × {width} pixels")
    if height * width > MAX_PIXELS:
        raise Unwanted(
            f"its header says {height} × {width} pixels, more than the {MAX_PIXELS // 10**6} "
            "megapixels of the largest film"
        )


def is_dicom(data):
    """Whether bytes begin as a DICOM file does, with a preamble or without."""
    return data[128:132] == b"DICM" or data[:2] in (b"\x02\0", b"\x08\0", b"\0\x08")
