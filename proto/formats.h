/* The well-known string formats of protovalidate: what isEmail, isHostname, isUri ... of its CEL library accept, written by hand
 * so that they need no pattern engine and take linear time. Source of each grammar: at its function. p is valid UTF-8. */
#ifndef HRP_FORMATS_H
#define HRP_FORMATS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool hrp_is_email(const uint8_t *p, size_t n);
bool hrp_is_hostname(const uint8_t *p, size_t n);
bool hrp_is_ip(const uint8_t *p, size_t n, int version);                    /* 0: any, 4, 6 */
bool hrp_is_ip_prefix(const uint8_t *p, size_t n, int version, bool strict);/* strict: host bits are zero */
bool hrp_is_uri(const uint8_t *p, size_t n);
bool hrp_is_uri_ref(const uint8_t *p, size_t n);
bool hrp_is_host_and_port(const uint8_t *p, size_t n, bool port_required);
bool hrp_is_uuid(const uint8_t *p, size_t n);
bool hrp_is_tuuid(const uint8_t *p, size_t n);
bool hrp_is_ulid(const uint8_t *p, size_t n);
bool hrp_is_protobuf_fqn(const uint8_t *p, size_t n, bool leading_dot);
bool hrp_is_header_name(const uint8_t *p, size_t n, bool strict);           /* well_known_regex 1 */
bool hrp_is_header_value(const uint8_t *p, size_t n, bool strict);          /* well_known_regex 2 */
#endif
