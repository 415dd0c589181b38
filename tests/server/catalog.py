"""A shop of a dozen products behind an application, for tests of its catalog search."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.encoders import HashEncoder
from tests.gallery.feeds.shop import Shop


def make_shop(folder: Path) -> Shop:
    """Index four dresses in two colours each, hats and shoes; prices rise by ten."""
    shop = Shop(folder, HashEncoder())
    for number in range(4):
        for position, color in enumerate(("red", "blue")):
            id = f"dress-{number}-{color}"
            shop.product(
                id,
                10 * number + position,
                price=f"{10 * number + 15}.50 EUR",
                item_group_id=f"dress-{number}",
                color=color,
                brand="Acme" if number % 2 else "Bolt",
                google_product_category="Apparel > Dresses",
                description="A long dress.",
                link=f"https://shop.example/{id}",
            )
    shop.product("hat", 60, price="12.00 EUR", availability="out of stock", brand="Acme")
    shop.rows["hat"]["additional_image_link"] = shop.paint("hat back.png", 61)
    shop.rows["hat"]["image_link"] = "hat.png"
    shop.product("shoe", 70, price="80.00 EUR", sale_price="39.90 EUR", brand="Acme", size="42")
    shop.product("gift", 80, price="")
    shop.apply()
    return shop
