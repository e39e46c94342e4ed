/* Shared inside base_json only. */
#ifndef FC_BASE_JSON_INT_H
#define FC_BASE_JSON_INT_H

#include <stddef.h>

/* The line (from 1) on which the value of `path` ("profiles.classic[0].validity") begins in the JSON text, 0 when it is not
 * there. For members the line of their name. The text is valid JSON. */
int fc_json_line(const char *text, size_t len, const char *path);

#endif
