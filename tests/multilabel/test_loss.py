"""The masked loss against torch's own."""

import pytest
import torch

from skcxr.classifiers._losses import BinaryCrossEntropy


@pytest.mark.parametrize("pos_weight", [None, torch.tensor([1.0, 4.0, 0.5])])
def test_masked_loss_is_torchs_on_the_known_entries(pos_weight):
    torch.manual_seed(0)
    logits = torch.randn(50, 3, requires_grad=True)
    truth = torch.randint(0, 2, (50, 3)).float()
    known = torch.rand(50, 3) < 0.6
    y = torch.where(known, truth, torch.nan)
    loss = BinaryCrossEntropy(pos_weight)(logits, y)
    (gradient,) = torch.autograd.grad(loss, logits)
    weight = None if pos_weight is None else pos_weight.expand(50, 3)[known]
    expected = torch.nn.BCEWithLogitsLoss(pos_weight=weight)(logits[known], truth[known])
    (wanted,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, wanted)


def test_masked_loss_of_nothing_known_is_zero():
    logits = torch.zeros(4, 2, requires_grad=True)
    loss = BinaryCrossEntropy()(logits, torch.full((4, 2), torch.nan))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss == 0
    assert (gradient == 0).all()


def test_rows_with_weight_two_count_as_two_rows():
    torch.manual_seed(0)
    logits, y = torch.randn(6, 2), torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [1.0, 0.0]] * 2)
    weight = torch.tensor([1.0, 2.0, 1.0, 0.0, 1.0, 1.0])
    repeated = torch.repeat_interleave(torch.arange(6), weight.long())
    loss = BinaryCrossEntropy()
    torch.testing.assert_close(loss(logits, (y, weight)), loss(logits[repeated], y[repeated]))
