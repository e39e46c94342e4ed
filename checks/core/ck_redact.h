/* Secrets are never printed: values behind options and settings whose names speak of one, and private keys. */
#ifndef CK_REDACT_H
#define CK_REDACT_H

#include <jansson.h>
#include <stdint.h>

/* A copy with "***" in their place; the caller frees. */
char *ck_redact_text(const char *text);
/* A deep copy in which every text is redacted, and the value of every member with such a name. */
json_t *ck_redact_json(const json_t *value);

#endif
