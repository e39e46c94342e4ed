/* fuzz: uses base */
/* Points in time and durations as texts: what parses must print and parse again to the same. */
#include "base/base_time.h"

#include <string.h>

#include "base/base_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[128], again[FC_TIME_TEXT_MAX];
    int64_t at, second;

    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    if (fc_time_parse(text, &at, NULL) == 0 && at >= FC_TIME_MIN && at <= FC_TIME_MAX && at % FC_SECOND == 0)
        FC_ASSERT(fc_time_parse(fc_time_rfc3339(at, again), &second, NULL) == 0 && second == at);
    if (fc_duration_parse(text, &at, NULL) == 0)
        FC_ASSERT(fc_duration_parse(fc_duration_text(at, again), &second, NULL) == 0 && second == at);
    fc_time_parse_http(text, &at, NULL);
    return 0;
}
