"""Finding a network's parameters in a state dict that calls them otherwise."""

from collections import Counter

# Layers after the feature maps: they may be absent, or of another task.
HEADS = ("fc.", "_fc.", "class_layers.", "classifier.", "head.", "heads.", "head_dist.", "pooler.")
# Of several networks in one checkpoint: that of momentum contrast that is trained, and DINO's mean.
_PREFERRED = ("encoder_q", "teacher")


def load_into(network, state, source, *, headless=False, renamings=(), hint=""):
    """Load a state dict, whatever stands before its names.

    ``module.``, ``model.``, ``backbone.``, ``encoder_q.``, ``_orig_mod.``, ``densenet121.`` and
    any other prefix that all of the network's parameters share is taken off; what a checkpoint
    holds beside that prefix (a second encoder, a queue, heads) is not the network. Without a
    prefix every name must belong to the network or to a classification layer.

    Parameters
    ----------
    network : nn.Module
    state : dict of str to Tensor
    source : str or path-like
        Named in errors.
    headless : bool, default=False
        Whether the network's own classification layer stays as it is.
    renamings : sequence of callable
        Each turns a published name into the network's, or returns None.
    hint : str, default=""
        What is said after an error of names or shapes.

    Raises
    ------
    ValueError
        With what is missing, unexpected or of another shape.
    """
    own = network.state_dict()
    body = {key for key in own if not (headless and key.startswith(HEADS))}
    names = match_names(state, body, source, renamings)
    missing = sorted(k for k in body - set(names) if not k.endswith("num_batches_tracked"))
    unexpected = sorted(names[name] for name in set(names) - body)
    shapes = sorted(
        f"{names[key]} {tuple(state[names[key]].shape)} instead of {tuple(own[key].shape)}"
        for key in body & set(names)
        if state[names[key]].shape != own[key].shape
    )
    if missing or unexpected or shapes:
        raise ValueError(
            f"{source} does not fit the backbone: {len(missing)} parameters missing "
            f"{missing[:3]}, {len(unexpected)} unexpected {unexpected[:3]}, {len(shapes)} of "
            f"another shape {shapes[:3]}.{hint}"
        )
    for name, key in names.items():
        if own[name].is_floating_point() and not state[key].is_floating_point():
            raise ValueError(
                f"{source}: the tensor {key!r} is of {state[key].dtype}; expected floating-point "
                "values."
            )
    network.load_state_dict({name: state[key] for name, key in names.items()}, strict=False)


def match_names(state, body, source, renamings=()):
    """What a state dict calls the network's parameters, and what it holds beside them.

    Parameters
    ----------
    state : dict of str to Tensor
    body : set of str
        Names of the network's parameters.
    source : str or path-like
        Named in errors.
    renamings : sequence of callable

    Returns
    -------
    dict of {str: str}
        Name in the network → name in the file; heads that the network lacks are left out.
    """
    found, prefix, rename = _under_prefix(state, body, (_same, *renamings), source)
    names = {}
    for key in found:
        name = rename(key.removeprefix(prefix)) or key.removeprefix(prefix)
        if name in body or not name.startswith(HEADS):
            names[name] = key
    return names


def _same(key):
    return key


def _under_prefix(state, body, renamings, source):
    """Names of the file under the prefix that most of `body` has, the prefix, and the renaming."""
    votes = Counter()
    for key in state:
        parts = key.split(".")
        for i in range(len(parts)):
            rest = ".".join(parts[i:])
            for rename in renamings:
                if rename(rest) in body:
                    votes["".join(f"{part}." for part in parts[:i]), rename] += 1
    if not votes:
        return list(state), "", _same
    most = max(votes.values())
    best = [vote for vote, count in votes.items() if count == most]
    prefixes = list(dict.fromkeys(prefix for prefix, _ in best))
    # The same network seen from one level deeper is no other one.
    prefixes = [p for p in prefixes if not any(p != q and p.startswith(q) for q in prefixes)]
    if len(prefixes) > 1:
        preferred = [p for p in prefixes if set(_PREFERRED) & set(p.split("."))]
        if len(preferred) != 1:
            raise ValueError(
                f"{source} holds more than one such network, under {', '.join(prefixes)}; save the "
                "one that is wanted as a state dict of its own."
            )
        prefixes = preferred
    prefix, rename = next(vote for vote in best if vote[0] == prefixes[0])
    return [key for key in state if key.startswith(prefix)], prefix, rename
