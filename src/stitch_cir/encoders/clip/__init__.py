"""CLIP-like models: ONNX files, transformers and open_clip behind one encoder of two towers."""
