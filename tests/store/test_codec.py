import numpy as np
import pytest

from skcxr._store._codec import FORMAT_VERSION, Damaged, decode, encode

RNG = np.random.default_rng(0)
SMOOTH = np.cumsum(RNG.integers(-2, 3, (224, 224)), axis=1).astype(np.uint8)
MAPS = np.maximum(RNG.normal(size=(64, 7, 7)), 0)
Y, X = np.mgrid[-1:1:112j, -1:1:112j]
LUNG = 1 / (1 + np.exp(np.clip(60 * (np.hypot(1.2 * X, Y) - 0.8), -30, 30)))

ARRAYS = {
    "a picture": SMOOTH,
    "noise": RNG.integers(0, 256, (30, 40), dtype=np.uint8),
    "a stack of pictures": np.stack([SMOOTH, SMOOTH[::-1]]),
    "a transposed view": SMOOTH[:100].T,
    "one row of pixels": SMOOTH[:1],
    "feature maps": MAPS.astype(np.float16),
    "negative zeros": (-MAPS).astype(np.float32),
    "soft masks": np.where(LUNG < 1e-3, 0, LUNG).astype(np.float16),
    "texture": RNG.normal(size=1306).astype(np.float32),
    "not numbers": np.array([np.nan, np.inf, -0.0, 5e-324] * 200),
    "big-endian": np.arange(900, dtype=">i4"),
    "bool": SMOOTH > 128,
    "a scalar": np.float64(3.5),
    "nothing": np.zeros((0, 4), np.int16),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_every_bit_comes_back(array):
    back = decode(b"key", encode(b"key", array))
    expected = np.asarray(array, np.asarray(array).dtype.newbyteorder("<"))
    assert back.dtype == expected.dtype
    assert back.shape == expected.shape
    assert back.tobytes() == expected.tobytes()
    assert back.flags.writeable


@pytest.mark.parametrize(
    ("name", "share"), [("a picture", 0.5), ("feature maps", 0.6), ("soft masks", 0.3)]
)
def test_what_the_pipeline_stores_is_stored_small(name, share):
    assert len(encode(b"key", ARRAYS[name])) < share * ARRAYS[name].nbytes


@pytest.mark.parametrize("name", ["texture", "feature maps", "a picture"])
def test_no_changed_byte_passes(name):
    value = bytearray(encode(b"key", ARRAYS[name]))
    for i in RNG.permutation(len(value))[:300].tolist() + list(range(40)):
        was = value[i]
        value[i] ^= int(RNG.integers(1, 256))
        with pytest.raises(Damaged):
            decode(b"key", bytes(value))
        value[i] = was
    decode(b"key", bytes(value))


def test_a_row_is_right_under_its_own_key_only():
    with pytest.raises(Damaged):
        decode(b"other", encode(b"key", SMOOTH))


@pytest.mark.parametrize("value", [b"", b"\x01", None, 3, "text", bytes([FORMAT_VERSION]) * 19])
def test_what_is_no_row_is_damaged(value):
    with pytest.raises(Damaged):
        decode(b"key", value)


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([None]), np.array([1j])])
def test_other_arrays_are_refused(array):
    with pytest.raises(TypeError, match="only integers and floats"):
        encode(b"key", array)
