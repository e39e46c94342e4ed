/* fakeca check --list, --explain: what there is, what would run, and which member enables what does not. */
#include "cmd/ck_cmd.h"

#include <stdio.h>
#include <string.h>

#include "cases/ck_case.h"

static void print_witnesses(unsigned witnesses, const char *between)
{
    const char *before = "  ";

    for (size_t i = 0; ck_core_witnesses[i]; i++)
        if (witnesses & 1u << i) {
            printf("%s%s", before, ck_core_witnesses[i]);
            before = between;
        }
}

void ck_cmd_list(const char *const *ids, bool witnesses)
{
    for (; *ids; ids++) {
        const struct ck_group *group;
        const struct ck_case *check = ck_cases_find(*ids, &group);
        printf("%-26s %-10s %-9s %s", check->id, group->name, ck_core_severity(check->severity), check->title);
        if (witnesses) {
            print_witnesses(check->witnesses, "+");
            print_witnesses(check->either, "|");
        }
        putchar('\n');
    }
}

static void print_missing(unsigned missing)
{
    const char *before = "";

    for (unsigned bit = 1; bit && bit <= missing; bit <<= 1)
        if (missing & bit) {
            printf("%s\"%s\"", before, ck_setup_member_name(bit));
            before = ", ";
        }
}

void ck_cmd_explain(const struct ck_setup *setup, const char *const *ids)
{
    unsigned members = ck_setup_members(setup);
    size_t n = 0, skipped = 0;

    for (; *ids; ids++, n++) {
        const struct ck_case *check = ck_cases_find(*ids, NULL);
        unsigned missing = check->needs & ~members;
        printf("%-5s %-26s %s", missing ? "skip" : "run", check->id, missing ? "add " : check->title);
        if (missing)
            print_missing(missing);
        skipped += missing != 0;
        putchar('\n');
    }
    printf("\n%zu checks, %zu run, %zu skipped; the renewal line runs every %s; nothing was started\n", n, n - skipped,
           skipped, setup->schedule_text);
}
