/* fuzz: uses base */
/* JSON from outside: parse, read members, find lines. */
#include "base/base_json.h"

#include "base/base_json_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = NULL;
    struct fc_json_errs errs;
    struct fc_json_obj root;

    if (size > 65536 || fc_json_parse((const char *)data, size, &value, NULL))
        return 0;
    fc_json_errs_init(&errs, "fuzz", (const char *)data, size);
    fc_json_obj_root(&root, value, &errs);
    fc_json_str(&root, "a", FC_JSON_REQUIRED, 8);
    fc_json_int(&root, "b", FC_JSON_OPTIONAL, 0, 9, 0);
    fc_json_duration(&root, "c", FC_JSON_OPTIONAL, 0, 9, 0);
    fc_json_obj_end(&root);
    fc_json_line((const char *)data, size, "a.b[1].c");
    fc_json_errs_release(&errs);
    json_decref(value);
    return 0;
}
