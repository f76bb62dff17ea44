"""protoc-gen-headrace on files with everything that a person may write: its C is clean in C99 and C++, its bytes are those of
protoc, and what it refuses it refuses by place. Random schemas are in property/test_gen.py."""
import os
import subprocess
import tempfile
import unittest

SOURCE = os.environ["HEADRACE_SOURCE"]
BUILD = os.environ["HEADRACE_BUILD"]
PROTOS = os.path.join(SOURCE, "tests/protos")
SUPPORT = os.path.join(SOURCE, "tests/support")
FILES = ["every", "shared", "old", "bare", "using"]
INCLUDES = [f"-I{SOURCE}/sdk/include", f"-I{BUILD}/include"]
STRICT = ["-pedantic-errors", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]

TROUBLE = 'class: 1 new: "new" event_time_ns: 3 x: 4 n_items: 7 errno: "e"'
LEAF = 'name: "leaf" delta: -3'


def deep(n): # as in gen_rows.c
    names = ["hen", "eggs"]
    return "".join(f"{names[i % 2]} {{ " for i in range(n - 1)) + "} " * (n - 1)


ROWS = [ # of support/gen_rows.c, in its order
    ("every", "every.kind.Thing", ""),
    ("every", "every.kind.Thing", 'd: -0 s: "text" outcome: OUTCOME_BAD inner { name: "top" next { %s } } price { units: 7 currency: "EUR" }'
     ' at { seconds: 1 nanos: 500 } oi32: 0 ob: false os: "" ri32: [0, -1, 300] loose: [0, -1, 300] ro: [OUTCOME_WORST, OUTCOME_GOOD]'
     ' counts { key: "" value: 0 } counts { key: "a" value: -1 } inners { key: -1 value { %s } } inners { key: 5 value {} }'
     ' ci: 0 between: 9 far: 1' % (LEAF, LEAF)),
    ("every", "every.kind.Trouble", TROUBLE),
    ("using", "hr.Row", 'trouble { %s } type { int32_t: -1 size_t: 2 hr_bytes: "b" } outcome: OUTCOME_GOOD troubles { key: "k" value { %s } }'
     % (TROUBLE, TROUBLE)),
    ("every", "every.kind.Egg", 'hen { eggs { weight: 50 } eggs { weight: 60 } name: "Berta" } weight: 1'),
    ("every", "every.kind.Empty", ""),
    None, # a circle in memory: refused
    ("every", "every.kind.Egg", deep(100)),
    None, # 101 levels
    ("old", "every.old.Thing", "id: 0 b: false"),
    ("bare", "Class", "colour: BLUE"),
]

REFUSED = [ # a file, and what protoc prints for it
    ('syntax = "proto2"; package p;\nmessage M {\n  optional group G = 1 { optional int32 x = 2; }\n}',
     "bad.proto:3:3: p.M.g is a group, which only proto2 has: make it a message field"),
    ('syntax = "proto3"; package p;\nmessage FooBar {}\nmessage foo_bar {}',
     "bad.proto:3:1: p.foo_bar and p.FooBar (bad.proto:2:1) would both be p_foo_bar in C"),
    ('syntax = "proto3"; package p;\nmessage M { int32 _unknown = 1; }',
     "bad.proto:2:13: p.M._unknown: the name is taken: rows as JSON have their unknown fields there"),
    ('syntax = "proto3"; package p;\nimport "headrace/options.proto";\nmessage M {\n  int32 x = 1 [\n    (headrace.field) = { personal: { class: ID action: HASH } }];\n}',
     "bad.proto:5:5: p.M.x: (headrace.field).personal.action: only strings and bytes can be truncated or hashed: drop it instead"),
    ('syntax = "proto3"; package p;\nimport "buf/validate/validate.proto";\nmessage M {\n  int32 x = 1;\n  int32 y = 2 [(buf.validate.field).cel = { id: "a" expression: "this > 0" }];\n}',
     "bad.proto:5:16: p.M.y: "),
    ('syntax = "proto3"; package p;\nimport "headrace/options.proto";\nmessage M {\n  option (headrace.event).owner = "me";\n  option (headrace.event).expires = "soon";\n}',
     "bad.proto:5:3: p.M: (headrace.event).expires: not a day: expected YYYY-MM-DD"),
    ('syntax = "proto3"; package p;\nmessage M { int32 %s = 1; }' % ("x" * 300), "not a field name of at most 255 bytes"),
    ('syntax = "proto3"; package p;\nmessage M {\n' + "".join(f"  int32 f{i} = {i + 1};\n" for i in range(5000)) + "}",
     "bad.proto:2:1: "),
]


def run(*argv, **kw):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    if p.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}\n{p.stderr.decode(errors='replace')[:4000]}")
    return p.stdout


