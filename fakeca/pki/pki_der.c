#include "pki/pki_int.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "base/base_assert.h"
#include "base/base_time.h"

size_t fc_pki_der_open(struct fc_buf *der, int tag)
{
    fc_buf_putc(der, (char)tag);
    fc_buf_putc(der, 0);
    return der->len;
}

void fc_pki_der_close(struct fc_buf *der, size_t mark)
{
    unsigned char octets[sizeof(size_t)];
    size_t n = 0;

    if (der->full)
        return;
    FC_ASSERT(mark >= 2 && mark <= der->len);
    size_t len = der->len - mark;
    if (len < 0x80) {
        der->data[mark - 1] = (char)len;
        return;
    }
    /* the long form needs more octets than were left free: the content moves up */
    for (size_t rest = len; rest; rest >>= 8)
        octets[sizeof octets - ++n] = (unsigned char)rest;
    if (fc_buf_append(der, octets, n))
        return;
    memmove(der->data + mark + n, der->data + mark, len);
    memcpy(der->data + mark, octets + sizeof octets - n, n);
    der->data[mark - 1] = (char)(0x80 | n);
}

void fc_pki_der_put(struct fc_buf *der, int tag, const void *data, size_t len)
{
    size_t mark = fc_pki_der_open(der, tag);

    fc_buf_append(der, data, len);
    fc_pki_der_close(der, mark);
}

void fc_pki_der_uint(struct fc_buf *der, const unsigned char *data, size_t len)
{
    size_t mark = fc_pki_der_open(der, FC_DER_INTEGER);

    while (len > 0 && *data == 0) {
        data++;
        len--;
    }
    if (len == 0 || *data & 0x80)
        fc_buf_putc(der, 0);
    fc_buf_append(der, data, len);
    fc_pki_der_close(der, mark);
}

void fc_pki_der_uint64(struct fc_buf *der, uint64_t value)
{
    unsigned char octets[8];

    for (size_t i = sizeof octets; i-- > 0; value >>= 8)
        octets[i] = (unsigned char)value;
    fc_pki_der_uint(der, octets, sizeof octets);
}

void fc_pki_der_bits(struct fc_buf *der, const void *data, size_t len)
{
    size_t mark = fc_pki_der_open(der, FC_DER_BIT_STRING);

    fc_buf_putc(der, 0);
    fc_buf_append(der, data, len);
    fc_pki_der_close(der, mark);
}

void fc_pki_der_time(struct fc_buf *der, int64_t at)
{
    struct fc_date d;

    fc_time_date(at, &d);
    bool utc = d.year >= 1950 && d.year < 2050;
    size_t mark = fc_pki_der_open(der, utc ? FC_DER_UTC_TIME : FC_DER_GENERALIZED_TIME);
    if (utc)
        fc_buf_printf(der, "%02d", d.year % 100);
    else
        fc_buf_printf(der, "%04d", d.year);
    fc_buf_printf(der, "%02d%02d%02d%02d%02dZ", d.month, d.day, d.hour, d.minute, d.second);
    fc_pki_der_close(der, mark);
}

/* PrintableString where its alphabet suffices, as Go's encoder and so Boulder chooses; a wildcard's '*' is not in it. */
static int string_tag(const char *text)
{
    static const char printable[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";

    return text[strspn(text, printable)] == '\0' ? FC_DER_PRINTABLE_STRING : FC_DER_UTF8_STRING;
}

/* id: last octet of the attribute's OID 2.5.4.x */
static void name_part(struct fc_buf *der, unsigned char id, const char *text)
{
    const unsigned char oid[] = {0x55, 0x04, id};

    if (!text)
        return;
    size_t set = fc_pki_der_open(der, FC_DER_SET);
    size_t seq = fc_pki_der_open(der, FC_DER_SEQUENCE);
    fc_pki_der_put(der, FC_DER_OID, oid, sizeof oid);
    fc_pki_der_put(der, string_tag(text), text, strlen(text));
    fc_pki_der_close(der, seq);
    fc_pki_der_close(der, set);
}

void fc_pki_der_name(struct fc_buf *der, const char *country, const char *organization, const char *cn)
{
    size_t mark = fc_pki_der_open(der, FC_DER_SEQUENCE);

    name_part(der, 6, country);
    name_part(der, 10, organization);
    name_part(der, 3, cn);
    fc_pki_der_close(der, mark);
}

FC_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free)

int fc_pki_der_oid(struct fc_buf *der, const char *dotted, struct fc_err *err)
{
    fc_auto(ASN1_OBJECT_free) ASN1_OBJECT *object = OBJ_txt2obj(dotted, 1);

    if (!object)
        return fc_pki_ossl_err(err, FC_E_USAGE, "'%s' is no object identifier", dotted);
    fc_pki_der_put(der, FC_DER_OID, OBJ_get0_data(object), OBJ_length(object));
    return 0;
}
