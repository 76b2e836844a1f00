"""One array of one image as bytes and back: small, without loss, and checked.

A stored row is ``version (1 byte) | digest (16) | codec (1) | header | payload``. The digest
covers everything else and the key under which the row is stored, so that neither a flipped byte
nor a row that a damaged index points to by mistake is ever taken for the right one.
"""

import hashlib
import struct
import zlib

import numpy as np

FORMAT_VERSION = 2  # of this layout and of the tables; each version has a file of its own

_RAW, _PICTURE, _SPARSE, _PLANES = range(4)
_DIGEST = 16


class Damaged(Exception):
    """The row is not what was once written under this key."""


def encode(key, row):
    """Turn an array into a row.

    Parameters
    ----------
    key : bytes
        Key under which the row will be stored; enters the digest.
    row : ndarray of bool, integers or floats
        Any shape.

    Returns
    -------
    bytes
    """
    row = np.asarray(row)
    if row.dtype.kind not in "biuf" or row.dtype.itemsize > 8:
        raise TypeError(f"only integers and floats of up to 64 bits are stored, not {row.dtype}")
    row = np.asarray(row, row.dtype.newbyteorder("<"), order="C")
    codec, payload = _compress(row)
    dtype = row.dtype.str.encode()
    header = struct.pack(f"<BBB{row.ndim}I", codec, len(dtype), row.ndim, *row.shape)
    body = header + dtype + payload
    return bytes([FORMAT_VERSION]) + _digest(key, body) + body


def decode(key, value):
    """Give the array of a row back, or raise if the row cannot be trusted.

    Parameters
    ----------
    key : bytes
        Key under which the row was found.
    value : bytes
        As `encode` returned it.

    Returns
    -------
    ndarray
        Writable and contiguous.

    Raises
    ------
    Damaged
        The row is not the one written under this key.
    """
    if not isinstance(value, bytes) or len(value) < _DIGEST + 4 or value[0] != FORMAT_VERSION:
        raise Damaged
    body = memoryview(value)[1 + _DIGEST :]
    if _digest(key, body) != value[1 : 1 + _DIGEST]:
        raise Damaged
    codec, n_dtype, ndim = body[:3]
    shape = struct.unpack_from(f"<{ndim}I", body, 3)
    at = 3 + 4 * ndim
    dtype = np.dtype(bytes(body[at : at + n_dtype]).decode())
    return _decompress(codec, body[at + n_dtype :], dtype, shape)


def _digest(key, body):
    digest = hashlib.blake2b(key, digest_size=_DIGEST)
    digest.update(body)
    return digest.digest()


def _compress(row):
    raw = row.tobytes()
    if len(raw) < 512:
        return _RAW, raw
    if row.dtype == np.uint8 and row.ndim >= 2 and min(row.shape[-2:]) > 1:
        # Each pixel minus what its left, upper and upper left neighbours predict: X-rays are
        # smooth, so what is left is small numbers, and run lengths code the empty borders.
        steps = row.copy()
        steps[..., 1:, :] -= row[..., :-1, :]
        rest = steps.copy()
        rest[..., 1:] -= steps[..., :-1]
        return _smaller(_PICTURE, _deflate(rest.tobytes()), raw)
    if row.dtype.itemsize > 1:
        bits = np.frombuffer(raw, f"<u{row.dtype.itemsize}")
        filled = bits != 0  # by bits, not by value: -0.0 is kept
        n_sparse = int(filled.sum()) * row.dtype.itemsize + (bits.size + 7) // 8
        if n_sparse < 0.8 * len(raw):
            # Feature maps after a ReLU. Soft masks are empty in large parts as well and
            # compress far better as planes: an eighth from the middle tells which it is.
            middle = _planes(bits[bits.size * 7 // 16 : bits.size * 9 // 16])
            if len(_deflate(middle)) * 8 > 0.6 * n_sparse:
                return _SPARSE, np.packbits(filled).tobytes() + bits[filled].tobytes()
        return _smaller(_PLANES, _deflate(_planes(bits)), raw)
    return _smaller(_PLANES, _deflate(raw), raw)


def _decompress(codec, payload, dtype, shape):
    size = int(np.prod(shape, dtype=np.int64))
    if codec == _RAW:
        return np.frombuffer(bytearray(payload), dtype).reshape(shape)
    if codec == _SPARSE:
        n_map = (size + 7) // 8
        filled = np.unpackbits(np.frombuffer(payload, np.uint8, n_map), count=size).view(bool)
        row = np.zeros(size, dtype)
        row[filled] = np.frombuffer(payload, dtype, offset=n_map)
        return row.reshape(shape)
    plain = bytearray(zlib.decompress(payload, bufsize=size * dtype.itemsize))
    if codec == _PICTURE:
        row = np.frombuffer(plain, np.uint8).reshape(shape)
        np.add.accumulate(row, axis=-1, out=row)
        return np.add.accumulate(row, axis=-2, out=row)
    planes = np.frombuffer(plain, np.uint8).reshape(dtype.itemsize, size)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(shape)


def _planes(bits):
    return bits.view(np.uint8).reshape(-1, bits.itemsize).T.tobytes()


def _deflate(data):
    # Run lengths and Huffman only: half the time of zlib's level 1 and smaller on differences.
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    return packer.compress(data) + packer.flush()


def _smaller(codec, packed, raw):
    return (codec, packed) if len(packed) < 0.85 * len(raw) else (_RAW, raw)
