// Values worth trying: ends of ranges, and texts at the borders of their formats.

const INT32 = [0n, 1n, -1n, 2n, 5n, 7n, 10n, -5n, 2147483647n, -2147483648n];
const INT64 = [...INT32, 9223372036854775807n, -9223372036854775808n, 9007199254740993n];
const UINT32 = [0n, 1n, 2n, 5n, 7n, 10n, 2147483648n, 4294967295n];
const UINT64 = [...UINT32, 9223372036854775808n, 18446744073709551615n];
const DOUBLES = [0, -0, 1, -1, 1.5, 2, 10, -10, 0.1, 1e300, -1e300, 5e-324, Infinity, -Infinity, NaN];
const FLOATS = [0, -0, 1, -1, 1.5, 2, 10, -10, Math.fround(0.1), 3.4028234663852886e38, Infinity, -Infinity, NaN];

const number = (values, from, to) => ({ values, from, to });
const int32 = number(INT32, -(1n << 31n), (1n << 31n) - 1n), int64 = number(INT64, -(1n << 63n), (1n << 63n) - 1n);
const uint32 = number(UINT32, 0n, (1n << 32n) - 1n), uint64 = number(UINT64, 0n, (1n << 64n) - 1n);
export const NUMBERS = {
    int32, sint32: int32, sfixed32: int32, int64, sint64: int64, sfixed64: int64,
    uint32, fixed32: uint32, uint64, fixed64: uint64, float: { values: FLOATS }, double: { values: DOUBLES },
};

export const TEXTS = ["", "a", "b", "ab", "abc", "foo", "foobar", "0123456789", "é", "日本語", "🙂", "a🙂b", "\u0000", "a\nb", " ", "Ünïcode", "e\u0301"];
export const BYTES = ["", "a", "foo", "foobar", "\u0000\u0001", "é"].map((t) => new TextEncoder().encode(t)).concat(
    [new Uint8Array([255]), new Uint8Array([0x61, 0x80]), new Uint8Array(4), new Uint8Array(16).fill(7), new Uint8Array(5)]);

// RE2 syntax; matching is a search.
export const PATTERNS = ["^[a-z]+$", "^$", "foo", "(?i)FOO", "^\\d{2,4}$", "\\p{L}+", "^.{3}$", "(?s)^a.b$", "a|b$", "\\bfoo\\b", "[^\\x00-\\x7F]", "^(?:a(?:b)?)+$",
    "\\z", "[[:alpha:]]{2}", "(?m)^b$", "^\\pN*$", "\\x{1F642}", "^(a*)*$"];
export const BAD_PATTERNS = ["(", "[a", "a{2,1}", "*a", "\\", "(?=a)", "(a)\\1", "(?P<n", "a**"];

