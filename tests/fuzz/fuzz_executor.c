/* What the conformance executor is sent: any bytes at all; each case that can be read is answered. */
int executor_main(void); /* the program, which is not called here */
#define main executor_main
#include "../conformance/executor.c"
#undef main

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static unsigned cases(const uint8_t *p, size_t n, uint32_t wanted)
{
    struct hrp_reader r = hrp_reader(p, n);
    const uint8_t *field;
    size_t n_field;
    uint32_t number;
    unsigned count = 0;

    while (next_field(&r, &number, &field, &n_field) == 1)
        count += number == wanted;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct executor x = {.out = HRP_BUF_INIT};

    answer_all(&x, p, n);
    if (x.out.err != 0 || cases(p, n, 3) != cases(x.out.p, x.out.n, 1)) {
        fprintf(stderr, "a case without an answer\n");
        abort();
    }
    fini(&x);
    return 0;
}
