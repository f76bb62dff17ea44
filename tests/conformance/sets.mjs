// Rule sets: messages of random fields with random rules, as .proto text. Of every kind that a field can be of; some are not
// to be accepted at all: rules of another type, patterns that are none, oneofs of fields that are not there.
import * as pools from "./pools.mjs";

const WRAPPERS = { float: "Float", double: "Double", int32: "Int32", int64: "Int64", uint32: "UInt32", uint64: "UInt64", bool: "Bool", string: "String", bytes: "Bytes" };
const SCALARS = [...Object.keys(pools.NUMBERS), "bool", "string", "string", "string", "bytes", "bytes", "enum"];
const KEYS = ["int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string"];
const WELL_KNOWN = { timestamp: "google.protobuf.Timestamp", duration: "google.protobuf.Duration", any: "google.protobuf.Any", field_mask: "google.protobuf.FieldMask" };

/* ---- text format ---- */

const quote = (bytes) => `"${Array.from(bytes, (b) => (b < 32 || b > 126 || b === 34 || b === 92 ? `\\${b.toString(8).padStart(3, "0")}` : String.fromCharCode(b))).join("")}"`;
const text = (t) => quote(typeof t === "string" ? new TextEncoder().encode(t) : t);
const float = (v) => (Number.isNaN(v) ? "nan" : v === Infinity ? "inf" : v === -Infinity ? "-inf" : Object.is(v, -0) ? "-0.0" : String(v));
const num = (v) => (typeof v === "bigint" ? String(v) : float(v));
const moment = (t) => `{seconds: ${t.seconds} nanos: ${t.nanos}}`;

/* ---- rules of a value ---- */

class Rules {
    constructor(rnd) {
        this.rnd = rnd;
        this.lines = [];
    }
    may(p, name, make) {
        if (this.rnd.chance(p))
            this.lines.push(`${name}: ${make()}`);
        return this;
    }
    list(p, name, from, put) { return this.may(p, name, () => `[${this.rnd.some(from, 4).map(put).join(", ")}]`); }
    range(from, put) {
        const bound = () => put(this.rnd.pick(from));

        this.may(0.45, this.rnd.pick(["gt", "gte"]), bound);
        return this.may(0.45, this.rnd.pick(["lt", "lte"]), bound);
    }
    lists(p, from, put) { return this.list(p, "in", from, put).list(p, "not_in", from, put); }
    toString() { return this.lines.join(" "); }
}

function numberRules(rnd, type) {
    const from = pools.NUMBERS[type].values, rules = new Rules(rnd).may(0.1, "const", () => num(rnd.pick(from))).range(from, num).lists(0.15, from, num);

    if (type === "float" || type === "double")
        rules.may(0.2, "finite", () => rnd.chance(0.9));
    return rules.list(0.03, "example", from, num);
}

const size = (rnd) => () => rnd.pick([0, 1, 2, 3, 4, 5, 6, 10, 16]);

function sizes(rules, rnd, what) {
    return rules.may(0.06, `${what[0]}`, size(rnd)).may(0.15, `min_${what[1]}`, size(rnd)).may(0.15, `max_${what[1]}`, size(rnd));
}

function stringRules(rnd) {
    const rules = new Rules(rnd), from = pools.TEXTS, one = () => text(rnd.pick(from));

    rules.may(0.06, "const", one).may(0.15, "pattern", () => text(rnd.pick(pools.PATTERNS))).lists(0.1, from, text);
    sizes(sizes(rules, rnd, ["len", "len"]), rnd, ["len_bytes", "bytes"]);
    for (const name of ["prefix", "suffix", "contains", "not_contains"])
        rules.may(0.08, name, one);
    if (rnd.chance(0.5))
        rules.lines.push(`${rnd.pick(Object.keys(pools.FORMATS))}: ${rnd.chance(0.92)}`);
    else if (rnd.chance(0.15))
        rules.may(1, "well_known_regex", () => rnd.pick(["KNOWN_REGEX_HTTP_HEADER_NAME", "KNOWN_REGEX_HTTP_HEADER_VALUE", "KNOWN_REGEX_UNSPECIFIED"]))
            .may(0.4, "strict", () => rnd.chance(0.3));
    return rules.list(0.03, "example", from, text);
}

