"""What `cmake --install` gives is enough to build an application on: by CMake and by pkg-config, shared and static, in C99
and in C++17. And the library offers its API and nothing else, and needs what it says and nothing else."""
import os
import shlex
import subprocess
import tempfile
import unittest

SOURCE = os.environ["HEADRACE_SOURCE"]
BUILD = os.environ["HEADRACE_BUILD"]
CONSUMER = os.path.join(SOURCE, "tests/integration/consumer")
FLAGS = os.environ.get("HEADRACE_FLAGS", "") # what the library was built with and a program must have, too: sanitizers
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-pedantic-errors", "-Werror"]
HEADERS = ["headrace.h", "headrace.hpp", "headrace_test.h", "headrace_row.h", "headrace/errors.h", "headrace/errors.def"]


def run(*argv, env=None, cwd=None):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=cwd, text=True)
    if p.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: {p.returncode}\n{p.stdout[-4000:]}")
    return p.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory(prefix="headrace-install.")
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.prefix = os.path.join(cls.tmp.name, "prefix")
        run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", cls.prefix)
        found = [os.path.join(d, "libheadrace.so") for d, _, files in os.walk(cls.prefix) if "libheadrace.so" in files]
        cls.so = found[0]
        cls.lib = os.path.dirname(cls.so)
        cls.env = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_")}
        cls.env |= {"PKG_CONFIG_PATH": os.path.join(cls.lib, "pkgconfig"), "LD_LIBRARY_PATH": cls.lib}

    def runs(self, program):
        self.assertEqual(run(program, env=self.env, cwd=self.tmp.name), "logged 1\n")

    def test_files(self):
        for header in HEADERS:
            self.assertTrue(os.path.isfile(os.path.join(self.prefix, "include", header)), header)
        self.assertEqual(run(os.path.join(self.prefix, "bin/protoc-gen-headrace"), "--version").split()[0], "protoc-gen-headrace")

    def test_exports_its_api_only(self):
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", self.so).splitlines()]
        self.assertIn("hr_open", names)
        self.assertEqual([n for n in names if not n.startswith("hr_")], [])

    def test_the_library_for_tests_exports_its_api_only(self):
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", os.path.join(self.lib, "libheadrace-test.so")).splitlines()]
        self.assertIn("hr_test_open", names)
        self.assertEqual([n for n in names if not n.startswith("hr_test_")], [])

    def test_tls_is_beside_it_and_exports_one_table(self):
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", os.path.join(self.lib, "libheadrace-tls.so.1")).splitlines()]
        self.assertEqual(names, ["headrace_tls_ops_1"])
        self.assertIn("[$ORIGIN]", run("readelf", "-d", self.so)) # so that dlopen finds it there

    def test_it_cannot_print_or_end_its_process(self):
        if FLAGS:
            self.skipTest("built with " + FLAGS)
        names = {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--undefined-only", self.so).splitlines()}
        self.assertIn("malloc", names)
        print_or_end = {"printf", "fprintf", "dprintf", "vprintf", "vfprintf", "puts", "fputs", "putchar", "putc", "fputc", "fwrite", "perror", "syslog",
                        "__printf_chk", "__fprintf_chk", "stdout", "stderr", "abort", "exit", "_exit", "quick_exit", "raise", "kill", "__assert_fail",
                        "signal", "sigaction", "err", "warn"}
        self.assertEqual(names & print_or_end, set())

    def test_the_static_library_defines_its_api_only(self):
        if FLAGS:
            self.skipTest("built with " + FLAGS)
        names = [line.split()[-1] for line in run("nm", "-g", "--defined-only", os.path.join(os.path.dirname(self.so), "libheadrace.a")).splitlines() if " " in line]
        self.assertIn("hr_open", names)
        self.assertEqual([n for n in names if not n.startswith("hr_")], [])

    def test_needs_what_it_says(self):
        dynamic = run("readelf", "-d", self.so)
        self.assertIn("Library soname: [libheadrace.so.1]", dynamic)
        if FLAGS:
            self.skipTest("built with " + FLAGS)
        needed = {line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line}
        libc = {n for n in needed if n.startswith(("libc.so", "libpthread.so", "ld-linux"))}
        self.assertEqual(needed - libc, {"libuv.so.1", "libprotobuf-c.so.1", "liblz4.so.1"})

    def test_cmake(self):
        build = os.path.join(self.tmp.name, "by-cmake")
        run("cmake", "-S", CONSUMER, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_C_FLAGS={FLAGS}", f"-DCMAKE_CXX_FLAGS={FLAGS}",
            env=self.env)
        run("cmake", "--build", build, "-j2", env=self.env)
        for program in ["in_c", "in_c_static", "in_cxx", "in_test"]:
            with self.subTest(program):
                self.runs(os.path.join(build, program))
        self.assertNotIn("libheadrace", run("readelf", "-d", os.path.join(build, "in_c_static")))

    def pkg_config(self, *args):
        return shlex.split(run("pkg-config", *args, "headrace", env=self.env))

    def test_pkg_config(self):
        out = os.path.join(self.tmp.name, "by-pkg-config")
        os.mkdir(out)
        plugin = self.pkg_config("--variable=protoc_plugin")[0]
        events = os.path.join(CONSUMER, "events")
        protos = self.pkg_config("--variable=protodir")[0]
        run("protoc", f"--plugin=protoc-gen-headrace={plugin}", f"-I{events}", f"-I{protos}", f"--headrace_out={out}", f"{events}/shop.proto", f"{events}/types/money.proto")
        cflags = [*shlex.split(FLAGS), f"-I{out}", *self.pkg_config("--cflags")]
        generated = [f"{out}/shop.headrace.c", f"{out}/types/money.headrace.c"]
        shared = self.pkg_config("--libs")
        static = [*self.pkg_config("--libs-only-L"), "-l:libheadrace.a", *[a for a in self.pkg_config("--static", "--libs") if a != "-lheadrace"]]
        for name, libs in [("shared", shared), ("static", static)]:
            with self.subTest(name):
                run("gcc", "-std=c99", *STRICT, *cflags, f"{CONSUMER}/consumer.c", *generated, "-o", f"{out}/{name}", *libs)
                self.runs(f"{out}/{name}")
                self.assertEqual("libheadrace.so" in run("readelf", "-d", f"{out}/{name}"), name == "shared")
        run("gcc", "-std=c99", *STRICT, *cflags, "-c", generated[0], "-o", f"{out}/shop.o")
        run("g++", "-std=c++17", *STRICT, *cflags, f"{CONSUMER}/consumer.cc", f"{out}/shop.o", "-o", f"{out}/cxx", *shared)
        self.runs(f"{out}/cxx")


if __name__ == "__main__":
    unittest.main()
