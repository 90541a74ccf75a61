"""New code for the functions of a module that is imported already."""

import types
from typing import Any

__all__ = ["code_of", "put_in_place"]


def code_of(text: str, file: str) -> dict[str, types.CodeType]:
    """Return the code of every function by its qualified name; ``""`` is all that runs when the file is imported."""
    found = {}

    def walk(code: types.CodeType, is_function: bool) -> str:
        """What of this code, and the code of classes in it, is not a function's."""
        own = repr((code.co_code, code.co_names, code.co_varnames))
        for const in code.co_consts:
            if isinstance(const, types.CodeType):
                function = bool(const.co_flags & 2)  # CO_NEWLOCALS: not the body of a class
                if function and not is_function:
                    found[const.co_qualname] = const
                own += "" if function and not is_function else walk(const, is_function)
            else:
                own += repr(const)
        return own

    found[""] = walk(compile(text, file, "exec", dont_inherit=True), False)
    return found


def put_in_place(module: types.ModuleType, before: str, after: str) -> set[str] | None:
    """Give the functions of a module that differ their new code; return their names, or None if that is not enough."""
    old, new = (code_of(text, module.__file__) for text in (before, after))
    if old[""] != new[""] or old.keys() != new.keys():
        return None
    changed = {name for name in old if name and old[name] != new[name]}
    functions = {function.__qualname__: function for function in _functions(vars(module), module.__name__)}
    if not changed <= functions.keys():
        return None
    try:
        for name in changed:
            functions[name].__code__ = new[name]
    except ValueError:  # other variables of a surrounding scope, such as the `__class__` of `super`
        return None
    return changed


def _functions(names: dict[str, Any], module: str):
    for member in names.values():
        value = member
        while not isinstance(value, types.FunctionType | type):
            inner = next((getattr(value, name, None) for name in ("__func__", "__wrapped__", "fget", "func")
                          if isinstance(getattr(value, name, None), types.FunctionType)), None)  # fmt: skip
            if inner is None:
                break
            value = inner
        if getattr(value, "__module__", None) != module:
            continue
        if isinstance(value, types.FunctionType):
            yield value
        elif isinstance(value, type):
            yield from _functions(dict(vars(value)), module)