function bytesRules(rnd) {
    const rules = sizes(new Rules(rnd), rnd, ["len", "len"]), from = pools.BYTES, one = () => text(rnd.pick(from));

    rules.may(0.08, "const", one).may(0.12, "pattern", () => text(rnd.pick(pools.PATTERNS))).lists(0.12, from, text);
    for (const name of ["prefix", "suffix", "contains"])
        rules.may(0.1, name, one);
    return rules.may(0.2, rnd.pick(["ip", "ipv4", "ipv6", "uuid"]), () => rnd.chance(0.9));
}

function timeRules(rnd, type) {
    const from = type === "timestamp" ? pools.TIMESTAMPS : pools.DURATIONS, rules = new Rules(rnd).may(0.1, "const", () => moment(rnd.pick(from)));

    if (type === "duration")
        return rules.range(from, moment).lists(0.2, from, moment);
    if (rnd.chance(0.5))
        return rules.range(from, moment).may(0.2, "within", () => moment(rnd.pick(pools.SPANS)));
    return rules.may(0.5, rnd.pick(["lt_now", "gt_now"]), () => rnd.chance(0.9)).may(0.3, "within", () => moment(rnd.pick(pools.SPANS)));
}

const ENUM_NUMBERS = [0, 1, 2, 3, -1, 7, 2147483647, -2147483648];
const mask = (paths) => `{paths: [${paths.map(text).join(", ")}]}`;
const RULES = {
    bool: (rnd) => new Rules(rnd).may(0.7, "const", () => rnd.chance(0.5)),
    string: stringRules,
    bytes: bytesRules,
    enum: (rnd) => new Rules(rnd).may(0.15, "const", () => rnd.pick(ENUM_NUMBERS)).may(0.4, "defined_only", () => rnd.chance(0.9)).lists(0.2, ENUM_NUMBERS, String),
    timestamp: timeRules,
    duration: timeRules,
    any: (rnd) => new Rules(rnd).lists(0.4, pools.TYPE_URLS, text),
    field_mask: (rnd) => new Rules(rnd).may(0.25, "const", () => mask(rnd.some(pools.MASKS.slice(1), 3))).lists(0.4, pools.MASKS, text),
};
const rulesOf = (rnd, type) => (RULES[type] ?? numberRules)(rnd, type);
const IGNORES = ["IGNORE_UNSPECIFIED", "IGNORE_IF_ZERO_VALUE", "IGNORE_IF_ZERO_VALUE", "IGNORE_ALWAYS"];

// All rules of a field or element: typed ones, required (elements know none), ignore.
function fieldRules(rnd, name, typed, element) {
    const rules = new Rules(rnd);

    if (name !== undefined && typed !== undefined && rnd.chance(0.93))
        rules.lines.push(`${name}: {${typed}}`);
    if (!element)
        rules.may(0.15, "required", () => rnd.chance(0.95));
    return rules.may(0.2, "ignore", () => rnd.pick(IGNORES)).toString();
}

/* ---- fields ---- */

// A value's type as the .proto names it, and as FieldRules do.
function valueType(set, rnd) {
    const at = rnd.next();

    if (at < 0.7) {
        const type = rnd.pick(SCALARS);
        return { name: type === "enum" ? rnd.pick(["Open", set.closed]) : type, rules: type, scalar: true };
    }
    if (at < 0.82) {
        const type = rnd.pick(Object.keys(WELL_KNOWN));
        return { name: WELL_KNOWN[type], rules: type };
    }
    if (at < 0.9) {
        const type = rnd.pick(Object.keys(WRAPPERS));
        return { name: `google.protobuf.${WRAPPERS[type]}Value`, rules: type };
    }
    return { name: set.nested(rnd) };
}

const typedOf = (rnd, type) => (type.rules !== undefined ? rulesOf(rnd, type.rules) : undefined);

function singular(set, rnd, type, field) {
    const { label, options } = set.presence(rnd, type, field);
    const rules = fieldRules(rnd, type.rules, typedOf(rnd, type));

    return { text: `${label}${type.name} ${field.name} = ${field.number}`, rules, options };
}

