"""Random schemas and random rows: what generated code writes is, byte for byte, what protoc itself encodes.

A schema is made here, so its rows can be written twice: as C initialisers for the generated struct, and in protobuf's text
format for `protoc --encode`. The generated code is compiled with all warnings and sanitizers and runs on a fake lane whose
blocks end exactly where the generator's bound does. HEADRACE_SEED=n runs one seed again."""
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["HEADRACE_SOURCE"]
BUILD = os.environ["HEADRACE_BUILD"]
SCHEMAS = int(os.environ.get("HEADRACE_SCHEMAS", "6"))
ROWS = 30
DEPTH = 4
INTS = {"int32": 32, "sint32": 32, "sfixed32": 32, "int64": 64, "sint64": 64, "sfixed64": 64}
UINTS = {"uint32": 32, "fixed32": 32, "uint64": 64, "fixed64": 64}
SCALARS = [*INTS, *UINTS, "double", "float", "bool", "string", "bytes"]
KEYS = [*INTS, *UINTS, "bool", "string"]
C_TYPE = {"double": "double", "float": "float", "bool": "bool", "string": "hr_bytes", "bytes": "hr_bytes",
          **{t: f"int{n}_t" for t, n in INTS.items()}, **{t: f"uint{n}_t" for t, n in UINTS.items()}}


def number_of_bits(rng, bits):
    return rng.choice([0, 1, 127, 128, (1 << bits) - 1, rng.getrandbits(rng.randint(1, bits))])


class Field:
    def __init__(self, name, number, type_, label="", key=None, packed=None, oneof=None):
        self.name, self.number, self.type, self.label = name, number, type_, label
        self.key, self.packed, self.oneof = key, packed, oneof

    def proto(self):
        kind = self.type.proto if isinstance(self.type, (Message, Enum)) else self.type
        if self.key:
            kind = f"map<{self.key}, {kind}>"
        option = "" if self.packed is None else f" [packed = {str(self.packed).lower()}]"
        return f"{self.label + ' ' if self.label else ''}{kind} {self.name} = {self.number}{option};"


class Enum:
    def __init__(self, name, rng):
        self.proto, self.c = name, "rnd_pack_" + name.lower()
        numbers = [0] # proto2 needs none, but in maps
        while len(numbers) < 4:
            n = rng.choice([1, 2, 77, 300, -1, -2147483648, 2147483647])
            if n not in numbers:
                numbers.append(n)
        self.values = [(f"{name}_V{i}", n) for i, n in enumerate(numbers)]

    def text(self):
        return f"enum {self.proto} {{ " + " ".join(f"{v} = {n};" for v, n in self.values) + " }\n"


class Message:
    def __init__(self, name):
        self.proto, self.c, self.fields, self.oneofs = name, "rnd_pack_" + name.lower(), [], []

    def text(self):
        lines = [f"  {f.proto()}" for f in self.fields if f.oneof is None]
        for o in self.oneofs:
            lines.append(f"  oneof {o} {{")
            lines += [f"    {f.proto()}" for f in self.fields if f.oneof == o]
            lines.append("  }")
        return f"message {self.proto} {{\n" + "\n".join(lines) + "\n}\n"


class Schema:
    def __init__(self, rng):
        self.rng, self.proto3 = rng, rng.random() < 0.7
        self.enums = [Enum(f"E{i}", rng) for i in range(2)]
        self.messages = [Message(f"M{i}") for i in range(rng.randint(2, 4))]
        for m in self.messages:
            self.fill(m)

    def any_type(self):
        r = self.rng.random()
        return self.rng.choice(self.messages) if r < 0.2 else self.rng.choice(self.enums) if r < 0.3 else self.rng.choice(SCALARS)

    def fill(self, m):
        rng = self.rng
        count = rng.choice([0, 1, 5, 12, 30])
        numbers = rng.sample([*range(1, 60), 2047, 2048, 18999, 536870911], count)
        m.oneofs = [f"one{i}" for i in range(rng.randint(0, 2))] if count > 4 else []
        for i, number in enumerate(numbers):
            name, type_ = f"f{i}", self.any_type()
            if i < len(m.oneofs):
                m.fields.append(Field(name, number, type_, oneof=m.oneofs[i])) # a oneof has a member
            elif m.oneofs and rng.random() < 0.2:
                m.fields.append(Field(name, number, type_, oneof=rng.choice(m.oneofs)))
            elif rng.random() < 0.1:
                m.fields.append(Field(name, number, type_, key=rng.choice(KEYS)))
            elif rng.random() < 0.25:
                can = isinstance(type_, Enum) or (isinstance(type_, str) and type_ not in ("string", "bytes"))
                m.fields.append(Field(name, number, type_, "repeated", packed=rng.choice([None, True, False]) if can else None))
            else:
                labels = ["", "optional"] if self.proto3 else ["optional", "optional", "required" if isinstance(type_, str) else "optional"]
                m.fields.append(Field(name, number, type_, rng.choice(labels)))

    def text(self):
        head = f'syntax = "proto{3 if self.proto3 else 2}";\npackage rnd.pack;\n'
        return head + "".join(e.text() for e in self.enums) + "".join(m.text() for m in self.messages)


