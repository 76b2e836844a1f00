"""Which classes and functions a model file may name; nothing else is imported or called."""

import importlib

#: scikit-learn's steps whose fitted state is plain data and holds no row of the training data, as
#: nearest neighbours and support vectors are.
SKLEARN = {
    "compose": "ColumnTransformer TransformedTargetRegressor make_column_selector",
    "decomposition": "FastICA IncrementalPCA NMF PCA TruncatedSVD",
    "discriminant_analysis": "LinearDiscriminantAnalysis",
    "dummy": "DummyClassifier",
    "ensemble": "ExtraTreesClassifier RandomForestClassifier StackingClassifier VotingClassifier",
    "feature_selection": "RFE SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest "
    "SelectPercentile SequentialFeatureSelector VarianceThreshold",
    "frozen": "FrozenEstimator",
    "impute": "MissingIndicator SimpleImputer",
    "isotonic": "IsotonicRegression",
    "linear_model": "LinearRegression LogisticRegression LogisticRegressionCV Perceptron Ridge "
    "RidgeClassifier RidgeClassifierCV SGDClassifier",
    "model_selection": "GroupKFold GroupShuffleSplit KFold ShuffleSplit StratifiedGroupKFold "
    "StratifiedKFold",
    "multiclass": "OneVsOneClassifier OneVsRestClassifier",
    "multioutput": "ClassifierChain MultiOutputClassifier",
    "naive_bayes": "BernoulliNB GaussianNB MultinomialNB",
    "pipeline": "FeatureUnion Pipeline",
    "preprocessing": "Binarizer FunctionTransformer KBinsDiscretizer LabelBinarizer LabelEncoder "
    "MaxAbsScaler MinMaxScaler MultiLabelBinarizer Normalizer OneHotEncoder OrdinalEncoder "
    "PolynomialFeatures PowerTransformer QuantileTransformer RobustScaler StandardScaler "
    "TargetEncoder",
    "svm": "LinearSVC",
    "tree": "DecisionTreeClassifier ExtraTreeClassifier",
}
SKLEARN_FUNCTIONS = {
    "feature_selection": "chi2 f_classif f_regression mutual_info_classif mutual_info_regression",
}
#: Subpackages all of whose public estimators may be in a file.
OURS = ("attention", "classifiers", "features", "model_selection", "preprocessing", "segmentation")
#: Classes that are no public names: they have one that stays when they move.
PRIVATE = {
    "FilmColumns": "skcxr._metadata",
    "Isotonic": "skcxr.model_selection.calibration",
    "Sigmoid": "skcxr.model_selection.calibration",
    "Temperature": "skcxr.model_selection.calibration",
}
#: Where a network's parts may come from: they are built without their ``__init__``, of plain
#: attributes, tensors and other such parts.
PARTS = ("torch.nn.modules.", "monai.networks.", "efficientnet_lite_pytorch.")
#: Where classes may come from that a parameter names, and a later fit calls: those of MONAI may
#: download what their arguments say.
CALLED = ("torch.nn.modules.", "torch.optim.")
#: Parts of networks that are ours: in a file by their name alone, wherever they move.
OUR_PARTS = {
    "GreyStem": "skcxr.features._stem",
    "MLP": "skcxr.classifiers._modules",
    "MapCNN": "skcxr.classifiers._modules",
    "RepeatedGrey": "skcxr.features._stem",
    "ResidualUNet": "skcxr.segmentation.networks",
    "SamePad": "skcxr.features._efficientnet",
    "StemMaxPool": "skcxr.features._stem",
    "TokenMaps": "skcxr.features.token_maps",
    "_LastOutput": "skcxr.segmentation.networks",
    "_Residual": "skcxr.segmentation.networks",
    "_Unit": "skcxr.segmentation.networks",
}


def name_of(thing):
    """Name of an estimator's class, or of a function, in a model file; None if it may not be."""
    top, _, rest = (thing.__module__ or "").partition(".")
    if top == "sklearn":
        name = f"sklearn.{rest.partition('.')[0]}.{thing.__name__}"
    elif thing.__name__ in PRIVATE:
        name = f"skcxr.{thing.__name__}"
    else:
        name = f"skcxr.{rest.partition('.')[0]}.{thing.__name__}"
    return name if find(name) is thing else None


def find(name):
    """The class or function of a name that `name_of` gave; None where there is none."""
    top, *rest = name.split(".")
    if top == "sklearn" and len(rest) == 2:
        package, attribute = rest
        allowed = f"{SKLEARN.get(package, '')} {SKLEARN_FUNCTIONS.get(package, '')}".split()
        if attribute in allowed:
            return getattr(importlib.import_module(f"sklearn.{package}"), attribute, None)
    if top == "skcxr" and len(rest) == 1 and rest[0] in PRIVATE:
        return getattr(importlib.import_module(PRIVATE[rest[0]]), rest[0])
    if top == "skcxr" and len(rest) == 2 and rest[0] in OURS:
        module = importlib.import_module(f"skcxr.{rest[0]}")
        found = getattr(module, rest[1]) if rest[1] in module.__all__ else None
        return found if isinstance(found, type) else None
    return None


def part_name_of(cls, places=PARTS):
    """Name of the class of a network's part; None if no file may name it."""
    is_ours = cls.__module__.startswith("skcxr.")
    name = f"{'skcxr' if is_ours else cls.__module__}:{cls.__qualname__}"
    return name if find_part(name, places) is cls else None


def find_part(name, places=PARTS):
    """The class of a name that `part_name_of` gave; None where there is none."""
    from torch import nn, optim

    module, _, attribute = name.partition(":")
    if module == "skcxr" and attribute in OUR_PARTS:
        module = OUR_PARTS[attribute]
    elif not f"{module}.".startswith(places) or not attribute.isidentifier():
        return None
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return None
    is_settings = isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")
    is_part = isinstance(found, type) and issubclass(found, nn.Module | optim.Optimizer)
    return found if is_part or is_settings else None


def called_name_of(cls):
    """Name of a class that a parameter may name, an ``nn.Module`` or an optimizer; or None."""
    return part_name_of(cls, CALLED)


def find_called(name):
    """The class of a name that `called_name_of` gave; None where there is none."""
    return find_part(name, CALLED)
