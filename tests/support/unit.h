/* What every unit test includes: cmocka with the headers it wants first, and whether this build can inject faults. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static inline bool unit_faults(void)
{
#ifdef HRP_FAULTS
    return true;
#else
    return false;
#endif
}
#endif
