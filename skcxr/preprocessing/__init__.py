"""From files and arrays to equalised uint8 images of one size."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "FilmGeometry": "geometry",
        "HistEqualizer": "equalize",
        "ImageLoader": "loader",
        "check_images": "_check_images",
        "dicom_facts": "_dicom_facts",
        "move_boxes": "geometry",
        "read_image": "loader",
    },
)
