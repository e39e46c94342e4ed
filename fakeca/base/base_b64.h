/* base64url without padding (RFC 4648 section 5, as RFC 7515 uses it) and plain base64 with padding for PEM-like needs.
 * Decoders are strict: no white space, no '=', no other alphabet, no impossible length, unused bits must be zero. */
#ifndef FC_BASE_B64_H
#define FC_BASE_B64_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the text for len bytes, without the NUL. */
#define FC_B64URL_LEN(len) (((len)*4 + 2) / 3)

/* Writes FC_B64URL_LEN(len) characters and a NUL; returns the number of characters. */
size_t fc_b64url_encode(const void *data, size_t len, char *ret_text);

/* Decodes exactly text[0..text_len) into ret_data (room for text_len * 3 / 4 bytes). -1 when it is not strict base64url. */
int fc_b64url_decode(const char *text, size_t text_len, void *ret_data, size_t *ret_len);

/* Whether every byte belongs to the alphabet (an empty text passes). */
bool fc_b64url_alphabet(const char *text, size_t text_len);

#endif