function repeated(set, rnd, type, field) {
    const rules = new Rules(rnd).may(0.35, "min_items", size(rnd)).may(0.35, "max_items", size(rnd)), items = fieldRules(rnd, type.rules, typedOf(rnd, type), true);

    if (type.scalar)
        rules.may(0.3, "unique", () => rnd.chance(0.9));
    if (items !== "")
        rules.may(0.7, "items", () => `{${items}}`);
    return { text: `repeated ${type.name} ${field.name} = ${field.number}`, rules: fieldRules(rnd, "repeated", rules), options: [] };
}

function map(set, rnd, type, field) {
    const key = rnd.pick(KEYS), rules = new Rules(rnd).may(0.3, "min_pairs", size(rnd)).may(0.3, "max_pairs", size(rnd));

    for (const [part, made] of [["keys", fieldRules(rnd, key, rulesOf(rnd, key), true)], ["values", fieldRules(rnd, type.rules, typedOf(rnd, type), true)]])
        if (made !== "")
            rules.may(0.6, part, () => `{${made}}`);
    // A map's enum begins with zero.
    return { text: `map<${key}, ${type.name === "Closed" ? "Open" : type.name}> ${field.name} = ${field.number}`, rules: fieldRules(rnd, "map", rules), options: [] };
}

function put(made) {
    const options = [...made.options, ...(made.rules !== "" ? [`(buf.validate.field) = {${made.rules}}`] : [])];

    return `${made.text}${options.length !== 0 ? ` [${options.join(", ")}]` : ""};`;
}

const SHAPES = [singular, singular, singular, repeated, map];

/* ---- what must be refused ---- */

const BROKEN = [
    (rnd) => `int32 x = 90 [(buf.validate.field) = {${rnd.pick(["string: {len: 1}", "int64: {gt: 1}", "uint32: {gt: 1}", "repeated: {min_items: 1}", "map: {min_pairs: 1}", "bytes: {}"])}}];`,
    (rnd) => `string x = 90 [(buf.validate.field).${rnd.pick(["bytes = {len: 1}", "bool = {const: true}", "any = {in: \"x\"}", "enum = {const: 1}"])}];`,
    (rnd) => `string x = 90 [(buf.validate.field).string.pattern = ${text(rnd.pick(pools.BAD_PATTERNS))}];`,
    (rnd) => `bytes x = 90 [(buf.validate.field).bytes.pattern = ${text(rnd.pick(pools.BAD_PATTERNS))}];`,
    (rnd) => `repeated string x = 90 [(buf.validate.field).${rnd.pick(["string = {len: 1}", "repeated.items.int32 = {gt: 1}", "map = {}", "repeated.items.repeated = {}"])}];`,
    (rnd) => `map<string, int32> x = 90 [(buf.validate.field).${rnd.pick(["map.keys.int32 = {gt: 1}", "map.values.string = {len: 1}", "repeated = {min_items: 1}", "map.values.map = {}"])}];`,
    (rnd) => `google.protobuf.Timestamp x = 90 [(buf.validate.field).${rnd.pick(["duration = {}", "string = {len: 1}", "int64 = {gt: 1}", "any = {in: \"x\"}"])}];`,
    (rnd) => `google.protobuf.Int32Value x = 90 [(buf.validate.field).${rnd.pick(["int64 = {gt: 1}", "string = {len: 1}", "timestamp = {lt_now: true}"])}];`,
    (rnd) => `google.protobuf.Any x = 90 [(buf.validate.field).${rnd.pick(["field_mask = {in: \"a\"}", "duration = {gt: {seconds: 1}}"])}];`,
    (rnd) => `Open x = 90 [(buf.validate.field).${rnd.pick(["int32 = {gt: 1}", "string = {len: 1}", "bool = {}"])}];`,
    () => 'option (buf.validate.message).oneof = {fields: ["not_there"]};',
    () => "option (buf.validate.message).oneof = {fields: []};",
    () => 'int32 x = 90; option (buf.validate.message).oneof = {fields: ["x", "x"]};',
];

/* ---- messages and files ---- */

