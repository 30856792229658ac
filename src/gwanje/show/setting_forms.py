"""What a form for a receiver asks, by its type: the settings of its kind of notifier, as the page can show them."""

from __future__ import annotations

import typing
from types import NoneType
from typing import Any, Literal

from pydantic.fields import FieldInfo

from gwanje import kinds
from gwanje.config import Secret
from gwanje.tell.texts import Speech
from gwanje.tell.written import settings_of


def types() -> list[str]:
    """The words for `type` that are known here."""
    return kinds.names("notifiers")


def fields(type_: str) -> list[dict[str, Any]]:
    """Each setting of a type: its key, how it is asked, what it is, and whether it must be set. Raises BadInput for a type
    that the page cannot set up. What only YAML can say has the form `yaml`.
    """
    settings = settings_of(type_)
    needs = getattr(settings, "needs", ())
    own_first = sorted(settings.model_fields.items(), key=lambda one: one[0] in Speech.model_fields)
    return [_field(known.alias or name, known, needed=known.is_required() or name in needs) for name, known in own_first]


def _field(key: str, known: FieldInfo, *, needed: bool) -> dict[str, Any]:
    form, options = _form(known.annotation)
    default = known.default if isinstance(known.default, str | int | bool) else None
    return {
        "key": key,
        "form": form,
        "options": options,
        "needed": needed,
        "default": default,
        "description": known.description or "",
    }


def _form(annotation: Any) -> tuple[str, list[str]]:
    """How a value is asked: `secret`, `text`, `number`, `choice` of options, `list` of texts, or only as `yaml`."""
    inner = [one for one in typing.get_args(annotation) if one is not NoneType]
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return "choice", [str(one) for one in inner]
    if origin is tuple and inner and inner[0] is str:
        return "list", []
    if origin is typing.Annotated or (origin is not None and len(inner) == 1 and origin not in {tuple, list, dict}):
        return _form(inner[0])
    if annotation is bool:
        return "choice", ["false", "true"]
    plain = {Secret: "secret", str: "text", int: "number"}
    return plain.get(annotation, "text" if getattr(annotation, "__name__", "") == "timedelta" else "yaml"), []
