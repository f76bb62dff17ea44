#include "fake_collector.h"
#include "frame.h"
#include "schema.h"
#include "wire.pb-c.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNS 16
#define MAX_TYPES 1024
#define WAIT_S 60

struct type {
    char stream[128];
    uint8_t print[16];
    struct hrp_schema *schema;
};
struct inc {
    struct hrp_id id;
    int type_of[MAX_TYPES]; /* index of type + 1 */
    bool closed;
};
struct range { /* resolved numbers of one (incarnation, lane, stream) */
    int inc, type;
    uint32_t lane;
    uint64_t cap;
    uint8_t *bits;
};
struct conn {
    int fd;
    struct hrp_buf in;
};
struct fake_collector {
    pthread_t thread;
    pthread_mutex_t mutex; /* all below but conns */
    pthread_cond_t changed;
    int listen_fd, wake[2];
    uint16_t port;
    char url[64];
    bool running, stop, pause, paused, refuse, keep_rows;
    uint64_t window;
    struct hrp_id generation;
    enum fake_verdict (*on_batch)(void *arg, const struct hrp_batch_head *h, uint64_t nth);
    void *arg;
    uint64_t counts[FAKE_COUNT_N], dropped[HRP_DROP_N], commits;
    struct type *types;
    int n_types;
    struct inc *incs;
    int n_incs;
    struct range *ranges;
    int n_ranges;
    struct fake_row *rows;
    size_t n_rows, cap_rows;
    struct conn conns[MAX_CONNS];
};

static void *grow(void *p, size_t n, size_t size)
{
    p = realloc(p, n * size);
    if (p == NULL)
        abort();
    return p;
}

static void count(struct fake_collector *fc, enum fake_count what, uint64_t n)
{
    fc->counts[what] += n;
    pthread_cond_broadcast(&fc->changed);
}

/* ---- what is resolved ---- */

static struct inc *find_inc(struct fake_collector *fc, const uint8_t *id, size_t n, bool add)
{
    for (int i = 0; i < fc->n_incs && n == 16; i++)
        if (memcmp(fc->incs[i].id.b, id, 16) == 0)
            return &fc->incs[i];
    if (!add || n != 16)
        return NULL;
    fc->incs = grow(fc->incs, (size_t)fc->n_incs + 1, sizeof *fc->incs);
    memset(&fc->incs[fc->n_incs], 0, sizeof *fc->incs);
    memcpy(fc->incs[fc->n_incs].id.b, id, 16);
    return &fc->incs[fc->n_incs++];
}

static struct range *find_range(struct fake_collector *fc, int inc, int type, uint32_t lane)
{
    for (int i = 0; i < fc->n_ranges; i++)
        if (fc->ranges[i].inc == inc && fc->ranges[i].type == type && fc->ranges[i].lane == lane)
            return &fc->ranges[i];
    fc->ranges = grow(fc->ranges, (size_t)fc->n_ranges + 1, sizeof *fc->ranges);
    fc->ranges[fc->n_ranges] = (struct range){.inc = inc, .type = type, .lane = lane};
    return &fc->ranges[fc->n_ranges++];
}

/* True if n was not resolved before. */
static bool resolve(struct range *r, uint64_t n)
{
    if (n >= r->cap * 8) {
        uint64_t cap = r->cap == 0 ? 64 : r->cap;

        while (n >= cap * 8)
            cap *= 2;
        r->bits = grow(r->bits, cap, 1);
        memset(r->bits + r->cap, 0, cap - r->cap);
        r->cap = cap;
    }
    if ((r->bits[n / 8] >> (n % 8) & 1) != 0)
        return false;
    r->bits[n / 8] |= (uint8_t)(1u << (n % 8));
    return true;
}

static bool resolved(const struct range *r, uint64_t n) { return n < r->cap * 8 && (r->bits[n / 8] >> (n % 8) & 1) != 0; }

