"""Everything that is said once about (n, k) labels and probabilities."""
