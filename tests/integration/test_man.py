"""The man pages are well-formed and complete: every function, option, error, verb and level; and every function of the public
headers is described where it is declared."""
import os
import re
import shutil
import subprocess
import unittest

SOURCE = os.environ["HEADRACE_SOURCE"]
BUILD = os.environ["HEADRACE_BUILD"]
PAGES = [os.path.join(BUILD, "man", page) for page in ["libheadrace.3", "headrace.1", "headraced.8"]]


def read(*path):
    with open(os.path.join(*path)) as f:
        return f.read()


def output(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def functions(*headers):
    return [name for h in headers for name in re.findall(r"^HR_API [^;(]*?\b(hr_\w+)\(", read(SOURCE, h), re.M)]


class Man(unittest.TestCase):
    def test_well_formed(self):
        checkers = [["mandoc", "-Tlint", "-Wwarning"]] if shutil.which("mandoc") else []
        if shutil.which("man") and shutil.which("groff"):
            checkers.append(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
        if not checkers:
            self.skipTest("neither mandoc nor man")
        for page in PAGES:
            for argv in checkers:
                with self.subTest(page=page, by=argv[0]):
                    done = subprocess.run([*argv, page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                    told = done.stdout + done.stderr if argv[0] == "mandoc" else done.stderr
                    lines = [line for line in told.splitlines() if "unknown library" not in line and "referenced manual not found" not in line
                             and "Lb" not in line]
                    self.assertEqual(lines, [])

    def test_nothing_is_left_to_fill_in(self):
        for page in PAGES:
            self.assertNotRegex(read(page), r"@[A-Z_]+@|<semicolon>")

    def test_every_function(self):
        page = read(PAGES[0])
        for name in functions("sdk/include/headrace.h", "proto/errors.h"):
            self.assertRegex(page, rf"\.Fn {name}\b", name)
            self.assertGreaterEqual(len(re.findall(rf"\b{name}\b", page)), 1)

    def test_every_option(self):
        page = read(PAGES[0])
        names = re.findall(r"^HRS_OPTION\((\w+)", read(SOURCE, "sdk/options.def"), re.M)
        self.assertEqual(re.findall(r"^\.It Va (\w+)", page, re.M), names)
        names = re.findall(r"^HR_ERROR\((\w+)", read(SOURCE, "proto/errors.def"), re.M)
        self.assertEqual(re.findall(r"^\.It Dv (\w+)", page, re.M), names)

    def test_every_option_of_the_daemon(self):
        names = re.findall(r"^  --([a-z][a-z-]*)", output(os.path.join(BUILD, "bin/headraced"), "--help"), re.M)
        page = read(PAGES[2])
        self.assertGreater(len(names), 15)
        for name in names:
            self.assertRegex(page, rf"\.It Fl -{name}\b", name)

    def test_every_verb(self):
        usage = output(os.path.join(BUILD, "bin/headrace"), "--help").split("Exit codes")[0]
        for verb in re.findall(r"^  (\w+)", usage, re.M):
            self.assertIn(f".It Cm {verb}\n", read(PAGES[1]))

    def test_promises_name_tests_that_there_are(self):
        folder = os.path.join(SOURCE, "tests")
        known = "".join(read(folder, f) for f in os.listdir(folder) if f.endswith(".cmake"))
        names = set(re.findall(r"`((?:unit|fault)_\w+|sim|install)`", read(SOURCE, "sdk/PROMISES.md")))
        self.assertGreater(len(names), 5)
        for name in names:
            self.assertRegex(known, rf"_test\({name}\b", name)

    def test_declarations_are_described(self):
        """A comment stands above each declaration, above the run of declarations it is in, or behind it."""
        for header in ["sdk/include/headrace.h", "sdk/include/headrace_test.h", "proto/errors.h"]:
            lines = read(SOURCE, header).splitlines()
            for i, line in enumerate(lines):
                if not line.startswith("HR_API") or "/*" in line:
                    continue
                above = i - 1
                while lines[above].startswith("HR_API") or lines[above].startswith("struct ") or lines[above].startswith("typedef "):
                    above -= 1
                self.assertTrue(lines[above].rstrip().endswith("*/"), f"{header}:{i + 1}: {line}")


if __name__ == "__main__":
    unittest.main()
