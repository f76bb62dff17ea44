/* headraced itself: which part starts after which, and how it ends.
 *
 *   start   store > registry > committer > keeper > sinks > workers > HTTP > ingest listener > ports file
 *   stop    listener; workers say goodbye and finish (drain_ms at most), then end; HTTP; sinks; keeper; committer; store
 *
 * Each part's senders have ended before it does. A second signal, or a stop that hangs, ends the process at once: what
 * was acknowledged is on the disk, and a start after that is the same as after a power cut. */
#ifndef HRD_DAEMON_H
#define HRD_DAEMON_H
#include "config.h"

#define HRD_EXIT_BAD 3   /* --micro: an event was set aside or flagged, or a call was dropped */
#define HRD_EXIT_COUNT 4 /* --micro --expect N: none of these, but not N good ones */

/* Runs until a signal. 0: stopped in order, *ret_status is what the process exits with; HR_E*: it did not start, err says why, or did
 * not end in order. */
int hrd_daemon_run(const struct hrd_config *cfg, int *ret_status, struct hr_error *err);
#endif
