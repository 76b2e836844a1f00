"""Learning rates: over the steps of a training, and over the depth of a network."""

import numpy as np
from torch import nn

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def rate_factor(step, n_steps, settings):
    """Factor of all learning rates at a step: a linear warm-up, then half a cosine or 1."""
    factor = 1.0
    if settings.warm_up > 0:
        factor = min(1.0, (step + 1) / (settings.warm_up * n_steps))
    if settings.schedule == "cosine":
        factor *= 0.5 * (1 + np.cos(np.pi * step / n_steps))
    return factor


def parameter_groups(model, settings):
    """The parameters that are trained, with rates and weight decay; the others stand still."""
    stages = [name for name, _ in model.named_children()]
    first = stages.index(settings.train) if settings.train in stages else 0
    blocks = []
    for stage in list(model.children())[first:]:
        plain = type(stage) is nn.Sequential
        blocks += [b for b in (stage.children() if plain else [stage]) if [*b.parameters()]]
    trained = set()
    if settings.train == "norm":
        norms = [m for m in model.modules() if isinstance(m, _NORMS)]
        trained = {id(p) for m in norms for p in m.parameters()}
        if not trained:
            raise ValueError(
                "'norm' trains the scale and shift of norms, and the network has none; use 'all' "
                f"or one of its stages, {', '.join(stages)}."
            )
    frozen = {id(p) for p in model.parameters() if not p.requires_grad}
    model.requires_grad_(False)
    for depth, block in enumerate(blocks):
        chosen = [
            p
            for p in block.parameters()
            if id(p) not in frozen and (not trained or id(p) in trained)
        ]
        lr = settings.lr * settings.lr_decay ** ((len(blocks) - 1 - depth) / 4)
        for decay, many in ((settings.weight_decay, True), (0.0, False)):
            params = [p.requires_grad_() for p in chosen if (p.ndim > 1) == many]
            if params:
                yield {"params": params, "lr": lr, "weight_decay": decay}
