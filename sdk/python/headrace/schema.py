"""Event types: google.protobuf message classes, from a .proto file or a descriptor set; and what the library needs of one."""
import ctypes
import os
import subprocess
import tempfile
import threading

from . import _library
from .errors import HR_ESCHEMA, SchemaError, check


def _message_class(descriptor):
    from google.protobuf import message_factory

    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(descriptor.file.pool).GetPrototype(descriptor)


class Schema:
    """Message classes by full name: schema["shop.CheckoutCompleted"]."""

    def __init__(self, pool, names):
        self._pool = pool
        self._names = names

    @classmethod
    def from_descriptor_set(cls, data):
        """A serialized google.protobuf.FileDescriptorSet with all imports, as protoc --include_imports writes it."""
        from google.protobuf import descriptor_pb2, descriptor_pool

        files = descriptor_pb2.FileDescriptorSet()
        pool = descriptor_pool.DescriptorPool()
        try:
            files.ParseFromString(data)
            for file in files.file:
                pool.AddSerializedFile(file.SerializeToString())
        except Exception as e:  # each implementation of protobuf has its own
            raise SchemaError(HR_ESCHEMA, f"the descriptor set cannot be read: {e}") from e
        names = []
        for file in files.file:
            names += _names(file.package, file.message_type)
        return cls(pool, names)

    @classmethod
    def from_proto(cls, path, include=(), protoc="protoc"):
        """Runs protoc on a file. include: folders for its imports; the file's own is the first of them."""
        path = os.path.abspath(path)
        with tempfile.TemporaryDirectory(prefix="headrace.") as folder:
            out = os.path.join(folder, "set")
            argv = [protoc, f"-I{os.path.dirname(path)}", *[f"-I{i}" for i in include], "--include_imports", f"--descriptor_set_out={out}", path]
            try:
                done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
            except OSError as e:
                raise SchemaError(HR_ESCHEMA, f"{protoc}: {e}") from e
            if done.returncode != 0:
                raise SchemaError(HR_ESCHEMA, done.stderr.strip())
            with open(out, "rb") as f:
                return cls.from_descriptor_set(f.read())

    def __getitem__(self, name):
        try:
            return _message_class(self._pool.FindMessageTypeByName(name))
        except KeyError:
            raise KeyError(f"no message {name}; there are {', '.join(self._names)}") from None

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)


def _names(scope, messages):
    names = []
    for m in messages:
        if not m.options.map_entry:
            name = f"{scope}.{m.name}" if scope else m.name
            names += [name, *_names(name, m.nested_type)]
    return names


# ---- what hr_type_open wants ----

def _varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _descriptor_set(file):
    """FileDescriptorSet of the file and all it imports, imports first."""
    done, out = set(), bytearray()

    def add(f):
        if f.name in done:
            return
        done.add(f.name)
        for other in f.dependencies:
            add(other)
        out.extend(b"\x0a" + _varint(len(f.serialized_pb)) + f.serialized_pb)

    add(file)
    return bytes(out)


_types = {}  # id of a descriptor > (descriptor, hr_type *); types live as long as the process, in C, too
_types_lock = threading.Lock()


def type_of(descriptor):
    """The hr_type * of a message descriptor."""
    known = _types.get(id(descriptor))
    if known is not None and known[0] is descriptor:
        return known[1]
    with _types_lock:
        handle, err = ctypes.c_void_p(), _library.HrError()
        data = _descriptor_set(descriptor.file)
        check(_library.lib().hr_type_open(data, len(data), descriptor.full_name.encode(), ctypes.byref(handle), ctypes.byref(err)), err, SchemaError)
        _types[id(descriptor)] = (descriptor, handle)
        return handle

