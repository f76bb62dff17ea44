/* JSON to wire: each type's bytes, and each refusal's sentence. The way back is in property/test_json.c. */
#include "unit.h"
#include "alloc.h"
#include "json.h"
#include "schemas.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hrp_schema *thing, *old;

static int setup(void **state)
{
    thing = test_schema("everything", "every.Thing");
    old = test_schema("proto2", "old2.Item");
    return 0;
}

static int teardown(void **state)
{
    hrp_schema_unref(thing);
    hrp_schema_unref(old);
    return 0;
}

static void hex_of(const struct hrp_buf *b, char *ret, size_t n)
{
    ret[0] = '\0';
    for (size_t i = 0; i < b->n && 2 * i + 2 < n; i++)
        snprintf(ret + 2 * i, 3, "%02x", b->p[i]);
}

static void gives(struct hrp_schema *s, const char *json, const char *hex)
{
    struct hrp_buf out = HRP_BUF_INIT;
    struct hr_error err = {0};
    char got[1024];
    int r = hrp_json_to_wire(s, json, strlen(json), &out, &err);

    if (r != 0)
        fail_msg("%s: %s", json, err.text);
    hex_of(&out, got, sizeof got);
    if (strcmp(got, hex) != 0)
        fail_msg("%s\n gives %s\n not   %s", json, got, hex);
    hrp_buf_fini(&out);
}

static void refused_n(struct hrp_schema *s, const char *json, size_t n, const char *sentence)
{
    struct hrp_buf out = HRP_BUF_INIT;
    struct hr_error err = {0};

    hrp_put_str(&out, "before");
    if (hrp_json_to_wire(s, json, n, &out, &err) != HR_EROW)
        fail_msg("accepted: %s", json);
    if (strcmp(err.text, sentence) != 0)
        fail_msg("%s\n says \"%s\"\n not  \"%s\"", json, err.text, sentence);
    assert_int_equal(out.n, 7); /* nothing of a refused row stays */
    hrp_buf_fini(&out);
}

static void refused(const char *json, const char *sentence)
{
    refused_n(thing, json, strlen(json), sentence);
}

static void numbers(void **state)
{
    gives(thing, "{}", "");
    gives(thing, " {\"an_int32\" : 1 } \n", "1801");
    gives(thing, "{\"anInt32\":-1}", "18ffffffffffffffffff01");
    gives(thing, "{\"an_int32\":\"-2147483648\"}", "1880808080f8ffffffff01");
    gives(thing, "{\"an_int32\":1e3}", "18e807");
    gives(thing, "{\"an_int32\":12.50e1}", "187d");
    gives(thing, "{\"an_int32\":0.0}", "");
    gives(thing, "{\"an_int64\":9007199254740993}", "208180808080808010"); /* 2^53 + 1 */
    gives(thing, "{\"an_int64\":-9223372036854775808}", "2080808080808080808001");
    gives(thing, "{\"a_uint64\":18446744073709551615}", "30ffffffffffffffffff01");
    gives(thing, "{\"a_uint64\":\"18446744073709551615\"}", "30ffffffffffffffffff01");
    gives(thing, "{\"a_sint32\":-1}", "3801");
    gives(thing, "{\"a_sint64\":-9223372036854775808}", "40ffffffffffffffffff01");
    gives(thing, "{\"a_fixed32\":4294967295}", "4dffffffff");
    gives(thing, "{\"an_sfixed64\":-2}", "61feffffffffffffff");
    gives(thing, "{\"big_number\":1}", "f8ffffff0f01");
}

static void doubles(void **state)
{
    gives(thing, "{\"a_double\":0}", "");
    gives(thing, "{\"a_double\":-0.0}", "090000000000000080");
    gives(thing, "{\"a_double\":1}", "09000000000000f03f");
    gives(thing, "{\"a_double\":\"-Infinity\"}", "09000000000000f0ff");
    gives(thing, "{\"a_double\":\"NaN\"}", "09000000000000f87f");
    gives(thing, "{\"a_double\":\"1.5\"}", "09000000000000f83f");
    gives(thing, "{\"a_float\":0.1}", "15cdcccc3d");
    refused("{\"a_double\":1e400}", "a_double: expected a number that a double can hold, found the number 1e400");
    refused("{\"a_float\":1e39}", "a_float: expected a number that a float can hold, found the number 1e39");
    refused("{\"a_double\":\"nan\"}", "a_double: expected a number that a double can hold, found the string \"nan\"");
    refused("{\"a_double\":\"0x10\"}", "a_double: expected a number that a double can hold, found the string \"0x10\"");
    refused("{\"a_double\":\"\"}", "a_double: expected a number that a double can hold, found the string \"\"");
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL) /* a decimal comma is no business of JSON's */
        gives(thing, "{\"a_double\":1.5}", "09000000000000f83f");
    setlocale(LC_NUMERIC, "C");
}

