#include "lib_pki.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_buf.h"
#include "base/base_file.h"
#include "base/base_json.h"
#include "pki/pki_cert.h"
#include "pki/pki_csr.h"
#include "pki/pki_key.h"

#include "cmocka_all.h"

#define OUTPUT_MAX (8 << 20)
#define ARGS_MAX 40

int lab_setup(void **state)
{
    struct lab *lab = fc_calloc(1, sizeof *lab);

    lab->arena = fc_arena_new();
    snprintf(lab->dir, sizeof lab->dir, "/tmp/fakeca-pki-XXXXXX");
    assert_non_null(mkdtemp(lab->dir));
    *state = lab;
    return 0;
}

int lab_teardown(void **state)
{
    struct lab *lab = *state;
    DIR *dir = opendir(lab->dir);

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
    rmdir(lab->dir);
    fc_arena_free(lab->arena);
    free(lab);
    return 0;
}

static const char *path_of(struct lab *lab, const char *name)
{
    return fc_arena_printf(lab->arena, "%s/%s", lab->dir, name);
}

static const char *run(struct lab *lab, const char *const *argv)
{
    struct fc_buf out fc_auto_buf;
    int ends[2];
    char chunk[4096];
    int status;

    fc_buf_init(&out, OUTPUT_MAX);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        if (chdir(lab->dir) == 0)
            execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], chunk, sizeof chunk)) > 0;)
        fc_buf_append(&out, chunk, (size_t)n);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    lab->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return fc_arena_strdup(lab->arena, out.data);
}

static void collect(const char **argv, va_list args)
{
    size_t n = 0;

    argv[n++] = "openssl";
    for (const char *arg; (arg = va_arg(args, const char *));) {
        assert_true(n < ARGS_MAX);
        argv[n++] = arg;
    }
    argv[n] = NULL;
}

const char *lab_try(struct lab *lab, ...)
{
    const char *argv[ARGS_MAX + 1];
    va_list args;

    va_start(args, lab);
    collect(argv, args);
    va_end(args);
    return run(lab, argv);
}

const char *lab_openssl(struct lab *lab, ...)
{
    const char *argv[ARGS_MAX + 1];
    va_list args;

    va_start(args, lab);
    collect(argv, args);
    va_end(args);
    const char *out = run(lab, argv);
    if (lab->status != 0)
        fail_msg("openssl %s ended with %d: %s", argv[1], lab->status, out);
    return out;
}

void lab_write(struct lab *lab, const char *name, const void *data, size_t len)
{
    assert_int_equal(fc_file_write(path_of(lab, name), data, len, 0600, NULL), 0);
}

unsigned char *lab_bytes(struct lab *lab, const char *name, size_t *ret_len)
{
    char *data = NULL;
    struct fc_err err = {0};

    if (fc_file_read(path_of(lab, name), OUTPUT_MAX, &data, ret_len, &err))
        fail_msg("%s", err.text);
    unsigned char *kept = fc_arena_memdup(lab->arena, data, *ret_len);
    free(data);
    return kept;
}

const unsigned char *lab_read(struct lab *lab, const char *name, size_t *ret_len)
{
    return lab_bytes(lab, name, ret_len);
}

static void drop_key(void *key)
{
    fc_key_free(key);
}

static void drop_cert(void *cert)
{
    fc_cert_free(cert);
}

static void drop_csr(void *csr)
{
    fc_csr_free(csr);
}

struct fc_key *lab_keep_key(struct lab *lab, struct fc_key *key)
{
    fc_arena_defer(lab->arena, drop_key, key);
    return key;
}

struct fc_cert *lab_keep_cert(struct lab *lab, struct fc_cert *cert)
{
    fc_arena_defer(lab->arena, drop_cert, cert);
    return cert;
}

struct fc_key *lab_key(struct lab *lab, int type)
{
    struct fc_key *key = NULL;
    struct fc_err err = {0};

    if (fc_key_generate((enum fc_key_type)type, 2048, &key, &err))
        fail_msg("%s", err.text);
    return lab_keep_key(lab, key);
}

struct fc_key *lab_jwk_key(struct lab *lab, const char *jwk)
{
    json_t *value = NULL;
    struct fc_key *key = NULL;
    struct fc_err err = {0};

    assert_int_equal(fc_json_parse(jwk, strlen(jwk), &value, &err), 0);
    int r = fc_key_from_jwk(value, &key, &err);
    json_decref(value);
    if (r)
        fail_msg("%s", err.text);
    return lab_keep_key(lab, key);
}

struct fc_key *lab_read_key(struct lab *lab, const char *name)
{
    struct fc_key *key = NULL;
    struct fc_err err = {0};
    size_t len;
    const char *pem = (const char *)lab_read(lab, name, &len);

    if (fc_key_from_pem(pem, len, &key, &err))
        fail_msg("%s", err.text);
    return lab_keep_key(lab, key);
}

const struct fc_csr *lab_parse_csr(struct lab *lab, const char *name)
{
    struct fc_csr *csr = NULL;
    struct fc_err err = {0};
    size_t len;
    const unsigned char *der = lab_read(lab, name, &len);

    if (fc_csr_parse(der, len, &csr, &err))
        fail_msg("%s", err.text);
    fc_arena_defer(lab->arena, drop_csr, csr);
    return csr;
}

const struct fc_csr *lab_csr(struct lab *lab, const char *key_file, const char *subject, const char *san)
{
    if (san)
        lab_openssl(lab, "req", "-new", "-key", key_file, "-subj", subject, "-addext",
                    fc_arena_printf(lab->arena, "subjectAltName=%s", san), "-outform", "DER", "-out", "r.der", NULL);
    else
        lab_openssl(lab, "req", "-new", "-key", key_file, "-subj", subject, "-outform", "DER", "-out", "r.der", NULL);
    return lab_parse_csr(lab, "r.der");
}

void lab_write_cert(struct lab *lab, const char *name, const struct fc_cert *cert)
{
    char *pem = fc_cert_pem(cert);

    lab_write(lab, name, pem, strlen(pem));
    free(pem);
}

void lab_write_key(struct lab *lab, const char *name, const struct fc_key *key)
{
    char *pem = NULL;

    assert_int_equal(fc_key_to_pem(key, &pem, NULL), 0);
    lab_write(lab, name, pem, strlen(pem));
    free(pem);
}

void lab_has(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}
