/* The list of open clients of this process (lanes.c). */
#ifndef HRS_CLIENTS_H
#define HRS_CLIENTS_H
#include "client.h"

int hrs_clients_add(hr_client *c);     /* gives it its serial */
/* The client opened next after this serial; NULL: none. Borrowed as long as nobody closes it. */
hr_client *hrs_clients_after(uint64_t serial);
void hrs_clients_remove(hr_client *c); /* threads that hold its lanes forget them */
int hrs_client_lane_zero(hr_client *c);
#endif
