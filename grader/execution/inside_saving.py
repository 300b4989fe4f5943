"""What is saved, where, and what the head looked like at that moment. The files themselves are measured outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .inside_models import Models
from .inside_session import Session, sha256, wrap

TENSORS = 400


class Saving:
    """Watches everything that writes weights."""

    def __init__(self, session: Session, models: Models) -> None:
        self._session = session
        self._models = models
        self._depth = 0
        self.on_saved: Callable[[Any, Any, str], object] = lambda model, backbone, path: None
        """Told of every model that was saved: itself, its backbone, where."""

    def install(self) -> None:
        """Put the hooks in place."""
        hooks, guard = self._session.hooks, self._session.guard
        hooks.when("transformers.modeling_utils", guard(lambda m: self._method(m.PreTrainedModel, "save_pretrained")))
        hooks.when("peft.peft_model", guard(lambda m: self._method(m.PeftModel, "save_pretrained")))
        hooks.when("transformers.trainer", guard(lambda m: self._method(m.Trainer, "save_model", of="model")))
        hooks.when("torch.serialization", guard(self._patch_save))
        hooks.when("safetensors.torch", guard(self._patch_safetensors))

    def _method(self, owner: Any, name: str, *, of: str | None = None) -> None:
        """A method that saves the model it belongs to (or that its object holds) into a folder."""

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def save(this: Any, *args: Any, **kwargs: Any) -> Any:
                path = args[0] if args else kwargs.get("save_directory", kwargs.get("output_dir"))
                path = path or getattr(getattr(this, "args", None), "output_dir", None)
                return self._around((name, path, getattr(this, of) if of else this), original, this, *args, **kwargs)

            return save

        wrap(owner, name, make)

    def _patch_save(self, module: Any) -> None:
        import sys

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def save(obj: Any, f: Any = None, *args: Any, **kwargs: Any) -> Any:
                return self._around(("torch.save", f, obj), original, obj, f, *args, **kwargs)

            return save

        wrap(module, "save", make)
        self._session.hooks.when("torch", lambda torch: setattr(torch, "save", sys.modules["torch.serialization"].save))

    def _patch_safetensors(self, module: Any) -> None:
        def make_file(original: Callable[..., Any]) -> Callable[..., Any]:
            def save_file(tensors: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
                return self._around(("save_file", filename, tensors), original, tensors, filename, *args, **kwargs)

            return save_file

        def make_model(original: Callable[..., Any]) -> Callable[..., Any]:
            def save_model(model: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
                return self._around(("save_model", filename, model), original, model, filename, *args, **kwargs)

            return save_model

        wrap(module, "save_file", make_file)
        wrap(module, "save_model", make_model)

    def _around(self, what: tuple[str, Any, Any], original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outermost = self._depth == 0
        self._depth += 1
        try:
            result = original(*args, **kwargs)
        finally:
            self._depth -= 1
        if outermost:
            self._session.guard(self._saved)(*what)
        return result

    def _saved(self, how: str, path: Any, what: Any) -> None:
        tensors = what if isinstance(what, dict) else None
        if tensors is not None and not _weights(tensors):
            tensors = next((item for item in tensors.values() if _weights(item)), tensors)
        backbone = None if tensors is not None else self._models.backbone_in(what)
        if backbone is None and not _weights(tensors):
            return
        self._session.emit(
            "save",
            how=how,
            path=str(getattr(path, "name", path))[:300],
            model=None if backbone is None else self._models.id_of(backbone),
            cls=type(what).__name__,
            tensors=_describe(tensors or {}),
            head=[] if backbone is None else self._head(backbone),
        )
        if backbone is not None:
            self._session.guard(self.on_saved)(what, backbone, str(getattr(path, "name", path))[:300])

    def _head(self, backbone: Any) -> list[list[Any]]:
        return [[name, list(p.shape), sha256(p)] for name, p, inner in self._models.around(backbone) if not inner]


def _weights(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    tensors = (item for item in list(value.values())[:50] if hasattr(item, "is_floating_point"))
    return any(item.ndim >= 2 and item.is_floating_point() for item in tensors)


def _describe(tensors: dict[Any, Any]) -> list[list[Any]]:
    """Names and shapes; hashes of what is small or looks like a head."""
    rows = []
    outside_first = sorted(tensors.items(), key=lambda pair: "layers" in str(pair[0]))
    for name, item in outside_first[:TENSORS]:
        if hasattr(item, "is_floating_point"):
            deep = "layers" in str(name)
            rows.append([str(name), list(item.shape), None if deep else sha256(item)])
    return rows
