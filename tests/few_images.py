"""Warnings that are in place where a test has few images."""

import pytest

# Labels run out of positives, and some masks of tiny phantoms are implausible.
few_images = pytest.mark.filterwarnings(
    "ignore:Left out of the macro averages",
    "ignore:y has no positive or no negative",
    "ignore:No positive or no negative example",
    "ignore:No positive example of",
    "ignore:thresholds='auto' found no positive",
    "ignore:Thresholds that call almost everything positive",
    "ignore:too few known positives or negatives",
    "ignore:.*lung masks are implausible",
    "ignore:Label not \\d+ is present in all training examples",
)
