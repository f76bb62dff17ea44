/* An answer of any size, a piece at a time: a reader thread fills a piece, the loop writes it, and only when the client has
 * taken it is the next one asked for. The first piece is filled before the status line goes out, so an error at the start
 * is still an error by status; a later one cuts the answer off, which the client notices.
 *
 *   FILLING > WRITING  [a piece is there]        busy > started, not busy
 *   WRITING > FILLING  [it was written]
 *   WRITING > gone     [it was the last one]
 *   FILLING > gone     [an error]
 *   any > gone         [the client went: at once when WRITING, when the thread is back when FILLING] */
#include "api_parts.h"
#include "slog.h"

#define PIECE_BYTES (128u << 10)
#define PIECE_NS UINT64_C(20000000)

static void filled(struct hrd_api_job *job);
static void on_room(void *arg);

static void end(struct hrd_api_answer *a)
{
    a->job.api->n_answers--;
    hrp_buf_fini(&a->piece);
    a->free(a);
}

static void on_gone(void *arg)
{
    struct hrd_api_answer *a = arg;

    a->conn = NULL;
    if (!a->busy)
        end(a);
}

static void fill(struct hrd_api_job *job)
{
    struct hrd_api_answer *a = (struct hrd_api_answer *)job;

    a->deadline_ns = uv_hrtime() + PIECE_NS;
    a->fill(a);
    if (a->error == 0)
        a->error = a->piece.err;
}

bool hrd_api_room(const struct hrd_api_answer *a)
{
    return a->error == 0 && !a->done && a->piece.err == 0 && a->piece.n < PIECE_BYTES && uv_hrtime() < a->deadline_ns;
}

static void next(struct hrd_api_answer *a)
{
    a->busy = true;
    hrd_api_run(a->job.api, &a->job);
}

static void fail(struct hrd_api_answer *a)
{
    struct hrd_http_conn *conn = a->conn;
    int error = a->error;
    bool started = a->started;

    end(a);
    if (started) {
        hrd_slog(HRD_WARN, "answer_cut_off", "error=%s", hr_errname(error));
        hrd_http_end(conn, false);
    } else {
        hrd_http_error(conn, 0, error, "%s",
                       error == HR_EAGAIN ? "the store is being reopened; try again in a moment" : hr_strerror(error));
    }
}

/* Writes what is there, ends, or has more filled; a may be gone afterwards. */
static void on_room(void *arg)
{
    struct hrd_api_answer *a = arg;
    struct hrd_http_conn *conn = a->conn;

    if (a->piece.n != 0) {
        hrd_http_write(conn, &a->piece);
    } else if (!a->done) {
        next(a);
    } else {
        end(a);
        hrd_http_end(conn, true);
    }
}

static void filled(struct hrd_api_job *job)
{
    struct hrd_api_answer *a = (struct hrd_api_answer *)job;

    a->busy = false;
    if (a->conn == NULL) {
        end(a);
    } else if (a->error != 0) {
        fail(a);
    } else if (a->piece.n == 0 && !a->done) { /* nothing found in its time yet */
        next(a);
    } else if (!a->started) {
        a->started = true;
        hrd_http_stream(a->conn, 200, a->type != NULL ? a->type : "application/x-ndjson", on_room, a);
    } else {
        on_room(a);
    }
}

void hrd_api_answer(struct hrd_api *api, struct hrd_http_conn *conn, struct hrd_api_answer *a)
{
    a->job.api = api;
    a->job.work = fill;
    a->job.after = filled;
    a->conn = conn;
    if (api->n_answers++ >= HRD_API_ANSWERS) {
        end(a);
        hrd_http_error(conn, 0, HR_ELIMIT, "%u answers are being read from the store; try again when one has ended",
                       HRD_API_ANSWERS);
        return;
    }
    hrd_http_on_gone(conn, on_gone, a);
    next(a);
}
