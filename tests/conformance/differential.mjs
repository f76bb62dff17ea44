// The validator against @bufbuild/protovalidate: random rule sets, random values near their boundaries, and both must say the
// same: the kind of answer, and which rules at which places, with the same texts.
//
//   node differential.mjs EXECUTOR PROTO_DIR PROTOC WORK_DIR PAIRS      HEADRACE_SEED repeats a run
import { createFileRegistry, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { CompilationError, createValidator, violationsToProto } from "@bufbuild/protovalidate";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask } from "./harness.mjs";
import { KNOWN } from "./known.mjs";
import { Random } from "./random.mjs";
import { makeFile, SYNTAXES } from "./sets.mjs";
import { randomMessage } from "./values.mjs";

const PER_MESSAGE = 8, PER_FILE = 420, MOST_SHOWN = 12;
const [executor, protoDir, protoc, work, pairs] = process.argv.slice(2);
const seed = Number(process.env.HEADRACE_SEED ?? Date.now() % 4294967296);
const buf = join(dirname(fileURLToPath(import.meta.url)), "node_modules/@bufbuild/buf-linux-x64/bin/buf");
const counts = { success: 0, violations: 0, compilation: 0, runtime: 0, unexpected: 0 }, known = KNOWN.map(() => 0);
const shown = new Set(); // of what differs in the same way, one is shown
let differ = 0, done = 0;

// protoc knows no editions in Debian 12; where it does know the syntax, it is the compiler that our users have.
function compile(file) {
    const out = join(work, "set.binpb"), source = join(work, "set.proto");

    writeFileSync(source, file.head + file.messages.map((m) => m.text).join("\n") + "\n");
    if (file.syntax === "editions")
        execFileSync(buf, ["build", work, "--as-file-descriptor-set", "--exclude-source-info", "-o", out]);
    else
        execFileSync(protoc, ["-I", work, "--include_imports", "-o", out, source], { stdio: ["ignore", "ignore", "pipe"] });
    return readFileSync(out);
}

/* ---- the two answers ---- */

function theirs(validator, desc, bytes) {
    const res = validator.validate(desc, fromBinary(desc, bytes));

    if (res.kind === "valid")
        return { kind: "success" };
    if (res.kind === "invalid") {
        const [proto, schema] = violationsToProto(res.violations);

        return { kind: "violations", violations: toJson(schema, proto).violations };
    }
    return { kind: res.error instanceof CompilationError ? "compilation" : "runtime", text: res.error.message };
}

const type = (t) => (t ?? "").replace("TYPE_", "").toLowerCase();

function element(e) {
    const at = ["index", "boolKey", "intKey", "uintKey", "stringKey"].find((k) => e[k] !== undefined), of = [e.fieldType, e.keyType, e.valueType].filter((t) => t !== undefined).map(type);

    return `${e.fieldName}=${e.fieldNumber ?? ""}:${of.join("/")}${at !== undefined ? `[${at} ${JSON.stringify(e[at])}]` : ""}`;
}

const path = (p) => (p === undefined ? "-" : p.elements.map(element).join(" . "));
// All of a violation on a line.
const line = (v, written = (m) => m) => `${v.ruleId}${v.forKey ? " (key)" : ""} at ${path(v.field)} by ${path(v.rule)}: ${JSON.stringify(written(v.message ?? ""))}`;
const sorted = (answer, written) => (answer.violations ?? []).map((v) => line(v, written)).sort();

const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

const chain = (...of) => of.filter((f) => f !== undefined).reduce((all, f) => (m) => f(all(m)), (m) => m);

// Which of KNOWN they differ by, [] if not at all; undefined: they differ in what is not known.
function compare(ours, their, pair) {
    const used = [];
    let a = sorted(ours), b = sorted(their), left, right;

    if (ours.kind !== their.kind) {
        const i = KNOWN.findIndex((k) => k.kinds?.(ours, their, pair));
        return i < 0 ? undefined : [i];
    }
    for (let i = 0; !same(a, b) && i < KNOWN.length; i++) {
        const l = chain(left, KNOWN[i].ours), r = chain(right, KNOWN[i].theirs), nextA = sorted(ours, l), nextB = sorted(their, r);

        if (!same(a, nextA) || !same(b, nextB)) {
            used.push(i);
            [a, b, left, right] = [nextA, nextB, l, r];
        }
    }
    return same(a, b) ? used : undefined;
}

function asJson(registry, desc, bytes) {
    try {
        return JSON.stringify(toJson(desc, fromBinary(desc, bytes), { registry }));
    } catch (e) {
        return `${Buffer.from(bytes).toString("hex")} (no JSON: ${e.message})`;
    }
}

function show(pair, ours, their) {
    const a = sorted(ours), b = sorted(their), only = [...a.filter((v) => !b.includes(v)), ...b.filter((v) => !a.includes(v))].map((v) => v.split(" ", 1)[0]);
    const way = JSON.stringify([ours.kind, their.kind, [...new Set(only)]]);

    if (shown.has(way) || shown.size === MOST_SHOWN)
        return;
    shown.add(way);
    console.log(`\n-- differs (${pair.file.syntax}, HEADRACE_SEED=${seed}): ${pair.name}\n${pair.file.head.split("\n", 1)[0]}\n${pair.message.text}\n${asJson(pair.registry, pair.desc, pair.bytes)}`);
    for (const [who, answer, mine, other] of [["headrace", ours, a, b], ["protovalidate", their, b, a]])
        console.log(`${who}: ${answer.kind} ${answer.text ?? ""}${mine.slice(0, 8).map((v) => `\n  ${other.includes(v) ? " " : ">"} ${v}`).join("")}`);
}

function judge(pair, ours) {
    const their = theirs(pair.validator, pair.desc, pair.bytes);

    done++;
    counts[ours.kind]++;
    const used = compare(ours, their, pair);

    used?.forEach((i) => known[i]++);
    if (used === undefined) {
        differ++;
        show(pair, ours, their);
    }
}

/* ---- a file of rule sets ---- */

function runFile(rnd, index, n) {
    const file = makeFile(rnd, SYNTAXES[index % SYNTAXES.length], index, n), fdset = compile(file);
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, fdset)), validator = createValidator({ registry }), all = [];

    for (const message of file.messages) {
        const type = `${file.package}.${message.name}`, desc = registry.getMessage(type);

        for (let i = 0; i < PER_MESSAGE; i++)
            all.push({ file, registry, validator, message, type, desc, name: `${type}/${i}`, bytes: toBinary(desc, randomMessage(rnd, desc)) });
    }
    const answers = ask(executor, fdset, all);
    for (const pair of all)
        judge(pair, answers.get(pair.name) ?? { kind: "none" });
}

console.log(`HEADRACE_SEED=${seed}`);
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
cpSync(join(protoDir, "buf"), join(work, "buf"), { recursive: true });
const rnd = new Random(seed);
for (let index = 0; done < Number(pairs); index++)
    runFile(rnd, index, Math.min(PER_FILE, Math.ceil((Number(pairs) - done) / PER_MESSAGE)));
KNOWN.forEach((k, i) => console.log(`${known[i]} times known: ${k.why}`));
console.log(`${done} pairs, ${differ} differ; ${JSON.stringify(counts)}`);
process.exit(differ === 0 && done !== 0 ? 0 : 1);
