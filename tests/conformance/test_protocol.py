"""A second reader of batches, written from proto/PROTOCOL.md alone: if it reads the test vectors, the document is enough.

Rows of a vector are given as protobuf wire bytes; they are taken apart here by the type, and must be what the columns say.
Nothing here is fast or defensive: that is the C reader's part."""
import ctypes
import ctypes.util
import os
import struct
import unittest
from collections import namedtuple

SOURCE, BUILD = os.environ["HEADRACE_SOURCE"], os.environ["HEADRACE_BUILD"]
XXHASH = ctypes.CDLL(ctypes.util.find_library("xxhash"))
XXHASH.XXH3_64bits.restype = ctypes.c_uint64
LZ4 = ctypes.CDLL(ctypes.util.find_library("lz4"))
M64 = (1 << 64) - 1
TYPES = {"flight": "Flight", "everything": "every.Thing", "proto2": "old2.Item"}
SIGNED, UNSIGNED = (3, 5, 15, 16, 17, 18, 14), (4, 6, 7, 13, 8)


def check32(b):
    return XXHASH.XXH3_64bits(bytes(b), ctypes.c_size_t(len(b))) & 0xffffffff


def unzigzag(v):
    return (v >> 1) ^ -(v & 1)


def signed(v):
    return v - (1 << 64) if v >> 63 else v


class Reader:
    def __init__(self, b):
        self.b, self.at = b, 0

    def left(self):
        return len(self.b) - self.at

    def bytes(self, n):
        assert 0 <= n <= self.left()
        self.at += n
        return self.b[self.at - n:self.at]

    def u8(self):
        return self.bytes(1)[0]

    def u32(self):
        return struct.unpack("<I", self.bytes(4))[0]

    def varint(self):
        v = shift = 0
        while True:
            c = self.u8()
            v |= (c & 127) << shift
            shift += 7
            if c < 128:
                return v

    def svarint(self):
        return unzigzag(self.varint())

    def lenbytes(self):
        return self.bytes(self.varint())


# ---- protobuf's wire format, for descriptor sets and rows ----

def wire_fields(b):
    """(number, wire type, value, its bytes with the tag)"""
    r = Reader(b)
    while r.left():
        start, tag = r.at, r.varint()
        wire = tag & 7
        v = r.varint() if wire == 0 else r.bytes(8) if wire == 1 else r.lenbytes() if wire == 2 else r.bytes(4)
        yield tag >> 3, wire, v, b[start:r.at]


def all_of(b, number):
    return [v for n, _, v, _ in wire_fields(b) if n == number]


def one_of(b, number, otherwise=None):
    return (all_of(b, number) or [otherwise])[-1]


# ---- schemas: "Columns" ----

class Node:
    def __init__(self, kind, number=0, pb_type=0):
        self.kind, self.number, self.type = kind, number, pb_type  # kind: message, oneof, leaf
        self.repeated = self.presence = self.member = self.is_map = self.unknown = False
        self.below, self.parent = [], None


class Schema:
    def __init__(self, descriptor_set, name):
        self.messages = {}
        for file in all_of(descriptor_set, 1):
            package = one_of(file, 2, b"").decode()
            proto3 = one_of(file, 12) == b"proto3"
            for m in all_of(file, 4):
                self.enter(m, "." + package if package else "", proto3)
        self.nodes = []
        root = Node("message")
        self.number(root)
        self.message(root, "." + name, 0)

    def enter(self, m, prefix, proto3):
        name = prefix + "." + one_of(m, 1).decode()
        self.messages[name] = (m, proto3, one_of(one_of(m, 7, b""), 7, 0))
        for nested in all_of(m, 3):
            self.enter(nested, name, proto3)

    def number(self, node):
        node.id = len(self.nodes)
        self.nodes.append(node)

    def contains_itself(self, name):
        seen, todo = set(), [name]
        while todo:
            for f in all_of(self.messages[todo.pop()][0], 2):
                below = one_of(f, 6, b"").decode()
                if one_of(f, 5) == 11 and below not in seen:
                    seen.add(below)
                    todo.append(below)
        return name in seen

    def add(self, node, parent):
        node.parent = parent
        parent.below.append(node)
        self.number(node)
        return node

    def message(self, node, name, depth):
        m, proto3, map_entry = self.messages[name]
        oneofs = {}
        for f in all_of(m, 2):
            optional3 = one_of(f, 17, 0)
            oneof = one_of(f, 9) if not optional3 else None
            if oneof is None:
                self.field(f, node, proto3, map_entry, depth, bool(optional3))
            elif oneof not in oneofs:
                oneofs[oneof] = self.add(Node("oneof"), node)
                for g in all_of(m, 2):  # all members stand below it
                    if one_of(g, 9) == oneof and not one_of(g, 17, 0):
                        self.field(g, oneofs[oneof], proto3, map_entry, depth, False)
        unknown = self.add(Node("leaf"), node)
        unknown.unknown = unknown.presence = True

    def field(self, f, parent, proto3, map_entry, depth, optional3):
        node = self.add(Node("leaf", one_of(f, 3), one_of(f, 5)), parent)
        node.repeated, node.member = one_of(f, 4) == 3, parent.kind == "oneof"
        node.presence = not node.repeated and not node.member and (
            node.type == 11 or (not map_entry and (not proto3 or optional3)))
        if node.type == 11:
            below = one_of(f, 6).decode()
            node.is_map = bool(self.messages[below][2])
            if node.is_map or not (self.contains_itself(below) or depth + 1 > 16):
                node.kind = "message"
                self.message(node, below, depth + (not node.is_map))


