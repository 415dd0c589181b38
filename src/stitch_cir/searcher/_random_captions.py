"""Random captions: what somebody might search for who knows nothing of a gallery.

They are the null hypothesis of a cut-off: a score that many of them reach says nothing. The words
were written for this project, across what images show, and no gallery was looked at for them.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from typing import Literal

__all__ = ["RECIPE", "Length", "length_of", "random_captions"]

RECIPE = "words-1"
"""Version of words and forms together: another version, other captions."""

_THINGS = (
    "dog", "cat", "horse", "cow", "sheep", "elephant", "tiger", "monkey", "bear", "rabbit",
    "mouse", "bird", "parrot", "owl", "duck", "chicken", "fish", "shark", "whale", "frog", "snake",
    "turtle", "butterfly", "bee", "spider", "snail", "tree", "palm tree", "flower", "rose",
    "sunflower", "mushroom", "cactus", "leaf", "apple", "banana", "orange", "lemon", "strawberry",
    "grapes", "tomato", "carrot", "potato", "bread", "cheese", "egg", "cake", "pizza", "hamburger",
    "soup", "ice cream", "cup of coffee", "teapot", "bottle of wine", "glass of beer", "car",
    "truck", "bus", "van", "taxi", "motorcycle", "bicycle", "train", "tram", "tractor", "boat",
    "sailing ship", "submarine", "airplane", "helicopter", "rocket", "hot air balloon", "house",
    "castle", "church", "tower", "bridge", "lighthouse", "windmill", "tent", "fountain", "statue",
    "door", "window", "chair", "table", "sofa", "bed", "lamp", "mirror", "clock", "carpet",
    "bookshelf", "vase", "candle", "dress", "shirt", "jacket", "coat", "trousers", "skirt",
    "sweater", "hat", "scarf", "shoe", "boot", "glove", "handbag", "suitcase", "umbrella", "ring",
    "necklace", "wristwatch", "pair of glasses", "camera", "telephone", "laptop", "keyboard",
    "television", "radio", "guitar", "piano", "violin", "trumpet", "drum", "book", "newspaper",
    "letter", "pencil", "brush", "pair of scissors", "hammer", "saw", "screwdriver", "ladder",
    "bucket", "rope", "key", "lock", "knife", "fork", "spoon", "pan", "plate", "ball", "kite",
    "doll", "teddy bear", "chess board", "playing card", "flag", "map", "coin", "crown", "sword",
    "shield", "cannon", "robot", "skeleton", "planet", "moon", "star", "cloud", "rainbow",
    "snowman", "mountain", "waterfall", "island", "volcano",
)  # fmt: skip
_PEOPLE = (
    "man", "woman", "boy", "girl", "baby", "child", "old man", "young woman", "couple", "family",
    "crowd of people", "group of friends", "man and a woman", "chef", "nurse", "farmer",
    "police officer", "firefighter", "soldier", "dancer", "singer", "painter", "fisherman",
    "astronaut", "clown", "bride", "tourist", "cyclist", "swimmer", "skier", "football player",
    "tennis player", "student", "teacher", "worker",
)  # fmt: skip
_ACTIONS = (
    "walking", "running", "jumping", "standing", "sitting", "sleeping", "climbing", "dancing",
    "smiling", "laughing", "reading", "writing", "eating", "drinking", "cooking", "shopping",
    "cleaning", "working", "playing", "swimming", "skiing", "fishing", "riding a horse",
    "riding a bicycle", "driving a car", "playing the guitar", "talking on the phone",
    "taking a photo", "holding a baby", "carrying a bag", "waiting", "looking out of the window",
    "throwing a ball", "digging", "singing", "waving",
)  # fmt: skip
_SCENES = (
    "on a beach", "in the snow", "in a forest", "on a mountain", "in the desert", "by a lake",
    "on a river", "in the sea", "in a garden", "in a park", "on a farm", "in a field of flowers",
    "in a street", "in a city at night", "in a market", "in a shop", "in a kitchen",
    "in a living room", "in a bedroom", "in a bathroom", "in an office", "in a classroom",
    "in a museum", "in a church", "in a stadium", "on a stage", "at a party", "at a wedding",
    "at a train station", "at an airport", "on a table", "on a white background", "in the rain",
    "at sunset", "under a blue sky", "in front of a house", "under water", "in space",
)  # fmt: skip
_QUALITIES = (
    "red", "green", "blue", "yellow", "black", "white", "brown", "pink", "purple", "grey",
    "orange", "golden", "silver", "striped", "wooden", "metal", "glass", "plastic", "leather",
    "small", "large", "old", "new", "broken", "round", "colourful", "dark", "bright", "dirty",
    "shiny",
)  # fmt: skip
_FORMS = {
    "short": ("{thing}", "{quality} {thing}", "a {thing}", "a {quality} {thing}", "two {thing}s"),
    "medium": (
        "a {thing} {place}",
        "a {quality} {thing} {place}",
        "a {thing} and a {quality} {other}",
        "a {quality} {thing} with a {other}",
        "a {person} {action}",
        "a {person} {action} {place}",
        "a {person} with a {quality} {thing}",
    ),
    "long": (
        "a {person} {action} {place} with a {quality} {thing}",
        "a {person} with a {quality} {thing} is {action} {place}",
        "a {quality} {thing} and a {other} {place}, and a {person} {action}",
        "a {person} and a {passer} are {action} beside a {quality} {thing} {place}",
        "a {quality} {thing} beside a {shade} {other} {place}",
    ),
}
Length = Literal["short", "medium", "long"]


def length_of(captions: Sequence[str]) -> Length:
    """Return how long captions are on average: up to 3 words, up to 7, or more.

    The longer a caption, the less of it any one image shows, and the lower random ones score.
    """
    words = sum(len(caption.split()) for caption in captions) / max(1, len(captions))
    return "short" if words <= 3.5 else "medium" if words <= 7.5 else "long"


@functools.cache
def random_captions(count: int, seed: int, length: Length) -> tuple[str, ...]:
    """Return ``count`` different captions, the same for the same seed on every machine."""
    source = random.Random(f"{length} {seed}")

    def pick(words: tuple[str, ...]) -> str:
        # choice() may change between versions of Python; random() never does
        return words[int(source.random() * len(words))]

    captions: dict[str, None] = {}
    while len(captions) < count:
        caption = pick(_FORMS[length]).format(
            thing=pick(_THINGS),
            other=pick(_THINGS),
            quality=pick(_QUALITIES),
            shade=pick(_QUALITIES),
            person=pick(_PEOPLE),
            passer=pick(_PEOPLE),
            action=pick(_ACTIONS),
            place=pick(_SCENES),
        )
        captions[caption] = None
    return tuple(captions)
