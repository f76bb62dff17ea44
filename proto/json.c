#include "json.h"
#include "batch.h"
