/* Whether anything would leave the machine: read before anything is run. */
#define _GNU_SOURCE /* strcasestr */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/base_buf.h"
#include "base/base_file.h"
#include "base/base_text.h"
#include "cases/ck_line.h"
#include "core/ck_core.h"

#define FILE_MAX (256 * 1024)
#define FILES_MAX 2000
#define DEPTH_MAX 6
#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* Hosts of public ACME directories; whatever names one of them would ask it. */
static const char *const public_hosts[] = {"acme-v02.api.letsencrypt.org",
                                           "acme-staging-v02.api.letsencrypt.org",
                                           "acme.zerossl.com",
                                           "dv.acme-v02.api.pki.goog",
                                           "dv.acme-v02.test-api.pki.goog",
                                           "api.buypass.com/acme",
                                           "api.test4.buypass.no/acme",
                                           "acme.ssl.com",
                                           "acme.sectigo.com",
                                           "acme.digicert.com",
                                           "acme-api.actalis.com",
                                           NULL};

/* Programs that go to a public CA unless they are told otherwise (clients.md 1.5). */
static const struct {
    const char *program;
    const char *verbs;   /* only with one of these words; NULL: always */
    const char *options; /* one of these words says where to go */
    const char *setting; /* or this text in a file of the description's folder; NULL: none */
} askers[] = {
    {"certbot", "certonly run register unregister update_account", "--server", NULL},
    {"certbot", "--dry-run --test-cert --staging", "--server", NULL},
    {"lego", "run renew revoke", "--server -s", NULL},
    {"acme.sh", "--issue --register-account", "--server", "Le_API="},
    {"dehydrated", "-c --cron --register --signcsr", "--ca", "CA="},
    {"uacme", "issue new", "-a --acme-url", NULL},
    {"acme_tiny.py", NULL, "--directory-url", NULL},
    {"acme-tiny", NULL, "--directory-url", NULL},
    {"caddy", "start run reload", "--fakeca-never", "acme_ca"},
};

/* Servers that ask a public CA when their configuration names none: a line that begins with the former needs one with the latter. */
static const struct {
    const char *asks, *says;
} servers[] = {
    {"MDomain", "MDCertificateAuthority"},
    {"<MDomainSet", "MDCertificateAuthority"},
    {"ManagedDomain", "MDCertificateAuthority"},
    {"certificatesResolvers", "caServer"},
};
#define SERVERS (sizeof servers / sizeof *servers)

struct scan {
    struct ck_line *line;
    char *asks[SERVERS]; /* where */
    bool says[SERVERS];
    struct fc_buf *settings; /* all settings of `askers` that files hold, a line each */
    size_t files;
    bool scripts; /* second pass: scripts as commands */
};

static void unsafe(struct ck_line *line, char *why)
{
    if (line->unsafe)
        free(why);
    else
        line->unsafe = why;
}

/* ---- texts ---- */

static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
        char before = at == text ? ' ' : at[-1], after = at[len];
        bool starts = before == '/' || !strchr(WORD_CHARS, before);
        if (starts && (!after || after == '=' || !strchr(WORD_CHARS, after)))
            return true;
    }
    return false;
}

static bool has_any(const char *text, const char *words)
{
    fc_auto_free char *copy = fc_strdup(words);
    char *rest = copy, *word;

    while ((word = strsep(&rest, " ")))
        if (has_word(text, word))
            return true;
    return false;
}

static const char *public_host(const char *text)
{
    for (const char *const *host = public_hosts; *host; host++)
        if (strcasestr(text, *host))
            return *host;
    return NULL;
}

/* Whether what begins there leads to this machine, or comes from the environment. */
static bool is_near(const char *host)
{
    static const char *const local[] = {"localhost", "127.", "[::1]", "$", "\"$", "{$", NULL};
    bool near = false;

    for (const char *const *name = local; *name; name++)
        near |= fc_text_starts(host, *name);
    return near;
}

/* A URL of another machine behind an option that names a directory. */
static char *foreign_url(const char *text)
{
    static const char *const options[] = {"--server", "--ca", "--acme-url", "--directory-url", "-a", "-s", NULL};

    for (const char *const *option = options; *option; option++) {
        for (const char *at = strstr(text, *option); at; at = strstr(at + 1, *option)) {
            const char *url = at + strlen(*option);
            url += strspn(url, "= \t'\"");
            if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
                continue;
            if (!is_near(strstr(url, "//") + 2))
                return fc_strndup(url, strcspn(url, " \t\n'\";|&)"));
        }
    }
    return NULL;
}

/* A command line, or a line of a script. `where` names it. */
static void scan_command(struct scan *scan, const char *where, const char *text)
{
    struct ck_line *line = scan->line;
    const char *host = public_host(text);
    fc_auto_free char *url = foreign_url(text);

    if (host || url)
        unsafe(line, fc_asprintf("%s leads to %s, not to the rehearsal's CA", where, url ? url : host));
    for (size_t i = 0; i < sizeof askers / sizeof *askers; i++) {
        if (!has_word(text, askers[i].program) || (askers[i].verbs && !has_any(text, askers[i].verbs)))
            continue;
        if (has_any(text, askers[i].options) || (askers[i].setting && strstr(scan->settings->data, askers[i].setting)))
            line->directories++;
        else
            unsafe(line,
                   fc_asprintf("%s calls %s without saying which CA to ask (%s%s%s): it would ask a public one", where,
                               askers[i].program, strcmp(askers[i].options, "--fakeca-never") ? askers[i].options : "",
                               askers[i].setting && askers[i].setting[0] != 'a' ? ", " : "",
                               askers[i].setting ? askers[i].setting : ""));
    }
}

