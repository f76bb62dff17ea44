// Values for a message type: of its rules' own boundaries, as read from its compiled options, or from the pools.
import { create, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import * as gen from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import * as pools from "./pools.mjs";

const MOST_DEPTH = 3;

// The field of a set that must be refused is called x; its rules may be of any type.
const rulesOf = (field) => (field.name !== "x" && hasOption(field, gen.field) ? getOption(field, gen.field) : undefined);
const typed = (rules) => rules?.type?.value;

/* ---- near what the rules say ---- */

function nearNumber(rnd, pool, rules) {
    const said = ["const", "greaterThan", "lessThan", "in", "notIn"].flatMap((name) => {
        const v = rules?.[name];
        return v === undefined ? [] : Array.isArray(v) ? v : typeof v === "object" ? (v.value === undefined ? [] : [v.value]) : [v];
    });
    if (said.length === 0 || rnd.chance(0.35))
        return rnd.pick(pool.values);
    const v = rnd.pick(said);
    if (pool.from === undefined)
        return rnd.pick([v, v, v + 1, v - 1]);
    const near = BigInt(v) + BigInt(rnd.between(-1, 1));
    return near < pool.from ? pool.from : near > pool.to ? pool.to : near;
}

function ofLength(rnd, rules) {
    const said = ["len", "minLen", "maxLen", "lenBytes", "minBytes", "maxBytes"].filter((name) => rules[name]);
    const n = said.length !== 0 ? Math.max(0, Number(rules[rnd.pick(said)]) + rnd.between(-1, 1)) : rnd.below(6);

    return rnd.pick(["a", "a", "é", "🙂"]).repeat(n);
}

function nearText(rnd, rules) {
    const at = rnd.next(), known = rules.wellKnown?.case, word = rnd.pick(pools.TEXTS);

    if (known !== undefined && at < 0.7) {
        const name = known.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), base = rnd.pick(pools.FORMATS[name] ?? pools.HEADERS);
        return rnd.chance(0.5) ? base : pools.mutate(rnd, base);
    }
    if (at < 0.3)
        return ofLength(rnd, rules);
    if (at < 0.5)
        return `${rnd.chance(0.7) ? rules.prefix : ""}${rnd.pick(["", word])}${rnd.chance(0.5) ? rules.contains : ""}${rnd.chance(0.2) ? rules.notContains : ""}${rnd.chance(0.7) ? rules.suffix : ""}`;
    const said = [rules.const, ...rules.in, ...rules.notIn].filter((t) => t !== "");
    if (at < 0.8 && said.length !== 0)
        return rnd.chance(0.8) ? rnd.pick(said) : pools.mutate(rnd, rnd.pick(said));
    return rnd.chance(0.7) ? word : word + rnd.pick(pools.TEXTS);
}

const joined = (...parts) => new Uint8Array(Buffer.concat(parts));

function nearBytes(rnd, rules) {
    const at = rnd.next(), word = rnd.pick(pools.BYTES);

    if (at < 0.35)
        return new Uint8Array(rnd.chance(0.3) ? rnd.pick([4, 16]) : Math.max(0, Number(rules.len || rules.minLen || rules.maxLen) + rnd.between(-1, 1))).fill(rnd.pick([97, 0, 255]));
    if (at < 0.55)
        return joined(rnd.chance(0.7) ? rules.prefix : word, rnd.chance(0.5) ? rules.contains : word, rnd.chance(0.7) ? rules.suffix : word);
    const said = [rules.const, ...rules.in, ...rules.notIn];
    return at < 0.8 ? rnd.pick(said) : word;
}

function nearTime(rnd, pool, rules) {
    const said = [rules?.const, rules?.lessThan?.value, rules?.greaterThan?.value, ...(rules?.in ?? []), ...(rules?.notIn ?? [])].filter((t) => typeof t === "object");
    const t = said.length !== 0 && rnd.chance(0.6) ? rnd.pick(said) : rnd.pick(pool), nanos = t.nanos + rnd.pick([0, 0, 1, -1]);
    // What is no Timestamp or Duration has no place on the line: a fraction goes forward, or the way the seconds go.
    const good = Math.abs(nanos) < 1000000000 && (pool === pools.TIMESTAMPS ? nanos >= 0 : t.seconds === 0n || (t.seconds < 0n ? nanos <= 0 : nanos >= 0));

    return { seconds: t.seconds, nanos: good ? nanos : t.nanos };
}

// Far from now on both sides, or close enough that a span decides.
function nearNow(rnd) {
    const now = BigInt(Math.floor(Date.now() / 1000));

    return { seconds: now + rnd.pick([-1n, 1n]) * rnd.pick([30n, 1800n, 7200n, 86400n * 30n, 86400n * 400n]), nanos: 0 };
}

