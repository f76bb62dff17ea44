"""Random versions of an event, each with one change: the text before and after, and what was done to it."""
import copy
import random

SCALARS = ["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64",
           "bool", "string", "bytes"]


class Version:
    def __init__(self, rnd):
        self.fields = [{"name": f"f{i}", "number": 2 * i + 1, "type": rnd.choice(SCALARS), "label": rnd.choice(["", "optional", "repeated"])}
                       for i in range(rnd.randint(3, 7))]
        self.fields.append({"name": "color", "number": 101, "type": "Color", "label": ""})
        self.fields.append({"name": "part", "number": 103, "type": "Part", "label": rnd.choice(["", "repeated"])})
        self.oneof = [{"name": "left", "number": 111, "type": "int32"}, {"name": "right", "number": 113, "type": "string"}]
        self.values = [["NONE", 0], ["RED", 1], ["GREEN", 2], ["BLUE", 3]]
        self.part = [{"name": "x", "number": 1, "type": "int32", "label": ""}, {"name": "y", "number": 2, "type": "string", "label": ""}]
        self.reserved, self.reserved_names, self.reserved_values = [], [], []

    def text(self, package):
        def line(f):
            return f"  {f.get('label', '')} {f['type']} {f['name']} = {f['number']};"

        out = ['syntax = "proto3";', f"package {package};", "enum Color {"]
        out += [f"  {n} = {v};" for n, v in self.values]
        out += [f"  reserved {v};" for v in self.reserved_values]
        out += ["}", "message Part {"] + [line(f) for f in self.part] + ["}", "message E {"] + [line(f) for f in self.fields]
        if self.oneof:
            out += ["  oneof choice {"] + ["  " + line(f) for f in self.oneof] + ["  }"]
        out += [f"  reserved {n};" for n in self.reserved] + [f'  reserved "{n}";' for n in self.reserved_names] + ["}"]
        return "\n".join(out) + "\n"


def scalar(rnd, v):
    return rnd.choice([f for f in v.fields if f["type"] in SCALARS])


def add(rnd, v):
    v.fields.append({"name": "new", "number": 201, "type": rnd.choice(SCALARS), "label": rnd.choice(["", "optional", "repeated"])})


def add_inside(rnd, v):
    v.part.append({"name": "z", "number": 3, "type": rnd.choice(SCALARS), "label": ""})


def remove(rnd, v):
    v.fields.remove(scalar(rnd, v))


def remove_reserved(rnd, v):
    f = scalar(rnd, v)
    v.fields.remove(f)
    v.reserved.append(f["number"])
    v.reserved_names.append(f["name"])


def remove_number_reserved(rnd, v):
    f = scalar(rnd, v)
    v.fields.remove(f)
    v.reserved.append(f["number"])


def rename(rnd, v):
    scalar(rnd, v)["name"] = "renamed"


def renumber(rnd, v):
    scalar(rnd, v)["number"] = 301


def retype(rnd, v):
    f = scalar(rnd, v)
    f["type"] = rnd.choice([t for t in SCALARS if t != f["type"]])


def retype_inside(rnd, v):
    v.part[0]["type"] = rnd.choice([t for t in SCALARS if t != "int32"])


def to_enum(rnd, v):
    scalar(rnd, v)["type"] = "Color"


def from_enum(rnd, v):
    next(f for f in v.fields if f["name"] == "color")["type"] = rnd.choice(SCALARS)


def label(rnd, v):
    f = scalar(rnd, v)
    f["label"] = rnd.choice([x for x in ("", "optional", "repeated") if x != f["label"]])


def into_oneof(rnd, v):
    f = rnd.choice([f for f in v.fields if f["type"] in SCALARS and f["label"] != "repeated"] or [None])
    if f is not None:
        v.fields.remove(f)
        v.oneof.append({**f, "label": ""})


def out_of_oneof(rnd, v):
    v.fields.append({**v.oneof.pop(), "label": ""})


def value_added(rnd, v):
    v.values.append(["BLACK", 4])


def value_removed(rnd, v):
    v.values.pop(rnd.randint(1, 3))


def value_removed_reserved(rnd, v):
    v.reserved_values.append(v.values.pop(rnd.randint(1, 3))[1])


def value_renamed(rnd, v):
    v.values[rnd.randint(1, 3)][0] = "OTHER"


def value_renumbered(rnd, v):
    v.values[rnd.randint(1, 3)][1] = 9


def values_swapped(rnd, v):
    v.values[1][1], v.values[2][1] = 2, 1


def nothing(rnd, v):
    pass


MUTATIONS = [add, add_inside, remove, remove_reserved, remove_number_reserved, rename, renumber, retype, retype, retype, retype_inside, to_enum,
             from_enum, label, into_oneof, out_of_oneof, value_added, value_removed, value_removed_reserved, value_renamed, value_renumbered,
             values_swapped, nothing]


def pair(seed):
    """(name of the change, before, after)"""
    rnd = random.Random(seed)
    old = Version(rnd)
    new = copy.deepcopy(old)
    change = MUTATIONS[seed % len(MUTATIONS)]
    change(rnd, new)
    return change.__name__, old, new
