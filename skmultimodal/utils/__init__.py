"""Tools for authors of strategies and encoders, see `estimator_checks`."""
