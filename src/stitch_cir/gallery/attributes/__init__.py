"""Attributes of items: typed values, filters, and counts over them."""
