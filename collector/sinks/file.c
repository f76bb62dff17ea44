/* Events as NDJSON in files that name what they hold:
 *
 *   DIR/<stream>/date=YYYY-MM-DD/hour=HH/<generation, 8 digits>-<from, 20 digits>-<to, 20 digits>.ndjson
 *
 * date and hour are of receive time, UTC; offsets are [from, to). A file is written beside its place as .<name>.tmp, synced,
 * renamed, and the folders are synced up to DIR. So a name without a dot is whole, and the same delivery made twice leaves
 * one file: an earlier try's is overwritten, left-over or finished.
 *
 * DIR is made once. Should it vanish later (unmounted, removed), it is not made again by itself: that would fill the disk
 * below a mount point. The sink fails, says so, and goes on when DIR is back. */
#include "alloc.h"
#include "io.h"
#include "sink.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUFFER_BYTES (256u << 10)
#define LEVELS 4 /* DIR, stream, date, hour */

struct file_sink {
    char *dir;
    bool made;                   /* DIR was there once */
    int folders[LEVELS];         /* -1: not open */
    int fd;
    char path[600];              /* below DIR, for what a person reads */
    char name[80], temp[88];
    struct hrp_buf buf;
    uint64_t rows;
};

static int fail(struct file_sink *f, int code, const char *path, struct hr_error *err)
{
    int e = errno;

    return hr_error_set(err, code, "%s%s%s: %s", f->dir, path[0] != '\0' ? "/" : "", path, code == HR_ENOMEM ? hr_strerror(code) : strerror(e));
}

static int file_open(const struct hrd_sink_settings *settings, void **ret, struct hr_error *err)
{
    struct file_sink *f;

    if (settings->dir == NULL || settings->dir[0] == '\0')
        return hr_error_set(err, HR_EINVAL, "sink %s: dir is missing", settings->name);
    f = hrp_calloc(1, sizeof *f);
    if (f == NULL || (f->dir = hrp_strdup(settings->dir)) == NULL) {
        hrp_free(f);
        return hr_error_set(err, HR_ENOMEM, "sink %s: %s", settings->name, hr_strerror(HR_ENOMEM));
    }
    f->fd = -1;
    for (unsigned i = 0; i < LEVELS; i++)
        f->folders[i] = -1;
    f->made = hrp_mkdir_all(f->dir, 0755) == 0; /* what is not possible now may be later: begin says so */
    *ret = f;
    return 0;
}

static void close_folders(struct file_sink *f)
{
    for (unsigned i = 0; i < LEVELS; i++) {
        hrp_close(f->folders[i]);
        f->folders[i] = -1;
    }
}

static int open_dir(struct file_sink *f, struct hr_error *err)
{
    int r = f->made ? 0 : hrp_mkdir_all(f->dir, 0755);

    if (r != 0)
        return fail(f, r, "", err);
    r = hrp_open_at(AT_FDCWD, f->dir, O_RDONLY | O_DIRECTORY, 0, &f->folders[0]);
    if (r != 0)
        return fail(f, r, "", err);
    f->made = true;
    return 0;
}

static int open_folder(struct file_sink *f, unsigned level, const char *name, struct hr_error *err)
{
    size_t n = strlen(f->path);
    int r;

    snprintf(f->path + n, sizeof f->path - n, "%s%s", n != 0 ? "/" : "", name);
    r = hrp_mkdir_at(f->folders[level - 1], name, 0755);
    if (r == 0 || r == HR_EBUSY)
        r = hrp_open_at(f->folders[level - 1], name, O_RDONLY | O_DIRECTORY, 0, &f->folders[level]);
    return r == 0 ? 0 : fail(f, r, f->path, err);
}

static int open_folders(struct file_sink *f, const struct hrd_delivery *d, struct hr_error *err)
{
    time_t hour = (time_t)(d->hour_ns / 1000000000);
    char date_name[32], hour_name[16];
    struct tm tm;
    int r = open_dir(f, err);

    gmtime_r(&hour, &tm);
    strftime(date_name, sizeof date_name, "date=%Y-%m-%d", &tm);
    strftime(hour_name, sizeof hour_name, "hour=%H", &tm);
    f->path[0] = '\0';
    if (r == 0)
        r = open_folder(f, 1, d->stream, err);
    if (r == 0)
        r = open_folder(f, 2, date_name, err);
    return r == 0 ? open_folder(f, 3, hour_name, err) : r;
}

static int file_begin(void *sink, const struct hrd_delivery *d, struct hr_error *err)
{
    struct file_sink *f = sink;
    char generation[33];
    int r = open_folders(f, d, err);

    hrp_id_hex(&d->generation, generation);
    snprintf(f->name, sizeof f->name, "%.8s-%020llu-%020llu.ndjson", generation, (unsigned long long)d->from, (unsigned long long)d->to);
    snprintf(f->temp, sizeof f->temp, ".%s.tmp", f->name);
    hrp_buf_clear(&f->buf);
    f->rows = 0;
    if (r == 0) {
        r = hrp_open_at(f->folders[LEVELS - 1], f->temp, O_WRONLY | O_CREAT | O_TRUNC, 0644, &f->fd);
        if (r != 0)
            fail(f, r, f->path, err);
    }
    return r;
}

static int write_out(struct file_sink *f, struct hr_error *err)
{
    int r = f->buf.err;

    if (r == 0)
        r = hrp_write_all(f->fd, f->buf.p, f->buf.n);
    hrp_buf_clear(&f->buf);
    return r == 0 ? 0 : fail(f, r, f->path, err);
}

static int file_row(void *sink, const struct hrd_sink_row *row, struct hr_error *err)
{
    struct file_sink *f = sink;

    hrp_put_bytes(&f->buf, row->json, row->n_json);
    hrp_put_u8(&f->buf, '\n');
    f->rows++;
    return f->buf.n >= BUFFER_BYTES || f->buf.err != 0 ? write_out(f, err) : 0;
}

/* The file first, then its name, then the folders, inmost first: whoever finds DIR after a power cut finds all of it. */
static int publish(struct file_sink *f, struct hr_error *err)
{
    int r = write_out(f, err);

    if (r != 0)
        return r;
    r = hrp_fsync(f->fd);
    if (r == 0)
        r = hrp_rename_at(f->folders[LEVELS - 1], f->temp, f->name);
    for (unsigned i = LEVELS; r == 0 && i-- != 0;)
        r = hrp_fsync(f->folders[i]);
    return r == 0 ? 0 : fail(f, r, f->path, err);
}

static int file_finish(void *sink, bool deliver, struct hr_error *err)
{
    struct file_sink *f = sink;
    bool wanted = deliver && f->rows != 0; /* of nothing but gaps no file is left */
    int r = wanted ? publish(f, err) : 0;

    if (f->fd >= 0 && !(wanted && r == 0))
        hrp_unlink_at(f->folders[LEVELS - 1], f->temp); /* if it can't be removed, the next try overwrites it */
    hrp_close(f->fd);
    f->fd = -1;
    close_folders(f);
    return r;
}

static void file_close(void *sink)
{
    struct file_sink *f = sink;

    hrp_close(f->fd);
    close_folders(f);
    hrp_buf_fini(&f->buf);
    hrp_free(f->dir);
    hrp_free(f);
}

const struct hrd_sink_kind hrd_sink_file = {
    .type = "file", .open = file_open, .begin = file_begin, .row = file_row, .finish = file_finish, .close = file_close,
};
