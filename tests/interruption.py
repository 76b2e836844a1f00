"""A fine-tuning that ends after its first epoch, as by Ctrl-C."""

import pytest

from skcxr.features import _training


def interrupt_after_one_epoch(monkeypatch, fit):
    """Call `fit`, which is interrupted once its first state has been kept."""
    write = _training.write_checkpoint

    def interrupted(*args):
        write(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_training, "write_checkpoint", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit()
