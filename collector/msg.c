#include "msg.h"
#include "alloc.h"
#include "status.h"
#include <string.h>

void hrd_msgs_add(struct hrd_msgs *list, struct hrd_msg *msg)
{
    msg->next = NULL;
    if (list->last != NULL)
        list->last->next = msg;
    else
        list->first = msg;
    list->last = msg;
}

struct hrd_msg *hrd_msgs_take(struct hrd_msgs *list)
{
    struct hrd_msg *msg = list->first;

    if (msg == NULL)
        return NULL;
    list->first = msg->next;
    if (list->first == NULL)
        list->last = NULL;
    msg->next = NULL;
    return msg;
}

void hrd_msgs_free(struct hrd_msgs *list)
{
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(list)) != NULL)
        hrd_msg_free(msg);
}

struct hrd_msg *hrd_msg_new(enum hrd_msg_type type, size_t size, void (*free_contents)(struct hrd_msg *msg))
{
    struct hrd_msg *msg = hrp_calloc(1, size);

    if (msg != NULL) {
        msg->type = type;
        msg->free = free_contents;
    }
    return msg;
}

static void announce_free(struct hrd_msg *msg)
{
    struct hrd_announce_msg *ann = (struct hrd_announce_msg *)msg;

    hrp_free(ann->app);
    hrp_free(ann->version);
    hrp_free(ann->host);
    hrp_free(ann);
}

static void offer_free(struct hrd_msg *msg)
{
    struct hrd_offer_msg *off = (struct hrd_offer_msg *)msg;

    hrp_free(off->stream);
    hrp_schema_unref(off->schema);
    hrp_free(off);
}

static void register_free(struct hrd_msg *msg)
{
    struct hrd_register_msg *reg = (struct hrd_register_msg *)msg;

    hrp_free(reg->stream);
    hrp_schema_unref(reg->schema);
    hrp_free(reg->schema_ids);
    hrp_free(reg->change);
    hrp_free(reg);
}

static void batch_free(struct hrd_msg *msg)
{
    struct hrd_batch_msg *bat = (struct hrd_batch_msg *)msg;

    hrp_free(bat->bytes);
    hrp_batch_head_fini(&bat->head);
    hrp_batch_free(bat->batch);
    hrp_free(bat->asides);
    hrp_free(bat->raw_asides);
    hrp_buf_fini(&bat->aside_bytes);
    hrd_ranges_fini(&bat->flagged);
    hrp_free(bat->findings);
    hrp_free(bat->replay);
    hrd_causes_fini(&bat->causes);
    hrd_block_head_fini(&bat->block);
#ifdef HRP_FAULTS
    hrp_free(bat->planted);
#endif
    hrp_free(bat);
}

static void report_free(struct hrd_msg *msg)
{
    hrp_free(((struct hrd_report_msg *)msg)->positions);
    hrp_free(msg);
}

static void gone_free(struct hrd_msg *msg)
{
    hrp_free(((struct hrd_gone_msg *)msg)->incarnations);
    hrp_free(msg);
}

static void puts_free(struct hrd_msg *msg)
{
    hrd_group_fini(&((struct hrd_puts_msg *)msg)->group);
    hrp_free(msg);
}

static void status_free(struct hrd_msg *msg)
{
    hrd_status_unref(((struct hrd_status_msg *)msg)->status);
    hrp_free(msg);
}

static void plain_free(struct hrd_msg *msg) { hrp_free(msg); }

#define NEW(type, kind, fn) ((struct kind *)(void *)hrd_msg_new(type, sizeof(struct kind), fn))

struct hrd_announce_msg *hrd_announce_msg_new(void) { return NEW(HRD_MSG_ANNOUNCE, hrd_announce_msg, announce_free); }
struct hrd_offer_msg *hrd_offer_msg_new(void) { return NEW(HRD_MSG_OFFER, hrd_offer_msg, offer_free); }
struct hrd_register_msg *hrd_register_msg_new(void) { return NEW(HRD_MSG_REGISTER, hrd_register_msg, register_free); }
struct hrd_batch_msg *hrd_batch_msg_new(void) { return NEW(HRD_MSG_BATCH, hrd_batch_msg, batch_free); }
struct hrd_report_msg *hrd_report_msg_new(void) { return NEW(HRD_MSG_REPORT, hrd_report_msg, report_free); }
struct hrd_gone_msg *hrd_gone_msg_new(void) { return NEW(HRD_MSG_GONE, hrd_gone_msg, gone_free); }
struct hrd_status_msg *hrd_status_msg_new(void) { return NEW(HRD_MSG_STATUS, hrd_status_msg, status_free); }
struct hrd_counters_msg *hrd_counters_msg_new(void) { return NEW(HRD_MSG_COUNTERS, hrd_counters_msg, plain_free); }

struct hrd_puts_msg *hrd_puts_msg_new(void)
{
    struct hrd_puts_msg *puts = NEW(HRD_MSG_PUTS, hrd_puts_msg, puts_free);

    if (puts != NULL)
        hrd_group_init(&puts->group);
    return puts;
}
