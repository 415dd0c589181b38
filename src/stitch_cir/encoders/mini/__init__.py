"""The built-in encoder: EfficientNet-Lite2 and MiniLM in one space of concepts."""
