"""The three fusion estimators."""
