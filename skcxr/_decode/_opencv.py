"""OpenCV's decoder, and its word on damaged data."""

import numpy as np

from ._files import Unreadable
from ._stderr import listen


def decode(data, size, reduce=1):
    """Decode PNG or JPEG, orientation left as it is.

    Parameters
    ----------
    data : bytes
    size : (int, int)
        Height and width that the header says.
    reduce : {1, 2, 4, 8}
        Decode a JPEG at this part of its size, rounded up.

    Returns
    -------
    ndarray of shape (H, W), uint8 or uint16
    """
    import cv2

    how = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
    if reduce > 1:
        how = getattr(cv2, f"IMREAD_REDUCED_GRAYSCALE_{reduce}")
    buffer = np.frombuffer(data, np.uint8)

    def run():
        try:
            return cv2.imdecode(buffer, how | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:
            return None

    image, complaint = listen(run)
    if complaint is not None:
        raise Unreadable(f"its decoder says: {complaint}")
    if image is None:
        raise Unreadable("its data are damaged, or of a kind that OpenCV does not decode")
    if image.shape != tuple(-(-side // reduce) for side in size):
        raise Unreadable(f"its header says {size}, its data {image.shape}")
    return image
