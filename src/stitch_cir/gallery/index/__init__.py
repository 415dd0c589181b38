"""Bringing a gallery in line with its folder: scan, decode, encode, write; adding and removing."""
