/* Writes the seeds of fuzz_store into the folder given: `make_store_corpus tests/fuzz/corpus/store`. */
#include "sinks/sink_impl.h"
#include "block.h"
#include "commit_kit.h"
#include "profile.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

static void write_seed(unsigned kind, const char *name, struct hrp_buf *value)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (f == NULL || fputc((int)kind, f) == EOF || fwrite(value->p, 1, value->n, f) != value->n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
    hrp_buf_clear(value);
}

/* Everything the commit path stores, as it does. */
static void write_stored(struct ck *k, enum hrd_cf cf, unsigned kind, const char *name, uint8_t first_of_key, struct hrp_buf *value)
{
    const struct hrd_log_ops *ops = k->log->ops;
    const uint8_t *key, *v;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    char seed[64];
    size_t n_key, n_v;
    unsigned n = 0;

    if (ops->snapshot(k->log, &snap) != 0 || ops->iter(snap, cf, "", 0, &it) != 0)
        abort();
    while (ops->next(it, &key, &n_key, &v, &n_v) == 1) {
        if (first_of_key != 0 && key[0] != first_of_key)
            continue;
        snprintf(seed, sizeof seed, "%s-%u", name, n++);
        hrp_put_bytes(value, v, n_v);
        write_seed(kind, seed, value);
    }
    ops->iter_free(it);
    ops->snapshot_free(snap);
}

static void profile_seed(struct ck *k, struct hrp_buf *value)
{
    struct hrd_profile_set *set = hrd_profile_set_new();
    struct hrd_batch_msg *bat;

    for (unsigned i = 0; i < 2; i++) {
        ck_add(k, ck_rows(k, 1, 3, 1 + i * 600, i == 0 ? 3 : 600)); /* a small one, and registers in place of coupons */
        ck_settle(k);
        bat = ck_answer(k, HRD_MSG_COMMITTED);
        hrd_profile_set_add(set, &bat->block, bat->batch);
        hrd_msg_free(&bat->msg);
        hrd_profile_put(value, set->first);
        write_seed(2, i == 0 ? "profile-small" : "profile-large", value);
        hrd_ranges_put(value, &set->first->offsets);
        write_seed(3, i == 0 ? "ranges-one" : "ranges-two", value);
    }
    hrd_profile_set_free(set);
}

static void cursor_seeds(struct hrp_buf *value)
{
    struct sink_stream st = {.cursor = 1000};

    sink_cursor_put(value, &st);
    write_seed(7, "cursor", value);
    st.intent = (struct sink_intent){.out = true, .to = 2000, .hour_ns = INT64_C(1800000000000000000)};
    sink_cursor_put(value, &st);
    write_seed(7, "intent", value);
}

int main(int argc, char **argv)
{
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrp_segment segs[] = {
        {.lane = 0, .kind = HRP_SEG_ROWS, .first_n = 1, .count = 5},
        {.lane = 0, .kind = HRP_SEG_RAW, .first_n = 6, .count = 2},
        {.lane = 0, .kind = HRP_SEG_DROP, .reason = HRP_DROP_EVICTED, .first_n = 8, .count = 3},
    };
    struct ck k;

    if (argc != 2)
        return 2;
    folder = argv[1];
    ck_init(&k);
    ck_start(&k, 1);
    ck_commit(&k, ck_batch(&k, 1, segs, 3));
    ck_commit(&k, ck_rows(&k, 1, 1, 3, 2));
    ck_commit(&k, ck_rows(&k, 1, 1, 1, 6)); /* a selection of two ranges */
    ck_report(&k, 1, 0, 20, 12, false);
    ck_settle(&k);
    hrd_msg_free(ck_answer(&k, HRD_MSG_REPORTED));
    write_stored(&k, HRD_CF_INDEX, 0, "head", 0, &value);
    write_stored(&k, HRD_CF_QUARANTINE, 1, "quarantined", 0, &value);
    write_stored(&k, HRD_CF_PRODUCERS, 4, "lane", 0, &value);
    write_stored(&k, HRD_CF_PRODUCERS, 5, "incarnation", 0, &value);
    write_stored(&k, HRD_CF_SCHEMAS, 6, "stream", 's', &value);
    profile_seed(&k, &value);
    cursor_seeds(&value);
    hrp_buf_fini(&value);
    ck_fini(&k);
    return 0;
}
