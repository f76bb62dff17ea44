/* The demo's application: logs three real data sets through the generated API, and counts what each call returned.
 *
 * usage: headrace_demo FOLDER COUNTS
 *   FOLDER  flights.tsv, birdstrikes.ndjson and movies.ndjson, as convert.mjs writes them
 *   COUNTS  written at the end, as JSON: what this program knows by itself, to be held against the collector's ledger
 * HEADRACE_URL and HEADRACE_SPOOL say where events go.
 *
 * A real application logs what happens when it happens. This one replays a year as fast as it can read, so it waits (hr_flush)
 * whenever it is LAG_ROWS ahead of the collector: nothing is dropped for lack of room. */
#include "demo.headrace.h"
#include <headrace.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANE_BYTES "33554432"
#define LAG_ROWS 200000
#define FLUSH_MS 60000

struct tally {
    const char *stream;
    uint64_t events, set_aside, dropped; /* calls by what they returned; set aside: hr_log_raw that returned 0 */
};

static hr_client *client;
static uint64_t rows_ahead;

static void count(struct tally *t, int r, bool raw)
{
    if (r != 0)
        t->dropped++;
    else if (raw)
        t->set_aside++;
    else
        t->events++;
    if (++rows_ahead < LAG_ROWS)
        return;
    rows_ahead = 0;
    hr_flush(client, FLUSH_MS);
}

static hr_bytes until_tab(char **p)
{
    char *start = *p, *end = start + strcspn(start, "\t\n");

    *p = *end != '\0' ? end + 1 : end;
    return (hr_bytes){start, (size_t)(end - start)};
}

static int log_flights(FILE *in, struct tally *t)
{
    char line[256], *p;

    while (fgets(line, sizeof line, in) != NULL) {
        struct demo_flight row = {0};

        row.time_us = strtoll(line, &p, 10);
        row.delay = (int32_t)strtol(p, &p, 10);
        row.distance = (int32_t)strtol(p, &p, 10);
        p += *p == '\t';
        row.origin = until_tab(&p);
        row.destination = until_tab(&p);
        count(t, demo_flight_log(client, &row), false);
    }
    return 0;
}

static hr_bytes text_of(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);

    return (hr_bytes){json_string_value(v), json_string_length(v)};
}

/* Cells of a CSV are texts; an empty one was left out. */
static bool number_of(const json_t *row, const char *key, double *ret)
{
    const char *text = json_string_value(json_object_get(row, key));

    if (text != NULL)
        *ret = strtod(text, NULL);
    return text != NULL;
}

static void log_bird_strike(const json_t *row, const char *line, struct tally *t)
{
    struct demo_bird_strike e = {
        .airport = text_of(row, "Airport Name"),
        .aircraft = text_of(row, "Aircraft Make Model"),
        .damage = text_of(row, "Effect Amount of damage"),
        .flight_date = text_of(row, "Flight Date"),
        .airline = text_of(row, "Aircraft Airline Operator"),
        .origin_state = text_of(row, "Origin State"),
        .phase_of_flight = text_of(row, "Phase of flight"),
        .wildlife_size = text_of(row, "Wildlife Size"),
        .wildlife_species = text_of(row, "Wildlife Species"),
        .time_of_day = text_of(row, "Time of day"),
    };
    double speed;

    (void)line;
    e.has_cost_other = number_of(row, "Cost Other", &e.cost_other);
    e.has_cost_repair = number_of(row, "Cost Repair", &e.cost_repair);
    e.has_cost_total = number_of(row, "Cost Total $", &e.cost_total);
    e.has_speed_knots = number_of(row, "Speed IAS in knots", &speed);
    if (e.has_speed_knots)
        e.speed_knots = (int32_t)speed;
    count(t, demo_bird_strike_log(client, &e), false);
}

/* null and absent are the same here: no value. False, with a reason, for a value of another type. */
static bool take_text(const json_t *row, const char *key, const char *field, bool *has, hr_bytes *ret, char reason[128])
{
    const json_t *v = json_object_get(row, key);

    *has = v != NULL && !json_is_null(v);
    if (!*has)
        return true;
    if (json_is_string(v)) {
        *ret = text_of(row, key);
        return true;
    }
    if (json_is_integer(v))
        snprintf(reason, 128, "%s: expected a string, found the number %lld", field, (long long)json_integer_value(v));
    else
        snprintf(reason, 128, "%s: expected a string", field);
    return false;
}

static bool take_number(const json_t *row, const char *key, const char *field, bool *has, double *ret, char reason[128])
{
    const json_t *v = json_object_get(row, key);

    *has = v != NULL && !json_is_null(v);
    if (*has && !json_is_number(v)) {
        snprintf(reason, 128, "%s: expected a number", field);
        return false;
    }
    *ret = json_number_value(v);
    return true;
}

#define TEXT(key, field) take_text(row, key, #field, &e.has_##field, &e.field, reason)
#define NUMBER(key, field, type) (take_number(row, key, #field, &e.has_##field, &number, reason) && (e.field = (type)number, true))