# ---- "Integer streams" ----

def unpack(r, n, code):
    size = n if code == 7 else 16 << code
    counts = [min(size, n - i) for i in range(0, n, size)]
    values = []
    for count, width in zip(counts, r.bytes(len(counts))):
        bits = int.from_bytes(r.bytes((count * width + 7) // 8), "little")
        values += [bits >> j * width & (1 << width) - 1 for j in range(count)]
    return values


def ints(r, n):
    head = r.u8()
    kind = head & 7
    if kind == 0:
        return [r.svarint() & M64] * n
    if kind == 3:
        return [r.svarint() & M64 for _ in range(n)]
    if kind == 4:
        distinct = ints(r, r.varint())
        return [distinct[c] for c in ints(r, n)]
    if kind == 5:
        bits = int.from_bytes(r.bytes((n + 7) // 8), "little")
        dense = iter(ints(r, bits.bit_count()))
        return [next(dense) if bits >> i & 1 else 0 for i in range(n)]
    first = r.svarint() if kind == 2 else None
    base = r.svarint()
    scale = r.varint() if head & 8 else 1
    if kind == 1:
        return [(base + scale * x) & M64 for x in unpack(r, n, head >> 4)]
    values = [first & M64]
    for x in unpack(r, n - 1, head >> 4):
        values.append((values[-1] + scale * (base + x)) & M64)
    return values


def ints32(r, n):
    return [v & 0xffffffff for v in ints(r, n)]


# ---- "Values" ----

def floats(r, n, size):
    kind = r.u8()
    fmt = "<d" if size == 8 else "<f"
    if kind == 0:
        return [(v & (1 << 8 * size) - 1).to_bytes(size, "little") for v in ints(r, n)]
    if kind == 2:
        planes = [r.bytes(1) * n if r.u8() else r.bytes(n) for _ in range(size)]
        return [bytes(p[i] for p in planes) for i in range(n)]
    e, at, exceptions = r.u8(), 0, {}
    for _ in range(r.varint()):
        at += r.varint()
        exceptions[at] = r.bytes(size)
    values = [struct.pack(fmt, float(signed(v)) / float(10 ** e)) for v in ints(r, n)]
    return [exceptions.get(i, v) for i, v in enumerate(values)]


def strings(r, n):
    kind = r.u8()
    if kind == 0:
        return [r.lenbytes()] * n
    d = r.varint() if kind == 2 else n
    entries = [r.bytes(length) for length in ints32(r, d)]
    return entries if kind == 1 else [entries[c] for c in ints32(r, n)]


def values(r, node, n):
    if node.type in SIGNED:
        return [signed(v) for v in ints(r, n)]
    if node.type in UNSIGNED:
        return ints(r, n)
    if node.type in (1, 2):
        return floats(r, n, 8 if node.type == 1 else 4)
    return strings(r, n)


def zero_of(node):
    return 0 if node.type in SIGNED + UNSIGNED else bytes(8) if node.type == 1 else bytes(4) if node.type == 2 else b""


# ---- "Batches" ----

Batch = namedtuple("Batch", "incarnation batch_id type_id segments times weights flags raw rows")


def read_segments(r):
    expected, segments = 1, []
    while r.left():
        lane_kind = r.varint()
        kind = lane_kind & 3
        reason = r.u8() if kind == 2 else 0
        first = expected + r.svarint()
        count = r.varint()
        segments.append((lane_kind >> 2, kind, reason, first, count))
        expected = first + count
    return segments


class Column:
    def __init__(self, node):
        self.node, self.n_slots, self.counts, self.values, self.next = node, 0, None, [], 0

    def read(self, r):
        """counts[i]: how many values slot i has; a oneof's: which member."""
        node, n = self.node, self.n_slots
        if node.kind == "oneof" or node.repeated:
            self.counts = ints32(r, n)
        elif node.presence:
            bits = (1 << n) - 1 if r.u8() == 0 else int.from_bytes(r.bytes((n + 7) // 8), "little")
            self.counts = [bits >> i & 1 for i in range(n)]
        if node.kind == "leaf":
            self.values = values(r, node, sum(self.counts) if self.counts is not None else n)

    def n_values(self):
        return sum(self.counts) if self.counts is not None else self.n_slots

    def left_out(self):
        node, n = self.node, self.n_slots
        if node.kind == "oneof" or node.repeated or node.presence:
            self.counts = [0] * n
        elif node.kind == "leaf":
            self.values = [zero_of(node)] * n


def read_columns(r, schema, n_rows):
    columns = [Column(node) for node in schema.nodes]
    sent = r.varint() if r.left() else None
    for column in columns:
        node = column.node
        if node.parent is None:
            column.n_slots = n_rows
            continue
        if node.member:
            column.n_slots = columns[node.parent.id].counts.count(node.number)
        else:
            column.n_slots = columns[node.parent.id].n_values()
        if node.id == sent:
            column.read(r)
            sent = node.id + r.varint() if r.left() else None
        else:
            column.left_out()
    assert sent is None
    return columns


def row_of(columns, node, instance):
    row = {}
    for below in node.below:
        fill(columns, row, below, instance)
    return row


def fill(columns, row, node, slot):
    column = columns[node.id]
    if node.kind == "oneof":
        for member in node.below:
            if column.counts[slot] == member.number:
                fill(columns, row, member, columns[member.id].next)
                if member.kind == "leaf":
                    columns[member.id].next += 1
        return
    count = column.counts[slot] if column.counts is not None else 1
    found = []
    for _ in range(count):
        at = column.next if column.counts is not None or node.kind == "message" else slot
        if column.counts is not None or node.kind == "message":
            column.next += 1
        found.append(row_of(columns, node, at) if node.kind == "message" else column.values[at])
    if node.repeated:
        if found:
            row[node.number] = found
    elif found and (node.presence or node.member or node.kind == "message" or found[0] != zero_of(node)):
        row["unknown" if node.unknown else node.number] = found[0]


def read_batch(b, schema):
    r = Reader(b)
    assert r.bytes(2) == b"HB" and r.u8() == 1
    lz4 = r.u8() & 1
    n_header, n_body = r.varint(), r.varint()
    n_raw_body = r.varint() if lz4 else n_body
    body_check = r.u32()
    header = Reader(r.bytes(n_header))
    assert check32(b[:r.at]) == r.u32()
    body = r.bytes(n_body)
    assert r.left() == 0 and check32(body) == body_check
    if lz4:
        out = ctypes.create_string_buffer(n_raw_body)
        assert LZ4.LZ4_decompress_safe(body, out, n_body, n_raw_body) == n_raw_body
        body = out.raw
    incarnation, batch_id, type_id = header.bytes(16), header.varint(), header.varint()
    least, span = header.svarint(), header.varint()
    segments = read_segments(header)
    n_rows = sum(s[4] for s in segments if s[1] == 0)
    r = Reader(body)
    times, weights, flags, rows = [], [1] * n_rows, [0] * n_rows, []
    if n_rows:
        times = [least + t for t in ints(r, n_rows)]
        assert max(times) <= least + span
        which = r.u8()
        weights = ints32(r, n_rows) if which & 1 else weights
        flags = ints32(r, n_rows) if which & 2 else flags
    raw = [(least + r.varint(), r.lenbytes(), r.lenbytes()) for _ in range(sum(s[4] for s in segments if s[1] == 1))]
    if schema:
        columns = read_columns(r, schema, n_rows)
        rows = [row_of(columns, schema.nodes[0], i) for i in range(n_rows)]
    return Batch(incarnation, batch_id, type_id, segments, times, weights, flags, raw, rows)


# ---- what a row is, from its wire bytes ----

def scalar(node, wire, v):
    if node.type in (17, 18):
        return unzigzag(v)
    if wire in (1, 5) and node.type not in (1, 2):
        return int.from_bytes(v, "little", signed=node.type in (15, 16))
    return signed(v) if node.type in SIGNED else v


def fields_of(node):
    for below in node.below:
        if below.kind == "oneof":
            yield from below.below
        else:
            yield below


def row_from_wire(b, node):
    row, by_number = {}, {f.number: f for f in fields_of(node) if not f.unknown}
    for number, wire, v, whole in wire_fields(b):
        f = by_number.get(number)
        if f is None:
            row["unknown"] = row.get("unknown", b"") + whole
        elif f.kind == "message":
            v = row_from_wire(v, f)
        elif wire == 2 and f.type not in (9, 11, 12):  # packed
            r = Reader(v)
            while r.left():
                part = r.varint() if f.type not in (1, 2, 6, 7, 15, 16) else r.bytes(8 if f.type in (1, 6, 16) else 4)
                row.setdefault(number, []).append(scalar(f, 0 if isinstance(part, int) else 1, part))
            continue
        elif f.type not in (9, 11, 12):
            v = scalar(f, wire, v)
        if f is not None and f.repeated:
            row.setdefault(number, []).append(v)
        elif f is not None:
            row[number] = v
    return row


def without_defaults(row, node):
    """Zero means unset where there is no presence: keys and values of maps are written all the same."""
    by_number = {f.number: f for f in fields_of(node)}
    out = {}
    for number, v in row.items():
        f = by_number.get(number)
        if number == "unknown":
            out[number] = v
        elif f.kind == "message":
            out[number] = [without_defaults(x, f) for x in v] if f.repeated else without_defaults(v, f)
        elif f.repeated or f.presence or f.member or v != zero_of(f):
            out[number] = v
    return out


# ---- the vectors ----

def cases(name):
    case = {"rows": [], "bytes": b""}
    with open(os.path.join(SOURCE, "tests", "vectors", name), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            word, _, rest = line.strip().partition(" ")
            if word in ("", "#", "json"):
                continue
            if word == "end":
                yield number, case
                case = {"rows": [], "bytes": b""}
            elif word == "bytes":
                case["bytes"] += bytes.fromhex(rest)
            elif word in ("row", "raw", "drop"):
                case["rows"].append((word, rest.split(" ")))
            else:
                case[word] = rest


def unhex(s):
    return b"" if s == "-" else bytes.fromhex(s)


class Protocol(unittest.TestCase):
    def schema(self, name):
        if name == "none":
            return None
        with open(os.path.join(BUILD, "tests", "protos", name + ".binpb"), "rb") as f:
            return Schema(f.read(), TYPES[name])

    def check_rows(self, case, batch, schema):
        expected, raw = [], []
        for word, parts in case["rows"]:
            if word == "row":
                lane, n, time, weight, flags = map(int, parts[:5])
                row = without_defaults(row_from_wire(unhex(parts[5]), schema.nodes[0]), schema.nodes[0])
                expected.append(((lane, n), time, weight, flags, row))
            elif word == "raw":
                raw.append((int(parts[2]), " ".join(parts[4:]).encode() + b"\0", unhex(parts[3])))
            else:
                lane, n, count, reason = map(int, parts)
                self.assertIn((lane, 2, reason, n, count), batch.segments)
        ids = [(s[0], s[3] + i) for s in batch.segments if s[1] == 0 for i in range(s[4])]
        self.assertEqual(list(zip(ids, batch.times, batch.weights, batch.flags, batch.rows)), expected)
        self.assertEqual(batch.raw, raw)

    def test_batches(self):
        n = 0
        for number, case in cases("batches.txt"):
            with self.subTest(line=number):
                schema = self.schema(case["schema"])
                batch = read_batch(case["bytes"], schema)
                n += 1
                if "batch" in case:
                    incarnation, batch_id, type_id = case["batch"].split(" ")
                    self.assertEqual((batch.incarnation.hex(), batch.batch_id, batch.type_id),
                                     (incarnation, int(batch_id), int(type_id)))
                    self.check_rows(case, batch, schema)
                else:
                    self.assertTrue(batch.rows)
        self.assertGreater(n, 6)

    def test_columns(self):
        for number, case in cases("columns.txt"):
            with self.subTest(line=number):
                word = next(w for w in ("ints", "doubles", "floats", "strings") if w in case)
                texts, r = case[word].split(" "), Reader(case["bytes"])
                n = len(texts)
                if word == "ints":
                    self.assertEqual(ints(r, n), [int(t) & M64 for t in texts])
                elif word == "strings":
                    self.assertEqual(strings(r, n), [t.encode() if t != "-" else b"" for t in texts])
                else:
                    fmt = "<d" if word == "doubles" else "<f"
                    self.assertEqual(floats(r, n, 8 if word == "doubles" else 4), [struct.pack(fmt, float(t)) for t in texts])
                self.assertEqual(r.left(), 0)

    def test_frames(self):
        for number, case in cases("frames.txt"):
            with self.subTest(line=number):
                kind, payload = case["frame"].split(" ")
                head = b"HR\x01" + bytes([int(kind)]) + struct.pack("<I", len(unhex(payload)))
                self.assertEqual(case["bytes"], head + struct.pack("<I", check32(head + unhex(payload))) + unhex(payload))


if __name__ == "__main__":
    unittest.main()