static void keep_row(struct fake_collector *fc, const struct hrp_id *inc, const char *stream, const struct hrp_row_id *id, const struct hrp_buf *wire)
{
    struct fake_row *row;

    if (!fc->keep_rows)
        return;
    if (fc->n_rows == fc->cap_rows) {
        fc->cap_rows = fc->cap_rows == 0 ? 1024 : fc->cap_rows * 2;
        fc->rows = grow(fc->rows, fc->cap_rows, sizeof *fc->rows);
    }
    row = &fc->rows[fc->n_rows++];
    *row = (struct fake_row){.incarnation = *inc, .lane = id->lane, .weight = id->weight, .n = id->n, .event_time_ns = id->event_time_ns,
                             .n_bytes = (uint32_t)wire->n};
    snprintf(row->stream, sizeof row->stream, "%s", stream);
    row->bytes = grow(NULL, wire->n + 1, 1);
    memcpy(row->bytes, wire->p != NULL ? wire->p : (const uint8_t *)"", wire->n);
}

/* Typed rows, by the real reader. */
static int commit_rows(struct fake_collector *fc, int inc, int type, const uint8_t *p, size_t n)
{
    struct hrp_batch *b;
    struct hrp_cursor *cur;
    struct hrp_row_id id;
    struct hrp_buf wire = HRP_BUF_INIT;
    struct hr_error err = {0};
    int r = hrp_batch_open(p, n, fc->types[type].schema, &hrp_limits_default, &b, &err);

    if (r != 0) {
        fprintf(stderr, "fake collector: batch: %s\n", err.text);
        return r;
    }
    r = hrp_cursor_new(b, &cur);
    while (r == 0 && (r = hrp_cursor_id(cur, &id)) == 0) {
        hrp_buf_clear(&wire);
        r = hrp_cursor_wire(cur, &wire);
        if (r != 0)
            break;
        if (resolve(find_range(fc, inc, type, id.lane), id.n)) {
            keep_row(fc, &fc->incs[inc].id, fc->types[type].stream, &id, &wire);
            fc->counts[FAKE_ACCEPTED]++;
        } else {
            fc->counts[FAKE_TRIMMED]++;
        }
    }
    hrp_cursor_free(cur);
    hrp_buf_fini(&wire);
    hrp_batch_free(b);
    return r == HR_ENOENT ? 0 : r;
}

static void commit_segment(struct fake_collector *fc, int inc, int type, const struct hrp_segment *s)
{
    for (uint64_t n = s->first_n; n < s->first_n + s->count; n++) {
        if (!resolve(find_range(fc, inc, type, s->lane), n)) {
            fc->counts[FAKE_TRIMMED]++;
        } else if (s->kind == HRP_SEG_RAW) {
            fc->counts[FAKE_RAW]++;
        } else {
            fc->counts[FAKE_DROPPED]++;
            fc->dropped[s->reason < HRP_DROP_N ? s->reason : 0]++;
        }
    }
}

static int commit(struct fake_collector *fc, const struct hrp_batch_head *h, const uint8_t *p, size_t n)
{
    struct inc *inc = find_inc(fc, h->incarnation.b, 16, false);
    int type = inc != NULL && h->type_id < MAX_TYPES ? inc->type_of[h->type_id] - 1 : -1, r = 0;

    if (inc == NULL || type < 0)
        return HR_EPROTO;
    if (h->n_rows != 0)
        r = commit_rows(fc, (int)(inc - fc->incs), type, p, n);
    for (uint32_t i = 0; r == 0 && i < h->n_segments; i++)
        if (h->segments[i].kind != HRP_SEG_ROWS)
            commit_segment(fc, (int)(inc - fc->incs), type, &h->segments[i]);
    fc->commits++;
    return r;
}

/* ---- frames ---- */

static int say(struct conn *c, uint8_t type, const ProtobufCMessage *m)
{
    struct hrp_buf out = HRP_BUF_INIT;
    size_t at = 0;

    hrp_frame_put_msg(&out, type, m);
    while (at < out.n) {
        ssize_t n = send(c->fd, out.p + at, out.n - at, MSG_NOSIGNAL);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    hrp_buf_fini(&out);
    return 0;
}

static ProtobufCBinaryData bytes16(const struct hrp_id *id) { return (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)id->b}; }

static int on_hello(struct fake_collector *fc, struct conn *c)
{
    Headrace__Wire__Welcome m = HEADRACE__WIRE__WELCOME__INIT;

    m.has_protocol = m.has_store_generation = m.has_window_bytes = true;
    m.protocol = HRP_PROTOCOL_VERSION;
    m.store_generation = bytes16(&fc->generation);
    m.window_bytes = fc->window;
    return say(c, HRP_FRAME_WELCOME, &m.base);
}

