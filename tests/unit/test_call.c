/* What a log call asks of its process after a thread's first event: no system call, no allocation. Both are counted, not read:
 * system calls by a seccomp filter on the logging thread, allocations by standing in for malloc. Each count has its control.
 *
 * A filter can't be taken off again, so each measurement is a process of its own that ends by exit_group. */
#include "daemon.h"
#include "event_type.h"
#include "unit.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS 200000u
#define NO_FILTERS 77 /* exit code: this kernel, or this sandbox, lets nobody filter system calls */

/* ---- counting ---- */

static struct counts {
    _Atomic uint64_t system_calls, allocations, refused;
    _Atomic int last;            /* number of the last system call */
} *counts;                       /* shared with the processes that are measured */
static __thread bool measured;   /* this thread, now */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static void allocates(void)
{
    if (measured)
        atomic_fetch_add(&counts->allocations, 1);
}
void *malloc(size_t n)
{
    allocates();
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    allocates();
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
    allocates();
    return __libc_realloc(p, n);
}

static void on_system_call(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)context;
    atomic_fetch_add(&counts->system_calls, 1);
    atomic_store(&counts->last, info->si_syscall);
}

/* From here on each system call of this thread but the two that end things is counted instead of made. */
static void count_system_calls(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    struct sigaction act = {.sa_sigaction = on_system_call, .sa_flags = SA_SIGINFO};

    sigaction(SIGSYS, &act, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(NO_FILTERS);
}

/* ---- what is measured ---- */

static char spool_dir[] = "/tmp/hrcallXXXXXX";

static hr_client *open_client(const char *dir)
{
    struct hr_error err = {0, ""};
    hr_options *opt = hr_options_new();
    hr_client *c = NULL;

    hr_options_set(opt, "url", "headrace://127.0.0.1:1", NULL); /* nobody is there: what is logged is kept, then evicted */
    if (dir != NULL)
        hr_options_set(opt, "spool_dir", dir, NULL);
    if (hr_open(opt, &c, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    hr_options_free(opt);
    return c;
}

/* Enough calls that the lane is full now and then, and that the kernel's clock is asked again and again on the way. */
static void log_into(const char *dir)
{
    hr_client *c = open_client(dir);
    hr_type *t = event_type("Event");

    if (event_log(c, t, 0, "first") != 0)
        _exit(1);
    count_system_calls();
    measured = true;
    for (uint32_t i = 1; i <= CALLS; i++)
        if (event_log(c, t, i, "origin") != 0)
            counts->refused++;
}

static void log_into_memory(void) { log_into(NULL); }
static void log_into_a_folder(void) { log_into(spool_dir); }

static void clock_reads(void)
{
    struct timespec t;

    count_system_calls();
    for (uint32_t i = 0; i < 1000; i++)
        clock_gettime(CLOCK_REALTIME, &t);
}

static void control_calls(void)
{
    count_system_calls();
    measured = true;
    for (uint32_t i = 0; i < 1000; i++) {
        free(malloc(i + 1));
        syscall(SYS_getppid);
    }
}

/* In a process of its own; what it counted is in *counts. */
static int measure(void (*what)(void))
{
    int status = 0;
    pid_t pid;

    memset((void *)counts, 0, sizeof *counts);
    pid = fork();
    if (pid == 0) {
        what();
        syscall(SYS_exit_group, 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_FILTERS)
        skip();
    return WEXITSTATUS(status);
}

/* ---- tests ---- */

static void the_counts_can_tell(void **state)
{
    assert_int_equal(measure(control_calls), 0);
    assert_int_equal(counts->system_calls, 1000);
    assert_int_equal(counts->allocations, 1000);
    assert_int_equal(counts->last, SYS_getppid);
}

static void nothing_is_asked_of_the_process(void (*what)(void))
{
    assert_int_equal(measure(clock_reads), 0);
    if (counts->system_calls != 0)
        skip(); /* this kernel has no clock without one */
    assert_int_equal(measure(what), 0);
    print_message("%u calls, of which %llu were refused by a full lane: %llu system calls, %llu allocations\n", CALLS,
                  (unsigned long long)counts->refused, (unsigned long long)counts->system_calls,
                  (unsigned long long)counts->allocations);
    assert_int_equal(counts->system_calls, 0);
    assert_int_equal(counts->allocations, 0);
}

static void a_call_into_memory_asks_nothing(void **state) { nothing_is_asked_of_the_process(log_into_memory); }
static void a_call_into_a_folder_asks_nothing(void **state) { nothing_is_asked_of_the_process(log_into_a_folder); }

static int remove_spool(void **state)
{
    test_rm_tree(spool_dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counts_can_tell),
        cmocka_unit_test(a_call_into_memory_asks_nothing),
        cmocka_unit_test(a_call_into_a_folder_asks_nothing),
    };

    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED || mkdtemp(spool_dir) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, remove_spool);
}
