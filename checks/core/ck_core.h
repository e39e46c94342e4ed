/* The words of the examiner: results, severities, groups, witnesses. */
#ifndef CK_CORE_H
#define CK_CORE_H

enum ck_result { CK_PASS, CK_WARN, CK_FAIL, CK_SKIP, CK_INCONCLUSIVE, CK_ERROR, CK_RESULTS };
enum ck_severity { CK_CRITICAL, CK_MAJOR, CK_MINOR, CK_INFO };

/* Who testifies; a bit each. A check that needs a witness who is silent is inconclusive. */
enum ck_witness { CK_PROBE = 1, CK_TLS = 2, CK_LOG = 4, CK_FILES = 8, CK_CLOCK = 16 };

/* "pass", "warn", "fail", "skip", "inconclusive", "error" */
const char *ck_core_result(enum ck_result result);
const char *ck_core_severity(enum ck_severity severity);
/* NULL-terminated: "probe", "tls", "log", "files", "clock", in the order of the bits. */
extern const char *const ck_core_witnesses[];

#endif
