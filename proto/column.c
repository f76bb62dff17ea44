#include "column.h"
