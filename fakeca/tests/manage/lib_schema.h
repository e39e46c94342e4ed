/* A small validator for the part of JSON schema that openapi.json uses (OpenAPI 3.0): type, nullable, enum, properties, required,
 * additionalProperties, items, minimum, maximum, format date-time, $ref. A keyword that it does not know is an error, so that the
 * document cannot promise what nobody checks. */
#ifndef FC_TESTS_MANAGE_LIB_SCHEMA_H
#define FC_TESTS_MANAGE_LIB_SCHEMA_H

#include "base/base_buf.h"
#include "base/base_json.h"

/* Whether value fits schema; otherwise why holds "PATH: reason". doc: where "#/..." leads. */
bool lib_schema_fits(const json_t *doc, const json_t *schema, const json_t *value, struct fc_buf *why);

/* What a $ref of the object leads to, or the object itself. Fails the test when it leads nowhere. */
const json_t *lib_schema_follow(const json_t *doc, const json_t *object);

/* The path template of the document that fits a request's path (fixed segments before parameters), NULL: none. */
const char *lib_schema_path(const json_t *doc, const char *path);
/* doc.paths[template][method], NULL when there is none. method "GET". */
const json_t *lib_schema_operation(const json_t *doc, const char *template, const char *method);

#endif
