/* Lanes as mapped files, or as anonymous memory without a folder. */
#include "spool_file.h"
#include "alloc.h"
#include "io.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

void hrs_lane_name(uint32_t number, char ret[16]) { snprintf(ret, 16, "lane-%04x", number & 0xffff); }

/* Head and ring are there now, or HR_ENOSPC is the answer now; slots come a page at a time (hrs_lane_room). */
static int make_lane_file(int dir_fd, const char *tmp, uint64_t ring_bytes, size_t n_bytes, void **ret)
{
    int fd = -1, r = hrp_open_at(dir_fd, tmp, O_RDWR | O_CREAT | O_TRUNC, 0600, &fd);

    if (r == 0)
        r = hrp_truncate(fd, n_bytes);
    if (r == 0)
        r = hrp_allocate_at(fd, 0, HRS_LANE_SLOTS_AT);
    if (r == 0)
        r = hrp_allocate_at(fd, HRS_LANE_RING_AT, ring_bytes);
    if (r == 0)
        r = hrp_map(fd, n_bytes, ret);
    hrp_close(fd);
    return r;
}

static int map_region(struct hrs_folder *f, uint32_t number, uint64_t ring_bytes, const struct hrp_id *inc, struct hrs_mapping *m)
{
    char tmp[24], name[16];
    int r;

    if (f == NULL) {
        m->region = mmap(NULL, m->n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m->region == MAP_FAILED) {
            m->region = NULL;
            return HR_ENOMEM;
        }
        hrs_lane_init(&m->lane, m->region, ring_bytes, number, inc);
        return 0;
    }
    hrs_lane_name(number, name);
    snprintf(tmp, sizeof tmp, "%s.tmp", name);
    r = make_lane_file(f->fd, tmp, ring_bytes, m->n_bytes, &m->region);
    if (r == 0) {
        hrs_lane_init(&m->lane, m->region, ring_bytes, number, inc);
        r = hrp_rename_at(f->fd, tmp, name);
    }
    if (r != 0)
        hrp_unlink_at(f->fd, tmp);
    return r;
}

int hrs_lane_map_new(struct hrs_folder *f, const struct hrp_id *inc, uint32_t number, uint64_t ring_bytes, struct hrs_mapping **ret)
{
    struct hrs_mapping *m = hrp_calloc(1, sizeof *m);
    int r;

    if (m == NULL)
        return HR_ENOMEM;
    m->n_bytes = hrs_lane_region_bytes(ring_bytes);
    r = map_region(f, number, ring_bytes, inc, m);
    if (r != 0)
        hrs_lane_unmap(m);
    else
        *ret = m;
    return r;
}

void hrs_lane_unmap(struct hrs_mapping *m)
{
    if (m->region != NULL)
        munmap(m->region, m->n_bytes);
    hrp_free(m);
}

int hrs_lane_room(struct hrs_folder *f, uint32_t number, uint32_t type)
{
    uint64_t at = HRS_LANE_SLOTS_AT + (uint64_t)type * sizeof(struct hrs_slot);
    char name[16];
    int fd = -1, r;

    if (f == NULL)
        return 0;
    hrs_lane_name(number, name);
    r = hrp_open_at(f->fd, name, O_RDWR, 0, &fd);
    if (r == 0)
        r = hrp_allocate_at(fd, at, sizeof(struct hrs_slot));
    hrp_close(fd);
    return r;
}
