/* The rows that integration/test_gen.py has in text format, too: one line of hex each, see fake_row.c. */
#include "bare.headrace.h"
#include "every.headrace.h"
#include "old.headrace.h"
#include "using.headrace.h"

static void every_kind(void)
{
    const struct every_kind_thing_inner leaf = {{"leaf", 4}, -3, NULL}, inner = {{"top", 3}, 0, &leaf};
    const struct shared_money price = {7, {"EUR", 3}, 0};
    const struct google_protobuf_timestamp at = {1, 500};
    const int32_t ints[] = {0, -1, 300};
    const enum every_kind_outcome outcomes[] = {EVERY_KIND_OUTCOME_WORST, EVERY_KIND_OUTCOME_GOOD};
    const struct every_kind_thing_counts_entry counts[] = {{{"", 0}, 0}, {{"a", 1}, -1}};
    const struct every_kind_thing_inners_entry inners[] = {{-1, &leaf}, {5, NULL}};
    struct every_kind_thing row = {0};

    every_kind_thing_log(NULL, &row);
    row.d = -0.0;
    row.s = (hr_bytes){"text", 4};
    row.outcome = EVERY_KIND_OUTCOME_BAD;
    row.inner = &inner;
    row.price = &price;
    row.at = &at;
    row.has_oi32 = row.has_ob = row.has_os = true;
    row.ri32 = row.loose = ints;
    row.n_ri32 = row.n_loose = 3;
    row.ro = outcomes;
    row.n_ro = 2;
    row.counts = counts;
    row.n_counts = 2;
    row.inners = inners;
    row.n_inners = 2;
    row.choice_case = EVERY_KIND_THING_CHOICE_CI;
    row.between = 9;
    row.far = 1;
    every_kind_thing_log(NULL, &row);
}

static void trouble(void)
{
    struct every_kind_trouble row = {0};
    const struct hr_row_troubles_entry troubles[] = {{{"k", 1}, &row}};
    const struct hr_type_ type = {-1, 2, {"b", 1}, 0};
    struct hr_row_ using_row = {0};

    row.class_ = 1;
    row.new_ = (hr_bytes){"new", 3};
    row.event_time_ns_ = 3;
    row.has_x_ = true; /* of x; has_x is a field of the message */
    row.x = 4;
    row.n_items = 7;
    row.switch_case_ = EVERY_KIND_TROUBLE_SWITCH_ERRNO;
    row.switch_.errno_ = (hr_bytes){"e", 1};
    every_kind_trouble_log(NULL, &row);
    using_row.trouble = &row;
    using_row.type = &type;
    using_row.outcome = EVERY_KIND_OUTCOME_GOOD;
    using_row.troubles = troubles;
    using_row.n_troubles = 1;
    hr_row__log(NULL, &using_row);
}

static void circles(void)
{
    const struct every_kind_egg eggs[] = {{NULL, 50, 0}, {NULL, 60, 0}};
    const struct every_kind_hen hen = {eggs, 2, {"Berta", 5}, 0};
    struct every_kind_egg egg = {&hen, 1, 0};
    struct every_kind_hen endless = {&egg, 1, {"", 0}, 0};
    struct every_kind_empty empty = {0};

    every_kind_egg_log(NULL, &egg);
    every_kind_empty_log(NULL, &empty);
    egg.hen = &endless; /* a circle in memory, too: too deep, and neither a hang nor an overflow */
    every_kind_egg_log(NULL, &egg);
}

/* An egg with a hen with an egg ..., n messages in all. */
static void deep(int n)
{
    struct every_kind_egg eggs[51] = {{NULL, 0, 0}};
    struct every_kind_hen hens[51] = {{NULL, 0, {"", 0}, 0}};

    for (int i = 1; i < n; i++) {
        if (i % 2 == 1) {
            eggs[i / 2].hen = &hens[i / 2];
        } else {
            hens[i / 2 - 1].eggs = &eggs[i / 2];
            hens[i / 2 - 1].n_eggs = 1;
        }
    }
    every_kind_egg_log(NULL, &eggs[0]);
}

int main(void)
{
    struct every_old_thing old = {0};
    const struct class_ bare = {COLOUR_BLUE, 0};

    every_kind();
    trouble();
    circles();
    deep(100);
    deep(101);
    old.id = 0;
    old.has_b = true;
    every_old_thing_log(NULL, &old);
    class__log(NULL, &bare);
    return every_kind_thing_log(NULL, NULL) == HR_EINVAL ? 0 : 1;
}
