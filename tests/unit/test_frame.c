#include "frame.h"
#include "bytes.h"
#include "errors.h"
#include "unit.h"
#include <string.h>

static const uint8_t payload[] = "not a message, but a frame does not look inside";

static struct hrp_buf good(void)
{
    struct hrp_buf b = HRP_BUF_INIT;

    hrp_frame_put(&b, HRP_FRAME_BATCH, payload, sizeof payload);
    assert_int_equal(b.err, 0);
    return b;
}

static int next(const uint8_t *p, size_t n, struct hrp_frame *f, size_t *used, size_t *need)
{
    return hrp_frame_next(p, n, &hrp_limits_default, f, used, need);
}

static void a_frame_comes_back(void **state)
{
    struct hrp_buf b = good();
    struct hrp_frame f;
    size_t used, need;

    assert_int_equal(next(b.p, b.n, &f, &used, &need), 1);
    assert_int_equal(f.type, HRP_FRAME_BATCH);
    assert_int_equal(f.n_bytes, sizeof payload);
    assert_memory_equal(f.payload, payload, sizeof payload);
    assert_int_equal(used, b.n);
    hrp_buf_fini(&b);
}

/* As it arrives byte by byte: more is needed until all is there, and never more than that. */
static void a_part_of_a_frame_is_waited_for(void **state)
{
    struct hrp_buf b = good();
    struct hrp_frame f;
    size_t used, need;

    for (size_t n = 0; n < b.n; n++) {
        assert_int_equal(next(b.p, n, &f, &used, &need), 0);
        assert_in_range(need, n + 1, b.n);
    }
    hrp_buf_fini(&b);
}

/* Each byte changed to each other value: an error, or a wait for bytes within the limits; never another frame. */
static void each_changed_byte_is_noticed(void **state)
{
    const size_t most = 64 + (size_t)hrp_limits_default.frame_bytes;
    struct hrp_buf b = good();
    struct hrp_frame f;
    size_t used, need;

    for (size_t at = 0; at < b.n; at++) {
        for (unsigned change = 1; change < 256; change++) {
            int r;

            b.p[at] ^= (uint8_t)change;
            r = next(b.p, b.n, &f, &used, &need);
            assert_true(r <= 0);
            if (r == 0)
                assert_in_range(need, b.n + 1, most);
            b.p[at] ^= (uint8_t)change;
        }
    }
    hrp_buf_fini(&b);
}

/* The length is held against the limits before a byte of the payload is there. */
static void a_length_past_the_limit_ends_it(void **state)
{
    struct hrp_limits lim = hrp_limits_default;
    struct hrp_buf b = good();
    struct hrp_frame f;
    size_t used, need = 0, head;

    assert_int_equal(next(b.p, b.n, &f, &used, &need), 1);
    head = used - sizeof payload;
    lim.frame_bytes = sizeof payload - 1;
    assert_int_equal(hrp_frame_next(b.p, head, &lim, &f, &used, &need), HR_ETOOBIG);
    lim.frame_bytes = sizeof payload;
    assert_int_equal(hrp_frame_next(b.p, b.n, &lim, &f, &used, &need), 1);
    hrp_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_comes_back),
        cmocka_unit_test(a_part_of_a_frame_is_waited_for),
        cmocka_unit_test(each_changed_byte_is_noticed),
        cmocka_unit_test(a_length_past_the_limit_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
