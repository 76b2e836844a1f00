"""What every reader returns: one Bunch that also answers to scikit-learn's names."""

from sklearn.utils import Bunch

from ._boxes import box_table


def data_set(frame, labels, groups, *, DESCR, data=None, boxes=None, **more):
    """Bunch of a data set.

    Parameters
    ----------
    frame : DataFrame of n rows
        Paths and metadata.
    labels : DataFrame of shape (n, k) or None
    groups : ndarray of shape (n,) or None
        Patient of each row.
    DESCR : str
        What the data are.
    data : ndarray, default=None
        X, where `frame` is none: images in memory.
    boxes : DataFrame, default=None
        An empty table where the data set has none.
    **more
        Further keys.
    """
    return Bunch(
        data=frame if data is None else data,
        target=labels,
        frame=frame,
        labels=labels,
        groups=groups,
        boxes=box_table([]) if boxes is None else boxes,
        DESCR=DESCR,
        **more,
    )
