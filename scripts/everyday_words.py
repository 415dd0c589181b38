"""People, actions, places and things of everyday photographs, for which ImageNet has no label.

Written by us for this project and given away under CC0; nothing was taken from a list of others.
"""

from __future__ import annotations

PEOPLE = (
    "man", "woman", "boy", "girl", "baby", "toddler", "child", "teenager",
    "old man", "old woman", "bearded man", "couple", "family", "crowd of people", "group of people",
    "man and a woman", "mother and child", "father and child", "boy and a girl",
    "cyclist", "skier", "snowboarder", "skateboarder", "surfer", "swimmer", "diver",
    "rock climber", "hiker", "runner", "jogger", "dancer", "ballerina", "gymnast", "acrobat",
    "soccer player", "football player", "basketball player", "baseball player", "tennis player",
    "hockey player", "volleyball player", "golfer", "boxer", "wrestler", "cheerleader",
    "motorcyclist", "horse rider", "cowboy", "fisherman", "kayaker", "sailor",
    "police officer", "firefighter", "soldier", "construction worker", "doctor", "nurse",
    "chef", "waiter", "street vendor", "farmer", "teacher", "student", "businessman",
    "musician", "guitarist", "drummer", "singer", "street performer", "clown", "painter",
    "photographer", "bride", "bride and groom", "tourist", "pedestrian", "monk",
)  # fmt: skip
"""Who is in an image."""

ACTIONS = (
    "walking", "running", "jumping", "standing", "sitting", "lying down", "sleeping", "kneeling",
    "crawling", "climbing", "dancing", "smiling", "laughing", "crying", "yelling", "kissing",
    "hugging", "holding hands", "talking", "talking on a phone", "taking a photo", "posing",
    "looking at the camera", "waving", "pointing", "reading", "writing", "drawing", "painting",
    "eating", "drinking", "cooking", "shopping", "cleaning", "washing", "digging", "waiting",
    "working", "carrying a bag", "wearing a backpack", "holding an umbrella", "holding a baby",
    "pushing a stroller", "blowing bubbles", "playing", "playing with a ball",
    "playing with a toy", "playing in the sand", "playing in the water", "playing in the snow",
    "playing on a swing", "going down a slide", "jumping on a trampoline", "climbing a tree",
    "climbing a rock", "rock climbing", "hiking", "camping", "fishing", "swimming", "diving",
    "jumping into the water", "splashing in the water", "surfing", "sailing", "rowing",
    "kayaking", "rafting", "water skiing", "wakeboarding", "skiing", "snowboarding", "sledding",
    "ice skating", "playing hockey", "riding a bicycle", "riding a motorcycle",
    "riding a skateboard", "riding a scooter", "riding a horse", "driving a car", "roller skating",
    "doing a trick", "doing a handstand", "doing a flip", "playing soccer", "playing football",
    "playing basketball", "playing baseball", "playing tennis", "playing volleyball",
    "playing golf", "playing frisbee", "throwing a ball", "catching a ball", "kicking a ball",
    "boxing", "fighting", "racing", "doing gymnastics", "doing yoga", "performing on a stage",
    "singing", "playing the guitar", "playing drums", "marching in a parade", "protesting",
    "flying a kite", "flying", "hanging from a rope", "catching a frisbee",
    "running through water", "running on grass", "running through snow", "carrying a stick",
    "chewing on a toy", "shaking off water", "chasing a ball", "leaping over a hurdle",
    "pulling a rope", "drinking water", "grazing",
)  # fmt: skip
"""What is done, as one continues "a man …" or "a dog …"."""

LOCATIONS = (
    "on the beach", "in the ocean", "in the water", "in a lake", "in a river", "in a stream",
    "in a swimming pool", "by the sea", "by a lake", "on a pier", "on a bridge", "on a boat",
    "under water", "in the waves", "by a waterfall", "by a fountain", "in the snow",
    "on a snowy mountain", "on a ski slope", "on the ice", "in the mountains",
    "on a rock", "on a cliff", "in a canyon",
    "in the desert", "in the sand", "in a forest", "in a field", "in a meadow", "in tall grass",
    "on the grass", "in a garden", "among flowers", "in a park", "on a playground", "in a yard",
    "on a farm", "on a dirt road", "on a road", "on a path", "on a trail", "in the mud",
    "in the leaves", "in a puddle", "in the rain", "in the fog", "at sunset", "at night",
    "under a blue sky", "in the air", "on a street", "in a city", "on a sidewalk",
    "at a crosswalk", "in an alley", "in a parking lot", "at a market", "in a shop",
    "in a supermarket", "in a restaurant", "in a cafe", "in a bar", "in a kitchen",
    "in a living room", "in a bedroom", "in a bathroom", "on a bed", "on a couch", "at a table",
    "in an office", "in a classroom", "in a library", "in a church", "in a museum",
    "in a hospital", "in a gym", "in a stadium", "on a soccer field", "on a baseball field",
    "on a football field", "on a basketball court", "on a tennis court", "on a golf course",
    "on a race track", "at a skate park", "on a stage", "at a concert", "at a parade",
    "at a wedding", "at a party", "at an amusement park", "at a zoo", "at a train station",
    "on a train", "on a bus", "in a car", "at an airport", "on stairs", "on a bench",
    "on a balcony", "on a rooftop", "by a window", "in front of a wall", "by a fence",
    "by a building", "at a construction site",
)  # fmt: skip
"""Where it is, as one continues "a man …"."""

SAME = {
    "biker": "cyclist", "bicyclist": "cyclist",
    "bike": "bicycle", "motorbike": "motorcycle", "guy": "man", "gentleman": "man", "lady": "woman",
    "kid": "child", "toddler": "child", "ocean": "sea", "shore": "beach", "woods": "forest",
    "creek": "stream", "picture": "photo", "grassy": "grass", "rocky": "rock", "snowy": "snow",
    "sandy": "sand",
}  # fmt: skip
"""Other words that captions use, and the one of ours that they count as."""

FORMS = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "ran": "run",
    "sat": "sit", "stood": "stand", "swam": "swim", "rode": "ride", "lay": "lie", "lying": "lie",
    "laying": "lie", "leaves": "leaf", "threw": "throw", "caught": "catch",
}  # fmt: skip
"""Irregular forms, and the word that they are a form of."""
