"""What images show, and how they show it: the texts that ``projected-parts`` learns from.

Plain words of this project's choice. Changing one changes rankings, and so the figures in
docs/methods.md.
"""

from __future__ import annotations

__all__ = ["STYLES", "SUBJECTS"]

_ANIMALS = """
ant, bear, bee, beetle, bird, bull, butterfly, camel, cat, chicken, cow, crab, crocodile, deer, dog,
dolphin, donkey, dragonfly, duck, eagle, elephant, fish, flamingo, fly, fox, frog, giraffe, goat,
goose, gorilla, hamster, hedgehog, horse, jellyfish, kangaroo, koala, leopard, lion, lizard,
lobster, monkey, mouse, octopus, ostrich, owl, panda, parrot, peacock, pelican, penguin, pig,
pigeon, polar bear, puppy, rabbit, raccoon, rat, rhinoceros, seal, shark, sheep, snail, snake,
spider, squirrel, starfish, swan, tiger, turkey, turtle, whale, wolf, zebra
"""
_FOOD_AND_PLANTS = """
apple, avocado, banana, bread, broccoli, burger, cactus, cake, carrot, cheese, cherry, chocolate,
coffee, cookie, corn, egg, flower, garlic, grapes, hot dog, ice cream, lemon, lettuce, meat,
mushroom, noodles, onion, orange, palm tree, pancake, pasta, peach, pear, pepper, pineapple, pizza,
potato, pumpkin, rice, rose, salad, sandwich, soup, strawberry, sunflower, sushi, tomato, tree,
tulip, watermelon
"""
_THINGS = """
backpack, ball, balloon, basket, bathtub, bed, bell, bench, book, bottle, bowl, box, bracelet,
brush, bucket, button, camera, candle, carpet, chair, clock, coin, computer, couch, cup, curtain,
desk, dice, doll, door, drum, envelope, fan, fence, flag, fork, frame, fridge, glass, glasses,
globe, guitar, hammer, handbag, hat, headphones, helmet, jacket, jar, jewel, kettle, key, keyboard,
kite, knife, ladder, lamp, laptop, lock, luggage, mailbox, map, mask, microphone, microwave, mirror,
mug, necklace, newspaper, oven, painting, pan, pen, pencil, phone, piano, pillow, plate, pot,
printer, radio, ring, rope, rug, scarf, scissors, shelf, shirt, shoe, skateboard, skirt, sock,
spoon, stamp, statue, stool, suitcase, sweater, sword, table, teapot, teddy bear, television, tent,
tie, toaster, toilet, toothbrush, towel, toy, trophy, trumpet, umbrella, vase, violin, wallet,
washing machine, watch, wheel, window
"""
_VEHICLES_AND_PLACES = """
aeroplane, ambulance, barn, beach, bicycle, boat, bridge, building, bus, cabin, canoe, car, castle,
cathedral, church, city, cliff, desert, dome, factory, farm, field, fire engine, forest, fountain,
garden, gate, glacier, harbour, helicopter, hill, hotel, house, island, kitchen, lake, library,
lighthouse, market, mill, monument, mosque, motorcycle, mountain, museum, office, palace, park,
pier, playground, port, pyramid, railway station, restaurant, river, road, rocket, ruin, sailing
ship, school, scooter, sea, shop, skyscraper, stadium, staircase, street, submarine, swimming pool,
taxi, temple, theatre, tower, tractor, train, tram, truck, tunnel, valley, van, village, volcano,
wall, waterfall, windmill, yacht, zoo
"""
_PEOPLE = """
artist, athlete, baby, boy, chef, child, cowboy, cyclist, dancer, doctor, farmer, firefighter, girl,
king, man, musician, nurse, old man, pilot, police officer, queen, sailor, soldier, student,
surfer, teacher, tourist, waiter, woman, worker
"""
_MEDIA = """
a photograph, a black and white photograph, an old photograph, a blurred photograph, an aerial
photograph, a close-up, a macro photograph, a selfie, a panorama, a drawing, a pencil sketch,
a charcoal drawing, an ink drawing, a line drawing, an oil painting, a watercolour, a cartoon,
a comic, an anime drawing, pixel art, graffiti, a mural, a mosaic, stained glass, a poster,
a postcard, a stamp, a logo, an icon, a tattoo, embroidery, origami, a woodcut, an engraving,
a sculpture, a toy figure, a plush toy, a bronze cast, a clay model, a wooden carving, a rendering,
a video game, a screenshot, a diagram, a blueprint, a collage, a silhouette, clip art, a caricature
"""
_CIRCUMSTANCES = """
in autumn, in winter, in spring, in summer, in the snow, in the rain, in fog, in the sun, at night,
at dawn, at sunset, at noon, in the dark, under water, in the air, on grass, on sand, on rocks,
on a white background, on a plain background, indoors, outdoors, in a crowd, alone, in a group,
from above, from below, from behind, from the side, from far away, up close, in motion, at rest,
in bright light, in dim light, backlit, in a studio, in black and white, in bright colours, in pale
colours, in red, in blue, in green, in yellow, in gold, in silver, shiny, matt, wet, dry, dirty,
broken, old, new, huge, tiny, modern, ancient, decorated, minimalist, abstract, realistic, surreal,
impressionist, cubist, baroque, gothic, vintage, futuristic
"""


def _texts(*lists: str) -> tuple[str, ...]:
    return tuple(" ".join(text.split()) for text in ",".join(lists).split(","))


SUBJECTS = _texts(_ANIMALS, _FOOD_AND_PLANTS, _THINGS, _VEHICLES_AND_PLACES, _PEOPLE)
"""What an image shows."""
STYLES = _texts(_MEDIA, _CIRCUMSTANCES)
"""How and where an image shows it."""
