// Where the two may differ, with the reason. An entry is for a kind of answer (kinds), or for how messages are written: what
// ours or theirs makes of a message makes them equal, and everything else of such a pair must be so already.

// 1.5e-7 without its exponent
function plain(text) {
    const [, sign, whole, part = "", exponent] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text), digits = whole + part, at = 1 + Number(exponent);

    return sign + (at <= 0 ? `0.${"0".repeat(-at)}${digits}` : digits.padEnd(at, "0"));
}

export const KNOWN = [
    {
        why: "protovalidate-es compiles a pattern when the first value comes to it, so it may answer anything else before, or a runtime error; headrace refuses such a schema",
        kinds: (ours, theirs, pair) => pair.message.broken && ours.kind === "compilation" && ours.text.startsWith("x: its pattern can't be used: ") && theirs.kind !== "compilation",
    },
    {
        why: "cel-es writes large and small numbers with an exponent; cel-go, whose texts the conformance suite expects, without",
        theirs: (m) => m.replace(/-?\d(?:\.\d+)?e[+-]\d+/g, plain),
    },
    {
        why: "cel-es writes -0 as 0; cel-go keeps the sign",
        ours: (m) => m.replace(/(?<![\d.])-0(?![\d.])/g, "0"),
    },
    {
        why: "cel-es pads fractions of seconds to 3, 6 or 9 digits (1.500s); cel-go does not",
        theirs: (m) => m.replace(/(\.\d*?)0+(?=[sZ])/g, "$1"),
    },
    {
        why: "headrace's own, by design: a rule's message is a C string, so a NUL in a rule is shown as ?",
        theirs: (m) => m.replaceAll("\0", "?"),
    },
];
