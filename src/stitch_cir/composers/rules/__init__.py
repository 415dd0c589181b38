"""Composers that write captions by rules, without a model."""
