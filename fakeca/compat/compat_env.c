/* PEBBLE_* variables. */
#include "compat/compat_int.h"

#include <stdio.h>
#include <string.h>

#include "base/base_text.h"

#define PAGE_MAX 900
#define SLEEP_MAX_S 600

/* A variable that is a number; `off` of flags. */
struct number {
    const char *name;
    size_t offset;
    int64_t min, max;
};

#define AT(member) offsetof(struct fc_compat_config, member)

static const struct number numbers[] = {
    {"PEBBLE_WFE_NONCEREJECT", AT(nonce_reject), 0, 100},
    {"PEBBLE_AUTHZREUSE", AT(authz_reuse), 0, 100},
    {"PEBBLE_WFE_ORDERS_PER_PAGE", AT(orders_per_page), 1, PAGE_MAX},
    {"PEBBLE_VA_SLEEPTIME", AT(sleep_s), 1, SLEEP_MAX_S},
    {"PEBBLE_ALTERNATE_ROOTS", AT(alternate_roots), 0, FC_COMPAT_ROOTS_MAX},
    {"PEBBLE_CHAIN_LENGTH", AT(chain_length), 1, FC_COMPAT_CHAIN_MAX},
};

/* Percents above 100 and below 0 count as those; what else lies outside is not followed. */
static void read_number(struct fc_compat_config *config, const struct number *number, const char *text,
                        fc_compat_warn_fn warn, void *cookie)
{
    char said[FC_COMPAT_TEXT_MAX];
    int64_t value;

    if (fc_text_int(text, INT32_MIN, INT32_MAX, &value, NULL) == 0) {
        bool percent = number->max == 100;
        int64_t taken = value < number->min ? number->min : value > number->max ? number->max : value;
        if (taken == value || percent) {
            memcpy((char *)config + number->offset, &taken, sizeof taken);
            return;
        }
    }
    snprintf(said, sizeof said, "%s='%.60s' is passed over: it is no whole number from %lld to %lld", number->name,
             text, (long long)number->min, (long long)number->max);
    warn(cookie, said);
}

/* As Pebble reads its switches. */
static bool is_on(const char *text)
{
    static const char *const words[] = {"1", "true", "True", "TRUE"};

    for (size_t i = 0; text && i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

void fc_compat_config_env(struct fc_compat_config *config, const char *(*get)(const char *name), fc_compat_warn_fn warn,
                          void *cookie)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *text = get(numbers[i].name);
        if (text && *text)
            read_number(config, &numbers[i], text, warn, cookie);
    }
    if (is_on(get("PEBBLE_VA_NOSLEEP")))
        config->sleep_s = 0;
    config->always_valid = is_on(get("PEBBLE_VA_ALWAYS_VALID"));
}