const HEX = "0123456789abcdef";
const UUID = "12345678-9abc-def0-1234-56789abcdef0";
// A rule of text that is a format, with what is of it or nearly so.
export const FORMATS = {
    email: ["a@b", "foo@example.com", "a.b+c@d-e.f", "@b", "a@", "a@b@c", "a b@c", "foo@example.com.", "é@x.y", "a@-b", `${"a".repeat(64)}@b.c`, "!#$%&'*+/=?^_`{|}~-@x", ".a@b", "a..b@c"],
    hostname: ["localhost", "example.com", "example.com.", "a-b.c", "-a.b", "a-.b", "a..b", ".", "1.2.3", "a.1", "A.B", "a_b", `${"a".repeat(63)}.b`, `${"a".repeat(64)}.b`,
        `${"abcdefg.".repeat(31)}abcde`, `${"abcdefg.".repeat(31)}abcdef`, "é.com"],
    ip: ["127.0.0.1", "::1", "::", "fe80::1%eth0", "1.2.3", "256.0.0.1", "01.2.3.4", ":::", "1::2::3", "::ffff:1.2.3.4", "::1%", "1.2.3.4%a"],
    ipv4: ["0.0.0.0", "255.255.255.255", "1.2.3.4", "1.2.3.256", "1.2.3.04", "1.2.3.4.5", "1.2.3.", " 1.2.3.4", "::1"],
    ipv6: ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::8", "12345::", "g::", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "fe80::a%é", "::0000", "::00000", "[::1]", ":1::", "1:2:3:4:5:6:7:8:9"],
    uri: ["http://a", "https://example.com/a?b#c", "urn:x:y", "a:", ":a", "http://[::1]:80/", "http://[::1%25eth0]/", "http://[::1%eth0]/", "http://a:b@c:80/", "http://a b", "http://a/%zz", "http://a/%41", "mailto:x@y",
        "http://a:99999", "http://a:", "1a:b", "http://é", "a+b-c.1://x", "http://[v1.x]/", "http://[v.x]/", "//a", "file:///x", "http://%ff/", "http://a?[]", "http://a#^"],
    uri_ref: ["a", "/a/b", "//host/x", "?q", "#f", "", "./a:b", "a:b/c", "1:b", "a/b:c", "/%", "//[::1]", "//[::1", "/a b", "../..", "a?b?c#d", "##", "/é", "//a:8a"],
    address: ["127.0.0.1", "::1", "example.com", "-", "1.2.3.456", "a.b.", "", "fe80::%1"],
    uuid: [UUID, UUID.toUpperCase(), UUID.slice(1), `${UUID}0`, UUID.replaceAll("-", ""), UUID.replace("9", "g"), `${UUID}\n`],
    tuuid: [UUID.replaceAll("-", ""), UUID, UUID.replaceAll("-", "").toUpperCase(), UUID.replaceAll("-", "").slice(1)],
    ulid: ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01arz3ndektsv4rrffq69g5fav", "01ARZ3NDEKTSV4RRFFQ69G5FAI", "01ARZ3NDEKTSV4RRFFQ69G5FA"],
    ip_with_prefixlen: ["1.2.3.4/8", "::1/64", "::/129", "1.2.3.4/33", "1.2.3.4", "fe80::%a/10", "1.2.3.4/08"],
    ipv4_with_prefixlen: ["1.2.3.4/0", "1.2.3.4/32", "1.2.3.4/", "1.2.3.4/-1", "::/1", "1.2.3.4/8/8"],
    ipv6_with_prefixlen: ["::/0", "::1/128", "::1/0128", "1.2.3.4/8", "::/ 1", "1:2:3:4:5:6:7:8/128"],
    ip_prefix: ["10.0.0.0/8", "10.0.0.1/8", "2001:db8::/32", "2001:db8::1/32", "0.0.0.0/0", "::/0"],
    ipv4_prefix: ["10.0.0.0/8", "10.1.0.0/8", "1.2.3.4/32", "128.0.0.0/1", "192.0.0.0/1"],
    ipv6_prefix: ["2001:db8::/32", "2001:db8::/29", "2001:db8::/28", "8000::/1", "c000::/1", "::ffff:0:0/96", "::1%a/128"],
    host_and_port: ["a:80", "a", "[::1]:80", "::1:80", "1.2.3.4:0", "a:65535", "a:65536", "a:080", "a:", ":80", "[::1]", "[::1%a]:1", "[a]:1", "é:1", "-a:1"],
    protobuf_fqn: ["a.b.C", "a", ".a", "a.", "a..b", "1a.b", "a_b.c1", "_", "", "a.é"],
    protobuf_dot_fqn: [".a.b.C", ".a", "a", ".", ".a.", "..a", ".1", "._"],
};
export const HEADERS = ["Content-Type", ":path", "::", ":", "", "a b", "x:y", "a\nb", "a\u0000", "é", "\u007f", "\tx", "a\r", "!#$%&'*+-.^_|~`", "a\u0080"];

// One small change, which may make it one of the format or not.
export function mutate(rnd, text) {
    const at = rnd.below(text.length + 1), c = rnd.pick([...".:/-@[]%_ 0aFgZ#?+é\u0000", HEX[rnd.below(16)]]);

    const made = [text.slice(0, at) + text.slice(at + 1), text.slice(0, at) + c + text.slice(at), text.slice(0, at) + c + text.slice(at + 1), text + text.slice(at)];

    return rnd.pick(made).toWellFormed();
}

const time = (seconds, nanos) => ({ seconds, nanos });
export const TIMES = [time(0n, 0), time(1n, 0), time(0n, 1), time(1n, 500000000), time(5n, 999999999), time(10n, 0), time(100n, 1)];
export const TIMESTAMPS = [...TIMES, time(-1n, 0), time(-1n, 999999999), time(1700000000n, 0), time(253402300799n, 999999999), time(-62135596800n, 0)];
export const DURATIONS = [...TIMES, time(-1n, 0), time(-1n, -500000000), time(0n, -1), time(315576000000n, 0), time(-315576000000n, -999999999)];
export const SPANS = [time(1n, 0), time(60n, 0), time(3600n, 0), time(86400n * 365n, 0)]; // of Timestamp.within
export const MASKS = ["", "a", "b", "a.b", "a.bc", "a.b.c", "ab", "c_d.e"];
export const TYPE_URLS = ["type.googleapis.com/google.protobuf.Duration", "type.googleapis.com/a.B", "x/a.B", "a.B", ""];
