/* What a test can do to a log in memory, beyond log.h. Its contents outlive reopen, as a disk's do, and go with close. */
#ifndef HRD_LOG_MEMORY_H
#define HRD_LOG_MEMORY_H
#include "log.h"

/* The n-th commit from now (1 = the next) fails with HR_EIO, after it was applied or before; then every one until reopen. */
void hrd_log_memory_fail(struct hrd_log *log, unsigned n, bool applied);
/* The next n reopens fail with HR_EIO. */
void hrd_log_memory_fail_reopen(struct hrd_log *log, unsigned n);
#endif