static void texts(void **state)
{
    gives(thing, "{\"a_bool\":true}", "6801");
    gives(thing, "{\"a_bool\":false}", "");
    gives(thing, "{\"a_string\":\"\xc3\xa9\\u00e9\\ud83d\\ude00\\n\"}", "7209c3a9c3a9f09f98800a");
    gives(thing, "{\"a_string\":\"\\u0000\"}", "720100");
    gives(thing, "{\"a_string\":\"\"}", "");
    gives(thing, "{\"some_bytes\":\"AP8=\"}", "7a0200ff");
    gives(thing, "{\"some_bytes\":\"_-8\"}", "7a02ffef");
    gives(thing, "{\"color\":\"BLUE\"}", "800105");
    gives(thing, "{\"color\":7}", "800107");
    gives(thing, "{\"color\":\"RED\"}", "");
    gives(thing, "{\"_unknown\":\"oAYB\"}", "a00601");
    refused("{\"a_string\":\"\\ud83d\"}", "a_string: not JSON at byte 13: expected the rest of a string, found \\ud83d\"}");
    refused("{\"some_bytes\":\"A\"}", "some_bytes: expected a string in base64, found the string \"A\"");
    refused("{\"some_bytes\":\"AP9=\"}", "some_bytes: expected a string in base64, found the string \"AP9=\"");
    refused("{\"color\":\"PINK\"}", "color: expected a value of every.Color, by name or number, found the string \"PINK\"");
    refused("{\"color\":2147483648}", "color: expected a value of every.Color, by name or number, found the number 2147483648");
    refused("{\"_unknown\":\"CAE=\"}", "_unknown: not the wire bytes of fields that the type lacks");
    refused_n(thing, "{\"a_string\":\"\xff\"}", 16, "not valid UTF-8");
}

static void times(void **state)
{
    gives(thing, "{\"at\":\"1970-01-01T00:00:01.5Z\"}", "92010808011080cab5ee01");
    gives(thing, "{\"at\":\"1970-01-01T01:00:01.500+01:00\"}", "92010808011080cab5ee01");
    gives(thing, "{\"at\":{\"seconds\":1,\"nanos\":500000000}}", "92010808011080cab5ee01");
    gives(thing, "{\"at\":\"1970-01-01T00:00:00Z\"}", "920100");
    gives(thing, "{\"at\":\"2024-02-29T00:00:00Z\"}", "920106088092ffae06");
    gives(thing, "{\"took\":\"1.5s\"}", "9a010808011080cab5ee01");
    gives(thing, "{\"took\":\"-0.5s\"}", "9a010b1080b6ca91feffffffff01");
    refused("{\"at\":\"2023-02-29T00:00:00Z\"}", "at: expected a time such as \"2026-11-23T18:00:00.5Z\", found the string \"2023-02-29T00:00:00Z\"");
    refused("{\"at\":\"0001-01-01T00:00:00+01:00\"}",
            "at: expected a time such as \"2026-11-23T18:00:00.5Z\", found the string \"0001-01-01T00:00:00+01:00\"");
    refused("{\"at\":1}", "at: expected an object, found the number 1");
    refused("{\"took\":\"1.5\"}", "took: expected a duration such as \"-1.5s\", found the string \"1.5\"");
    refused("{\"took\":\"315576000001s\"}", "took: expected a duration such as \"-1.5s\", found the string \"315576000001s\"");
}

static void nesting(void **state)
{
    gives(thing, "{\"point\":{\"x\":1,\"y\":0}}", "8a010909000000000000f03f");
    gives(thing, "{\"point\":{}}", "8a0100");
    gives(thing, "{\"point\":null,\"opt_int32\":null,\"ints\":null}", "");
    gives(thing, "{\"opt_int32\":0}", "f80100");
    gives(thing, "{\"ints\":[1,2]}", "ca02020102");
    gives(thing, "{\"ints\":[]}", "");
    gives(thing, "{\"loose_ints\":[1,2]}", "d00201d00202");
    gives(thing, "{\"strings\":[\"\",\"a\"]}", "da0200da020161");
    gives(thing, "{\"counts\":{\"a\":1}}", "9a03050a01611001");
    gives(thing, "{\"flags\":{\"true\":\"x\"}}", "aa03050801120178");
    gives(thing, "{\"flags\":[{\"key\":true,\"value\":\"x\"}]}", "aa03050801120178");
    gives(thing, "{\"shades\":{\"18446744073709551615\":\"GREEN\"}}", "b2030d08ffffffffffffffffff011001");
    gives(thing, "{\"cash\":0}", "f80300");
    gives(thing, "{\"cash\":1,\"voucher\":null}", "f80301");
    gives(thing, "{\"tree\":{\"children\":[{}]}}", "a201021200");
    gives(thing, "{\"tree\":{\"named\":{\"a\":{\"name\":\"b\"}}}}", "a2010a1a080a0161120" "30a0162");
    gives(old, "{\"id\":0}", "0800");
}