const ENUMS = { open: "NONE = 0; ONE = 1; TWO = 2; MINUS = -1; SEVEN = 7;", closed: "C_ONE = 1; C_ZERO = 0; C_TWO = 2; C_MINUS = -1;" };
const SYNTAX = {
    proto3: {
        head: 'syntax = "proto3";', closed: "Open", enums: `enum Open { ${ENUMS.open} }`,
        presence: (rnd, type) => ({ label: type.scalar && rnd.chance(0.4) ? "optional " : "", options: [] }),
    },
    proto2: {
        head: 'syntax = "proto2";', closed: "Closed", enums: `enum Open { ${ENUMS.open} } enum Closed { ${ENUMS.closed} }`,
        presence: (rnd, type) => ({ label: rnd.chance(0.15) && type.scalar ? "required " : "optional ", options: rnd.chance(0.2) && type.name === "int32" ? ["default = 5"] : [] }),
    },
    editions: {
        head: 'edition = "2023";', closed: "Closed", enums: `enum Open { ${ENUMS.open} } enum Closed { option features.enum_type = CLOSED; ${ENUMS.closed} }`,
        presence: (rnd, type) => {
            if (type.scalar && type.name !== "Closed" && rnd.chance(0.5))
                return { label: "", options: [`features.field_presence = ${rnd.pick(["IMPLICIT", "IMPLICIT", "EXPLICIT", "LEGACY_REQUIRED"])}`] };
            return { label: "", options: !type.scalar && rnd.chance(0.2) ? ["features.message_encoding = DELIMITED"] : [] };
        },
    },
};

function fields(set, rnd, body, names) {
    for (let number = 1, n = rnd.pick([1, 1, 1, 2, 3]); number <= n; number++) {
        const field = { name: `f${number}`, number };

        body.push(put(rnd.pick(SHAPES)(set, rnd, valueType(set, rnd), field)));
        names.push(field.name);
    }
}

function oneof(set, rnd, body, names) {
    const members = [];

    for (let number = 10, n = rnd.between(1, 3); number < 10 + n; number++) {
        const type = valueType(set, rnd), name = `f${number}`;

        members.push(put({ text: `${type.name} ${name} = ${number}`, rules: fieldRules(rnd, type.rules, typedOf(rnd, type)), options: [] }));
        names.push(name);
    }
    body.push(`oneof kind { ${rnd.chance(0.6) ? `option (buf.validate.oneof).required = ${rnd.chance(0.9)}; ` : ""}${members.join(" ")} }`);
}

function message(set, rnd, name) {
    const body = [], names = [], broken = rnd.chance(0.06);

    fields(set, rnd, body, names);
    if (rnd.chance(0.15))
        oneof(set, rnd, body, names);
    if (rnd.chance(0.12)) {
        const some = names.filter(() => rnd.chance(0.7));

        if (some.length !== 0)
            body.push(`option (buf.validate.message).oneof = {fields: [${some.map(text).join(", ")}]${rnd.chance(0.5) ? " required: true" : ""}};`);
    }
    if (broken)
        body.push(rnd.pick(BROKEN)(rnd).replace(/^(?=(int32|string|bytes|google|Open) ?)/, set.syntax === "proto2" ? "optional " : "")
            .replace(/^(optional )?int32 x = 90;/, set.syntax === "proto2" ? "optional int32 x = 90;" : "int32 x = 90;"));
    return { name, broken, text: `message ${name} {\n  ${body.join("\n  ")}\n}` };
}

// A file of n messages: {syntax, package, head, messages: [{name, broken, text}]}.
export function makeFile(rnd, syntax, index, n) {
    const nestable = ["Leaf"], { head, enums, closed, presence } = SYNTAX[syntax], pkg = `d${index}`, messages = [];
    const set = { syntax, closed, presence, nested: (r) => r.pick(nestable.slice(-20)) };
    const leaf = `message Leaf { ${syntax === "proto2" ? "optional " : ""}int32 v = 1 [(buf.validate.field).int32.gt = 3]; map<string, Leaf> kids = 2; }`;
    const imports = ["any", "duration", "field_mask", "timestamp", "wrappers"].map((w) => `import "google/protobuf/${w}.proto";`).join("\n");

    for (let i = 0; i < n; i++) {
        const m = message(set, rnd, `M${i}`);

        messages.push(m);
        if (!m.broken && rnd.chance(0.2))
            nestable.push(m.name);
    }
    return { syntax, index, package: pkg, head: `${head}\npackage ${pkg};\nimport "buf/validate/validate.proto";\n${imports}\n${enums}\n${leaf}\n`, messages };
}

export const SYNTAXES = Object.keys(SYNTAX);
