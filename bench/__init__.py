"""Measurements: speed as ratios in one run, quality as recall with controls. ``make bench``."""
