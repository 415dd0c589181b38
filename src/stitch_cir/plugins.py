"""Plug-ins: the contract of the nine kinds, and the registries through which they are loaded.

A package offers a plug-in by an entry point in its ``pyproject.toml``; nothing else is needed::

    [project.entry-points."stitch_cir.scorers"]
    soft-chamfer = "my_package:SoftChamfer"

========== ======================= ================================ ===========================
kind       entry-point group       protocol                         the entry point is called
                                                                    with
========== ======================= ================================ ===========================
encoder    stitch_cir.encoders     stitch_cir.encoders.DualEncoder  device and precision, if it
                                                                    has such parameters
composer   stitch_cir.composers    stitch_cir.composers.Composer    its options
scorer     stitch_cir.scorers      stitch_cir.transport.Scorer      its settings
transition stitch_cir.transitions  stitch_cir.transition.Transition its settings
fusion     stitch_cir.fusions      stitch_cir.transition.Fusion     nothing
reranker   stitch_cir.rerankers    stitch_cir.reranker.Reranker     its options
data set   stitch_cir.datasets     stitch_cir.datasets.DataSet      – (is the object itself)
candidate  stitch_cir              stitch_cir.candidates            its options
source     .candidate_sources      .CandidateSource
composed-  stitch_cir              stitch_cir.encoders              the gallery's ``encoder``
query enc. .composed_encoders      .ComposedEncoder
========== ======================= ================================ ===========================

- *The entry point* is a callable (a class or a function) whose keyword parameters are the options
  or settings of the plug-in, each with a default; that of a data set is the object itself.
- *The protocol* has every required member. What a plug-in can do beyond it are further protocols of
  the same package (``DenseEncoder``, ``BoundedScorer``, ``CostEstimator``, …): a plug-in that has
  their members has the capability. Nothing tests a plug-in's name.
- *Settings* of a scorer or transition are numbers, texts or booleans. Those that share a name with
  a search setting (``alpha``, ``tau``, …) follow it; others are set by ``transition_options`` and
  ``scorer_options``. ``settings()`` returns all of them, and is recorded with every result.
- *Names* are letters, digits, ``-``, ``_`` and ``.``, and begin with a letter or digit. The name of
  a built-in plug-in cannot be taken, and two packages cannot offer the same name.
- *Built-in* plug-ins are entry points of this package like any other's. They are listed here once
  more so that using one does not wait for the metadata of every installed package.
- *Errors*: an unknown name, a plug-in that cannot be imported or made, one that lacks a member of
  its protocol, and an option that it does not have raise ``SettingError``.
- *Tests*: ``stitch_cir.testing`` has a contract suite for each kind.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any, Unpack, get_args, get_origin, get_type_hints

from stitch_cir._hints import did_you_mean
from stitch_cir._schema import check_setting
from stitch_cir.errors import SettingError, StitchError

__all__ = [
    "CANDIDATE_SOURCES",
    "COMPOSED_ENCODERS",
    "COMPOSERS",
    "DATASETS",
    "ENCODERS",
    "FUSIONS",
    "RERANKERS",
    "SCORERS",
    "TRANSITIONS",
    "Registry",
]

NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Registry:
    """All plug-ins of one kind: those of this package and those of other installed packages.

    Parameters
    ----------
    kind:
        The noun for messages, such as ``"scorer"``.
    group:
        The entry-point group.
    protocol:
        ``"module:Class"``, the protocol or class that every plug-in is an instance of; imported
        when a plug-in of another package is loaded.
    built_in:
        The entry points of this package: name → ``"module:attribute"``.
    """

    kind: str
    group: str
    protocol: str
    built_in: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Return the names of all plug-ins: the built-in ones in their order, then the others'."""
        others = {name for name in self._installed() if NAME.fullmatch(name)}
        return (*self.built_in, *sorted(others - set(self.built_in)))

    def load(self, name: str) -> Any:
        """Return what the entry point ``name`` refers to, imported.

        Raises ``SettingError`` for an unknown, invalid or ambiguous name, and where the import
        fails.
        """
        address = self._address(name)
        module, _, attributes = address.partition(":")
        try:
            loaded: Any = import_module(module)
            for attribute in attributes.split("."):
                loaded = getattr(loaded, attribute)
        except Exception as error:  # a package of others may raise anything when it is imported
            if name in self.built_in and not isinstance(error, (ImportError, AttributeError)):
                raise
            raise SettingError(
                f"The {self.kind} {name!r} ({address}) cannot be loaded: "
                f"{type(error).__name__}: {error}.",
                hint="Reinstall the package that brings it, or ask its author.",
            ) from error
        return loaded

    def load_object(self, name: str) -> Any:
        """Return the object that the entry point ``name`` refers to, checked (data sets)."""
        return self._checked(name, self.load(name))

    def make(self, name: str, **options: Any) -> Any:
        """Make the plug-in ``name`` with these options.

        Raises ``SettingError`` as :meth:`load` does, for options that the plug-in does not have or
        that are missing, and for an object that lacks members of the protocol; and whatever
        ``StitchError`` the plug-in raises itself.
        """
        factory = self.load(name)
        shown = ", ".join(sorted(options)) or "no options"
        try:
            made = factory(**options)
        except StitchError:
            raise
        except Exception as error:
            if name in self.built_in and not isinstance(error, TypeError):
                raise
            raise SettingError(
                f"The {self.kind} {name!r} cannot be made with {shown}: {error}.",
                hint=f"Its options are: {', '.join(self.options(name)) or 'none'}.",
            ) from error
        return made if name in self.built_in else self._checked(name, made)

    def make_from(
        self, name: str, shared: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> Any:
        """Make the plug-in ``name`` of those ``shared`` settings that it has, and all ``options``.

        An option overrides the shared setting of its name. Shared settings that are declared are
        checked whether the plug-in has them or not, so that a bad value never hides behind another
        name. Raises as :meth:`make` does.
        """
        checked = {key: check_setting(key, value) for key, value in shared.items()}
        return self.make(name, **{**self._fitting(name, checked), **(options or {})})

    def _fitting(self, name: str, shared: Mapping[str, Any]) -> dict[str, Any]:
        taken = self.options(name)
        return {key: value for key, value in shared.items() if key in taken}

    def options(self, name: str) -> tuple[str, ...]:
        """Return the names of the options that the plug-in ``name`` is made with."""
        return _parameters(self.load(name))

    def default(self, name: str, option: str) -> Any:
        """Return the default of an option of the plug-in ``name``; ``None`` where it has none."""
        parameter = inspect.signature(self.load(name)).parameters.get(option)
        default = None if parameter is None else parameter.default
        return None if default is inspect.Parameter.empty else default

    def missing_members(self, made: object) -> tuple[str, ...]:
        """Return the members of the protocol that an object lacks."""
        return tuple(name for name in _members(self._protocol()) if not hasattr(made, name))

    def _protocol(self) -> type:
        module, _, attribute = self.protocol.partition(":")
        protocol: type = getattr(import_module(module), attribute)
        return protocol

    def _address(self, name: str) -> str:
        """Return the ``module:attribute`` of a name."""
        if name in self.built_in:
            return self.built_in[name]
        addresses = self._installed().get(name, ())
        if not addresses:
            names = self.names()
            raise SettingError(
                f"There is no {self.kind} {name!r}.",
                hint=f"{did_you_mean(name, names)}{self.kind.capitalize()}s: {', '.join(names)}.",
            )
        if not NAME.fullmatch(name):
            raise SettingError(
                f"A plug-in cannot be named {name!r} ({addresses[0]}).",
                hint="Names are letters, digits, '-', '_' and '.'; ask the author of the package.",
            )
        if len(addresses) > 1:
            raise SettingError(
                f"Several packages bring a {self.kind} {name!r}: {', '.join(addresses)}.",
                hint="Uninstall all but one of them.",
            )
        return addresses[0]

    def _installed(self) -> dict[str, tuple[str, ...]]:
        """Return the addresses that the installed packages give each name of the group."""
        from importlib import metadata  # slow to import, and built-in plug-ins do without

        names: dict[str, dict[str, None]] = {}
        for point in metadata.entry_points(group=self.group):
            names.setdefault(point.name, {})[point.value] = None
        return {name: tuple(addresses) for name, addresses in names.items()}

    def _checked(self, name: str, made: Any) -> Any:
        """Return ``made`` where it has every member of the protocol."""
        attribute = self.protocol.partition(":")[2]
        if isinstance(made, self._protocol()):
            return made
        missing = self.missing_members(made)
        problem = f"lacks {', '.join(missing)}" if missing else f"is a {type(made).__name__}"
        raise SettingError(
            f"The {self.kind} {name!r} ({self._address(name)}) is no {attribute}: it {problem}.",
            hint="Ask the author of the package that brings it; stitch_cir.testing has the checks.",
        )


def _members(protocol: type) -> Iterable[str]:
    """Return the members of a protocol, its bases' included."""
    names = {name for base in protocol.__mro__ for name in vars(base) if not name.startswith("_")}
    annotated = {
        name for base in protocol.__mro__ for name in vars(base).get("__annotations__", ())
    }
    return sorted(names | {name for name in annotated if not name.startswith("_")})


@lru_cache(maxsize=256)
def _parameters(factory: Any) -> tuple[str, ...]:
    """Return the names of the parameters that can be given by keyword.

    ``**options: Unpack[Options]`` has those of the typed dictionary ``Options``.
    """
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names: list[str] = []
    for each in inspect.signature(factory).parameters.values():
        if each.kind in by_name:
            names.append(each.name)
        elif each.kind is inspect.Parameter.VAR_KEYWORD:
            annotation = get_type_hints(factory).get(each.name)
            if get_origin(annotation) is Unpack:
                names += get_type_hints(get_args(annotation)[0])
    return tuple(names)


ENCODERS = Registry(
    "encoder",
    "stitch_cir.encoders",
    "stitch_cir.encoders:DualEncoder",
    {"mini": "stitch_cir.encoders:load_mini", "test": "stitch_cir.encoders:load_test"},
)
COMPOSED_ENCODERS = Registry(
    "composed-query encoder",
    "stitch_cir.composed_encoders",
    "stitch_cir.encoders:ComposedEncoder",
    {"sum": "stitch_cir.encoders:SumEncoder", "model": "stitch_cir.encoders:load_gallery_model"},
)
COMPOSERS = Registry(
    "composer",
    "stitch_cir.composers",
    "stitch_cir.composers:Composer",
    {
        "verbatim": "stitch_cir.composers:VerbatimComposer",
        "recorded": "stitch_cir.composers:RecordedComposer",
        "chat": "stitch_cir.composers:make_chat_composer",
        "two-stage": "stitch_cir.composers:make_two_stage_composer",
        "local": "stitch_cir.composers:make_local_composer",
    },
)
SCORERS = Registry(
    "scorer",
    "stitch_cir.scorers",
    "stitch_cir.transport:Scorer",
    {
        "conditional": "stitch_cir.transport:ConditionalTransport",
        "sinkhorn": "stitch_cir.transport:Sinkhorn",
        "exact": "stitch_cir.transport:ExactTransport",
        "chamfer": "stitch_cir.transport:Chamfer",
        "mean": "stitch_cir.transport:MeanPooling",
        "point": "stitch_cir.transport:PointToPoint",
        "mixed": "stitch_cir.transport:MixedViews",
        "product": "stitch_cir.transport:ProductFusion",
        "harris": "stitch_cir.transport:HarrisFusion",
        "roles": "stitch_cir.transport:RoleScorer",
    },
)
FUSIONS = Registry(
    "fusion",
    "stitch_cir.fusions",
    "stitch_cir.transition:Fusion",
    {
        "weights": "stitch_cir.transition:ByWeights",
        "z-score": "stitch_cir.transition:ByZScores",
    },
)
TRANSITIONS = Registry(
    "transition",
    "stitch_cir.transitions",
    "stitch_cir.transition:Transition",
    {
        "linear": "stitch_cir.transition:Linear",
        "none": "stitch_cir.transition:NoTransition",
        "text-only": "stitch_cir.transition:TextOnly",
        "pdv": "stitch_cir.transition:PDV",
        "semantic-increment": "stitch_cir.transition:SemanticIncrement",
        "away": "stitch_cir.transition:ReferenceSubtraction",
        "anchor-debias": "stitch_cir.transition:AnchorDebias",
        "image-text": "stitch_cir.transition:ImageText",
        "parts": "stitch_cir.transition:Parts",
        "projected-parts": "stitch_cir.transition:ProjectedParts",
    },
)
RERANKERS = Registry(
    "reranker",
    "stitch_cir.rerankers",
    "stitch_cir.reranker:Reranker",
    {"chat": "stitch_cir.reranker:make_chat_reranker"},
)
CANDIDATE_SOURCES = Registry(
    "candidate source",
    "stitch_cir.candidate_sources",
    "stitch_cir.candidates:CandidateSource",
    {"qdrant": "stitch_cir.candidates:make_qdrant_source"},
)
DATASETS = Registry(
    "data set",
    "stitch_cir.datasets",
    "stitch_cir.datasets:DataSet",
    {
        "circo": "stitch_cir.datasets.circo:CIRCO",
        "cirr": "stitch_cir.datasets.cirr:CIRR",
        "cirr-captions": "stitch_cir.datasets.cirr_captions:CIRR_CAPTIONS",
        "fashioniq": "stitch_cir.datasets.fashioniq:FASHIONIQ",
        "genecis": "stitch_cir.datasets.genecis:GENECIS",
        "icir": "stitch_cir.datasets.icir:ICIR",
        "mbeir-cirr": "stitch_cir.datasets.mbeir:MBEIR_CIRR",
        "mbeir-fashioniq": "stitch_cir.datasets.mbeir:MBEIR_FASHIONIQ",
        "pinpoint": "stitch_cir.datasets.pinpoint:PINPOINT",
        "stamps": "stitch_cir.datasets.stamps:STAMPS",
    },
)
