"""Talking to language models: messages, prompts as data, back ends, the cache of answers."""

from stitch_cir import _exports
from stitch_cir.chat._backend import ChatBackend
from stitch_cir.chat._chat import Chat, Usage, has_text
from stitch_cir.chat._cost import Estimate, estimate
from stitch_cir.chat._factory import ChatOptions, make_chat
from stitch_cir.chat._fitting import FittingPrompt
from stitch_cir.chat._json_replies import MalformedReplyError, read_json
from stitch_cir.chat._llama import LlamaChat, shipped_model
from stitch_cir.chat._local import QwenChat
from stitch_cir.chat._messages import SAMPLING_PRESETS, ImagePart, Message, Reply, Sampling
from stitch_cir.chat._prompts import Prompt, load_prompt, numbered, prompt_names
from stitch_cir.chat._scripted import ScriptedChat
from stitch_cir.chat._thoughts import Visible, visible
from stitch_cir.chat.answers._cache import AnswerCache, answer_key, default_cache
from stitch_cir.chat.answers._exchange import ImportReport, export_answers, import_answers
from stitch_cir.chat.answers._forget import ForgetReport, forget_answers
from stitch_cir.chat.endpoint._openai import OpenAIChat

__all__ = [
    "SAMPLING_PRESETS",
    "AnswerCache",
    "Chat",
    "ChatBackend",
    "ChatOptions",
    "Estimate",
    "FittingPrompt",
    "ForgetReport",
    "ImagePart",
    "ImportReport",
    "LlamaChat",
    "MalformedReplyError",
    "Message",
    "OpenAIChat",
    "Prompt",
    "QwenChat",
    "Reply",
    "Sampling",
    "ScriptedChat",
    "Usage",
    "Visible",
    "answer_key",
    "default_cache",
    "estimate",
    "export_answers",
    "forget_answers",
    "has_text",
    "import_answers",
    "load_prompt",
    "make_chat",
    "numbered",
    "prompt_names",
    "read_json",
    "shipped_model",
    "visible",
]

_exports.publish(__name__, __all__)
