"""Configurations: the choices for each component, checked when they are made."""

import contextlib
import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)
from pydantic.fields import FieldInfo

from tilewright.errors import ConfigError

__all__ = ["Config", "ConfigField", "as_tuple", "closest_name", "round_log2"]


@dataclass(frozen=True)
class ConfigField:
    """A field of a configuration, as users read about it.

    Parameters
    ----------
    name : str
    default : object
    choices : tuple of str
        The values as they are written in TOML, without quotes; empty for whole numbers.
    limits : range
        The values of a whole number; empty for others.
    about : str
        Its meaning, in Markdown.
    several : bool
        It is a list of such values.
    """

    name: str
    default: Any
    choices: tuple[str, ...]
    limits: range
    about: str
    several: bool = False

    def values(self, mark: str = "") -> str:
        """Return the values that it may have as a text: ``lut, dsp`` or ``1 to 64``; ``mark`` encloses each choice."""
        if self.choices:
            return ", ".join(f"{mark}{choice}{mark}" for choice in self.choices)
        return f"{self.limits.start} to {self.limits[-1]}"


class Config(BaseModel):
    """A frozen set of fields, checked one by one and against each other when it is made.

    Unknown fields, wrong types and impossible values raise `ConfigError` with the field, the value,
    the reason and the nearest value that works. ``model_json_schema()`` describes the fields.
    Subclasses set ``PRESETS`` (name to field values) and ``TABLE``, their table in a TOML file.

    A configuration may have others as parts: ``PARTS`` names them, with their types. Outside, their fields are fields
    of the whole: ``AcceleratorConfig(rows=8).tile.rows`` is 8, and JSON, TOML and error messages have ``rows`` alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    TABLE: ClassVar[str]
    PRESETS: ClassVar[dict[str, dict[str, Any]]]
    UNSAID: ClassVar[frozenset[str]] = frozenset()
    PARTS: ClassVar[Mapping[str, type["Config"]]] = {}

    def __init__(self, /, **values: Any):
        try:
            super().__init__(**self._with_parts(values))
        except ValidationError as error:
            raise _explain(type(self), values, error) from None

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Return the fields in the order of their declaration, with those of a part in its place."""
        found: dict[str, FieldInfo] = {}
        for name, field in cls.model_fields.items():
            found |= cls.PARTS[name].fields() if name in cls.PARTS else {name: field}
        return found

    @classmethod
    def _with_parts(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values with parts in place of the fields that belong to them."""
        others = dict(values)
        parts: dict[str, Any] = {}
        for name, part in cls.PARTS.items():
            if name in others:
                raise _no_such_field(cls, name, others[name])
            own = {field: others.pop(field) for field in part.fields() if field in others}
            parts[name] = part.__new__(part)
            BaseModel.__init__(parts[name], **part._with_parts(own))  # its errors are explained as those of the whole
        return others | parts

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return the preset called ``name``, with some fields changed: ``preset("small", rounding="double")``."""
        return cls(**cls.preset_values(name) | changes)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked like any other configuration."""
        return type(self)(**self.model_dump() | changes)

    __replace__ = replace

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed that is not checked: for estimates of what cannot be built."""
        others = dict(update or {})
        for name, part in self.PARTS.items():
            own = {field: others.pop(field) for field in part.fields() if field in others}
            if own:
                others[name] = getattr(self, name).model_copy(update=own)
        return super().model_copy(update=others, deep=deep)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return self.model_dump().items()

    @model_serializer(mode="wrap")
    def _flat(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in serialize(self).items():
            values |= value if name in self.PARTS else {name: value}
        return values

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        properties: dict[str, Any] = {}
        for name, value in schema["properties"].items():
            properties |= handler.resolve_ref_schema(value)["properties"] if name in cls.PARTS else {name: value}
        schema["properties"] = properties
        required = [name for name in schema.pop("required", ()) if name not in cls.PARTS]
        return schema | ({"required": required} if required else {})

    @classmethod
    def preset_values(cls, name: str) -> dict[str, Any]:
        """Return the field values of the preset called ``name``."""
        if name not in cls.PRESETS:
            raise ConfigError(
                "preset", name, f"must be one of {', '.join(cls.PRESETS)}", closest_name(name, cls.PRESETS)
            )
        return dict(cls.PRESETS[name])

    @classmethod
    def field_table(cls) -> list[ConfigField]:
        """Return what the fields are, in the order of their declaration."""
        return [_field(name, schema) for name, schema in cls.model_json_schema()["properties"].items()]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the configuration that `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Return the fields as JSON, in the order of their declaration, see `described`."""
        return json.dumps(self.described(), separators=(",", ":"))

    def described(self) -> dict[str, Any]:
        """Return the fields in the order of their declaration, without those of ``UNSAID`` that have their default.

        So a design that does not use them keeps the text and the identity that it has had.
        """
        fields = self.fields()
        return {
            name: value
            for name, value in self.model_dump().items()
            if name not in self.UNSAID or value != fields[name].default
        }


def closest_name(name: str, names: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.4)), None)


def _explain(cls: type[Config], values: Mapping[str, Any], error: ValidationError) -> ConfigError:
    """Turn the first of pydantic's errors about ``cls(**values)`` into a `ConfigError`."""
    first = error.errors()[0]
    context = first.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, ConfigError):
        prefix = ".".join(map(str, first["loc"]))
        field = f"{prefix}.{cause.field}" if prefix else cause.field
        return ConfigError(field, cause.value, cause.reason, cause.nearest)
    field = ".".join(map(str, first["loc"]))
    value = first["input"]
    match first["type"]:
        case "greater_than_equal" | "less_than_equal":
            limits = _limits(cls, field)
            return ConfigError(field, value, f"must be {limits.start} to {limits[-1]}", _nearest(cls, values, field))
        case "int_type" | "int_from_float":
            return ConfigError(field, value, "must be a whole number", _nearest(cls, values, field))
        case "literal_error":
            field = str(first["loc"][0])
            choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            nearest = closest_name(str(value), choices) or choices[0]
            return ConfigError(field, value, f"must be one of {', '.join(choices)}", nearest)
        case "extra_forbidden":
            return _no_such_field(cls, field, value)
        case _:
            return ConfigError(field, value, first["msg"])


def _field(name: str, schema: Mapping[str, Any]) -> ConfigField:
    """A field by its JSON schema."""
    if schema["type"] == "array":
        return ConfigField(
            name, schema["default"], tuple(schema["items"]["enum"]), range(0), schema["description"], True
        )
    boolean = schema["type"] == "boolean"
    choices = ("true", "false") if boolean else tuple(map(str, schema.get("enum", ())))
    limits = range(0) if choices else range(schema["minimum"], schema["maximum"] + 1)
    return ConfigField(name, schema["default"], choices, limits, schema["description"])


def _no_such_field(cls: type[Config], field: str, value: Any) -> ConfigError:
    reason = f"there is no such field; the fields are {', '.join(cls.fields())}"
    return ConfigError(field, value, reason, closest_name(field, cls.fields()))


def _limits(cls: type[Config], field: str) -> range:
    """The values that an integer field takes by itself."""
    return next(known.limits for known in cls.field_table() if known.name == field)


def _nearest(cls: type[Config], values: Mapping[str, Any], field: str) -> int | None:
    """The value of an integer field closest to ``values[field]`` that works, the other fields unchanged."""
    value = values[field]
    if not isinstance(value, int | float) or math.isnan(value):
        return None
    limits = _limits(cls, field)
    small = len(limits) <= 4096
    candidates = limits if small else {limits.start, limits[-1]} | {1 << n for n in range(64) if 1 << n in limits}
    value = min(max(value, limits.start), limits[-1])
    for candidate in sorted(candidates, key=lambda n: abs(n - value)):
        with contextlib.suppress(ConfigError):
            cls(**{**values, field: candidate})
            return candidate
    return None


def as_tuple(value: Any) -> Any:
    """Return a list as TOML and JSON have it, or one name, as the tuple that a field holds."""
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value


def round_log2(value: int) -> int:
    """The exponent of the power of two closest to ``value``."""
    low = value.bit_length() - 1
    return low if value - (1 << low) <= (2 << low) - value else low + 1
