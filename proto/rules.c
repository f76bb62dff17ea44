/* Opening and asking a schema's rules; vetting those of a set that is offered. */
#include "rules_impl.h"
#include "alloc.h"
#include <string.h>
#include <time.h>

static void check_fini(const struct hrp_rules *rules, struct rule_check *ck)
{
    if (ck->re != NULL)
        rules->regex->close(ck->re);
}

void hrp_rules_free(struct hrp_rules *rules)
{
    if (rules == NULL)
        return;
    for (uint32_t i = 0; i < rules->n_programs; i++) {
        for (uint32_t k = 0; k < rules->programs[i].n; k++)
            check_fini(rules, &rules->programs[i].checks[k]);
        hrp_free(rules->programs[i].checks);
    }
    hrp_free(rules->programs);
    hrp_descset_fini(&rules->ds);
    hrp_schema_unref(rules->schema);
    hrp_free(rules);
}

bool hrp_rules_empty(const struct hrp_rules *rules) { return rules->empty; }
uint32_t hrp_rules_left(const struct hrp_rules *rules) { return rules->left; }

/* The set's types, as they were when the schema was made; `canonical` tells what imports what. */
static int types_open(struct hrp_descset *ds, const char *name, const struct hrp_limits *lim, struct hrp_types *ret, struct hr_error *err)
{
    struct hrp_symbol *sym = hrp_descset_find(ds, name);
    struct hrp_buf canonical = HRP_BUF_INIT;
    int r;

    if (sym == NULL || sym->msg == NULL)
        return hrp_descset_no_message(ds, name, err);
    r = hrp_descset_canonical(ds, sym->file, &canonical, err);
    hrp_buf_fini(&canonical);
    return r == 0 ? hrp_types_collect(ds, sym, lim, ret, err) : r;
}

static int rules_open(struct hrp_schema *schema, const struct hrp_regex *regex, bool door, struct hrp_rules **ret, struct hr_error *err)
{
    struct hrp_rules *rules = hrp_calloc(1, sizeof *rules);
    struct hrp_types types;
    const uint8_t *set;
    size_t n;
    int r;

    if (rules != NULL)
        rules->programs = hrp_calloc(1, sizeof *rules->programs);
    if (rules == NULL || rules->programs == NULL) {
        hrp_free(rules);
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    }
    rules->schema = hrp_schema_ref(schema);
    rules->regex = regex;
    rules->door = door;
    rules->n_programs = rules->cap_programs = 1;
    rules->programs[0].schema = schema;
    set = hrp_schema_bytes(schema, &n);
    r = hrp_descset_open(set, n, &hrp_limits_default, &rules->ds, err);
    if (r == 0)
        r = types_open(&rules->ds, hrp_schema_name(schema), &hrp_limits_default, &types, err);
    if (r == 0)
        r = hrp_rules_compile(rules, err);
    if (r != 0)
        hrp_rules_free(rules);
    else
        *ret = rules;
    return r;
}

int hrp_rules_open(struct hrp_schema *schema, const struct hrp_regex *regex, struct hrp_rules **ret, struct hr_error *err)
{
    return rules_open(schema, regex, false, ret, err);
}

int hrp_rules_open_door(struct hrp_schema *schema, const struct hrp_regex *regex, struct hrp_rules **ret, struct hr_error *err)
{
    return rules_open(schema, regex, true, ret, err);
}

int hrp_rules_check(const struct hrp_rules *rules, const struct hrp_batch *batch, uint32_t most, struct hrp_violations *ret)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return hrp_check_run(rules, 0, batch, most, 0, (__int128)now.tv_sec * 1000000000 + now.tv_nsec, ret);
}

/* ---- vetting: the places are in the raw set only ---- */

static int vet_type(struct hrp_descset *ds, const struct hrp_type *t, struct hr_error *err)
{
    const struct hrp_field_rules *fr;
    const struct hrp_message_rules *mr;
    bool required;
    int r = hrp_rules_of_message(ds, t, &mr, err);

    for (uint32_t i = 0; r == 0 && i < t->n_oneofs; i++)
        r = hrp_rules_of_oneof(ds, t, i, &required, err);
    for (uint32_t i = 0; r == 0 && i < t->n_fields; i++)
        r = hrp_rules_of_field(ds, t, &t->fields[i], &fr, err);
    return r;
}

static int vet_places(const uint8_t *fdset, size_t n, const char *full_name, const struct hrp_limits *lim, struct hr_error *err)
{
    struct hrp_descset ds;
    struct hrp_types types;
    int r = hrp_descset_open(fdset, n, lim, &ds, err);

    if (r != 0)
        return r;
    r = types_open(&ds, full_name, lim, &types, err);
    for (uint32_t i = 0; r == 0 && i < types.n; i++)
        r = vet_type(&ds, types.list[i], err);
    hrp_descset_fini(&ds);
    return r;
}

int hrp_rules_vet(const uint8_t *fdset, size_t n, const char *full_name, const struct hrp_limits *lim, const struct hrp_regex *regex,
                  struct hr_error *err)
{
    struct hrp_schema *schema;
    struct hrp_rules *rules = NULL;
    int r = vet_places(fdset, n, full_name, lim, err);

    if (r == 0)
        r = hrp_schema_open(fdset, n, full_name, lim, &schema, err);
    if (r != 0)
        return r;
    r = hrp_rules_open(schema, regex, &rules, err);
    if (r == 0)
        hrp_rules_free(rules);
    hrp_schema_unref(schema);
    return r;
}
