"""What each command does; returns its exit status."""

import os
import sys
import warnings
from pathlib import Path

from .._progress import Progress
from .._store._container import write_whole
from ._films import each_batch, find_films


def check(args):
    """Look at films before a night of computing."""
    from ..preprocessing import check_images

    films, n_others = find_films(args.films)
    table = check_images(
        [film.path for film in films], n_jobs=args.jobs, verbose=int(not args.quiet)
    )
    issues = table.filter(regex=r"^is_.*_issue$").astype(bool)
    issues.columns = [name[len("is_") : -len("_issue")].replace("_", " ") for name in issues]
    if args.output:
        _write_table(table.assign(path=[film.name for film in films]), args.output)
    for film, found in zip(films, issues.to_numpy(), strict=True):
        if found.any():
            print(f"{film.name}: {', '.join(issues.columns[found])}")
    return _ended(len(films), int(issues.any(axis=1).sum()), n_others, args.output or "no issue")


def predict(args):
    """Predict films by a saved model."""
    from ..model_selection import predict_frame
    from ..persistence import load

    model = load(args.model)
    films, n_others = find_films(args.films)
    maps = _MapWriter(model, args.maps) if args.maps else None

    def work(paths):
        with warnings.catch_warnings():
            # From a model that was made with on_error="nan": the command's own option counts.
            warnings.filterwarnings("error", ".* images cannot be used", UserWarning)
            try:
                table = predict_frame(model, paths).drop(columns="file")
            except UserWarning as error:
                reason = str(error).removesuffix(" Their features and predictions are NaN.")
                raise ValueError(reason) from None
        return table, maps and maps.of(paths, table)

    def finish(batch, result):
        table, pictures = result
        if maps:
            maps.write(batch, pictures)
        return table

    table, n_bad = _table_of(films, args, "films", work, finish)
    decisions = [name for name in table if name.endswith(" decision")]
    _write_table(table.astype(dict.fromkeys(decisions, "Int64")), args.output)
    return _ended(len(films), n_bad, n_others, args.output)


def segment(args):
    """Write lung masks."""
    import cv2
    import numpy as np

    from ..preprocessing import ImageLoader, read_image
    from ..segmentation import UNetMasker

    films, n_others = find_films(args.films)
    loader = ImageLoader(UNetMasker().side)
    masker = UNetMasker().fit(np.zeros((1, loader.size, loader.size), np.uint8))
    os.makedirs(args.output, exist_ok=True)

    def work(paths):
        images = loader.fit_transform(paths)
        shapes = [read_image(path).shape for path in paths]
        return masker.transform(images), masker.mask_quality(images), shapes

    def finish(batch, result):
        masks, quality, shapes = result
        for film, mask, (height, width) in zip(batch, masks, shapes, strict=True):
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
            _write_picture((mask > 0.5) * 255, args.output, f"{film.name}.png")
        return quality.reset_index(drop=True)

    table, n_bad = _table_of(films, args, "lung masks", work, finish)
    _write_table(table, os.path.join(args.output, "quality.csv"))
    return _ended(len(films), n_bad, n_others, args.output)


def cache(args):
    """Say what a cache holds; bound or empty it."""
    from ..memory import cache_info, clear_cache, set_cache_limit

    if args.clear is not None:
        clear_cache(args.folder, args.clear or None)
    if args.limit is not None:
        set_cache_limit(args.folder, None if args.limit == "none" else args.limit)
    info = cache_info(args.folder)
    print(info.to_string() if len(info) else "nothing is kept")
    limit = info.attrs["limit_bytes"]
    print(f"{info['bytes'].sum():,} bytes, limit {'none' if limit is None else f'{limit:,}'}")
    return 0


class _MapWriter:
    """Pictures of where a model's network looked."""

    def __init__(self, model, folder):
        from ..attention.finding import require_fuser

        self.fuser, self.prepare = require_fuser(model)
        self.folder = folder

    def of(self, paths, table):
        """For each film ``{label: (h, w, 3) uint8}``."""
        import numpy as np

        films = np.asarray(self.prepare.films(paths))
        maps = self.fuser.attention_maps(self.prepare(paths), size=films.shape[1:])
        labels = maps.label_names
        prob = table[[f"{label} probability" for label in labels]].to_numpy()
        found = table[[f"{label} decision" for label in labels]].to_numpy() == 1
        pictures = []
        for i, film in enumerate(films):
            shown = np.flatnonzero(found[i]) if found[i].any() else [np.argmax(prob[i])]
            pictures.append({labels[j]: _overlay(film, maps.fused[i, j]) for j in shown})
        return pictures

    def write(self, batch, pictures):
        """Write them as ``FILM.LABEL.png``."""
        for film, by_label in zip(batch, pictures, strict=True):
            for label, picture in by_label.items():
                name = f"{film.name}.{str(label).replace(os.sep, '-')}.png"
                _write_picture(picture, self.folder, name)


def _overlay(film, heat):
    import cv2
    import numpy as np

    peak = heat.max()
    heat = heat / peak if peak > 0 else heat
    colour = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = 0.6 * heat[..., None]
    return ((1 - share) * film[..., None] + share * colour).astype(np.uint8)


def _table_of(films, args, what, work, finish):
    """One table of all films, in batches; the bad ones have an empty row and say why."""
    import pandas as pd

    parts, n_bad = [], 0
    with Progress(len(films), what, verbose=int(not args.quiet)) as progress:
        for batch, result, error in each_batch(films, args.batch_size, work, args.on_error):
            part = pd.DataFrame({"file": [film.name for film in batch]})
            if result is not None:
                part = pd.concat([part, finish(batch, result)], axis=1)
            parts.append(part.assign(error=error))
            n_bad += bool(error)
            progress.update(len(batch))
    table = pd.concat(parts, ignore_index=True)
    return table[[*table.columns.drop("error"), "error"]], n_bad


def _write_picture(picture, folder, name):
    import cv2
    import numpy as np

    # Below the folder, whatever a table says.
    path = os.path.join(folder, *(part for part in Path(name).parts if part not in (os.sep, "..")))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_whole(path, cv2.imencode(".png", np.asarray(picture, np.uint8))[1].tobytes())


def _write_table(table, path):
    write_whole(path, table.to_csv(index=False).encode())


def _others(n_others):
    return f"; {n_others} other files were passed over" if n_others else ""


def _ended(n, n_bad, n_others, where):
    print(f"{n - n_bad} of {n} films: {where}" + _others(n_others), file=sys.stderr)
    return int(n_bad > 0)
