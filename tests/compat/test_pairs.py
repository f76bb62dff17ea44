"""Each pair of pairs.py through protoc and hrp_compat_diff; and what each mode makes of them."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from pairs import PAIRS

SOURCE, BUILD = os.environ["HEADRACE_SOURCE"], os.environ["HEADRACE_BUILD"]
HEAD = 'syntax = "proto3";\npackage p;\nimport "buf/validate/validate.proto";\nimport "headrace/options.proto";\nmessage E {\n%s\n}\n'


def compile_set(folder, name, text):
    path = os.path.join(folder, name + ".proto")
    with open(path, "w") as f:
        f.write(text if text.startswith("syntax") else HEAD % text)
    out = os.path.join(folder, name + ".binpb")
    subprocess.run(["protoc", f"-I{folder}", f"-I{SOURCE}/proto", "--include_imports", f"--descriptor_set_out={out}", path],
                   check=True, stderr=subprocess.DEVNULL)
    return out


def diff(pairs):
    """Findings of each pair of sets, as (what, code, path)."""
    done = subprocess.run([os.path.join(BUILD, "tests", "compat_dump"), "p.E"], input="".join(f"{a} {b}\n" for a, b in pairs),
                          capture_output=True, text=True, timeout=120, check=True)
    results, one = [], []
    for line in done.stdout.splitlines():
        if line == ".":
            results.append(one)
            one = []
            continue
        if line.startswith("!"):
            raise AssertionError(line)
        what, tight, code, path = line.split("\t")[0].split(" ", 3)
        one.append((what + ("!" if tight == "tight" else ""), code, path))
    return results


class Pairs(unittest.TestCase):
    def test_all(self):
        self.assertGreaterEqual(len(PAIRS), 60)
        with tempfile.TemporaryDirectory(prefix="headrace-compat.") as folder:
            sets = [(compile_set(folder, f"old{i}", p[1]), compile_set(folder, f"new{i}", p[2])) for i, p in enumerate(PAIRS)]
            for (name, _, _, expected), found in zip(PAIRS, diff(sets)):
                with self.subTest(name):
                    wanted = []
                    for e in expected:
                        what, code, path = e.split(" ", 2)
                        wanted.append((what, code, "p.E" + ("." + path if path else "")))
                    self.assertEqual(sorted(found), sorted(wanted))


if __name__ == "__main__":
    unittest.main()
