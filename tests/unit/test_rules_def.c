/* rules.def says again what validate.proto says, since the validator needs it without a descriptor: here the two are held
 * against each other, line by line and both ways. */
#include "unit.h"
#include "descriptor.h"
#include "rules_read.h"
#include "schemas.h"
#include <stdlib.h>
#include <string.h>

static pb_set *set;

static int open_set(void **state)
{
    size_t n;
    uint8_t *bytes = test_set_read("order", &n);

    set = google__protobuf__file_descriptor_set__unpack(NULL, n, bytes);
    free(bytes);
    return set != NULL ? 0 : 1;
}

static int close_set(void **state)
{
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    return 0;
}

static const pb_message *message(const char *name)
{
    for (size_t i = 0; i < set->n_file; i++)
        for (size_t k = 0; strcmp(set->file[i]->name, "buf/validate/validate.proto") == 0 && k < set->file[i]->n_message_type; k++)
            if (strcmp(set->file[i]->message_type[k]->name, name) == 0)
                return set->file[i]->message_type[k];
    fail_msg("validate.proto has no message %s", name);
    return NULL;
}

static const struct hrp_rule_def *find(uint8_t type, int32_t number)
{
    uint32_t n;
    const struct hrp_rule_def *defs = hrp_rule_defs(&n);

    for (uint32_t i = 0; i < n; i++)
        if (defs[i].type == type && defs[i].number == (uint32_t)number)
            return &defs[i];
    return NULL;
}

static uint8_t oneof_number(const pb_message *m, const pb_field *f)
{
    static const char *const names[] = {"", "less_than", "greater_than", "well_known"};

    for (uint8_t i = 1; f->has_oneof_index && i < 4; i++)
        if (strcmp(m->oneof_decl[f->oneof_index]->name, names[i]) == 0)
            return i;
    return 0;
}

static void same(const char *rules, const pb_message *m, const pb_field *f, const struct hrp_rule_def *def)
{
    bool repeated = f->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;

    if (def == NULL)
        fail_msg("%s.%s = %d has no line in rules.def", rules, f->name, f->number);
    else if (strcmp(def->name, f->name) != 0 || def->pb_type != (uint8_t)f->type || def->repeated != repeated || def->oneof != oneof_number(m, f))
        fail_msg("%s.%s = %d is not what rules.def says of %s", rules, f->name, f->number, def->name);
}

static void each_rule_has_its_line(void **state)
{
    const pb_message *field_rules = message("FieldRules");
    uint32_t n_lines, n = 0;

    hrp_rule_defs(&n_lines);
    for (size_t i = 0; i < field_rules->n_field; i++) {
        const pb_field *type = field_rules->field[i];
        const pb_message *rules;

        if (!type->has_oneof_index) /* required, ignore, cel */
            continue;
        assert_string_equal(hrp_rules_type_name((enum hrp_rules_type)type->number), type->name);
        rules = message(strrchr(type->type_name, '.') + 1);
        for (size_t k = 0; k < rules->n_field; k++, n++)
            same(type->name, rules, rules->field[k], find((uint8_t)type->number, rules->field[k]->number));
    }
    assert_int_equal(n, n_lines); /* and each line its rule */
}

static void lines_ascend(void **state)
{
    uint32_t n;
    const struct hrp_rule_def *defs = hrp_rule_defs(&n);

    for (uint32_t i = 1; i < n; i++)
        assert_true(defs[i - 1].type != defs[i].type || defs[i - 1].number < defs[i].number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_its_line),
        cmocka_unit_test(lines_ascend),
    };

    return cmocka_run_group_tests(tests, open_set, close_set);
}
