/* Runs lives of the simulation. Seeds come one after the other from HEADRACE_SIM_SEED (default 1), HEADRACE_SIM_SEEDS of
 * them; a life that goes wrong is named by its seed, and `sim SEED` runs that one again and tells what happens.
 *
 * Then the control: with each bug that is planted on purpose, some life of as many must go wrong. */
#include "sim.h"
#include "planted.h"
#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t number(const char *env, uint64_t otherwise)
{
    const char *text = getenv(env);

    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t seen[SIM_SEEN_N];
static const char *const seen_names[SIM_SEEN_N] = {
    "rows stored", "resent rows trimmed", "rows given up by full spools", "kills", "of them inside a file operation", "collector crashes",
    "failed writes", "connections cut", "folders adopted", "batches sent back", "power losses", "folders cloned",
};

/* Each kind of trouble has come up, or the lives were too easy. */
static int tell_seen(void)
{
    int none = 0;

    for (unsigned i = 0; i < SIM_SEEN_N; i++) {
        printf("  %-32s %12llu\n", seen_names[i], (unsigned long long)seen[i]);
        none += seen[i] == 0;
    }
    return none;
}

/* The first seed of n that fails; 0: none. */
static uint64_t find_failure(uint64_t first, uint64_t n, const char **ret_why)
{
    for (uint64_t seed = first; seed < first + n; seed++) {
        *ret_why = sim_run(seed, false, seen);
        if (*ret_why != NULL)
            return seed;
    }
    return 0;
}

static int lives(uint64_t first, uint64_t n)
{
    const char *why;
    double start = seconds();
    uint64_t seed = find_failure(first, n, &why);

    if (seed != 0) {
        printf("seed %llu: %s\n  again, with all that happens: sim %llu\n", (unsigned long long)seed, why, (unsigned long long)seed);
        return 1;
    }
    printf("%llu lives from seed %llu on, each exact: %.1f s\n", (unsigned long long)n, (unsigned long long)first, seconds() - start);
    return n < 1000 ? 0 : tell_seen();
}

#ifdef HRP_FAULTS
static const struct {
    const char *name;
    enum hrd_plant collector;
    bool sdk;
} plants[] = {
    {"resends are stored again", HRD_PLANT_TRIM_OFF, false},
    {"trimmed when a batch arrives", HRD_PLANT_TRIM_IN_WORKER, false},
    {"acknowledged whatever became of the write", HRD_PLANT_ACK_BEFORE_COMMIT, false},
    {"ranges in a write of their own", HRD_PLANT_RANGES_OUTSIDE_WRITE, false},
    {"the highest number stands for all below", HRD_PLANT_WATERMARK, false},
    {"a lane's space freed before its batch is published", HRD_PLANT_NONE, true},
};

static int control(uint64_t first, uint64_t n)
{
    int missed = 0;

    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        const char *why = "";
        uint64_t seed;

        hrd_plant = plants[i].collector;
        hrs_plant_free_early = plants[i].sdk;
        seed = find_failure(first, n, &why);
        hrd_plant = HRD_PLANT_NONE;
        hrs_plant_free_early = false;
        if (seed != 0)
            printf("planted: %s: found after %llu lives: %s\n", plants[i].name, (unsigned long long)(seed - first + 1), why);
        else
            printf("planted: %s: NOT FOUND in %llu lives\n", plants[i].name, (unsigned long long)n);
        missed += seed == 0;
        fflush(stdout);
    }
    return missed;
}
#else
static int control(uint64_t first, uint64_t n) { return 0; } /* a release has no bugs planted */
#endif

int main(int argc, char **argv)
{
    uint64_t first = number("HEADRACE_SIM_SEED", 1), n = number("HEADRACE_SIM_SEEDS", SIM_DEFAULT_SEEDS);
    int failed;

    if (sim_open_types() != 0)
        return 1;
    if (argc > 1) {
        const char *why = sim_run(strtoull(argv[1], NULL, 10), true, seen);

        printf("%s\n", why != NULL ? why : "all is exact");
        failed = why != NULL;
    } else {
        failed = lives(first, n);
        failed += control(first, n);
    }
    sim_close_types();
    return failed != 0;
}
