"""The table of lesion boxes: its columns, the same in every data set."""

import numpy as np
import pandas as pd

#: `index` is the row of the data set's frame, `x` and `y` the upper left corner, and
#: `frame_width`, `frame_height` the size in pixels of the image that the box refers to, whatever
#: the size of the file at hand.
BOX_COLUMNS = {
    "index": np.int64,
    "image": str,
    "label": str,
    "x": float,
    "y": float,
    "w": float,
    "h": float,
    "frame_width": float,
    "frame_height": float,
}


def box_table(boxes):
    """Boxes with the columns and dtypes of `BOX_COLUMNS`; other columns stand behind them.

    Parameters
    ----------
    boxes : DataFrame or list of tuple
        Without rows, or with all of the columns.
    """
    if not isinstance(boxes, pd.DataFrame):
        boxes = pd.DataFrame(boxes, columns=list(BOX_COLUMNS))
    rest = [name for name in boxes if name not in BOX_COLUMNS]
    boxes = boxes.reindex(columns=[*BOX_COLUMNS, *rest])
    return boxes.astype(BOX_COLUMNS).reset_index(drop=True)
