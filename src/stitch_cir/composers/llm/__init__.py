"""Composers that sample captions from language models."""
