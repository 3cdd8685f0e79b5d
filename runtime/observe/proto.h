/* proto: writes the wire format of Protocol Buffers, https://protobuf.dev/programming-guides/encoding/.
 *
 * A message goes to a buffer of the caller's; what does not fit is counted and dropped, so the same code
 * first finds out how long a message is and then writes it. A message within a message is written to a buffer
 * of its own first: its length comes before it.
 */
#ifndef WEIR_OBSERVE_PROTO_H
#define WEIR_OBSERVE_PROTO_H

#include <stddef.h>
#include <stdint.h>

typedef struct proto {
    uint8_t *start; /* NULL: count only */
    size_t size;    /* of the buffer */
    size_t length;  /* of the message so far, whether it has room or not */
} proto_t;

void proto_varint(proto_t *to, uint64_t value);
/* A field that is a number; one that is 0 is left out, as the format allows. */
void proto_number(proto_t *to, uint32_t field, uint64_t value);
/* A field of bytes: a string, a message, a packed array. */
void proto_bytes(proto_t *to, uint32_t field, const void *bytes, size_t length);

#endif
