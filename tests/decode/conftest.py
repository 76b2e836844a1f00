import numpy as np
import pytest


@pytest.fixture
def grey():
    """A film of all 256 levels, no two rows of it alike."""
    ramp = np.linspace(0, 255, 48 * 40).reshape(48, 40)
    return np.rint(ramp).astype(np.uint8)


@pytest.fixture
def write_dicom(tmp_path):
    """Write a DICOM file of given pixels and tags; its path."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    def write(pixels, name="film.dcm", *, bits=None, preamble=b"\0" * 128, **tags):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        meta.MediaStorageSOPInstanceUID = "1.2.3"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=preamble)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
        data.Modality, data.PhotometricInterpretation = "DX", "MONOCHROME2"
        data.PatientName, data.PatientID, data.PatientBirthDate = "Doe^Jane", "4711", "19700101"
        data.Rows, data.Columns = pixels.shape[:2]
        data.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
        if pixels.ndim == 3:
            data.PlanarConfiguration = 0
        data.BitsAllocated = 8 * pixels.itemsize
        data.BitsStored = bits or data.BitsAllocated
        data.HighBit = data.BitsStored - 1
        data.PixelRepresentation = int(pixels.dtype.kind == "i")
        data.PixelData = pixels.tobytes()
        for tag, value in tags.items():
            setattr(data, tag, value)
        data.save_as(tmp_path / name, enforce_file_format=preamble is not None)
        return tmp_path / name

    return write
