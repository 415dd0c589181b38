"""Compositions in files: recorded by this package, or published by others."""
