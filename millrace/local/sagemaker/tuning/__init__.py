"""Hyperparameter tuning jobs: a search over ranges whose every try is a training job that really runs."""
