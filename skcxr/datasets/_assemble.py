"""From a table of any layout to a data set: films, patients, parts, labels."""

import numpy as np
import pandas as pd

from ._bunch import data_set
from ._films import check_twice, find_films
from ._label_names import common_label_name
from ._messages import name_some
from ._patients import check_parts, read_patients
from ._read_table import check_columns, plain_column
from ._table_labels import apply_policies, label_columns, read_labels

DESCR = """\
{title}
{line}
{n:,} films{of}, {labels} labels, from
{source}

:Labels: 1, 0 and, where NaN, unknown; uncertain ones count as {uncertain}, blank ones as {blank}.
:Left out: {left_out}
{more}"""


def assemble(
    table,
    root,
    *,
    path,
    patient,
    labels,
    part=None,
    only_part=None,
    label_names=None,
    separator="|",
    no_finding=("No Finding",),
    uncertain="unknown",
    blank="unknown",
    nested=False,
    on_missing="raise",
    common_names=False,
    spared=(),
    drop=(),
    views=None,
    images=True,
    title="A table of films",
    more="",
):
    """Build a data set out of a `Table`; the arguments are those of `load_table`.

    `path`, `patient` and `part` name columns, or are functions of the table's DataFrame, or None.
    Of an official data set, `only_part` keeps one part, `views` (column, values) films of some
    views (None: of all), `common_names` renames labels, `drop` are further columns that hold
    labels, `spared` labels of which "No Finding" says nothing, and without `images` no file is
    looked for.
    """
    named = [c for c in (path, patient, part) if c is not None and not callable(c)]
    check_columns(table, [*named, *label_columns(labels), *drop, *(views or ())[:1]])
    values, used = None, list(drop)
    if labels is not None:
        values, holding = read_labels(
            table,
            labels,
            label_names=label_names,
            separator=separator,
            no_finding=no_finding,
            spared=spared,
        )
        used += holding
        if common_names:
            values.columns = [common_label_name(name) for name in values]
    groups = None
    if patient is not None:
        groups = read_patients(_column(table, patient, "patient"), table.name)
    parts = None if part is None else _parts(table, part, groups)
    keep = _chosen(table, parts, only_part, views)
    paths, missing = None, []
    if path is not None:
        names = _column(table, path, "path")
        if images:
            paths = np.empty(len(names), object)
            paths[keep], found = find_films(
                names[keep], root, nested=nested, on_missing=on_missing, source=table.name
            )
            missing = paths[keep][~found].tolist()
            keep[np.flatnonzero(keep)[~found]] = False
        else:
            check_twice(names, table.name)
            path = None
    frame = _metadata(table, used, path, paths, patient, groups)[keep]
    if not table.keep_index:
        frame = frame.reset_index(drop=True)
    if values is not None:
        values = values[keep].set_axis(frame.index)
        values = apply_policies(values, np.flatnonzero(keep), table.name, uncertain, blank)
    groups = None if groups is None else frame["patient"].to_numpy()
    of = "" if groups is None else f" of {len(pd.unique(groups)):,} patients"
    description = DESCR.format(
        title=title,
        line="-" * len(title),
        n=len(frame),
        of=of,
        labels="no" if values is None else values.shape[1],
        source=table.name,
        uncertain=uncertain,
        blank=blank,
        left_out=f"{len(missing):,} films that are not there"
        + (f": {name_some(missing)}" if missing else ""),
        more=more,
    )
    return data_set(
        frame,
        values,
        groups,
        DESCR=description,
        part=None if parts is None else parts[keep],
        missing=missing,
    )


def _column(table, wanted, what):
    """A column by name, or what a function of the table makes, as a Series."""
    if not callable(wanted):
        return table.frame[wanted]
    made = wanted(table.frame)
    if isinstance(made, str) or not hasattr(made, "__len__") or len(made) != len(table.frame):
        raise ValueError(
            f"{what}(table) must return one value for each of the {len(table.frame)} rows."
        )
    return pd.Series(list(made), index=table.frame.index, name=f"{what}(table)", dtype=object)


def _parts(table, part, groups):
    """Part of each row, None where it has none; no patient is in two."""
    parts = _column(table, part, "part").astype(object)
    parts = np.array([None if pd.isna(p) else str(p).strip() for p in parts], object)
    if groups is not None:
        check_parts(groups.to_numpy(), parts, table.name)
    return parts


def _chosen(table, parts, only_part, views):
    """Rows of the wanted part and views, bool (n,)."""
    keep = np.ones(len(table.frame), bool) if only_part is None else parts == only_part
    if not keep.any():
        raise ValueError(f"{table.name} has no film in part {only_part!r}.")
    if views is not None and views[1] is not None:
        keep = keep & _of_views(table, *views)
        if not keep.any():
            raise ValueError(f"{table.name} has no film of {views[0]} {views[1]} in this part.")
    return keep


def _of_views(table, column, wanted):
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    there = table.frame[column]
    unknown = [view for view in wanted if view not in set(there)]
    if unknown:
        raise ValueError(
            f"{table.name} has no film of {column} {name_some(map(repr, unknown))}; it has "
            f"{name_some(map(repr, sorted(set(there.dropna()))), 20)}."
        )
    return there.isin(wanted).to_numpy()


def _metadata(table, used, path, paths, patient, groups):
    """Columns that are no labels, behind `path` and `patient`."""
    frame = table.frame.drop(columns=used)
    new = {}
    for name, source, column in (("path", path, paths), ("patient", patient, groups)):
        if column is None:
            continue
        if name in frame and source != name:
            raise ValueError(
                f"{table.name} has a column {name!r} beside the one that {name}= names; rename it "
                f"or pass {name}={name!r}."
            )
        new[name] = column
    rest = frame.drop(columns=[name for name in new if name in frame])
    columns = {name: plain_column(rest[name], table) for name in rest}
    return pd.DataFrame(new | columns, index=frame.index)