static int find_type(struct fake_collector *fc, const Headrace__Wire__SchemaOffer *o)
{
    for (int i = 0; i < fc->n_types; i++)
        if (o->fingerprint.len == 16 && memcmp(fc->types[i].print, o->fingerprint.data, 16) == 0)
            return i;
    if (!o->has_descriptor_set)
        return -1;
    fc->types = grow(fc->types, (size_t)fc->n_types + 1, sizeof *fc->types);
    memset(&fc->types[fc->n_types], 0, sizeof *fc->types);
    snprintf(fc->types[fc->n_types].stream, sizeof fc->types[0].stream, "%s", o->stream);
    memcpy(fc->types[fc->n_types].print, o->fingerprint.data, 16);
    if (hrp_schema_open(o->descriptor_set.data, o->descriptor_set.len, o->stream, &hrp_limits_default, &fc->types[fc->n_types].schema, NULL) != 0)
        return -1;
    return fc->n_types++;
}

static int on_offer(struct fake_collector *fc, struct conn *c, const Headrace__Wire__SchemaOffer *o)
{
    Headrace__Wire__SchemaVerdict m = HEADRACE__WIRE__SCHEMA_VERDICT__INIT;
    struct inc *inc = find_inc(fc, o->incarnation.data, o->incarnation.len, false);
    int type = find_type(fc, o);

    if (inc == NULL || o->type_id >= MAX_TYPES)
        return HR_EPROTO;
    count(fc, o->has_descriptor_set ? FAKE_WHOLE_OFFERS : FAKE_OFFERS, 1);
    m.has_incarnation = m.has_type_id = m.has_code = true;
    m.incarnation = o->incarnation;
    m.type_id = o->type_id;
    m.code = type < 0 ? HEADRACE__WIRE__SCHEMA_VERDICT__CODE__SEND : HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN;
    if (type >= 0)
        inc->type_of[o->type_id] = type + 1;
    if (type >= 0 && fc->refuse) {
        m.code = HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED;
        m.reason = (char *)(uintptr_t)"refused by the test";
    }
    return say(c, HRP_FRAME_VERDICT, &m.base);
}

static int ack(struct fake_collector *fc, struct conn *c, const struct hrp_batch_head *h, enum fake_verdict v)
{
    Headrace__Wire__Ack m = HEADRACE__WIRE__ACK__INIT;
    struct hrp_id generation = fc->generation;

    if (v == FAKE_WRONG_STORE)
        generation.b[0] ^= 0xff;
    m.has_incarnation = m.has_batch_id = m.has_code = m.has_store_generation = m.has_commit = true;
    m.incarnation = bytes16(&h->incarnation);
    m.batch_id = h->batch_id;
    m.store_generation = bytes16(&generation);
    m.commit = fc->commits;
    m.code = v == FAKE_RETRY  ? HEADRACE__WIRE__ACK__CODE__RETRY
             : v == FAKE_PARK ? HEADRACE__WIRE__ACK__CODE__PARK
                              : HEADRACE__WIRE__ACK__CODE__COMMITTED;
    if (v == FAKE_RETRY || v == FAKE_PARK) {
        m.has_retry_after_ms = m.has_error = true;
        m.retry_after_ms = 10;
        m.error = HR_EFULL;
        m.reason = (char *)(uintptr_t)(v == FAKE_PARK ? "parked by the test" : "retried by the test");
    }
    return say(c, HRP_FRAME_ACK, &m.base);
}

static int on_batch(struct fake_collector *fc, struct conn *c, const uint8_t *p, size_t n)
{
    struct hrp_batch_head h;
    enum fake_verdict v = FAKE_COMMIT;
    int r = hrp_batch_head_read(p, n, &hrp_limits_default, &h);

    if (r != 0)
        return r;
    fc->counts[FAKE_BATCHES]++;
    if (fc->on_batch != NULL)
        v = fc->on_batch(fc->arg, &h, fc->counts[FAKE_BATCHES]);
    if (v == FAKE_COMMIT || v == FAKE_COMMIT_CUT || v == FAKE_COMMIT_LATE || v == FAKE_WRONG_STORE)
        r = commit(fc, &h, p, n);
    if (r == 0 && v != FAKE_COMMIT_CUT && v != FAKE_CUT && v != FAKE_COMMIT_LATE && v != FAKE_IGNORE)
        r = ack(fc, c, &h, v);
    hrp_batch_head_fini(&h);
    pthread_cond_broadcast(&fc->changed);
    return r == 0 && (v == FAKE_CUT || v == FAKE_COMMIT_CUT) ? HR_ECLOSED : r;
}

