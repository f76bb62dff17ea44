/* A bug planted on purpose, so that a test can show that it would find it. Test builds only (HRP_FAULTS). */
#ifndef HRS_PLANTED_H
#define HRS_PLANTED_H
#include <stdbool.h>

#ifdef HRP_FAULTS
extern bool hrs_plant_free_early; /* a lane's space is given back before the batch with its rows is published */
#else
#define hrs_plant_free_early false
#endif
#endif