static void log_movie(const json_t *row, const char *line, struct tally *t)
{
    struct demo_movie e = {0};
    char reason[128];
    double number;
    bool fits = TEXT("Title", title) && NUMBER("US Gross", us_gross, int64_t) &&
                NUMBER("Worldwide Gross", worldwide_gross, int64_t) && NUMBER("US DVD Sales", us_dvd_sales, int64_t) &&
                NUMBER("Production Budget", production_budget, int64_t) && TEXT("Release Date", release_date) &&
                TEXT("MPAA Rating", mpaa_rating) && NUMBER("Running Time min", running_time_min, int32_t) &&
                TEXT("Distributor", distributor) && TEXT("Source", source) && TEXT("Major Genre", major_genre) &&
                TEXT("Creative Type", creative_type) && TEXT("Director", director) &&
                NUMBER("Rotten Tomatoes Rating", rotten_tomatoes_rating, int32_t) && NUMBER("IMDB Rating", imdb_rating, double) &&
                NUMBER("IMDB Votes", imdb_votes, int64_t);

    if (fits)
        count(t, demo_movie_log(client, &e), false);
    else /* not lost, not guessed at: kept as it is, with the reason */
        count(t, hr_log_raw(client, &demo_movie_type, line, strcspn(line, "\n"), reason), true);
}

typedef void log_object(const json_t *row, const char *line, struct tally *t);

static int log_objects(FILE *in, struct tally *t, log_object *log)
{
    char line[8192];

    while (fgets(line, sizeof line, in) != NULL) {
        json_error_t err;
        json_t *row = json_loads(line, 0, &err);

        if (row == NULL) {
            fprintf(stderr, "headrace_demo: %s: %s\n", t->stream, err.text);
            return -1;
        }
        log(row, line, t);
        json_decref(row);
    }
    return 0;
}

static int log_bird_strikes(FILE *in, struct tally *t) { return log_objects(in, t, log_bird_strike); }
static int log_movies(FILE *in, struct tally *t) { return log_objects(in, t, log_movie); }

static const struct part {
    const char *file;
    int (*log)(FILE *in, struct tally *t);
} parts[] = {{"flights.tsv", log_flights}, {"birdstrikes.ndjson", log_bird_strikes}, {"movies.ndjson", log_movies}};
#define N_PARTS (sizeof parts / sizeof *parts)

static int log_all(const char *folder, struct tally *tallies)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < N_PARTS; i++) {
        char path[4096];
        FILE *in;

        snprintf(path, sizeof path, "%s/%s", folder, parts[i].file);
        in = fopen(path, "r");
        if (in == NULL) {
            perror(path);
            return -1;
        }
        r = parts[i].log(in, &tallies[i]);
        fclose(in);
        printf("%-15s %9llu events, %llu set aside, %llu dropped\n", tallies[i].stream, (unsigned long long)tallies[i].events,
               (unsigned long long)tallies[i].set_aside, (unsigned long long)tallies[i].dropped);
    }
    return r;
}

static int write_counts(const char *path, const struct tally *tallies)
{
    FILE *out = fopen(path, "w");

    if (out == NULL)
        return perror(path), -1;
    for (size_t i = 0; i < N_PARTS; i++)
        fprintf(out, "%s\"%s\":{\"accepted\":%llu,\"quarantined\":%llu,\"dropped\":%llu}", i > 0 ? ",\n" : "{", tallies[i].stream,
                (unsigned long long)tallies[i].events, (unsigned long long)tallies[i].set_aside, (unsigned long long)tallies[i].dropped);
    fputs("}\n", out);
    return fclose(out);
}

static int open_client(void)
{
    hr_options *opt = hr_options_new();
    struct hr_error err;
    int r = hr_options_set(opt, "app", "demo", &err);

    if (r == 0)
        r = hr_options_set(opt, "app_version", "1", &err);
    if (r == 0)
        r = hr_options_set(opt, "lane_bytes", LANE_BYTES, &err);
    if (r == 0)
        r = hr_open(opt, &client, &err);
    hr_options_free(opt);
    if (r != 0)
        fprintf(stderr, "headrace_demo: %s\n", err.text);
    return r;
}

int main(int argc, char **argv)
{
    struct tally tallies[N_PARTS] = {{.stream = "demo.Flight"}, {.stream = "demo.BirdStrike"}, {.stream = "demo.Movie"}};
    int r;

    if (argc != 3) {
        fprintf(stderr, "usage: headrace_demo FOLDER COUNTS\n");
        return 2;
    }
    if (open_client() != 0)
        return 1;
    r = log_all(argv[1], tallies);
    if (hr_close(client, FLUSH_MS) != 0) {
        fprintf(stderr, "headrace_demo: the collector did not acknowledge everything within %d s\n", FLUSH_MS / 1000);
        r = -1;
    }
    if (write_counts(argv[2], tallies) != 0)
        r = -1;
    return r == 0 ? 0 : 1;
}
