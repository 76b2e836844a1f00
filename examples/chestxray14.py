"""
The report's four models on ChestX-ray14
========================================

::

    python examples/chestxray14.py DATA_DIR

DATA_DIR holds NIH ChestX-ray14 as it was downloaded, or some of its images. The models are trained
on the official training part and scored on the official test part where the two lists are there,
else cross-validated by patients. Beside them stands a plain baseline, standardised logistic
regression on embeddings of the frozen network, and every model is tested against it in a paired
bootstrap that resamples patients. Tables and figures go to ``--out``.
"""

import argparse
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skcxr import (
    compare_models,
    curate_subset,
    load_chestxray14,
    make_hybrid_pipeline,
    make_report_models,
)
from skcxr.inspection import (
    AttentionDisplay,
    LabelAUCDisplay,
    LabelDistributionDisplay,
    ModelComparisonDisplay,
    write_html_report,
)
from skcxr.metrics import auc_within, localization_report
from skcxr.model_selection import MultilabelStratifiedGroupKFold, MultilabelThresholdTuner

BASELINE = "logistic_regression"
HYBRID = "final_hybrid_mlp"
BOX_FRAME = 1024  # boxes of ChestX-ray14 refer to 1024 x 1024 pixels, whatever the file's size


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="The report's four models on ChestX-ray14.")
    add = parser.add_argument
    add("data_dir", type=Path, help="folder of ChestX-ray14, or of some of its images")
    add("--out", type=Path, default=Path("results/chestxray14"), help="where results go")
    add("--backbone", default="efficientnet_lite0", help="network (default: %(default)s)")
    add("--weights", default="imagenet", help='"imagenet", a file, or "none" for random ones')
    add("--size", type=int, default=224, help="pixels a side (default: %(default)s)")
    add("--equalize", default="global", choices=["global", "clahe", "none"])
    add("--lam", type=float, default=0.5, help="weight of the lung mask in the fused attention")
    add("--cv", type=int, help="cross-validate in so many folds, official lists or not")
    add("--subset", type=int, help="take only so many images, whole patients")
    add("--memory", type=Path, help="folder of the per-image store (default: OUT/cache)")
    add("--sources", type=Path, help="CSV of image,source: adds the AUC within each source")
    add("--nets", type=int, default=5, help="nets whose mean a model predicts (default: 5)")
    add("--fixed-thresholds", action="store_true", help="predict above 0.5 instead of tuning")
    add("--bootstraps", type=int, default=1000, help="resamples (default: %(default)s)")
    add("--baseline-C", type=float, default=1e-3, help="of the logistic regression")
    add("--batch-size", type=int, default=32)
    add("--device", default="auto")
    add("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments=None):
    args = parse(arguments)
    start = time.perf_counter()
    args.out.mkdir(parents=True, exist_ok=True)
    data = load_chestxray14(args.data_dir)
    print(data.DESCR.split("\n:")[0])
    rows = choose_rows(data, args)
    folds, split = make_folds(data, rows, args)
    print(f"{split}\n", flush=True)

    models = make_models(args)
    held_out, models = fit_and_predict(models, data, folds)
    scored = np.concatenate([test for _, test in folds])
    y, groups = data.labels.iloc[scored], data.groups[scored]
    settings = {"groups": groups, "n_bootstraps": args.bootstraps, "random_state": args.seed}
    comparison = compare_models(held_out, scored, y, **settings)
    print("Table 1, with 95 % intervals over patients:\n")
    print(comparison.to_markdown())
    print("\nPaired bootstrap over patients against the baseline:\n")
    tests = {name: comparison.paired_test(name, BASELINE) for name in models if name != BASELINE}
    for name, test in tests.items():
        print(f"  {name}: {test}")
    best = comparison.table["Macro AUC"].drop(BASELINE).idxmax()
    print(f"\nHighest Macro AUC, of the four: {best}\n")
    print(comparison.reports[best].to_markdown())

    sections = {
        "Table 1": comparison,
        "Against the baseline": "\n\n".join(f"{name}: {test}" for name, test in tests.items()),
        "Labels": LabelDistributionDisplay.from_labels(data.labels.iloc[rows]),
    }
    if args.sources:
        strata = read_sources(args.sources, data.frame["Image Index"].iloc[scored])
        within = {
            name: auc_within(y, prob, strata, **settings)
            for name, prob in comparison.probabilities.items()
        }
        table = pd.concat({name: found.overall for name, found in within.items()}, names=["model"])
        print(f"\nMacro AUC among images of one source, and of all:\n\n{table.round(3)}")
        table.to_csv(args.out / "auc_within_source.csv")
        sections["Within source"] = [table.reset_index(), within[best]]
    sections.update(draw(args, comparison, best))
    sections.update(look(args, data, models[HYBRID], folds[-1][1]))
    write_tables(args.out, comparison, data.frame["Image Index"].iloc[scored], y)
    write_html_report(args.out / "report.html", sections, title="The report's models", split=split)
    minutes = (time.perf_counter() - start) / 60
    print(f"\n{minutes:.1f} minutes{peak_memory()}; results are in {args.out}")


def choose_rows(data, args):
    """Positions of the images to use."""
    n = len(data.frame)
    if args.subset is None or args.subset >= n:
        return np.arange(n)
    return curate_subset(
        data.labels,
        data.groups,
        n=args.subset,
        min_per_label=min(10, args.subset // 50),
        random_state=args.seed,
    )


def make_folds(data, rows, args):
    """Pairs of positions to train on and to score, and a sentence about them."""
    part = data.part[rows]
    if args.cv is None and all((part == name).any() for name in ("train_val", "test")):
        train, test = rows[part == "train_val"], rows[part == "test"]
        split = f"Official split: {len(train)} images to train on, {len(test)} to score."
        return [(train, test)], split
    n_splits = args.cv or 3
    splitter = MultilabelStratifiedGroupKFold(n_splits, shuffle=True, random_state=args.seed)
    y, groups = data.labels.iloc[rows], data.groups[rows]
    folds = [(rows[train], rows[test]) for train, test in splitter.split(rows, y, groups)]
    return folds, f"{n_splits} folds of whole patients, {len(rows)} images, each scored once."


def make_models(args):
    """Make the report's four models and the baseline, which share one store of results."""
    settings = {
        "size": args.size,
        "equalize": args.equalize,
        "backbone": args.backbone,
        "weights": None if args.weights == "none" else args.weights,
        "batch_size": args.batch_size,
        "device": args.device,
        "random_state": args.seed,
        "memory": str(args.memory or args.out / "cache"),
        "verbose": 1,
    }
    models = make_report_models(lam=args.lam, **settings)
    for model in models.values():
        model.set_params(classify__n_nets=args.nets)
    logistic = OneVsRestClassifier(LogisticRegression(C=args.baseline_C, max_iter=1000))
    if not args.fixed_thresholds:
        # Rare labels seldom reach 0.5; every model tunes its thresholds on training images.
        for model in models.values():
            model.set_params(classify__thresholds="auto")
        logistic = MultilabelThresholdTuner(logistic, cv=3, random_state=args.seed)
    models[BASELINE] = make_hybrid_pipeline(
        "frozen", texture=False, attention=False, classifier=logistic, **settings
    )
    return models


def fit_and_predict(models, data, folds):
    """Fit every model on every fold.

    Returns the predictions for the images that were left out, in the form that `compare_models`
    takes, and the models of the last fold.
    """
    X, y, groups = data.frame, data.labels, data.groups
    prob, pred = ({name: [] for name in models} for _ in range(2))
    for i, (train, test) in enumerate(folds, start=1):
        for name, model in models.items():
            begun = time.perf_counter()
            # Early stopping and thresholds hold out whole patients.
            holds_out = not isinstance(model[-1], OneVsRestClassifier)
            extra = {"classify__groups": groups[train]} if holds_out else {}
            model.fit(X.iloc[train], y.iloc[train], **extra)
            features = model[:-1].transform(X.iloc[test])
            prob[name].append(np.asarray(model[-1].predict_proba(features)))
            pred[name].append(np.asarray(model[-1].predict(features)))
            seconds = time.perf_counter() - begun
            print(f"[fold {i} of {len(folds)}] {name}: {seconds:.0f} s", flush=True)
    print()

    def predictions(name):
        p, d = np.concatenate(prob[name]), np.concatenate(pred[name])
        return SimpleNamespace(predict_proba=lambda X: p, predict=lambda X: d)

    return {name: predictions(name) for name in models}, models


def read_sources(path, names):
    """Read the source of each image from a CSV with the columns image and source."""
    table = pd.read_csv(path).set_index("image")["source"]
    missing = names[~names.isin(table.index)]
    if len(missing):
        raise ValueError(f"{path} lacks {len(missing)} images, such as {missing.iloc[0]}.")
    return table[names].to_numpy()


def draw(args, comparison, best):
    """Charts of all models, and of each label for the best model and the baseline."""
    bars = ModelComparisonDisplay.from_comparison(comparison)
    reports = {name: comparison.reports[name] for name in (best, BASELINE)}
    forest = LabelAUCDisplay.from_reports(reports)
    bars.figure_.savefig(args.out / "comparison.png", dpi=150)
    forest.figure_.savefig(args.out / "label_auc.png", dpi=150)
    return {"Models": bars, "AUC of each label": forest}


def look(args, data, hybrid, test, n_rows=6):
    """Attention over images with the lesions that a radiologist outlined, and its control."""
    names = data.frame["Image Index"]
    boxes = data.boxes[data.boxes["image"].isin(names.iloc[test])]
    if len(boxes):  # one image of each label that has boxes
        shown = boxes.drop_duplicates("label").drop_duplicates("image")
        shown = shown[["index", "label"]].to_numpy()
    else:
        positive = data.labels.iloc[test].to_numpy()
        shown = [
            (test[column.argmax()], label)
            for column, label in zip(positive.T, data.labels, strict=True)
            if column.any()
        ]
    rows, labels = [row for row, _ in shown][:n_rows], [label for _, label in shown][:n_rows]
    if not rows:
        return {}
    display = AttentionDisplay.from_estimator(
        hybrid,
        data.frame.iloc[rows],
        label=labels,
        boxes=boxes,
        names=names.iloc[rows].to_list(),
        frame=BOX_FRAME,
        random_state=args.seed,
    )
    display.figure_.savefig(args.out / "attention.png", dpi=100)
    sections = {"Attention": display}
    boxed = np.unique(boxes["index"])
    if len(np.unique(data.groups[boxed])) > 1:
        images = hybrid[:2].transform(data.frame.iloc[boxed])
        maps = hybrid["features"]["attention"].attention_maps(images, size=(args.size, args.size))
        found = localization_report(
            maps.fused,
            boxes,
            images=names.iloc[boxed].to_list(),
            label_names=maps.label_names,
            groups=data.groups[boxed],
            frame=BOX_FRAME,
            n_bootstraps=args.bootstraps,
            random_state=args.seed,
        )
        print(f"\nFused attention against the boxes, with controls:\n\n{found.to_markdown()}")
        sections["Attention against boxes"] = found
    return sections


def write_tables(out, comparison, names, y):
    """CSV files: Table 1, every label of every model, and every prediction."""
    table = comparison.intervals.copy()
    table.columns = [f"{a} {b}".removesuffix(" value") for a, b in table.columns]
    table.to_csv(out / "table1.csv")
    per_label = {name: report.per_label for name, report in comparison.reports.items()}
    pd.concat(per_label, names=["model"]).to_csv(out / "per_label.csv")
    predictions = {
        name: pd.DataFrame(prob, index=names, columns=y.columns)
        for name, prob in comparison.probabilities.items()
    }
    pd.concat(predictions, names=["model"]).to_csv(out / "predictions.csv", float_format="%.5f")


def peak_memory():
    """Peak resident memory of this process, where the system tells."""
    try:
        import resource
    except ImportError:
        return ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f", peak memory {peak * (1 if sys.platform == 'darwin' else 1024) / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