/* ---- values ---- */

function scalar(rnd, type, rules) {
    const pool = pools.NUMBERS[ScalarType[type].toLowerCase()];

    if (type === ScalarType.STRING)
        return nearText(rnd, rules?.$typeName === "buf.validate.StringRules" ? rules : create(gen.StringRulesSchema));
    if (type === ScalarType.BYTES)
        return nearBytes(rnd, rules?.$typeName === "buf.validate.BytesRules" ? rules : create(gen.BytesRulesSchema));
    if (type === ScalarType.BOOL)
        return rnd.chance(0.5);
    const v = nearNumber(rnd, pool, rules);
    return typeof v === "bigint" && pool.to < 1n << 33n ? Number(v) : v;
}

function enumeration(rnd, desc, rules) {
    const said = [...(rules?.in ?? []), ...(rules?.notIn ?? []), ...(rules?.const !== undefined ? [rules.const] : [])].filter((v) => desc.open || desc.value[v] !== undefined);

    if (said.length !== 0 && rnd.chance(0.4))
        return rnd.pick(said);
    return rnd.pick([...desc.values.map((v) => v.number), ...(desc.open ? [4, -2, 2147483647] : [])]);
}

function paths(rnd, rules) {
    const from = [...pools.MASKS, ...(rules?.in ?? []), ...(rules?.notIn ?? [])];

    if (rules?.const !== undefined && rnd.chance(0.4))
        return [...rules.const.paths];
    return rnd.chance(0.1) ? [] : rnd.some(from, 3);
}

function wellKnown(rnd, desc, rules) {
    switch (desc.typeName) {
    case "google.protobuf.Timestamp":
        return rnd.chance(rules?.within || rules?.lessThan?.case === "ltNow" || rules?.greaterThan?.case === "gtNow" ? 0.8 : 0.1) ? nearNow(rnd) : nearTime(rnd, pools.TIMESTAMPS, rules);
    case "google.protobuf.Duration":
        return nearTime(rnd, pools.DURATIONS, rules);
    case "google.protobuf.FieldMask":
        return { paths: paths(rnd, rules) };
    case "google.protobuf.Any":
        return { typeUrl: rnd.pick([...pools.TYPE_URLS, ...(rules?.in ?? []), ...(rules?.notIn ?? [])]), value: rnd.pick(pools.BYTES) };
    default:
        return undefined;
    }
}

function message(rnd, desc, rules, depth) {
    const known = wellKnown(rnd, desc, rules), r = reflect(desc, known !== undefined ? create(desc, known) : create(desc));

    if (known !== undefined)
        return r;
    if (desc.typeName.startsWith("google.protobuf.")) { // a wrapper
        if (rnd.chance(0.85))
            r.set(desc.fields[0], scalar(rnd, desc.fields[0].scalar, rules));
        return r;
    }
    fill(rnd, r, desc, depth);
    return r;
}

const value = (rnd, kind, f, rules, depth) => (kind === "scalar" ? scalar(rnd, f.scalar, rules) : kind === "enum" ? enumeration(rnd, f.enum, rules) : message(rnd, f.message, rules, depth));

function count(rnd, ...said) {
    const from = said.filter((n) => n);

    return from.length !== 0 && rnd.chance(0.6) ? Math.max(0, Number(rnd.pick(from)) + rnd.between(-1, 1)) : rnd.pick([0, 1, 2, 3]);
}

function set(rnd, r, f, depth) {
    const rules = rulesOf(f), own = typed(rules);

    if (f.fieldKind === "list") {
        for (let i = count(rnd, own?.minItems, own?.maxItems); i > 0; i--)
            r.get(f).add(value(rnd, f.listKind, f, typed(own?.items), depth + 1));
    } else if (f.fieldKind === "map") {
        for (let i = count(rnd, own?.minPairs, own?.maxPairs); i > 0; i--)
            r.get(f).set(scalar(rnd, f.mapKey, typed(own?.keys)), value(rnd, f.mapKind, f, typed(own?.values), depth + 1));
    } else {
        r.set(f, value(rnd, f.fieldKind, f, own, depth + 1));
    }
}

const REQUIRED = 3; // FeatureSet.FieldPresence.LEGACY_REQUIRED

function fill(rnd, r, desc, depth) {
    for (const f of desc.fields)
        if (f.presence === REQUIRED || (rnd.chance(f.oneof !== undefined ? 0.4 : 0.85) && (depth < MOST_DEPTH || f.message === undefined)))
            set(rnd, r, f, depth);
}

// A message of the type, as bytes come from elsewhere: whatever its rules are.
export function randomMessage(rnd, desc) {
    const r = reflect(desc);

    fill(rnd, r, desc, 0);
    return r.message;
}