static int on_report(struct fake_collector *fc, struct conn *c, const Headrace__Wire__Report *rep)
{
    Headrace__Wire__ReportAck m = HEADRACE__WIRE__REPORT_ACK__INIT;
    struct inc *inc = find_inc(fc, rep->incarnation.data, rep->incarnation.len, false);

    if (inc == NULL)
        return HR_EPROTO;
    for (size_t i = 0; i < rep->n_positions; i++) {
        const Headrace__Wire__Report__Position *p = rep->positions[i];
        int type = p->type_id < MAX_TYPES ? inc->type_of[p->type_id] - 1 : -1;
        struct range *r;

        if (type < 0 || p->floor > p->next || p->next == 0)
            return HR_EPROTO;
        r = find_range(fc, (int)(inc - fc->incs), type, p->lane);
        for (uint64_t n = 1; n < p->floor; n++)
            if (!resolved(r, n)) {
                if (!rep->closing) /* floor may only pass what is resolved: everything here was acknowledged */
                    return HR_EPROTO;
                fc->counts[FAKE_MISSING]++;
            }
    }
    count(fc, FAKE_REPORTS, 1);
    if (rep->closing && !inc->closed) {
        inc->closed = true;
        count(fc, FAKE_CLOSED, 1);
    }
    m.has_incarnation = m.has_report_id = m.has_store_generation = true;
    m.incarnation = rep->incarnation;
    m.report_id = rep->report_id;
    m.store_generation = bytes16(&fc->generation);
    return say(c, HRP_FRAME_REPORT_ACK, &m.base);
}

static int on_ping(struct fake_collector *fc, struct conn *c, Headrace__Wire__Ping *m)
{
    count(fc, FAKE_PINGS, 1);
    return say(c, HRP_FRAME_PONG, &m->base);
}

static int on_msg(struct fake_collector *fc, struct conn *c, const struct hrp_frame *f, const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *m;
    int r = hrp_msg_unpack(d, f->payload, f->n_bytes, 16u << 20, &m);

    if (r != 0)
        return r;
    if (f->type == HRP_FRAME_HELLO)
        r = on_hello(fc, c);
    else if (f->type == HRP_FRAME_ANNOUNCE) {
        const Headrace__Wire__Announce *a = (Headrace__Wire__Announce *)m;

        r = find_inc(fc, a->incarnation.data, a->incarnation.len, true) != NULL ? 0 : HR_EPROTO;
        count(fc, FAKE_ANNOUNCES, 1);
    } else if (f->type == HRP_FRAME_OFFER)
        r = on_offer(fc, c, (Headrace__Wire__SchemaOffer *)m);
    else if (f->type == HRP_FRAME_REPORT)
        r = on_report(fc, c, (Headrace__Wire__Report *)m);
    else
        r = on_ping(fc, c, (Headrace__Wire__Ping *)m);
    protobuf_c_message_free_unpacked(m, hrp_pb_allocator());
    return r;
}

static int on_frame(struct fake_collector *fc, struct conn *c, const struct hrp_frame *f)
{
    switch (f->type) {
    case HRP_FRAME_HELLO:
        return on_msg(fc, c, f, &headrace__wire__hello__descriptor);
    case HRP_FRAME_ANNOUNCE:
        return on_msg(fc, c, f, &headrace__wire__announce__descriptor);
    case HRP_FRAME_OFFER:
        return on_msg(fc, c, f, &headrace__wire__schema_offer__descriptor);
    case HRP_FRAME_REPORT:
        return on_msg(fc, c, f, &headrace__wire__report__descriptor);
    case HRP_FRAME_PING:
        return on_msg(fc, c, f, &headrace__wire__ping__descriptor);
    case HRP_FRAME_BATCH:
        return on_batch(fc, c, f->payload, f->n_bytes);
    case HRP_FRAME_GOAWAY:
        return HR_ECLOSED;
    default:
        return HR_EPROTO;
    }
}

/* ---- sockets ---- */

static void close_conn(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    hrp_buf_fini(&c->in);
    c->in = (struct hrp_buf)HRP_BUF_INIT;
}

