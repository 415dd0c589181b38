"""The cache of a model's answers, its export and its clean-up."""