/* A length of two bytes is not known when the value's first byte is written. */
static void long_values_move_up(void **state)
{
    struct hrp_buf out = HRP_BUF_INIT;
    char json[1024];

    snprintf(json, sizeof json, "{\"tree\":{\"children\":[{\"name\":\"%0*d\"}]}}", 300, 7);
    assert_int_equal(hrp_json_to_wire(thing, json, strlen(json), &out, NULL), 0);
    assert_int_equal(out.n, 4 + 3 + 3 + 300);
    assert_memory_equal(out.p, "\xa2\x01\xb2\x02\x12\xaf\x02\x0a\xac\x02" "00", 12);
    assert_int_equal(out.p[out.n - 1], '7');
    hrp_buf_fini(&out);
}

static void wrong_types(void **state)
{
    refused("{\"a_string\":12}", "a_string: expected a string, found the number 12");
    refused("{\"an_int32\":2147483648}", "an_int32: expected an integer from -2147483648 to 2147483647, found the number 2147483648");
    refused("{\"a_uint32\":-1}", "a_uint32: expected an integer from 0 to 4294967295, found the number -1");
    refused("{\"an_int32\":1.5}", "an_int32: expected an integer from -2147483648 to 2147483647, found the number 1.5");
    refused("{\"a_uint64\":18446744073709551616}",
            "a_uint64: expected an integer from 0 to 18446744073709551615, found the number 18446744073709551616");
    refused("{\"a_uint64\":1e999999999999}", "a_uint64: expected an integer from 0 to 18446744073709551615, found the number 1e999999999999");
    refused("{\"an_int64\":\" 1\"}", "an_int64: expected an integer from -9223372036854775808 to 9223372036854775807, found the string \" 1\"");
    refused("{\"a_bool\":1}", "a_bool: expected true or false, found the number 1");
    refused("{\"point\":[]}", "point: expected an object, found an array");
    refused("{\"ints\":3}", "ints: expected an array, found the number 3");
    refused("{\"ints\":[1,null]}", "ints[1]: expected an integer from -2147483648 to 2147483647, found null");
    refused("{\"counts\":7}", "counts: expected an object, found the number 7");
    refused("{\"places\":{\"x\":{}}}", "places: expected an integer from -2147483648 to 2147483647, found the string \"x\"");
    refused("{\"places\":{\"1\":{\"y\":\"q\"}}}", "places[\"1\"].y: expected a number that a double can hold, found the string \"q\"");
    refused("{\"outer\":[{},{\"inner\":[{\"tags\":[\"a\",{}]}]}]}", "outer[1].inner[0].tags[1]: expected a string, found an object");
    refused("{\"tree\":{\"children\":[{\"name\":1}]}}", "tree.children[0].name: expected a string, found the number 1");
    refused("{\"a_string\":\"" "0123456789012345678901234567890123456789" "x\",\"color\":\"0123456789012345678901234567890123456789x\"}",
            "color: expected a value of every.Color, by name or number, found the string \"0123456789012345678901234567890123456789...\"");
}

static void wrong_keys(void **state)
{
    refused("{\"title\":1}", "every.Thing has no field \"title\"");
    refused("{\"point\":{\"z\":1}}", "point: every.Point has no field \"z\"");
    refused("{\"\":1}", "every.Thing has no field \"\"");
    refused("{\"payment\":1}", "every.Thing has no field \"payment\"");
    refused("{\"an_int32\":1,\"an_int32\":2}", "an_int32: stands twice");
    refused("{\"an_int32\":1,\"anInt32\":2}", "an_int32: stands twice");
    refused("{\"_unknown\":\"oAYB\",\"_unknown\":\"oAYB\"}", "_unknown: stands twice");
    refused("{\"counts\":{\"a\":1,\"b\":2,\"\\u0061\":3}}", "counts[\"\\u0061\"]: the key stands twice");
    refused("{\"places\":{\"1\":{},\"1.0\":{}}}", "places[\"1.0\"]: the key stands twice");
    refused("{\"cash\":1,\"voucher\":\"x\"}", "voucher: another member of the oneof payment is set already");
    refused_n(old, "{}", 2, "id: is required and not there");
    refused_n(old, "{\"id\":null}", 11, "id: is required and not there");
}

