"""What one film looks like: contrast, saturation, which way is up, and a descriptor."""

import numpy as np

SIDE = 64  # of the small copy that all but saturation is measured on
DESCRIPTOR_SIDE = 24

# Weights of the patches of an upright film, brightest where the spine, the heart and the abdomen
# are. Fitted by benchmarks/bench_check_images.py --fit on the 1,175 training films of the
# ChestX-ray14 sample in nine versions each (as it is, and zoomed, with black bands, of other
# gamma): of the eight ways to turn and invert a film the right one is to have the highest sum.
# Logistic regression on the differences, no intercept, C=0.001, scaled to 99.
UPRIGHT = np.array(
    [
        [-71, -55, -26, 44, 49, -18, -51, -70],
        [11, 9, -27, 4, 4, -30, -15, 7],
        [33, 4, -39, 5, 7, -45, -22, 22],
        [13, -15, -37, 22, 27, -38, -21, 4],
        [-22, -43, -45, 36, 46, -29, -25, -24],
        [-28, -31, -20, 60, 67, 4, -2, -26],
        [-33, -3, 13, 81, 82, 33, 9, -33],
        [-47, 17, 53, 99, 97, 62, 21, -55],
    ]
)


def shrink(image, side=SIDE):
    """Area average of an image, (side, side) uint8."""
    import cv2

    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def spread(small):
    """Range of nine tenths of the grey levels; noise is averaged away in the small copy."""
    low, high = np.quantile(small, [0.05, 0.95])
    return high - low


def saturation(image):
    """Share of white and of black pixels in the middle of a film, where no border is."""
    top, left = (side // 5 for side in image.shape)
    middle = image[top : image.shape[0] - top, left : image.shape[1] - left]
    return np.count_nonzero(middle >= 254) / middle.size, np.count_nonzero(
        middle <= 1
    ) / middle.size


def orientation(small):
    """How well a film goes with each way of looking at it.

    Returns
    -------
    ndarray of shape (4, 2)
        For 0, 90, 180 and 270 degrees (counter-clockwise turns that make the film upright), as it
        is and inverted; the differences are at most about 1.
    """
    patches = shrink(np.ascontiguousarray(without_border(small)), 8).astype(float)
    patches -= patches.mean()
    patches /= patches.std() + 1e-9
    fits = [(np.rot90(patches, turns) * UPRIGHT).sum() for turns in range(4)]
    fits = np.array(fits) / np.abs(UPRIGHT).sum()
    return np.stack([fits, -fits], axis=1)


def without_border(small):
    """The part between the outermost rows and columns that are not flat, black or white alike."""

    def inner(rows):
        low, high = np.quantile(rows, [0.1, 0.9], axis=1)
        lively = np.flatnonzero(high - low >= 16)
        return slice(lively[0], lively[-1] + 1) if len(lively) >= SIDE // 4 else slice(None)

    small = small[inner(small)]
    return small[:, inner(small.T)]


def descriptor(small):
    """Unit vector of local contrast, (576,) float32, that gain, gamma and JPEG hardly change.

    Perceptual hashes of 64 bits (DCT) do not tell chest films apart: films of two patients can
    agree in more bits than a film and its gamma-corrected copy.
    """
    import cv2

    detail = shrink(small, DESCRIPTOR_SIDE).astype(np.float32)
    detail -= cv2.GaussianBlur(detail, (0, 0), 2.0)
    detail /= np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2.0)) + 4
    detail -= detail.mean()
    return (detail / (np.linalg.norm(detail) + 1e-6)).ravel()
