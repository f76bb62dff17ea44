"""C++17: every public header and what the generator writes is clean with both compilers, and what is logged is what was said."""
import os
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["HEADRACE_SOURCE"]
BUILD = os.environ["HEADRACE_BUILD"]
FLAGS = os.environ.get("HEADRACE_FLAGS", "").split()
PROTOS = os.path.join(SOURCE, "tests/protos")
HEADERS = ["headrace.h", "headrace.hpp", "headrace_test.h", "headrace/errors.h"]
FILES = ["every", "shared", "old", "bare", "using", "placed", "personal", "flight"]
INCLUDES = [f"-I{SOURCE}/sdk/include", f"-I{BUILD}/include"]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wold-style-cast", "-Wnon-virtual-dtor", "-Werror"]
COMPILERS = [c for c in ["g++", "clang++"] if shutil.which(c)]
CONSUMER = os.path.join(SOURCE, "tests/integration/consumer")


def run(*argv, **kw):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
    if p.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}\n{p.stdout[-2000:]}{p.stderr[:4000]}")
    return p.stdout


class Cxx(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory(prefix="headrace-cxx.")
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name

    def generate(self, *files):
        run("protoc", f"--plugin=protoc-gen-headrace={BUILD}/bin/protoc-gen-headrace", f"-I{PROTOS}", f"-I{BUILD}/share/headrace/proto",
            f"--headrace_out={self.dir}", *[f"{PROTOS}/{f}.proto" for f in files])

    def clean(self, *headers, stds=("c++17", "c++20"), but=()):
        path = os.path.join(self.dir, "one.cc")
        with open(path, "w") as f:
            f.write("".join(f'#include "{h}"\n' for h in headers) * 2 + "int main() {}\n")
        for compiler in COMPILERS:
            for std in stds:
                with self.subTest(headers=headers, compiler=compiler, std=std):
                    run(compiler, f"-std={std}", *[w for w in STRICT if w not in but], *INCLUDES, f"-I{self.dir}", "-fsyntax-only", path)

    def test_public_headers(self):
        for header in HEADERS:
            self.clean(header)
        for header in HEADERS:
            if not header.endswith(".hpp"):
                self.clean(header, stds=("c++98", "c++11"))
        self.clean(*HEADERS)
        self.clean("headrace_row.h", but=["-Wold-style-cast"]) # for generated C; an encoder of casts

    def test_generated_headers(self):
        for f in FILES:
            self.generate(f)
        for f in FILES:
            self.clean(f"{f}.headrace.hpp")
        self.clean(*[f"{f}.headrace.hpp" for f in FILES])

    def test_what_is_logged(self):
        self.generate("placed", "every", "shared")
        objects = []
        for f in ["placed", "every", "shared"]:
            objects.append(f"{self.dir}/{f}.o")
            run("gcc", "-std=c99", *FLAGS, *INCLUDES, f"-I{self.dir}", "-c", f"{self.dir}/{f}.headrace.c", "-o", objects[-1])
        run("g++", "-std=c++17", *STRICT, "-O2", *FLAGS, *INCLUDES, f"-I{self.dir}", f"{CONSUMER}/logged.cc", *objects, f"-L{BUILD}/lib",
            f"-Wl,-rpath,{BUILD}/lib", "-lheadrace-test", "-lheadrace", "-o", f"{self.dir}/logged")
        run(f"{self.dir}/logged")


if __name__ == "__main__":
    unittest.main()
