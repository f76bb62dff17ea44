// The conformance harness's side of the executor: one request on its stdin, one response on its stdout.
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { spawnSync } from "node:child_process";

const DELIMITED = WireType.LengthDelimited;
const KINDS = [, "success", "violations", "compilation", "runtime", "unexpected"];

function request(fdset, cases) { // cases: [{name, type, bytes}]
    const w = new BinaryWriter().tag(2, DELIMITED).bytes(fdset);

    for (const c of cases) {
        w.tag(3, DELIMITED).fork().tag(1, DELIMITED).string(c.name).tag(2, DELIMITED).fork();
        w.tag(1, DELIMITED).string(`type.googleapis.com/${c.type}`).tag(2, DELIMITED).bytes(c.bytes).join().join();
    }
    return w.finish();
}

function* fieldsOf(bytes) {
    for (const r = new BinaryReader(bytes); r.pos < r.len;) {
        const [number, type] = r.tag();

        yield [number, type === DELIMITED ? r.bytes() : r.uint64()];
    }
}

function result(bytes) {
    for (const [number, value] of fieldsOf(bytes)) {
        if (number === 2)
            return { kind: KINDS[2], violations: toJson(ViolationsSchema, fromBinary(ViolationsSchema, value)).violations };
        return { kind: KINDS[number] ?? `field ${number}`, text: number === 1 ? undefined : new TextDecoder().decode(value) };
    }
    return { kind: "none" };
}

// A map of the cases' names to {kind, violations, text}.
export function ask(executor, fdset, cases) {
    const run = spawnSync(executor, [], { input: request(fdset, cases), maxBuffer: 1 << 30 }), answers = new Map();

    if (run.status !== 0)
        throw new Error(`${executor}: ${run.error ?? `status ${run.status}, signal ${run.signal}`}\n${run.stderr}`);
    for (const [number, entry] of fieldsOf(run.stdout)) {
        const parts = new Map(fieldsOf(entry));

        if (number === 1)
            answers.set(new TextDecoder().decode(parts.get(1)), result(parts.get(2)));
    }
    return answers;
}
