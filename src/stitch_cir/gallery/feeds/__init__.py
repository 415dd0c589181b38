"""Feeds of products: read, compared with the gallery, applied."""