def quoted(b):
    return '"' + "".join(f"\\{c:03o}" for c in b) + '"'


class Row:
    """One random row: .c is an initialiser, .text is protobuf text."""

    def __init__(self, schema, message, depth=0):
        self.rng, self.schema = schema.rng, schema
        c, text = [], []
        for o in message.oneofs:
            member = self.rng.choice([None, *[f for f in message.fields if f.oneof == o]])
            if member is None or (isinstance(member.type, Message) and depth >= DEPTH):
                continue
            vc, vt = self.value(member.type, depth)
            c += [f".{o}_case = {(message.c + '_' + o + '_' + member.name).upper()}", f".{o} = {{.{member.name} = {vc}}}"]
            text.append(f"{member.name} {vt}")
        for f in message.fields:
            if f.oneof is None:
                self.field(f, depth, c, text)
        self.c, self.text = "{" + (", ".join(c) if c else "0") + "}", "\n".join(text)

    def field(self, f, depth, c, text):
        is_message = isinstance(f.type, Message)
        if is_message and depth >= DEPTH:
            return
        if f.key:
            self.map(f, depth, c, text)
        elif f.label == "repeated":
            n = self.rng.choice([0, 0, 1, 3, 40 if depth == 0 and not is_message else 2])
            values = [self.value(f.type, depth, pointer=False) for _ in range(n)]
            if n:
                c += [f".{f.name} = (const {self.c_type(f.type)}[]){{{', '.join(v[0] for v in values)}}}", f".n_{f.name} = {n}"]
                text += [f"{f.name} {v[1]}" for v in values]
        elif f.label == "required" or self.rng.random() < 0.6:
            vc, vt = self.value(f.type, depth)
            if not is_message and (f.label == "optional"):
                c.append(f".has_{f.name} = true")
            c.append(f".{f.name} = {vc}")
            text.append(f"{f.name} {vt}")

    def map(self, f, depth, c, text):
        keys = {}
        for _ in range(self.rng.choice([0, 1, 3])):
            kc, kt = self.value(f.key, depth)
            keys[self.order(f.key, kt)] = (kc, kt)
        entries = []
        for _, (kc, kt) in sorted(keys.items()): # as --deterministic_output does
            vc, vt = self.value(f.type, depth)
            entries.append(f"{{.key = {kc}, .value = {vc}}}")
            text.append(f"{f.name} {{ key {kt} value {vt} }}")
        if entries:
            c += [f".{f.name} = (const struct {self.owner(f)}_{f.name}_entry[]){{{', '.join(entries)}}}", f".n_{f.name} = {len(entries)}"]

    def owner(self, field):
        return next(m.c for m in self.schema.messages if field in m.fields)

    def order(self, key, text):
        v = text[2:]
        return v if key == "string" else v == "true" if key == "bool" else int(v)

    def c_type(self, t):
        return f"struct {t.c}" if isinstance(t, Message) else f"enum {t.c}" if isinstance(t, Enum) else C_TYPE[t]

    def value(self, t, depth, pointer=True):
        rng = self.rng
        if isinstance(t, Message):
            row = Row(self.schema, t, depth + 1)
            return (f"&(const struct {t.c}){row.c}" if pointer else row.c), "{ " + row.text + " }"
        if isinstance(t, Enum):
            name, _ = rng.choice(t.values)
            return f"{t.c.upper()}_{name.split('_')[1]}", ": " + name
        if t in UINTS:
            n = number_of_bits(rng, UINTS[t])
            return f"{n}{'U' if UINTS[t] == 32 else 'ULL'}", f": {n}"
        if t in INTS:
            bits = INTS[t]
            n = number_of_bits(rng, bits) - (1 << (bits - 1)) if rng.random() < 0.6 else rng.randint(-200, 200)
            suffix = "" if bits == 32 else "LL"
            return f"({n + 1}{suffix} - 1)", f": {n}"
        if t == "bool":
            b = rng.random() < 0.5
            return str(b).lower(), ": " + str(b).lower()
        if t in ("double", "float"):
            return self.real(t)
        return self.string(t)

    def real(self, t):
        x = self.rng.choice([0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), self.rng.gauss(0, 1e6)])
        if x != x:
            return ("NAN" if t == "float" else "(double)NAN"), ": nan"
        if x in (float("inf"), float("-inf")):
            sign = "-" if x < 0 else ""
            return sign + ("INFINITY" if t == "float" else "HUGE_VAL"), f": {sign}inf"
        if t == "float":
            x = struct.unpack("f", struct.pack("f", x))[0]
        return x.hex() + ("f" if t == "float" else ""), f": {x!r}"

    def string(self, t):
        n = self.rng.choice([0, 1, 5, 127, 128, 300])
        if t == "bytes":
            b = self.rng.randbytes(n)
        else:
            b = "".join(self.rng.choice(["a", "é", "\0", "雪", "😀", " "]) for _ in range(n)).encode()
        return f"{{{quoted(b)}, {len(b)}}}", ": " + quoted(b)


