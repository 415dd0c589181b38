"""OpenAI-compatible end points: requests, replies, refusals and what they teach."""
