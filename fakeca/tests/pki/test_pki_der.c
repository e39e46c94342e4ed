/* The DER writer: lengths of every form, integers, times; values of X.690 and RFC 5280. */
#include "pki/pki_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"

#include "cmocka_all.h"

static void lengths(void **state)
{
    static const struct {
        size_t content;
        size_t head;
        unsigned char octets[6];
    } cases[] = {
        {0, 2, {0x30, 0x00}},
        {127, 2, {0x30, 0x7f}},
        {128, 3, {0x30, 0x81, 0x80}},
        {255, 3, {0x30, 0x81, 0xff}},
        {256, 4, {0x30, 0x82, 0x01, 0x00}},
        {65535, 4, {0x30, 0x82, 0xff, 0xff}},
        {65536, 5, {0x30, 0x83, 0x01, 0x00, 0x00}},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fc_buf der;
        fc_buf_init(&der, 1 << 20);
        size_t seq = fc_pki_der_open(&der, FC_DER_SEQUENCE);
        for (size_t n = 0; n < cases[i].content; n++)
            fc_buf_putc(&der, 'x');
        fc_pki_der_close(&der, seq);
        size_t len = der.len;
        int head = memcmp(der.data, cases[i].octets, cases[i].head);
        bool moved = cases[i].content == 0 || (der.data[cases[i].head] == 'x' && der.data[len - 1] == 'x');
        fc_buf_release(&der);
        assert_int_equal(len, cases[i].head + cases[i].content);
        assert_int_equal(head, 0);
        assert_true(moved);
    }
}

static void is(struct fc_buf *der, const void *expected, size_t len)
{
    assert_int_equal(der->len, len);
    assert_memory_equal(der->data, expected, len);
    fc_buf_clear(der);
}

static int setup(void **state)
{
    struct fc_buf *der = fc_calloc(1, sizeof *der);

    fc_buf_init(der, 4096);
    *state = der;
    return 0;
}

static int teardown(void **state)
{
    fc_buf_release(*state);
    free(*state);
    return 0;
}

static void integers(void **state)
{
    struct fc_buf *der = *state;

    fc_pki_der_uint64(der, 0);
    is(der, "\x02\x01\x00", 3);
    fc_pki_der_uint64(der, 127);
    is(der, "\x02\x01\x7f", 3);
    fc_pki_der_uint64(der, 128);
    is(der, "\x02\x02\x00\x80", 4);
    fc_pki_der_uint64(der, 256);
    is(der, "\x02\x02\x01\x00", 4);
    fc_pki_der_uint64(der, UINT64_MAX);
    is(der, "\x02\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff", 11);
    fc_pki_der_uint(der, (const unsigned char *)"\x00\x00\x80\x01", 4);
    is(der, "\x02\x03\x00\x80\x01", 5);
    fc_pki_der_uint(der, (const unsigned char *)"", 0);
    is(der, "\x02\x01\x00", 3);
}

static void times(void **state)
{
    struct fc_buf *der = *state;

    fc_pki_der_time(der, 0);
    is(der,
       "\x17\x0d"
       "700101000000Z",
       15);
    fc_pki_der_time(der, FC_TIME_MIN + 999 * FC_MS);
    is(der,
       "\x17\x0d"
       "000101000000Z",
       15);
    fc_pki_der_time(der, FC_TIME_MAX);
    is(der,
       "\x18\x0f"
       "21991231235959Z",
       17);
}

static void names_and_identifiers(void **state)
{
    struct fc_buf *der = *state;
    struct fc_err err = {0};

    fc_pki_der_name(der, NULL, NULL, NULL);
    is(der, "\x30\x00", 2);
    fc_pki_der_name(der, "US", NULL, "*.a");
    is(der, "\x30\x1b\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02US\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03*.a",
       29);
    assert_int_equal(fc_pki_der_oid(der, "2.23.140.1.2.1", &err), 0);
    is(der, "\x06\x06\x67\x81\x0c\x01\x02\x01", 8);
    assert_int_equal(fc_pki_der_oid(der, "", &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
}

static void a_full_buffer_stays_full(void **state)
{
    struct fc_buf der;
    (void)state;

    fc_buf_init(&der, 130);
    size_t seq = fc_pki_der_open(&der, FC_DER_SEQUENCE);
    for (int i = 0; i < 128; i++)
        fc_buf_putc(&der, 'x');
    assert_false(der.full);
    fc_pki_der_close(&der, seq); /* the long form is one octet too many */
    bool full = der.full;
    fc_pki_der_close(&der, fc_pki_der_open(&der, FC_DER_SET));
    full = full && der.full;
    fc_buf_release(&der);
    assert_true(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test_setup_teardown(integers, setup, teardown),
        cmocka_unit_test_setup_teardown(times, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_identifiers, setup, teardown),
        cmocka_unit_test(a_full_buffer_stays_full),
    };
    RUN(tests);
}
