"""What check_images finds among spoilt real films, what it says of sound ones, and its speed.

``python benchmarks/bench_check_images.py FOLDER``; FOLDER holds ChestX-ray14 films in its own
layout, and in ``lungs/`` beside it films of two other hospitals. Spoils 50 of the test films in
each way. ``--fit`` prints the weights of `UPRIGHT` in skcxr/preprocessing/_film_measures.py,
fitted on the training films. ``--speed N`` writes N phantoms of 1024 x 1024 and times them.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from _harness import machine, write_phantoms

from skcxr.preprocessing import check_images
from skcxr.preprocessing._film_measures import shrink, without_border

PER_KIND = 50


def spoilers(rng):
    """Kind of issue to ways of spoiling a film, (H, W) uint8."""
    clahe = cv2.createCLAHE(2.0, (8, 8))

    def gain(film):
        return np.clip(film * (255 / np.quantile(film, 0.9)), 0, 255).astype(np.uint8)

    def underexposed(film):
        dark = np.quantile(film[film > 1], 0.5)
        return np.clip((film - dark) * (255 / (255.0 - dark)), 0, 255).astype(np.uint8)

    def jpeg(film):
        return cv2.imdecode(cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0)

    def gamma(film):
        return np.rint(255 * (film / 255) ** 0.7).astype(np.uint8)

    def half(film):
        return cv2.resize(film, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def crop(film):
        margin = max(1, len(film) // 100)
        return np.ascontiguousarray(film[margin:-margin, margin:-margin])

    def noise(film):
        return rng.normal(128, 40, film.shape).clip(0, 255).astype(np.uint8)

    return {
        "inverted": {"inverted": lambda film: 255 - film},
        "rotated": {
            "sideways": lambda film: np.rot90(film, rng.choice([1, 3])),
            "upside down": lambda film: np.rot90(film, 2),
        },
        "blank": {
            "constant": lambda film: np.full_like(film, 90),
            "noise": noise,
            "faint": lambda film: (film * 0.05 + 100).astype(np.uint8),
        },
        "saturated": {"a tenth white": gain, "half black": underexposed},
        "near_duplicates": {
            "JPEG, quality 40": jpeg,
            "half the size": half,
            "gamma 0.7": gamma,
            "CLAHE": clahe.apply,
            "1 % cropped": crop,
        },
        "burnt_in_text": {
            f"16 letters, {share:.1%} high": partial(write_name, rng=rng, share=share)
            for share in (0.025, 0.035, 0.05)
        },
        "exact_duplicates": {"as TIFF": lambda film: film},
        "truncated": {"first half of the file": lambda film: film},
    }


def write_name(film, rng, share):
    """A film with a patient's name somewhere, `share` of its height high."""
    name = rng.choice(
        ["DOE JANE 19700101", "MUELLER^HANS 4711", "ID 0815-22 F 043", "SMITH JOHN M 195"]
    )
    font = cv2.FONT_HERSHEY_SIMPLEX
    scale = share * len(film) / cv2.getTextSize(name, font, 1, 1)[0][1]
    (width, height), _ = cv2.getTextSize(name, font, scale, 1)
    x = rng.integers(2, max(3, film.shape[1] - width - 2))
    y = rng.integers(height + 4, len(film) - 4)
    return cv2.putText(film.copy(), name, (int(x), int(y)), font, scale, 255, 1, cv2.LINE_AA)


def measure(files, rng):
    """Print recall per kind; the spoilt films are written beside 50 sound ones."""
    chosen = rng.choice(len(files), PER_KIND, replace=False)
    for issue, ways in spoilers(rng).items():
        for way, spoil in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                paths = [write(files[i], spoil, issue, Path(folder)) for i in chosen]
                beside = issue.endswith("duplicates")
                frame = check_images(files * beside + paths, verbose=0)
            found = frame[f"is_{issue}_issue"].iloc[-PER_KIND:]
            if issue == "near_duplicates":
                twin = [Path(path).stem for path in frame["near_duplicate_of"].iloc[-PER_KIND:]]
                found &= np.equal(twin, [Path(files[i]).stem for i in chosen])
            print(f"recall {issue:18s}{way:24s}{found.sum():4d} of {PER_KIND}")


