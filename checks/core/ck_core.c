#include "core/ck_core.h"

const char *const ck_core_witnesses[] = {"probe", "tls", "log", "files", "clock", 0};

const char *ck_core_result(enum ck_result result)
{
    static const char *const names[] = {"pass", "warn", "fail", "skip", "inconclusive", "error"};
    return names[result];
}

const char *ck_core_severity(enum ck_severity severity)
{
    static const char *const names[] = {"critical", "major", "minor", "info"};
    return names[severity];
}
