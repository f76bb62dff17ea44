/* sd_notify(3) without its library: one datagram to $NOTIFY_SOCKET, nothing when it is unset. */
#ifndef HRD_NOTIFY_H
#define HRD_NOTIFY_H
void hrd_notify(const char *state); /* "READY=1", "STOPPING=1" */
#endif