def write(file, spoil, issue, folder):
    """Spoil one film; path of the new file."""
    stem = Path(file).stem
    if issue == "truncated":
        path = folder / f"{stem}.png"
        content = Path(file).read_bytes()
        path.write_bytes(content[: len(content) // 2])
        return str(path)
    path = folder / f"{stem}.{'tif' if issue == 'exact_duplicates' else 'png'}"
    film = cv2.imread(file, cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(path), np.ascontiguousarray(spoil(film)))
    return str(path)


def false_alarms(name, files):
    """Print how many of the sound films are called what."""
    frame = check_images(files, verbose=0)
    called = {
        issue[3:-6]: int(frame[issue].sum())
        for issue in frame
        if issue.startswith("is_") and frame[issue].any()
    }
    print(f"false alarms of {len(files)} {name}: {called}")
    for issue in ("inverted", "rotated"):
        print(f"  {issue}:", [Path(p).name for p in frame.loc[frame[f"is_{issue}_issue"], "path"]])


def vary(small, rng):
    """One film of 64 x 64 zoomed, with a black band or none, and of another gamma."""
    film = (255 * (small / 255.0) ** np.exp(rng.normal(0, 0.35))).astype(np.uint8)
    a, b, c, d = rng.integers(0, 8, 4)
    film = film[a : 64 - b, c : 64 - d]
    if rng.random() < 0.5:
        turns, thick = int(rng.integers(4)), int(rng.integers(1, 12))
        film = np.rot90(film, turns)
        band = np.full((thick, film.shape[1]), rng.integers(0, 12), np.uint8)
        film = np.rot90(np.vstack([film, band]), -turns)
    return shrink(np.ascontiguousarray(film))


def fit(files, rng):
    """Weights of the patches of an upright film, as integers up to 99."""
    from sklearn.linear_model import LogisticRegression

    small = [shrink(cv2.imread(file, cv2.IMREAD_GRAYSCALE)) for file in files]
    small += [vary(film, rng) for film in small for _ in range(8)]
    patches = np.stack([shrink(np.ascontiguousarray(without_border(f)), 8) for f in small])
    patches = patches - patches.mean((1, 2), keepdims=True)
    patches /= patches.std((1, 2), keepdims=True)
    turned = [np.rot90(patches, turns, (1, 2)) for turns in range(4)]
    others = [sign * film for film in turned for sign in (1, -1)][1:]
    better = np.concatenate([patches - other for other in others]).reshape(-1, 64)
    y = np.repeat([1, -1], len(better))
    model = LogisticRegression(fit_intercept=False, C=1e-3, max_iter=3000)
    weights = model.fit(np.concatenate([better, -better]), y).coef_.reshape(8, 8)
    return np.rint(weights / np.abs(weights).max() * 99).astype(int)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--speed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    cv2.setNumThreads(1)

    def listed(name):
        names = (args.folder / name).read_text().split()
        return [str(args.folder / "images" / name) for name in names]

    if args.fit:
        print(repr(fit(listed("train_val_list.txt"), rng)))
        return
    test = listed("test_list.txt")
    measure(test, rng)
    false_alarms("test films", test)
    for hospital in ("montgomery", "shenzhen_val"):
        images = args.folder.parent / "lungs" / hospital / "images"
        if images.is_dir():
            false_alarms(hospital, sorted(map(str, images.iterdir())))
    if args.speed:
        with tempfile.TemporaryDirectory() as folder:
            films = write_phantoms(folder, args.speed, 1024)
            begun = time.perf_counter()
            check_images(films, n_jobs=args.jobs, verbose=0)
            seconds = time.perf_counter() - begun
        print(machine())
        print(f"check_images_seconds_per_10000 {seconds / args.speed * 10000:.0f}")


if __name__ == "__main__":
    main()
