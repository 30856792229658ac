"""Protobuf messages → Arrow arrays, of the fields that are wanted: no object a message."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import ptars
from google.protobuf import descriptor_pb2, descriptor_pool

FIELD: Final = descriptor_pb2.FieldDescriptorProto
"""Its `TYPE_…` are the types of fields."""

Shapes = Mapping[str, Sequence[tuple[str, int, int | str, str]]]
"""Messages by name: name, number and type of each field that is wanted, a type being another message's name; and how often it
stands: `many`, `maybe` (then it may be missing, which is another thing than zero) or empty."""


class Reader:
    """Reads messages of one shape; the last of the shapes is the one that is read. May be used from several threads."""

    def __init__(self, package: str, shapes: Shapes) -> None:
        self._package = package
        self._shapes = shapes
        self._of_thread = threading.local()

    def read(self, message: bytes) -> Any:
        """A record batch of one row. Raises ValueError for what is no such message."""
        # One handler is not for two threads at once.
        handler = getattr(self._of_thread, "handler", None)
        if handler is None:
            handler = ptars.HandlerPool([self._file]).get_for_message(self._file.message_types_by_name[list(self._shapes)[-1]])
            self._of_thread.handler = handler
        return handler.list_to_record_batch([message])

    @cached_property
    def _file(self) -> Any:
        file = descriptor_pb2.FileDescriptorProto(name=f"{self._package}.proto", package=self._package, syntax="proto3")
        for name, fields in self._shapes.items():
            message = file.message_type.add(name=name)
            for called, number, type_, often in fields:
                added = message.field.add(name=called, number=number)
                added.label = FIELD.LABEL_REPEATED if often == "many" else FIELD.LABEL_OPTIONAL
                if isinstance(type_, str):
                    added.type, added.type_name = FIELD.TYPE_MESSAGE, f".{self._package}.{type_}"
                else:
                    added.type = FIELD.Type.ValueType(type_)
                if often == "maybe":
                    added.proto3_optional = True
                    added.oneof_index = len(message.oneof_decl)
                    message.oneof_decl.add(name=f"_{called}")
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(file.SerializeToString())
        return pool.FindFileByName(file.name)
