/* Event types of this process: one number and one schema per stream, for all clients. Types are never freed before the
 * process ends, since lanes may hold rows of them. Any thread. */
#ifndef HRS_TYPE_H
#define HRS_TYPE_H
#include "inc.h"
#include <headrace.h>

/* The number of a type object; registers it on first use. HR_ESCHEMA: refused, or its stream has another schema in this
 * process; HR_ELIMIT: HRS_MAX_TYPES are in use. A refusal is remembered in the object. */
int hrs_type_index(hr_type *type, uint32_t *ret, struct hr_error *err);
struct hrs_type *hrs_type_get(uint32_t index);
uint32_t hrs_type_count(void);
/* Before fork, after it in the parent, after it in the child: the registry's lock must not be held by a thread that is gone. */
void hrs_types_fork(bool before);
#endif
