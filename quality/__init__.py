"""Generated corpora with ground truth, and what is measured on them."""
