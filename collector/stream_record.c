/* A stream's record: u8 1; varints stream id, next offset, next quarantine number, rows, blocks, quarantined, header, envelope,
 * field, raw and index bytes; svarints newest receive and event time; u32 check32 of all before. Key: 's', then its name. */
#include "registry.h"
#include <string.h>

#define FORMAT 1

void hrd_stream_record_put(struct hrd_group *g, const char *name, const struct hrd_stream_record *rec, struct hrp_buf *scratch)
{
    size_t n_key = strlen(name) + 1;

    hrp_buf_clear(scratch);
    hrp_put_u8(scratch, 's');
    hrp_put_bytes(scratch, name, n_key - 1);
    hrp_put_u8(scratch, FORMAT);
    hrp_put_varint(scratch, rec->stream_id);
    hrp_put_varint(scratch, rec->next_offset);
    hrp_put_varint(scratch, rec->next_quarantine);
    hrp_put_varint(scratch, rec->rows);
    hrp_put_varint(scratch, rec->blocks);
    hrp_put_varint(scratch, rec->quarantined);
    hrp_put_varint(scratch, rec->header_bytes);
    hrp_put_varint(scratch, rec->envelope_bytes);
    hrp_put_varint(scratch, rec->field_bytes);
    hrp_put_varint(scratch, rec->raw_bytes);
    hrp_put_varint(scratch, rec->index_bytes);
    hrp_put_svarint(scratch, rec->newest_receive_ns);
    hrp_put_svarint(scratch, rec->newest_event_ns);
    if (scratch->err == 0)
        hrp_put_u32(scratch, hrp_check32(scratch->p + n_key, scratch->n - n_key));
    if (scratch->err != 0)
        g->err = HR_ENOMEM;
    else
        hrd_group_put(g, HRD_CF_SCHEMAS, scratch->p, n_key, scratch->p + n_key, scratch->n - n_key);
}

int hrd_stream_record_read(const uint8_t *value, size_t n, struct hrd_stream_record *ret)
{
    struct hrp_reader r = hrp_reader(value, n);
    struct hrd_stream_record rec;
    uint64_t id;

    if (n > 0 && value[0] != FORMAT)
        return HR_EVERSION;
    hrp_read_u8(&r);
    id = hrp_read_varint(&r);
    rec.stream_id = (uint32_t)id;
    rec.next_offset = hrp_read_varint(&r);
    rec.next_quarantine = hrp_read_varint(&r);
    rec.rows = hrp_read_varint(&r);
    rec.blocks = hrp_read_varint(&r);
    rec.quarantined = hrp_read_varint(&r);
    rec.header_bytes = hrp_read_varint(&r);
    rec.envelope_bytes = hrp_read_varint(&r);
    rec.field_bytes = hrp_read_varint(&r);
    rec.raw_bytes = hrp_read_varint(&r);
    rec.index_bytes = hrp_read_varint(&r);
    rec.newest_receive_ns = hrp_read_svarint(&r);
    rec.newest_event_ns = hrp_read_svarint(&r);
    if (id > UINT32_MAX || hrp_reader_left(&r) != 4 || hrp_read_u32(&r) != hrp_check32(value, n - 4))
        return HR_ECORRUPT;
    *ret = rec;
    return 0;
}
