"""Generated code of the old kind is read for its descriptor; other code is left alone."""

from __future__ import annotations

import importlib
import sys

import pytest

from seed_matrace.starcraft2 import messages as sc2_messages

descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")


def old_module(name, dependency=""):
    """Source of a module as protoc 3.0 generated it, with one message ``Name``."""
    proto = descriptor_pb2.FileDescriptorProto(name=f"s2clientprotocol/{name}.proto", package="Fake", syntax="proto2")
    field = proto.message_type.add(name=name.capitalize()).field.add(name="tag", number=1, label=1, type=4)
    if dependency:
        proto.dependency.append(f"s2clientprotocol/{dependency}.proto")
        field.type, field.type_name = 11, f".Fake.{dependency.capitalize()}"
    text = proto.SerializeToString().decode("latin1")
    return f"DESCRIPTOR = _descriptor.FileDescriptor(\n  name='x',\n  serialized_pb=_b({text!r}))\n"


@pytest.fixture
def fake_package(tmp_path, monkeypatch):
    folder = tmp_path / "s2clientprotocol"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "inner_pb2.py").write_text(old_module("inner"))
    (folder / "outer_pb2.py").write_text(old_module("outer", dependency="inner"))
    (folder / "today_pb2.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in [name for name in sys.modules if name.startswith("s2clientprotocol")]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [name for name in sys.modules if name.startswith("s2clientprotocol")]:
        del sys.modules[name]


def test_messages_of_old_generated_code_work(fake_package):
    sc2_messages.register_messages()
    sc2_messages.register_messages()  # a second time changes nothing
    outer = importlib.import_module("s2clientprotocol.outer_pb2")
    message = outer.Outer()
    message.tag.tag = 7
    assert outer.Outer.FromString(message.SerializeToString()).tag.tag == 7
    assert importlib.import_module("s2clientprotocol.today_pb2").ANSWER == 42


def test_missing_package_is_said(monkeypatch):
    monkeypatch.setattr(sc2_messages, "PACKAGE", "no_such_package")
    with pytest.raises(ImportError, match="pip install no_such_package"):
        sc2_messages.register_messages()
