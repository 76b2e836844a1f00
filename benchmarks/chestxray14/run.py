"""What each part of the hybrid adds, on ChestX-ray14 or any part of it.

    python benchmarks/chestxray14/run.py DATA_DIR

Cross-validates by patients the four models of Das 2025, its ablations and ours, beside a logistic
regression on the frozen network, and writes what the pooled out-of-fold predictions say: scores
with patient intervals, paired differences from the logistic regression, AUC within sources, seconds
and memory. Every fold of every model is kept as it ends: killed, the same command goes on.
Trainings are shared through the store in OUT/cache. ``--official`` trains on the official training
part and scores the official test part instead: look once.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skcxr import load_chestxray14, make_hybrid_pipeline, make_report_models
from skcxr.classifiers import AttentionCNN
from skcxr.features import CNNEmbedder
from skcxr.metrics import auc_within, compare_models
from skcxr.model_selection import MultilabelStratifiedGroupKFold

BASELINE = "logistic_regression"
LAMBDAS = (0.0, 0.25, 0.5, 0.6, 0.75, 1.0)
FILMS_TIMED = 64


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="What each part of the hybrid adds.")
    add = parser.add_argument
    add("data_dir", type=Path, help="folder of ChestX-ray14, or of some of its images")
    add("--out", type=Path, default=Path("results/chestxray14-parts"), help="where results go")
    add("--models", nargs="*", help="only these (default: all)")
    add("--folds", type=int, default=5, help="folds of patients (default: %(default)s)")
    add("--only-folds", type=int, nargs="*", help="compute only these, for a part of the time")
    add("--official", action="store_true", help="official training and test part, once")
    add("--sources", type=Path, help="CSV of image,source: adds the AUC within each source")
    add("--size", type=int, help="pixels a side (default: the recipe's)")
    add("--bootstraps", type=int, default=1000)
    add("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def make_models(seed, memory, size):
    """Every model by name; a λ is one more fit of the classifier, its network is shared."""
    shared = {"random_state": seed, "memory": memory, "size": size}
    frozen = {"recipe": "frozen", "texture": False, "attention": False, **shared}
    logistic = OneVsRestClassifier(LogisticRegression(C=1e-3, max_iter=1000))
    models = {BASELINE: make_hybrid_pipeline(equalize="none", classifier=logistic, **frozen)}
    models |= make_report_models(**shared)
    for lam in LAMBDAS:
        name = {0.0: "gradcam_alone", 1.0: "unet_alone"}.get(lam, f"lam_{lam}")
        if lam != 0.5:  # which is final_hybrid_mlp
            models[name] = make_hybrid_pipeline(lam=lam, **shared)
    models["with_texture"] = make_hybrid_pipeline(texture=True, **shared)
    models["equalized"] = make_hybrid_pipeline(equalize="global", **shared)
    models["norms_only"] = make_hybrid_pipeline(fine_tune="norm", **shared)
    models["not_cross_fitted"] = make_hybrid_pipeline(cross_fit=None, **shared)
    side = -(-(size or 224) // 32)  # of a map
    cnn = AttentionCNN(map_shape=(-1, side, side), random_state=seed)
    cnn = make_hybrid_pipeline(classifier=cnn, **shared)
    models["cnn_on_maps"] = cnn.set_params(
        features__attention__output="maps", features__attention__passthrough=False
    )
    report = make_report_models(recipe="report", **shared, backbone="efficientnet_lite0")
    models |= {f"report_{name}": model for name, model in report.items() if name != "base_mlp"}
    return models


def parts(args, data):
    """Training and test rows of each fold, or of the official lists."""
    if args.official:
        test = load_chestxray14(args.data_dir, part="test").frame.index
        is_test = data.frame.index.isin(test)
        return {"official": (np.flatnonzero(~is_test), np.flatnonzero(is_test))}
    cv = MultilabelStratifiedGroupKFold(args.folds, shuffle=True, random_state=args.seed)
    splits = enumerate(cv.split(data.frame, data.labels, data.groups))
    wanted = range(args.folds) if args.only_folds is None else args.only_folds
    return {f"fold{i}": split for i, split in splits if i in wanted}


def say_what_it_takes(args, data, folds):
    """Time a few films of training, and say how long and how much disk the whole takes."""
    few = data.frame.iloc[:FILMS_TIMED]
    labels = (np.arange(2 * len(few)).reshape(-1, 2) // 3) % 2  # any labels do
    begun = time.perf_counter()
    images = make_hybrid_pipeline(size=args.size)[:2].fit_transform(few)
    CNNEmbedder("efficientnet_lite0", fine_tune="small", cross_fit=None, epochs=1).fit(
        images, labels
    )
    rate = len(few) / (time.perf_counter() - begun)
    passes = sum(4 * 8 * len(train) for train, _ in folds.values())  # 5 networks on 4 of 5 films
    hours = passes / rate / 3600
    disk = len(data.frame) * 0.15e-3 * len(folds)
    print(
        f"{len(data.frame)} films, {len(folds)} folds: about {hours:.1f} hours for the networks of "
        f"the recipe, the same again for each of equalized, norms_only and a quarter of it for "
        f"not_cross_fitted, at {rate:.0f} films/s; {disk:.1f} GB in {args.out}",
        flush=True,
    )


def predict(name, model, data, train, test, seed):
    """Fit a model on one part and predict the other; what it took beside it."""
    given = {} if name == BASELINE else {"classify__groups": data.groups.iloc[train]}
    begun = time.perf_counter()
    model.fit(data.frame.iloc[train], data.labels.iloc[train], **given)
    fitted = time.perf_counter()
    prob = model.predict_proba(data.frame.iloc[test])
    if isinstance(prob, list):
        prob = np.column_stack([one[:, 1] for one in prob])
    return {
        "test": test,
        "prob": np.asarray(prob),
        "fit_seconds": fitted - begun,
        "predict_seconds": time.perf_counter() - fitted,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def main(arguments=None):
    args = parse(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    data = load_chestxray14(args.data_dir)
    data.groups = pd.Series(np.asarray(data.groups), index=data.frame.index)
    folds = parts(args, data)
    models = make_models(args.seed, str(args.out / "cache"), args.size)
    if args.models:
        models = {name: models[name] for name in [BASELINE, *args.models]}
    say_what_it_takes(args, data, folds)
    found = {name: {} for name in models}
    for fold, (train, test) in folds.items():
        for name, model in models.items():
            path = args.out / "predictions" / f"{fold}_{name}.npz"
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                made = predict(name, model, data, train, test, args.seed)
                with open(path.with_suffix(".part"), "wb") as file:
                    np.savez(file, **made)
                path.with_suffix(".part").rename(path)
                print(f"{fold} {name}: {made['fit_seconds']:.0f} s", flush=True)
            with np.load(path) as kept:
                found[name][fold] = {key: kept[key] for key in kept.files}
    write_tables(args, data, found)


def write_tables(args, data, found):
    """Scores, paired differences and costs, as CSV and in print."""
    rows = np.concatenate([one["test"] for one in found[BASELINE].values()])
    pooled = {
        name: np.concatenate([one["prob"] for one in folds.values()])
        for name, folds in found.items()
    }
    y, groups = data.labels.iloc[rows], data.groups.iloc[rows]
    options = {"n_bootstraps": args.bootstraps, "random_state": args.seed}
    compared = compare_models(pooled, None, y, groups=groups, **options)
    table = compared.table.copy()
    intervals = compared.intervals["Macro AUC"]
    table["low"], table["high"] = intervals["low"], intervals["high"]
    for name in pooled:
        if name != BASELINE:
            test = compared.paired_test(name, BASELINE, metric="macro_auc", **options)
            table.loc[name, ["gain", "gain low", "gain high"]] = [
                test.difference, test.low, test.high
            ]  # fmt: skip
        for key in ("fit_seconds", "predict_seconds", "peak_gb"):
            table.loc[name, key] = np.mean([float(one[key]) for one in found[name].values()])
    if args.sources is not None:
        source = pd.read_csv(args.sources, index_col=0).iloc[:, 0]
        films = [Path(path).name for path in data.frame["path"].iloc[rows]]
        for name, prob in pooled.items():
            within = auc_within(y, prob, source.reindex(films).to_numpy(), groups=groups, **options)
            row = within.overall.loc["AUC within strata"]
            table.loc[name, ["within source", "within low", "within high"]] = row.to_numpy()
    table.round(4).to_csv(args.out / "scores.csv")
    (args.out / "settings.json").write_text(json.dumps(vars(args), default=str, indent=1))
    with pd.option_context("display.width", 200, "display.max_columns", 30):
        print(table.round(3).to_string())
    best = table["Macro AUC"].idxmax()
    print(f"best {best} macro_auc {table['Macro AUC'].max():.4f} n {len(rows)}")


if __name__ == "__main__":
    sys.exit(main())
