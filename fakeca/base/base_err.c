#include "base/base_err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fc_err_set(struct fc_err *err, enum fc_err_code code, const char *format, ...)
{
    va_list args;

    if (!err || err->code != FC_OK)
        return -1;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->code = code;
    return -1;
}

int fc_err_errno(struct fc_err *err, const char *format, ...)
{
    int saved = errno;
    char reason[128];
    va_list args;

    if (!err || err->code != FC_OK)
        return -1;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (strerror_r(saved, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", saved);
    size_t len = strlen(err->text);
    snprintf(err->text + len, sizeof err->text - len, ": %s", reason);
    err->code = FC_E_SYSTEM;
    errno = saved;
    return -1;
}

int fc_err_prefix(struct fc_err *err, const char *format, ...)
{
    char old[sizeof err->text];
    va_list args;

    if (!err || err->code == FC_OK)
        return -1;
    memcpy(old, err->text, sizeof old);
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t len = strlen(err->text);
    size_t room = sizeof err->text - len;
    int wanted = snprintf(err->text + len, room, ": %s", old);
    (void)wanted; /* a text that is too long is cut off */
    return -1;
}

void fc_err_clear(struct fc_err *err)
{
    if (err) {
        err->code = FC_OK;
        err->text[0] = '\0';
    }
}

int fc_err_exit(enum fc_err_code code)
{
    switch (code) {
    case FC_OK:
        return 0;
    case FC_E_USAGE:
    case FC_E_NOT_FOUND:
    case FC_E_PARSE:
    case FC_E_LIMIT:
    case FC_E_RANGE:
        return 2;
    case FC_E_SYSTEM:
    case FC_E_BUSY:
    case FC_E_DAMAGED:
    case FC_E_AGAIN:
    case FC_E_CRYPTO:
        return 3;
    case FC_E_INTERNAL:
        return 4;
    }
    return 4;
}
