"""Every attack by name, built from plain values as a configuration, a command line or a request carries them.

To add an attack: one file with one class (hyperparameters keyword-only with annotations int, float, bool or str,
possibly `| None`; see `flows.attack.batch.Attack`), and one entry of ATTACKS.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from flows.attack.batch import L2, LINF, Attack
from flows.errors import FlowError, nearest

GRADIENTS, SCORES, LABELS = "gradients", "scores", "labels"
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "nothing"}


@dataclass(frozen=True, slots=True)
class AttackEntry:
    """One attack. `module`: its file in this folder, imported when first needed (white-box files import torch).
    `factory`: the class in it. `access`: what it asks of its target, `gradients`, `scores` or `labels`. `norms`: in
    which its budget may be measured; where there are several, the parameter `norm` chooses. `title`: for readers.
    `preset`: parameters that differ from the class's defaults; `build` may still change them."""

    module: str
    factory: str
    access: str
    norms: tuple[str, ...]
    title: str
    preset: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One hyperparameter: the types it takes and its default (None where `required`)."""

    types: tuple[type, ...]
    default: object
    required: bool


ATTACKS: dict[str, AttackEntry] = {
    "fgsm": AttackEntry("fgsm", "Fgsm", GRADIENTS, (LINF,), "one signed gradient step"),
    "r-fgsm": AttackEntry("r_fgsm", "RandomFgsm", GRADIENTS, (LINF,), "a random step, then a signed gradient step"),
    "bim": AttackEntry("bim", "Bim", GRADIENTS, (LINF,), "signed gradient steps from the original"),
    "pgd": AttackEntry("pgd", "Pgd", GRADIENTS, (LINF, L2), "projected gradient ascent from random points"),
    "temperature-pgd": AttackEntry(
        "temperature_pgd", "TemperaturePgd", GRADIENTS, (LINF, L2), "PGD on logits scaled by the Jacobian"
    ),
    "eot-pgd": AttackEntry("eot_pgd", "EotPgd", GRADIENTS, (LINF, L2), "PGD along the mean gradient of many draws"),
    "apgd-ce": AttackEntry("apgd", "Apgd", GRADIENTS, (LINF, L2), "auto-PGD, cross entropy"),
    "apgd-dlr": AttackEntry("apgd", "Apgd", GRADIENTS, (LINF, L2), "auto-PGD, logits ratio", {"loss": "dlr"}),
    "apgd-t": AttackEntry("apgd_targeted", "ApgdTargeted", GRADIENTS, (LINF, L2), "auto-PGD towards each wrong class"),
    "deepfool": AttackEntry("deepfool", "DeepFool", GRADIENTS, (LINF, L2), "steps to the nearest class border"),
    "cw-l2": AttackEntry("carlini_wagner", "CarliniWagner", GRADIENTS, (L2,), "the smallest change that fools"),
    "cw-l2-he2019": AttackEntry(
        "carlini_wagner",
        "CarliniWagner",
        GRADIENTS,
        (L2,),
        "Carlini and Wagner with the short schedule of He et al. 2019",
        {
            "name": "cw-l2-he2019",
            "constant": 0.01,
            "learning_rate": 5e-4,
            "confidence": 0.0,
            "binary_steps": 9,
            "iterations": 10,
        },
    ),
    "square": AttackEntry("square", "Square", SCORES, (LINF,), "random search with squares"),
    "nes": AttackEntry("nes", "Nes", SCORES, (LINF,), "gradient from random pairs of scores, signed steps"),
    "spsa": AttackEntry("spsa", "Spsa", SCORES, (LINF,), "gradient from pairs that move every pixel, Adam's steps"),
    "zoo": AttackEntry("zoo", "Zoo", SCORES, (LINF,), "gradient pixel by pixel, Adam's steps"),
    "parsimonious": AttackEntry(
        "parsimonious", "Parsimonious", SCORES, (LINF,), "search over the ball's corners, block by block"
    ),
    "hop-skip-jump": AttackEntry(
        "hop_skip_jump", "HopSkipJump", LABELS, (LINF, L2), "jumps along the boundary towards the original"
    ),
    "boundary": AttackEntry("boundary", "Boundary", LABELS, (LINF, L2), "random walk along the boundary"),
    "substitute": AttackEntry(
        "substitute", "Substitute", LABELS, (LINF,), "gradients of a network that learned the labels"
    ),
    "uniform": AttackEntry("uniform", "Uniform", LABELS, (LINF,), "random noise, the control"),
}


def attack_names(access: str | None = None, norm: str | None = None) -> list[str]:
    """Names of all attacks, or of those with this access and norm, in the registry's order."""
    return [
        name
        for name, entry in ATTACKS.items()
        if access in (None, entry.access) and (norm is None or norm in entry.norms)
    ]


def entry(name: str) -> AttackEntry:
    """The entry of this name. Raises FlowError where there is none."""
    if name not in ATTACKS:
        raise FlowError(f"unknown attack {name!r}{nearest(name, list(ATTACKS))}")
    return ATTACKS[name]


def parameters(name: str) -> dict[str, Parameter]:
    """The hyperparameters of an attack by name, `progress` left out. Raises FlowError for an unknown attack."""
    chosen = entry(name)
    constructor = _factory(chosen).__init__
    hints = typing.get_type_hints(constructor)
    found = {}
    for item in inspect.signature(constructor).parameters.values():
        if item.kind is item.KEYWORD_ONLY and item.name != "progress":
            required = item.default is item.empty and item.name not in chosen.preset
            default = chosen.preset.get(item.name, None if required else item.default)
            found[item.name] = Parameter(_types(hints[item.name]), default, required)
    return found


def build(
    name: str,
    values: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Attack:
    """The attack `name` with these hyperparameters (the others have their defaults).

    `progress`: called with (queries so far, images still standing), where the attack reports any. Raises FlowError
    for an unknown attack or parameter, a missing one, or a value of another type or out of range.
    """
    known, given = parameters(name), dict(values or {})
    for key, value in given.items():
        if key not in known:
            raise FlowError(f"{name}: unknown parameter {key!r}{nearest(key, list(known))}")
        given[key] = _typed(f"{name} {key}", value, known[key].types)
    missing = [key for key, parameter in known.items() if parameter.required and key not in given]
    if missing:
        raise FlowError(f"{name}: expected a value for {', '.join(missing)}")
    factory = _factory(ATTACKS[name])
    if progress and "progress" in inspect.signature(factory).parameters:
        given["progress"] = progress
    return factory(**{**ATTACKS[name].preset, **given})


def _factory(chosen: AttackEntry) -> type:
    try:
        return getattr(import_module(f"flows.attack.{chosen.module}"), chosen.factory)
    except ModuleNotFoundError as error:
        raise FlowError(f"{chosen.factory}: expected {error.name} to be installed, or another attack") from error


def _types(hint: object) -> tuple[type, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)


def _typed(what: str, value: object, allowed: tuple[type, ...]) -> object:
    if type(value) is int and int not in allowed and float in allowed:
        return float(value)
    if type(value) not in allowed:
        expected = " or ".join(_WORDS[kind] for kind in allowed)
        raise FlowError(f"{what}: expected {expected}, got {value!r}")
    return value