def generate(folder, *files, root=PROTOS):
    return subprocess.run(["protoc", f"--plugin=protoc-gen-headrace={BUILD}/bin/protoc-gen-headrace", f"-I{root}", f"-I{BUILD}/share/headrace/proto",
                           f"--headrace_out={folder}",
                           *[f"{root}/{f}.proto" for f in files]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Files(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory(prefix="headrace-gen.")
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name

    def generate_each(self):
        for f in FILES: # one run each, as a build with targets of its own does
            p = generate(self.dir, f)
            self.assertEqual((p.returncode, p.stderr), (0, ""), f)

    def test_headers_are_clean_in_cxx(self):
        self.generate_each()
        for f in FILES:
            with open(f"{self.dir}/{f}.cc", "w") as cc:
                cc.write(f'#include "{f}.headrace.h"\n#include "{f}.headrace.h"\n')
            for std in ["c++11", "c++17", "c++20"]:
                run("g++", f"-std={std}", *STRICT, "-Wold-style-cast", *INCLUDES, f"-I{self.dir}", "-fsyntax-only", f"{self.dir}/{f}.cc")

    def test_bytes_equal_protoc(self):
        self.generate_each()
        objects = []
        sanitize = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        for f in FILES:
            objects.append(f"{self.dir}/{f}.o")
            run("gcc", "-std=c99", *STRICT, *sanitize, *INCLUDES, f"-I{self.dir}", "-c", f"{self.dir}/{f}.headrace.c", "-o", objects[-1])
        run("gcc", "-std=c99", "-Wall", "-Werror", *sanitize, *INCLUDES, f"-I{self.dir}", f"{SUPPORT}/gen_rows.c", f"{SUPPORT}/fake_row.c",
            *objects, "-o", f"{self.dir}/rows")
        got = run(f"{self.dir}/rows").decode().splitlines()
        self.assertEqual(len(got), len(ROWS))
        for line, row in zip(got, ROWS):
            if row is None:
                self.assertRegex(line, r"^every\.kind\.Egg too big: ")
                continue
            file, message, text = row
            want = run("protoc", f"-I{PROTOS}", "--deterministic_output", f"--encode={message}", f"{PROTOS}/{file}.proto", input=text.encode())
            self.assertEqual(line, want.hex(), f"{message}: {text}")

    def test_one_run_or_many_make_the_same(self):
        self.generate_each()
        with tempfile.TemporaryDirectory(prefix="headrace-gen.") as at_once:
            self.assertEqual(generate(at_once, *FILES).returncode, 0)
            for f in FILES:
                for ending in ["c", "h", "hpp"]:
                    with open(f"{at_once}/{f}.headrace.{ending}") as a, open(f"{self.dir}/{f}.headrace.{ending}") as b:
                        self.assertEqual(a.read(), b.read())

    def test_refusals_name_the_place(self):
        for text, sentence in REFUSED:
            with open(f"{self.dir}/bad.proto", "w") as f:
                f.write(text)
            p = generate(self.dir, "bad", root=self.dir)
            with self.subTest(sentence):
                self.assertNotEqual(p.returncode, 0)
                self.assertIn(sentence, p.stderr)
                self.assertFalse(os.path.exists(f"{self.dir}/bad.headrace.h"))

    def test_headers_say_what_options_say(self):
        p = generate(self.dir, "personal")
        self.assertEqual((p.returncode, p.stderr), (0, ""))
        with open(f"{self.dir}/personal.headrace.h") as f:
            header = f.read()
        for text in ["/* As in the price list */\n    hr_bytes plan;", "/* [s] */\n    double seconds;", "/* Personal: stored as a hash. */\n    hr_bytes email;",
                     "/* Personal: only its first 4 are sent. */\n    hr_bytes street;", "/* Personal: not sent. */\n        hr_bytes chat;"]:
            self.assertIn(text, header)
        run("gcc", "-std=c99", *STRICT, *INCLUDES, f"-I{self.dir}", "-c", f"{self.dir}/personal.headrace.c", "-o", f"{self.dir}/personal.o")
        with open(f"{self.dir}/personal.headrace.c") as f:
            self.assertIn("105,111,110,115,46,112", "".join(f.read().split())) # "ions.p": the embedded set has options.proto

    def test_it_takes_no_parameters(self):
        p = subprocess.run(["protoc", f"--plugin=protoc-gen-headrace={BUILD}/bin/protoc-gen-headrace", f"-I{PROTOS}", f"--headrace_out=fast:{self.dir}",
                            f"{PROTOS}/bare.proto"], stderr=subprocess.PIPE, text=True)
        self.assertIn('--headrace_out takes no parameters, got "fast"', p.stderr)


if __name__ == "__main__":
    unittest.main()