static void read_conn(struct fake_collector *fc, struct conn *c)
{
    uint8_t *p = hrp_buf_reserve(&c->in, 65536);
    size_t at = 0, used, need;
    struct hrp_frame f;
    ssize_t n = recv(c->fd, p, 65536, MSG_DONTWAIT);
    int r = 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_conn(c);
        return;
    }
    c->in.n += (size_t)n;
    while (r == 0 && (r = hrp_frame_next(c->in.p + at, c->in.n - at, &hrp_limits_default, &f, &used, &need)) == 1) {
        at += used;
        r = on_frame(fc, c, &f);
    }
    if (r != 0) {
        if (r != HR_ECLOSED) {
            fprintf(stderr, "fake collector: %s (frame %u)\n", hr_strerror(r), f.type);
            count(fc, FAKE_BROKEN, 1);
        }
        close_conn(c);
        return;
    }
    memmove(c->in.p, c->in.p + at, c->in.n - at);
    c->in.n -= at;
}

static int listen_on(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 16) != 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static void accept_one(struct fake_collector *fc)
{
    int fd = accept4(fc->listen_fd, NULL, NULL, SOCK_CLOEXEC), one = 1;

    for (int i = 0; fd >= 0 && i < MAX_CONNS; i++)
        if (fc->conns[i].fd < 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            fc->conns[i].fd = fd;
            count(fc, FAKE_CONNECTS, 1);
            return;
        }
    close(fd);
}

/* With the mutex. */
static void obey(struct fake_collector *fc)
{
    if (fc->pause && !fc->paused) {
        for (int i = 0; i < MAX_CONNS; i++)
            close_conn(&fc->conns[i]);
        close(fc->listen_fd);
        fc->listen_fd = -1;
        fc->paused = true;
    } else if (!fc->pause && fc->paused) {
        fc->listen_fd = listen_on(&fc->port);
        fc->paused = false;
    }
    pthread_cond_broadcast(&fc->changed);
}

static void *run(void *arg)
{
    struct fake_collector *fc = arg;
    struct pollfd fds[MAX_CONNS + 2];
    char byte[64];

    pthread_mutex_lock(&fc->mutex);
    fc->running = true;
    pthread_cond_broadcast(&fc->changed);
    while (!fc->stop) {
        fds[0] = (struct pollfd){fc->wake[0], POLLIN, 0};
        fds[1] = (struct pollfd){fc->listen_fd, POLLIN, 0};
        for (int i = 0; i < MAX_CONNS; i++)
            fds[i + 2] = (struct pollfd){fc->conns[i].fd, POLLIN, 0};
        pthread_mutex_unlock(&fc->mutex);
        poll(fds, MAX_CONNS + 2, -1);
        pthread_mutex_lock(&fc->mutex);
        if (fds[0].revents != 0 && read(fc->wake[0], byte, sizeof byte) > 0)
            obey(fc);
        for (int i = 0; i < MAX_CONNS; i++)
            if (fds[i + 2].revents != 0 && fds[i + 2].fd == fc->conns[i].fd && fc->conns[i].fd >= 0)
                read_conn(fc, &fc->conns[i]);
        if (fds[1].revents != 0 && fc->listen_fd >= 0)
            accept_one(fc);
    }
    pthread_mutex_unlock(&fc->mutex);
    return NULL;
}

/* ---- public ---- */

struct fake_collector *fake_collector_start(void)
{
    struct fake_collector *fc = calloc(1, sizeof *fc);

    if (fc == NULL)
        return NULL;
    pthread_mutex_init(&fc->mutex, NULL);
    pthread_cond_init(&fc->changed, NULL);
    fc->window = 4 << 20;
    fc->keep_rows = true;
    fc->generation.b[0] = 1;
    for (int i = 0; i < MAX_CONNS; i++)
        fc->conns[i].fd = -1;
    fc->listen_fd = listen_on(&fc->port);
    if (fc->listen_fd < 0 || pipe2(fc->wake, O_CLOEXEC) != 0 || pthread_create(&fc->thread, NULL, run, fc) != 0) {
        free(fc);
        return NULL;
    }
    snprintf(fc->url, sizeof fc->url, "headrace://127.0.0.1:%u", fc->port);
    pthread_mutex_lock(&fc->mutex); /* a thread that starts allocates, and a test may fork: AddressSanitizer's locks go into the child */
    while (!fc->running)
        pthread_cond_wait(&fc->changed, &fc->mutex);
    pthread_mutex_unlock(&fc->mutex);
    return fc;
}

