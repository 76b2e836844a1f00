"""
Das's four models on ChestX-ray14
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
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skcxr import curate_subset, load_chestxray14, make_hybrid_pipeline, make_report_models
from skcxr.inspection import AttentionDisplay, LabelAUCDisplay, ModelComparisonDisplay, evaluate
from skcxr.metrics import auc_within
from skcxr.model_selection import MultilabelThresholdTuner

BASELINE, HYBRID = "logistic_regression", "final_hybrid_mlp"
METADATA = ["Patient Age", "Patient Gender", "View Position"]


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="Das's four models on ChestX-ray14.")
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


def make_models(args):
    """Make Das's four models and the baseline, which share one store of results."""
    weights, memory = None if args.weights == "none" else args.weights, args.memory
    settings = {"weights": weights, "memory": str(memory or args.out / "cache"), "verbose": 1}
    same = ("size", "equalize", "backbone", "batch_size", "device")
    settings |= {name: getattr(args, name) for name in same}
    models = make_report_models(lam=args.lam, random_state=args.seed, **settings)
    logistic = OneVsRestClassifier(LogisticRegression(C=args.baseline_C, max_iter=1000))
    if not args.fixed_thresholds:  # rare labels seldom reach 0.5
        logistic = MultilabelThresholdTuner(logistic, cv=3, random_state=args.seed)
    for model in models.values():
        thresholds = 0.5 if args.fixed_thresholds else "auto"
        model.set_params(classify__n_nets=args.nets, classify__thresholds=thresholds)
    plain = {"texture": False, "attention": False, "classifier": logistic}
    models[BASELINE] = make_hybrid_pipeline("frozen", random_state=args.seed, **plain, **settings)
    return models


def main(arguments=None):
    args = parse(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    data = load_chestxray14(args.data_dir)
    rows, seed = np.arange(len(data.frame)), {"random_state": args.seed}
    if args.subset is not None and args.subset < len(rows):
        least = min(10, args.subset // 50)
        rows = curate_subset(data.labels, data.groups, n=args.subset, min_per_label=least, **seed)
    X, y = (table.iloc[rows].reset_index(drop=True) for table in (data.frame, data.labels))
    cv, split = args.cv or 3, f"{args.cv or 3} folds of whole patients, {len(rows)} images"
    if args.cv is None and {"train_val", "test"} <= set(data.part[rows]):
        cv = [tuple(np.flatnonzero(data.part[rows] == part) for part in ("train_val", "test"))]
        split = f"Official split: {len(cv[0][0])} images to train on, {len(cv[0][1])} to score"
    print(f"{data.DESCR.split(chr(10) + ':')[0]}\n{split}.\n", flush=True)

    sampling = {"n_bootstraps": args.bootstraps, **seed}
    known = {"groups": data.groups[rows], "boxes": data.boxes, "metadata": X[METADATA]}
    found = evaluate(make_models(args), X, y, cv=cv, baseline=BASELINE, **known, **sampling)
    print(f"{found}\n\n{found.models.T}\n\nPaired bootstrap over patients against the baseline:\n")
    for name in make_report_models():
        print(f"  {name}: {found.metrics.paired_test(name, BASELINE)}")
    found.to_html(args.out / "report.html", title=f"Das's models. {split}")
    for name, table in found.frames().items():
        table.to_csv(args.out / f"{name}.csv", float_format="%.5f", index=False)
    hybrid = found.predictions[HYBRID]
    figures = {"comparison": ModelComparisonDisplay.from_comparison(found.metrics)}
    figures["label_auc"] = LabelAUCDisplay.from_reports(found.metrics)
    shown = data.boxes[data.boxes["image"].isin(hybrid.y.index[hybrid.fold == hybrid.fold[-1]])]
    shown = shown.drop_duplicates("label").drop_duplicates("image")[:6]
    if len(set(shown["image"].str[:8])) > 1:  # a control is of another patient
        films = X.set_index("Image Index").loc[shown["image"]]
        figures["attention"] = AttentionDisplay.from_estimator(
            hybrid.fitted[-1], films, label=shown["label"].tolist(), boxes=data.boxes, **seed
        )
    for name, display in figures.items():
        display.figure_.savefig(args.out / f"{name}.png", dpi=150)
    if args.sources:
        source = pd.read_csv(args.sources, index_col="image")["source"].loc[hybrid.y.index]
        for name, run in found.predictions.items():
            within = auc_within(run.y, run.proba, source, groups=run.groups, **sampling)
            print(f"\n{name}: {within}")


if __name__ == "__main__":
    main()