static void not_json(void **state)
{
    refused("", "expected an object, found the end");
    refused("[]", "expected an object, found an array");
    refused("{", "not JSON at byte 1: expected a key in quotes, found the end");
    refused("{}{", "not JSON at byte 2: expected nothing behind the object, found an object");
    refused("{\"an_int32\"", "an_int32: not JSON at byte 11: expected \":\", found the end");
    refused("{\"an_int32\":", "an_int32: expected an integer from -2147483648 to 2147483647, found the end");
    refused("{\"an_int32\":1", "not JSON at byte 13: expected \",\" or \"}\", found the end");
    refused("{\"an_int32\":1,}", "not JSON at byte 14: expected a key in quotes, found }");
    refused("{\"an_int32\":01}", "an_int32: expected an integer from -2147483648 to 2147483647, found 01}");
    refused("{\"ints\":[1 2]}", "ints: not JSON at byte 11: expected \",\" or \"]\", found the number 2");
    refused("{\"a_bool\":trueish}", "a_bool: expected true or false, found trueish}");
    refused("{\"a_string\":\"a\nb\"}", "a_string: not JSON at byte 14: expected the rest of a string, found a control character");
}

/* The same depth as the builder's, so that what is read here can be built. */
static void depth_is_limited(void **state)
{
    struct hrp_buf json = HRP_BUF_INIT, out = HRP_BUF_INIT, back = HRP_BUF_INIT;
    struct hr_error err;

    for (int n = 97; n <= 98; n++) { /* children below the thing and its tree */
        hrp_buf_clear(&json);
        hrp_put_fmt(&json, "{\"tree\":{");
        for (int i = 0; i < n; i++)
            hrp_put_fmt(&json, "\"children\":[{");
        for (int i = 0; i < n; i++)
            hrp_put_fmt(&json, "}]");
        hrp_put_fmt(&json, "}}");
        hrp_buf_clear(&out);
        assert_int_equal(hrp_json_to_wire(thing, (char *)json.p, json.n, &out, &err), 0);
        hrp_buf_clear(&back);
        assert_int_equal(hrp_json_from_wire(thing, out.p, out.n, &back, &err), 0);
    }
    hrp_buf_clear(&json);
    hrp_put_fmt(&json, "{\"tree\":{");
    for (int i = 0; i < 99; i++)
        hrp_put_fmt(&json, "\"children\":[{");
    assert_int_equal(hrp_json_to_wire(thing, (char *)json.p, json.n, &out, &err), HR_EROW);
    assert_non_null(strstr(err.text, ".children[0]: messages nest too deeply"));
    assert_ptr_equal(strstr(err.text, "..."), err.text);
    hrp_buf_fini(&json);
    hrp_buf_fini(&out);
    hrp_buf_fini(&back);
}

static void no_memory(void **state)
{
    const char *json = "{\"tree\":{\"named\":{\"a\":{\"name\":\"b\"}}},\"strings\":[\"some text that needs more room than the first piece has\","
                       "\"and still more of it, since buffers start with sixty-four bytes and grow by half\"],\"counts\":{\"x\":1,\"y\":2}}";
    struct hrp_buf out = HRP_BUF_INIT;
    int r = HR_ENOMEM;

    if (!unit_faults())
        skip();
    gives(old, "{\"id\":0}", "0800"); /* nothing below is a first time */
    for (unsigned long n = 1; r == HR_ENOMEM; n++) {
        hrp_buf_fini(&out);
        out = (struct hrp_buf)HRP_BUF_INIT;
        hrp_alloc_fail_at(n);
        r = hrp_json_to_wire(thing, json, strlen(json), &out, NULL);
        hrp_alloc_fail_at(0);
        assert_true(n < 200);
    }
    assert_int_equal(r, 0);
    hrp_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),      cmocka_unit_test(doubles),     cmocka_unit_test(texts),
        cmocka_unit_test(times),        cmocka_unit_test(nesting),     cmocka_unit_test(long_values_move_up),
        cmocka_unit_test(wrong_types),  cmocka_unit_test(wrong_keys),  cmocka_unit_test(not_json),
        cmocka_unit_test(depth_is_limited), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
