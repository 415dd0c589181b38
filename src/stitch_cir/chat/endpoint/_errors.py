"""One clear error for each way in which an end point can fail: what, where, what to do next."""

from __future__ import annotations

from stitch_cir._endpoints import KEY_VARIABLES
from stitch_cir._proxies import applying_proxy
from stitch_cir.chat.endpoint._refusals import Refusal
from stitch_cir.chat.endpoint._transport import NoAnswerError
from stitch_cir.errors import EndpointError, PromptTooLargeError

__all__ = ["no_answer_error", "refusal_error"]

_KEPT = "Answers so far are kept: run the same command again."


def refusal_error(
    where: str, model: str, refusal: Refusal, *, tries: int, longest_wait: float, images: int
) -> EndpointError:
    """Build the error for a refusal. ``where`` names the end point, ``tries`` counts requests."""
    reason = refusal.reason
    match refusal.kind:
        case "key":
            return EndpointError(
                f"{where} refuses the key: {reason}",
                hint=f"Set the right key in {' or '.join(KEY_VARIABLES)}.",
            )
        case "quota":
            return EndpointError(
                f"{where} refuses for lack of quota or credit: {reason}",
                hint="Check the account's plan and billing; trying again does not help.",
            )
        case "model":
            return EndpointError(
                f"{where} has no model {model!r}, or nothing at this address: {reason}",
                hint="Check --model (on Azure the deployment's name), and that --base-url ends as "
                "the server wants it: often /v1, on older Azure "
                "/openai/deployments/NAME?api-version=….",
            )
        case "no-images":
            return EndpointError(
                f"The model {model!r} at {_lower(where)} takes no images: {reason}",
                hint="Use a model that accepts images (llama.cpp: start it with --mmproj), or "
                "--composer two-stage, which works from captions.",
            )
        case "images":
            return PromptTooLargeError(
                f"{where} takes at most {refusal.most_images} image(s) a request, but {images} "
                f"were sent: {reason}",
                hint="Use a prompt without example images, --composer two-stage, or raise the "
                "server's limit (vLLM: --limit-mm-per-prompt).",
                most_images=refusal.most_images,
            )
        case "length":
            return PromptTooLargeError(
                f"{where} finds the prompt too long: {reason}",
                hint="Raise the server's context (llama.cpp: -c, vLLM: --max-model-len), use a "
                "shorter prompt (--prompt), or lower --max-tokens.",
            )
        case "busy" if refusal.wait is not None and refusal.wait > longest_wait:
            return EndpointError(
                f"{where} asks to come back in {refusal.wait:.0f} s, which is longer than "
                f"{longest_wait:g} s ({_count(tries)}): {reason}",
                hint=f"Wait as long, or allow it with --model-timeout. {_KEPT}",
            )
        case "busy" if refusal.status == 429:
            return EndpointError(
                f"{where} is still refusing requests after {_count(tries)}: {reason}",
                hint=f"Wait, lower --concurrency, or check the account's quota. {_KEPT}",
            )
    return EndpointError(
        f"{where} gave an answer that cannot be used: {reason} ({_count(tries)}).",
        hint="Check the server's own log; the model may not take images, or the prompt may be too "
        "long for it.",
    )


def no_answer_error(
    where: str, url: str, failure: NoAnswerError, *, tries: int, timeout: float
) -> EndpointError:
    """Build the error for requests without a response."""
    match failure.kind:
        case "timeout":
            return EndpointError(
                f"{where} gave no answer within {timeout:g} seconds ({_count(tries)}).",
                hint="Allow more time (--model-timeout), or ask fewer at a time (--concurrency). "
                f"{_KEPT}",
            )
        case "redirect":
            return EndpointError(
                f"{where} redirects to {failure.detail}, where no image is sent unasked.",
                hint="If that is right, name it: --base-url (without /chat/completions).",
            )
        case "size":
            return EndpointError(
                f"{where} gave an answer that cannot be used: a reply of more than 8 MiB.",
                hint="Check that --base-url is a chat-completions end point.",
            )
    proxy = applying_proxy(url)
    through = "" if proxy is None else f" through the proxy {proxy[1]} ({proxy[0]})"
    advice = "" if proxy is None else " To reach it without the proxy, put its host into NO_PROXY."
    return EndpointError(
        f"{where} cannot be reached{through}: {failure.detail or failure.kind} ({_count(tries)}).",
        hint=f"{_advice(failure.detail)}{advice} {_KEPT}",
    )


def _advice(detail: str) -> str:
    """Return what to do about a failed connection, by the text of its error."""
    if "WRONG_VERSION_NUMBER" in detail or "record layer" in detail.lower():
        return "The server does not speak TLS: give --base-url http://… instead of https://…."
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        return "Name the authority that signed its certificate: SSL_CERT_FILE=ca.pem."
    return "Is the server running, and is --base-url right (it usually ends in /v1)?"


def _count(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
