"""What each part of the hybrid adds, on ChestX-ray14 or any part of it.

    python benchmarks/chestxray14/run.py DATA_DIR --dry-run
    python benchmarks/chestxray14/run.py DATA_DIR

Cross-validates by patients the four models of Das 2025 by its recipe and by ours, its ablations and
those of our own, and writes a CSV, a figure and a Markdown table for each: scores with patient
intervals, paired differences, AUC within sources, thresholds and calibration learnt on the other
folds, seconds and memory. It says beforehand what that takes. Every fold of every model is kept as
it ends and trainings go on within an epoch: killed, the same command goes on. ``--only '*_frozen'``
trains no network. Once the hybrid was run for all folds, ``--only '*_kept'`` goes on from what its
networks said of films that they had not seen. ``--official`` trains on the official training part
and scores the official test part instead: look once.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from _cost import say
from _data import deal, load
from _figures import draw
from _kept import folder_of, is_complete, keep
from _markdown import as_markdown
from _models import HYBRID, choose, make_kept_tables, make_tables
from _predictions import compute, path_of, read
from _scores import score
from sklearn.base import clone


def parse(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description="What each part of the hybrid adds.")
    add = parser.add_argument
    add("data_dir", type=Path, help="folder of ChestX-ray14, or of some of its images")
    add("--out", type=Path, default=Path("results/chestxray14-parts"), help="predictions, store")
    add("--results", type=Path, help="where tables and figures go (default: OUT)")
    add("--memory", type=Path, help="folder of the store (default: OUT/cache)")
    add("--only", nargs="*", metavar="TABLE", help="tables, or patterns of them (default: all)")
    add("--folds", type=int, default=5, help="folds of patients (default: %(default)s)")
    add("--only-folds", type=int, nargs="*", help="compute only these, for a part of the time")
    add("--official", action="store_true", help="official training and test part, once")
    add("--sources", type=Path, help="CSV of image,source (default: DATA_DIR/sources.csv)")
    add("--size", type=int, help="pixels a side (default: the recipe's)")
    add("--report-backbone", help="for the recipe of Das 2025 (default: resnet18)")
    add("--report-weights", help="its weights: a file, or 'none' for random ones")
    add("--bootstraps", type=int, default=1000, help="resamples (default: %(default)s)")
    add("--seed", type=int, default=0)
    add("--dry-run", action="store_true", help="only say what it takes")
    add("--score-only", action="store_true", help="fit nothing, score the predictions there are")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Run the experiment; returns the scores by table."""
    args = parse(arguments)
    report = {"backbone": args.report_backbone, "weights": args.report_weights}
    report = {key: value for key, value in report.items() if value is not None}
    if report.get("weights") == "none":
        report["weights"] = None
    memory = str(args.memory or args.out / "cache")
    data = load(args.data_dir, args.sources)
    tables = make_tables(args.seed, memory, args.size, report)
    if is_complete(folder_of(args.out), len(data.frame)):
        tables |= make_kept_tables(folder_of(args.out), args.seed)
    tables = choose(tables, args.only)
    folds = deal(
        data,
        args.data_dir,
        folds=args.folds,
        only=args.only_folds,
        official=args.official,
        seed=args.seed,
    )
    if not args.score_only:
        say(tables, folds, args.out, data)
        if args.dry_run:
            return None
        fit_all(tables, folds, args.out, data)
    return write(tables, folds, args, data)


def fit_all(tables, folds, out, data):
    """Fit every model that is not there yet, fold by fold."""
    models = {name: model for table in tables.values() for name, model in table.models.items()}
    for fold, (train, test) in folds.items():
        for name, model in models.items():
            path = path_of(out, fold, name)
            if not path.exists():
                model = clone(model)
                seconds = compute(path, model, data, train, test)
                if name == HYBRID:
                    keep(folder_of(out) / f"{fold}.npz", model, data.frame.iloc[test], test)
                print(f"{fold} {name}: {seconds:.0f} s", flush=True)


def write(tables, folds, args, data):
    """Score the tables, and write a CSV, a figure and a Markdown table of each."""
    results = args.results or args.out
    results.mkdir(parents=True, exist_ok=True)
    scores = {}
    for name, table in tables.items():
        found = {
            model: {
                fold: kept
                for fold in folds
                if (kept := read(path_of(args.out, fold, model))) is not None
            }
            for model in table.models
        }
        found = {model: by_fold for model, by_fold in found.items() if by_fold}
        if table.reference not in found:
            print(f"{name}: no predictions of {table.reference} yet")
            continue
        options = {"n_bootstraps": args.bootstraps, "seed": args.seed}
        scores[name], pairs = score(table, found, data, **options)
        exact = [column for column in scores[name] if column.startswith("AUC moved")]
        scores[name].round(4).assign(**scores[name][exact]).to_csv(results / f"{name}.csv")
        if pairs is not None:
            pairs.round(4).to_csv(results / f"{name}_pairs.csv")
        draw(table, scores[name], results / f"{name}.png")
        text = as_markdown(name, table, scores[name], args.bootstraps)
        (results / f"{name}.md").write_text(f"{text}\n")
        print(f"{text}\n", flush=True)
    if scores:
        every = pd.concat(scores.values())[["Macro AUC", "films"]]
        best = every["Macro AUC"].idxmax()
        auc, films = every.loc[best].to_numpy().reshape(-1, 2)[0]
        print(f"best {best} macro_auc {auc:.4f} n {films:.0f}")
    return scores


if __name__ == "__main__":
    main()
    sys.exit(0)