/* ---- files ---- */

static bool is_comment(const char *text)
{
    text += strspn(text, " \t");
    return *text == '#' || *text == ';' || fc_text_starts(text, "//");
}

/* A directive of a server's configuration. */
static void scan_directive(struct scan *scan, const char *where, const char *text)
{
    for (size_t i = 0; i < SERVERS; i++) {
        size_t len = strlen(servers[i].says);
        if (!scan->asks[i] && strncasecmp(text, servers[i].asks, strlen(servers[i].asks)) == 0)
            scan->asks[i] = fc_asprintf("%s has %s", where, servers[i].asks);
        if (strncasecmp(text, servers[i].says, len) != 0)
            continue;
        const char *value = text + len + strspn(text + len, " \t:=\"'"), *host = strstr(value, "//");
        scan->says[i] = true;
        if (!is_near(host ? host + 2 : value))
            unsafe(scan->line, fc_asprintf("%s leads to %.200s, not to the rehearsal's CA", where, value));
    }
}

/* What asks and was not told whom. */
static void judge_servers(struct scan *scan)
{
    for (size_t i = 0; i < SERVERS; i++) {
        if (scan->asks[i] && !scan->says[i])
            unsafe(scan->line, fc_asprintf("%s without %s: it would ask a public CA", scan->asks[i], servers[i].says));
        scan->line->directories += scan->asks[i] && scan->says[i];
        free(scan->asks[i]);
    }
}

static void scan_line(struct scan *scan, const char *path, const char *text, bool script)
{
    const char *shown = path + strlen(scan->line->setup->dir);

    if (is_comment(text))
        return;
    fc_auto_free char *where = fc_asprintf("'%s'", *shown == '/' ? shown + 1 : path);
    if (scan->scripts) {
        if (script)
            scan_command(scan, where, text);
        return;
    }
    const char *host = public_host(text);
    if (host)
        unsafe(scan->line, fc_asprintf("%s names %s, not the rehearsal's CA", where, host));
    scan_directive(scan, where, text + strspn(text, " \t-"));
    for (size_t i = 0; i < sizeof askers / sizeof *askers; i++)
        if (askers[i].setting && fc_text_starts(text + strspn(text, " \t"), askers[i].setting))
            fc_buf_printf(scan->settings, "%s\n", askers[i].setting);
}

static void scan_file(struct scan *scan, const char *path)
{
    fc_auto_free char *text = NULL;
    size_t len;

    if (fc_file_read(path, FILE_MAX, &text, &len, NULL) || strlen(text) != len)
        return; /* too large, or no text: no client keeps its directory in such */
    bool script = fc_text_starts(text, "#!");
    char *rest = text, *row;
    /* a line that goes on in the next one is one */
    for (char *c = text; *c; c++)
        if (c[0] == '\\' && c[1] == '\n')
            c[0] = c[1] = ' ';
    while ((row = strsep(&rest, "\n")))
        scan_line(scan, path, row, script);
}

static void scan_folder(struct scan *scan, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    struct stat st;

    while (dir && (entry = readdir(dir)) && scan->files < FILES_MAX) {
        fc_auto_free char *path = fc_asprintf("%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || lstat(path, &st) != 0)
            continue;
        /* the description itself is read as what it is; of logs nothing is ever asked */
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX && strcmp(entry->d_name, ".git") != 0)
            scan_folder(scan, path, depth + 1);
        else if (S_ISREG(st.st_mode) && !fc_text_ends(path, ".json") && !fc_text_ends(path, ".log") && ++scan->files)
            scan_file(scan, path);
    }
    if (dir)
        closedir(dir);
}

static void scan_all(struct scan *scan)
{
    const struct ck_setup *setup = scan->line->setup;
    const struct {
        const char *name, *text;
    } commands[] = {{"run.issue", setup->run.issue},       {"run.renew", setup->run.renew},
                    {"run.start", setup->run.start},       {"run.restart", setup->run.restart},
                    {"run.redeploy", setup->run.redeploy}, {"run.stop", setup->run.stop},
                    {"run.reset", setup->run.reset},       {"run.live", setup->run.live}};

    for (int pass = 0; pass < 2; pass++) {
        scan->scripts = pass == 1;
        scan->files = 0;
        scan_folder(scan, setup->dir, 0);
        for (size_t i = 0; i < setup->n_state; i++) {
            fc_auto_free char *path = ck_setup_path(setup, setup->state[i]);
            if (!ck_setup_inside(setup, path))
                scan_folder(scan, path, 0);
        }
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].text)
            scan_command(scan, commands[i].name, commands[i].text);
    judge_servers(scan);
}

int ck_line_preflight(struct ck_line *line, struct fc_err *err)
{
    struct fc_buf settings fc_auto_buf = {0};
    struct scan scan = {.line = line, .settings = &settings};

    (void)err;
    fc_buf_init(&settings, 65536);
    if (!(line->members & (CK_HAS_CLIENT | CK_HAS_RENEW)) || (line->stage->blind & CK_FILES))
        return 0;
    scan_all(&scan);
    line->scanned = true;
    if (line->unsafe)
        ck_line_stop(line, "nothing was run: %.300s", line->unsafe);
    return 0;
}
