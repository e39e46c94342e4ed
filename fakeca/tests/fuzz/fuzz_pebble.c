/* fuzz: uses compat */
/* Pebble's config file: any bytes give an error with a text, or a configuration whose policy loads or says why not. */
#include "compat/compat.h"

#include <string.h>

#include "base/base_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void warn(void *cookie, const char *text)
{
    (void)cookie;
    FC_ASSERT(*text && strlen(text) < FC_COMPAT_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fc_compat_config config = {0};
    struct fc_err err = {0};
    fc_auto_free char *policy = NULL;

    if (fc_compat_config_read(&config, "fuzz", (const char *)data, size, warn, NULL, &err) == 0) {
        FC_ASSERT(config.listen && config.http_port >= 0 && config.http_port <= 65535);
        FC_ASSERT(!config.certificate == !config.private_key);
        if (fc_compat_config_policy(&config, &policy, &err))
            FC_ASSERT(err.text[0]);
    } else {
        FC_ASSERT(err.code == FC_E_USAGE && err.text[0]);
    }
    fc_compat_config_release(&config);
    return 0;
}
