/* base64url, buffers, arenas, small text functions, files. */
#include "base/base_b64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_arena.h"
#include "base/base_buf.h"
#include "base/base_file.h"
#include "base/base_text.h"

#include "cmocka_all.h"

static void b64url_vectors(void **state)
{
    /* RFC 4648 section 10, without the padding; RFC 7515 appendix C */
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } rows[] = {{"", 0, ""},
                {"f", 1, "Zg"},
                {"fo", 2, "Zm8"},
                {"foo", 3, "Zm9v"},
                {"foob", 4, "Zm9vYg"},
                {"fooba", 5, "Zm9vYmE"},
                {"foobar", 6, "Zm9vYmFy"},
                {"\x03\xec\xff\xe0\xc1", 5, "A-z_4ME"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[32];
        size_t len;
        assert_int_equal(fc_b64url_encode(rows[i].bytes, rows[i].len, out), strlen(rows[i].text));
        assert_string_equal(out, rows[i].text);
        assert_int_equal(fc_b64url_decode(rows[i].text, strlen(rows[i].text), out, &len), 0);
        assert_int_equal(len, rows[i].len);
        assert_memory_equal(out, rows[i].bytes, len);
    }
}

static void b64url_is_strict(void **state)
{
    static const char *const bad[] = {"Zg==", "Z", "Zm9vY", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zh", "Zm9", "Zm.v"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char out[16];
        size_t len;
        if (fc_b64url_decode(bad[i], strlen(bad[i]), out, &len) == 0)
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void buffers_stop_at_their_maximum(void **state)
{
    struct fc_buf buf;
    (void)state;
    fc_buf_init(&buf, 10);
    assert_int_equal(fc_buf_puts(&buf, "12345"), 0);
    assert_int_equal(fc_buf_printf(&buf, "%d", 67890), 0);
    assert_string_equal(buf.data, "1234567890");
    assert_int_equal(fc_buf_putc(&buf, 'x'), -1);
    assert_true(buf.full);
    assert_string_equal(buf.data, "1234567890");
    fc_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    char *taken = fc_buf_detach(&buf);
    assert_string_equal(taken, "");
    free(taken);
    fc_buf_release(&buf);
}

/* POSIX, shell command language 2.2.2: nothing but the quote itself ends single quotes. */
static void quoted_words_are_one_word(void **state)
{
    static const char *const rows[][2] = {
        {"", "''"}, {"a b", "'a b'"}, {"$(x) `y` \\", "'$(x) `y` \\'"}, {"it's", "'it'\\''s'"}, {"'", "''\\'''"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_buf buf fc_auto_buf = {0};
        fc_buf_init(&buf, 64);
        assert_int_equal(fc_buf_put_quoted(&buf, rows[i][0]), 0);
        assert_string_equal(buf.data, rows[i][1]);
    }
    struct fc_buf small fc_auto_buf = {0};
    fc_buf_init(&small, 3);
    assert_int_equal(fc_buf_put_quoted(&small, "abc"), -1);
}

static void note(void *thing)
{
    static int order;
    *(int *)thing = ++order;
}

static void arenas_free_newest_first(void **state)
{
    struct fc_arena *arena = fc_arena_new();
    int first = 0, second = 0;
    (void)state;
    char *big = fc_arena_alloc(arena, 100000);
    memset(big, 1, 100000);
    char *zeroed = fc_arena_alloc(arena, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(zeroed[i], 0);
    assert_string_equal(fc_arena_printf(arena, "%s-%d", "a", 7), "a-7");
    assert_null(fc_arena_strdup(arena, NULL));
    fc_arena_defer(arena, note, &first);
    fc_arena_defer(arena, note, &second);
    fc_arena_free(arena);
    assert_int_equal(second, 1);
    assert_int_equal(first, 2);
}

static void numbers_are_strict(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "99999999999999999999", "101"};
    int64_t value = 0;
    unsigned char bytes[4];
    char hex[9];
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (fc_text_int(bad[i], 0, 100, &value, NULL) == 0)
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(fc_text_int("100", 0, 100, &value, NULL), 0);
    assert_int_equal(value, 100);
    assert_int_equal(fc_text_int("-7", -10, 0, &value, NULL), 0);
    assert_int_equal(value, -7);
    assert_int_equal(fc_text_unhex("00ff1A", bytes, sizeof bytes, &len), 0);
    assert_int_equal(len, 3);
    fc_text_hex(bytes, 3, hex);
    assert_string_equal(hex, "00ff1a");
    assert_int_equal(fc_text_unhex("0", bytes, sizeof bytes, &len), -1);
    assert_int_equal(fc_text_unhex("0g", bytes, sizeof bytes, &len), -1);
    assert_int_equal(fc_text_unhex("0011223344", bytes, sizeof bytes, &len), -1);
}

static void files(void **state)
{
    char dir[] = "/tmp/fc-file-XXXXXX", path[64], deep[64], *data;
    size_t len;
    int fd, second;
    struct fc_err err = {0};
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x", dir);
    assert_int_equal(fc_file_write(path, "hello", 5, 0600, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fc_file_read(path, 5, &data, &len, NULL), 0);
    assert_string_equal(data, "hello");
    free(data);
    assert_int_equal(fc_file_read(path, 4, &data, &len, &err), -1);
    assert_int_equal(err.code, FC_E_LIMIT);
    assert_non_null(strstr(err.text, path));
    fc_err_clear(&err);
    assert_int_equal(fc_file_lock(path, &fd, NULL), 0);
    assert_int_equal(fc_file_lock(path, &second, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    close(fd);
    snprintf(deep, sizeof deep, "%s/a/b", dir);
    assert_int_equal(fc_file_mkdirs(deep, 0700, NULL), 0);
    assert_int_equal(fc_file_mkdirs(deep, 0700, NULL), 0);
    assert_int_equal(chmod(deep, 0755), 0);
    fc_err_clear(&err);
    assert_int_equal(fc_file_private_dir(deep, &err), -1);
    assert_non_null(strstr(err.text, deep));
    rmdir(deep);
    snprintf(deep, sizeof deep, "%s/a", dir);
    rmdir(deep);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b64url_vectors),
        cmocka_unit_test(b64url_is_strict),
        cmocka_unit_test(buffers_stop_at_their_maximum),
        cmocka_unit_test(quoted_words_are_one_word),
        cmocka_unit_test(arenas_free_newest_first),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(files),
    };
    RUN(tests);
}