def run(*argv, **kw):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    if p.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}\n{p.stderr.decode(errors='replace')[:4000]}")
    return p.stdout


class RandomRows(unittest.TestCase):
    def one_seed(self, seed, folder):
        rng = random.Random(seed)
        schema = Schema(rng)
        rows = [(m, Row(schema, m)) for m in (rng.choice(schema.messages) for _ in range(ROWS))]
        with open(f"{folder}/rnd.proto", "w") as f:
            f.write(schema.text())
        run("protoc", f"--plugin={BUILD}/bin/protoc-gen-headrace", f"-I{folder}", f"--headrace_out={folder}", f"{folder}/rnd.proto")
        with open(f"{folder}/main.c", "w") as f:
            f.write('#include "rnd.headrace.h"\n#include <math.h>\n#include <stdio.h>\nint main(void)\n{\n    setvbuf(stdout, 0, _IOFBF, 1 << 16);\n')
            for m, row in rows:
                f.write(f"    {m.c}_log(NULL, &(const struct {m.c}){row.c});\n")
            f.write("    return 0;\n}\n")
        # The rows' own code is made for the test: missing initialisers in it are its business, not the generator's.
        includes = [f"-I{SOURCE}/sdk/include", f"-I{BUILD}/include", f"-I{folder}"]
        strict = ["-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
        sanitize = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        run("gcc", *strict, *sanitize, *includes, "-c", f"{folder}/rnd.headrace.c", "-o", f"{folder}/rnd.o")
        run("gcc", "-std=c99", "-w", *sanitize, *includes, f"{folder}/main.c", f"{SOURCE}/tests/support/fake_row.c", f"{folder}/rnd.o", "-o", f"{folder}/rows")
        with open(f"{folder}/cxx.cc", "w") as f:
            f.write('#include "rnd.headrace.hpp"\nint main() {}\n')
        run("g++", "-std=c++17", *strict[1:], "-Wold-style-cast", *includes, "-fsyntax-only", f"{folder}/cxx.cc")
        got = run(f"{folder}/rows").decode().splitlines()
        self.assertEqual(len(got), len(rows))
        for i, (m, row) in enumerate(rows):
            want = run("protoc", f"-I{folder}", "--deterministic_output", f"--encode=rnd.pack.{m.proto}", f"{folder}/rnd.proto", input=row.text.encode())
            if len(want) <= 65536:
                self.assertEqual(got[i], want.hex(), f"row {i} of {m.proto}:\n{row.text}")
            else:
                self.assertEqual(got[i], f"rnd.pack.{m.proto} too big: {len(want)}")

    def test_bytes_equal_protoc(self):
        given = os.environ.get("HEADRACE_SEED")
        seeds = [int(given)] if given else range(1, SCHEMAS + 1)
        for seed in seeds:
            with self.subTest(HEADRACE_SEED=seed), tempfile.TemporaryDirectory(prefix="headrace-gen.") as folder:
                self.one_seed(seed, folder)


if __name__ == "__main__":
    unittest.main()
