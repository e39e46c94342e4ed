#include "base/base_assert.h"

#include <stdio.h>
#include <stdlib.h>

void fc_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "fakeca: internal error: %s:%d: %s\n", file, line, expression);
    abort();
}
