"""Pretrained models as encoders."""
