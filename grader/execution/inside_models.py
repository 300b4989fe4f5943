"""Which models there are: when and how they were loaded, what wraps them, what their parameters are called.

A model is known by its backbone (the part without a head), which stays the same object under PEFT, a Trainer or a class
of the student's own. It records loads and LoRA configurations; what happens to a model later is recorded elsewhere.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from .inside_session import Session, short_dtype, wrap

CLIMB = 12


class Models:
    """All models of the notebook, by backbone; holds none of them alive."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ids: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._parents: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()
        self._made = 0
        self._loading = 0
        self._configuring = 0
        self._reloading = 0

    def install(self) -> None:
        """Put the hooks in place, now or as soon as the libraries are imported."""
        hooks, guard = self._session.hooks, self._session.guard
        hooks.when("torch", guard(self._patch_torch))
        hooks.when("transformers.modeling_utils", guard(self._patch_transformers))
        hooks.when("peft.peft_model", guard(self._patch_peft))
        hooks.when("peft.tuners.tuners_utils", guard(self._patch_tuners))

    # -- identity -----------------------------------------------------------------------------------------------

    def id_of(self, backbone: Any) -> int:
        """Number of the model with this backbone; a model that was never loaded is announced now."""
        if backbone not in self._ids:
            self._announce(backbone, made="config", name=getattr(backbone.config, "_name_or_path", "") or None)
        return self._ids[backbone]

    def backbones(self) -> list[Any]:
        """All that are alive."""
        return list(self._ids.keys())

    def root_of(self, backbone: Any) -> Any:
        """The outermost module around a backbone: a PeftModel, a class of the student's, or itself."""
        root = backbone
        for _ in range(CLIMB):
            parent = self._parents.get(root)
            above = parent() if parent is not None else None
            if above is None or not any(child is root for child in above.children()):
                return root
            root = above
        return root

    def around(self, backbone: Any) -> Iterator[tuple[str, Any, bool]]:
        """Every parameter of the whole model: name, tensor, and whether it belongs to the backbone."""
        root = self.root_of(backbone)
        inner = {id(parameter) for parameter in backbone.parameters()}
        for name, parameter in root.named_parameters():
            yield name, parameter, id(parameter) in inner

    def base_dtype(self, backbone: Any) -> str | None:
        """Type of the backbone's own weights, LoRA matrices apart."""
        for name, parameter in backbone.named_parameters():
            if parameter.is_floating_point() and "lora_" not in name:
                return short_dtype(parameter.dtype)
        return None

    # -- hooks --------------------------------------------------------------------------------------------------

    def _patch_torch(self, torch: Any) -> None:
        from torch.nn.modules.module import register_module_module_registration_hook

        link = self._session.guard(self._link)

        def registered(module: Any, name: str, child: Any) -> None:
            link(module, child)

        register_module_module_registration_hook(registered)

    def _link(self, module: Any, child: Any) -> None:
        """Remember who holds a model; layers inside a model are of no interest."""
        if child is None:
            return
        if child in self._parents or _is_pretrained(child) or any(_holds(child, self._parents)):
            self._parents[child] = weakref.ref(module)

    def _patch_transformers(self, modeling: Any) -> None:
        session = self._session

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def from_pretrained(cls: Any, *args: Any, **kwargs: Any) -> Any:
                given = _dtype_given(kwargs)
                self._loading += 1
                try:
                    loaded = original(cls, *args, **kwargs)
                finally:
                    self._loading -= 1
                if not self._loading:
                    session.guard(self._loaded)(loaded, args, kwargs, given)
                return loaded

            return from_pretrained

        wrap(modeling.PreTrainedModel, "from_pretrained", make)
        if hasattr(modeling.PreTrainedModel, "add_adapter"):
            wrap(modeling.PreTrainedModel, "add_adapter", self._configured_by(1, "adapter_config"))

    def _loaded(self, loaded: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: str | None) -> None:
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        backbone = model.base_model if _is_pretrained(model) else model
        name = args[0] if args else kwargs.get("pretrained_model_name_or_path")
        self._announce(backbone, made="from_pretrained", name=str(name), asked=given, cls=type(model).__name__)

    def _announce(
        self, backbone: Any, *, made: str, name: str | None, asked: str | None = None, cls: str | None = None
    ) -> None:
        quantized, self._session.quantized_next = self._session.quantized_next, False
        self._made += 1
        self._ids[backbone] = self._made
        self._session.emit(
            "load",
            model=self._made,
            made=made,
            name=name,
            cls=cls or type(backbone).__name__,
            arch=getattr(backbone.config, "model_type", None),
            labels=getattr(backbone.config, "num_labels", None),
            dtype=self.base_dtype(backbone),
            dtype_given=asked is not None,
            dtype_asked=asked,
            quantized=quantized,
        )

    def _patch_peft(self, module: Any) -> None:
        for name, item in list(vars(module).items()):
            if isinstance(item, type) and name.startswith("PeftModel") and "__init__" in vars(item):
                wrap(item, "__init__", self._configured_by(2, "peft_config"))
                if "add_adapter" in vars(item):
                    wrap(item, "add_adapter", self._configured_by(2, "peft_config"))
        wrap(module.PeftModel, "from_pretrained", self._reloaded)

    def _patch_tuners(self, module: Any) -> None:
        """`inject_adapter_in_model`, `LoraModel(...)`: PEFT's lower-level ways in."""
        wrap(module.BaseTuner, "__init__", self._configured_by(2, "peft_config"))

    def _reloaded(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def from_pretrained(cls: Any, *args: Any, **kwargs: Any) -> Any:
            self._reloading += 1
            try:
                model = original(cls, *args, **kwargs)
            finally:
                self._reloading -= 1
            where = args[1] if len(args) > 1 else kwargs.get("model_id")
            session.emit("reload", path=str(where)[:300], trainable=bool(kwargs.get("is_trainable")))
            return model

        return from_pretrained

    def _configured_by(self, position: int, keyword: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Wrap something that is given a LoRA configuration; the outermost of nested calls copies it first."""

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def configured(*args: Any, **kwargs: Any) -> Any:
                outermost = self._configuring == 0
                if outermost:
                    config = kwargs.get(keyword, args[position] if len(args) > position else None)
                    self._session.guard(self._configured)(config, (*args, *kwargs.values()))
                self._configuring += 1
                try:
                    return original(*args, **kwargs)
                finally:
                    self._configuring -= 1

            return configured

        return make

    def _configured(self, config: Any, given: tuple[Any, ...]) -> None:
        if config is None:
            return
        backbone = next((found for item in given if (found := self.backbone_in(item)) is not None), None)
        self._session.emit(
            "lora",
            model=None if backbone is None else self.id_of(backbone),
            config=_plain(config.to_dict() if hasattr(config, "to_dict") else vars(config)),
            reload=self._reloading > 0,
        )

    def backbone_in(self, module: Any) -> Any:
        """The backbone inside a module, or null."""
        if "_modules" not in getattr(module, "__dict__", {}):
            return None
        return next((part.base_model for part in module.modules() if _is_pretrained(part)), None)


def _holds(module: Any, known: Any) -> Iterator[bool]:
    return (child in known for child in module.children())


def _is_pretrained(module: Any) -> bool:
    return any(cls.__name__ == "PreTrainedModel" for cls in type(module).__mro__)


def _dtype_given(kwargs: dict[str, Any]) -> str | None:
    for key in ("dtype", "torch_dtype"):
        if kwargs.get(key) is not None:
            return short_dtype(kwargs[key])
    return None


def _plain(value: Any) -> Any:
    """JSON for a configuration: enums by value, sets sorted, anything else as text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "value") and not isinstance(value, (str, int, float)):
        return _plain(value.value)
    if isinstance(value, str) and hasattr(value, "value"):
        return str(value.value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
