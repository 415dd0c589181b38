"""Every setting of a search, declared once: name, symbol, range, default, help, and who uses it.

Transitions and scorers take their defaults and checks from here (:func:`default_of`,
:func:`check_fields`); ``SearchSettings``, the options of the commands, the API and its types, the
tools for assistants, the controls of the page and ``docs/settings.md`` are derived. A new setting
of a transition or scorer is one declaration here and one field of its class;
``python scripts/generate.py`` writes the types and the table anew.

>>> default_of("alpha"), DECLARED["tau"].check(1)
(0.45, 1.0)
"""

from stitch_cir._schema._declarations import (
    DECLARED,
    SETTINGS,
    check_fields,
    check_setting,
    default_of,
    field_values,
)
from stitch_cir._schema._presets import PRESETS
from stitch_cir._schema._setting import LARGEST, Range, Setting

__all__ = [
    "DECLARED",
    "LARGEST",
    "PRESETS",
    "SETTINGS",
    "Range",
    "Setting",
    "check_fields",
    "check_setting",
    "default_of",
    "field_values",
]
