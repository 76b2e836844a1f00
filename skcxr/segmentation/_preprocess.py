"""From a uint8 radiograph of any size to what the network sees."""

import cv2


def resize(image, shape):
    """Resize to (height, width): area-averaged where it shrinks, linear where it grows."""
    height, width = shape
    if image.shape == (height, width):
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    return cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def prepare(image, shape=None):
    """Resize and equalise one image.

    Global equalisation takes out what a monotone grey-scale curve put in, so films of another
    machine, and images that are equalised already, arrive alike. Its effect on an image
    equalised before is nearly none.

    Parameters
    ----------
    image : ndarray of shape (h, w), uint8
    shape : tuple of (int, int), optional

    Returns
    -------
    image : ndarray of shape (h, w) or ``shape``, uint8
    """
    if shape is not None:
        image = resize(image, shape)
    return cv2.equalizeHist(image)