static void wake(struct fake_collector *fc)
{
    if (write(fc->wake[1], "x", 1) != 1)
        abort();
}

void fake_collector_stop(struct fake_collector *fc)
{
    pthread_mutex_lock(&fc->mutex);
    fc->stop = true;
    pthread_mutex_unlock(&fc->mutex);
    wake(fc);
    pthread_join(fc->thread, NULL);
    for (int i = 0; i < MAX_CONNS; i++)
        close_conn(&fc->conns[i]);
    close(fc->listen_fd);
    close(fc->wake[0]);
    close(fc->wake[1]);
    for (size_t i = 0; i < fc->n_rows; i++)
        free(fc->rows[i].bytes);
    for (int i = 0; i < fc->n_ranges; i++)
        free(fc->ranges[i].bits);
    for (int i = 0; i < fc->n_types; i++)
        hrp_schema_unref(fc->types[i].schema);
    free(fc->rows);
    free(fc->ranges);
    free(fc->types);
    free(fc->incs);
    pthread_mutex_destroy(&fc->mutex);
    pthread_cond_destroy(&fc->changed);
    free(fc);
}

const char *fake_collector_url(const struct fake_collector *fc) { return fc->url; }

static void set_pause(struct fake_collector *fc, bool pause)
{
    pthread_mutex_lock(&fc->mutex);
    fc->pause = pause;
    wake(fc);
    while (fc->paused != pause)
        pthread_cond_wait(&fc->changed, &fc->mutex);
    pthread_mutex_unlock(&fc->mutex);
}
void fake_collector_pause(struct fake_collector *fc) { set_pause(fc, true); }
void fake_collector_resume(struct fake_collector *fc) { set_pause(fc, false); }

void fake_collector_on_batch(struct fake_collector *fc, enum fake_verdict (*fn)(void *arg, const struct hrp_batch_head *h, uint64_t nth), void *arg)
{
    pthread_mutex_lock(&fc->mutex);
    fc->on_batch = fn;
    fc->arg = arg;
    pthread_mutex_unlock(&fc->mutex);
}

void fake_collector_set_window(struct fake_collector *fc, uint64_t window_bytes)
{
    pthread_mutex_lock(&fc->mutex);
    fc->window = window_bytes;
    pthread_mutex_unlock(&fc->mutex);
}

void fake_collector_set_generation(struct fake_collector *fc, uint8_t first_byte)
{
    pthread_mutex_lock(&fc->mutex);
    fc->generation.b[0] = first_byte;
    pthread_mutex_unlock(&fc->mutex);
}

void fake_collector_refuse_schemas(struct fake_collector *fc, bool refuse)
{
    pthread_mutex_lock(&fc->mutex);
    fc->refuse = refuse;
    pthread_mutex_unlock(&fc->mutex);
}

void fake_collector_keep_rows(struct fake_collector *fc, bool keep)
{
    pthread_mutex_lock(&fc->mutex);
    fc->keep_rows = keep;
    pthread_mutex_unlock(&fc->mutex);
}

uint64_t fake_collector_count(struct fake_collector *fc, enum fake_count what)
{
    uint64_t n;

    pthread_mutex_lock(&fc->mutex);
    n = fc->counts[what];
    pthread_mutex_unlock(&fc->mutex);
    return n;
}

uint64_t fake_collector_dropped(struct fake_collector *fc, uint8_t reason)
{
    uint64_t n;

    pthread_mutex_lock(&fc->mutex);
    n = fc->dropped[reason];
    pthread_mutex_unlock(&fc->mutex);
    return n;
}

bool fake_collector_wait(struct fake_collector *fc, enum fake_count what, uint64_t at_least)
{
    struct timespec until;
    bool there;
    int r = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&fc->mutex);
    while (fc->counts[what] < at_least && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&fc->changed, &fc->mutex, &until);
    there = fc->counts[what] >= at_least;
    pthread_mutex_unlock(&fc->mutex);
    return there;
}

const struct fake_row *fake_collector_rows(struct fake_collector *fc, size_t *ret_n)
{
    const struct fake_row *rows;

    pthread_mutex_lock(&fc->mutex);
    rows = fc->rows;
    *ret_n = fc->n_rows;
    pthread_mutex_unlock(&fc->mutex);
    return rows;
}
