/* gzip: see gzip.h. */
#include "runtime/observe/gzip.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By the system call, since the C library's write is a cancellation point. */
static bool write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        long written = syscall(SYS_write, fd, at, length);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            at += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* CRC-32 of RFC 1952, section 8, four bits at a time. */
static uint32_t checksum(const uint8_t *bytes, size_t length)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t sum = ~(uint32_t)0;
    for (size_t i = 0; i < length; i++) {
        sum = table[(sum ^ bytes[i]) & 15] ^ sum >> 4;
        sum = table[(sum ^ (uint32_t)bytes[i] >> 4) & 15] ^ sum >> 4;
    }
    return ~sum;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

/* A stored block of deflate (RFC 1951, 3.2.4): a byte that is 1 for the last block, the length, and the
 * complement of the length. */
static bool write_block(int fd, const uint8_t *bytes, size_t length, bool last)
{
    const uint8_t header[5] = {last, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)~length,
                               (uint8_t)(~length >> 8)};
    return write_all(fd, header, sizeof header) && write_all(fd, bytes, length);
}

bool gzip_write(int fd, const uint8_t *bytes, size_t length)
{
    enum { BLOCK = 65535, UNIX = 3 };
    static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, UNIX};
    uint8_t trailer[8];
    put_u32(trailer, checksum(bytes, length));
    put_u32(trailer + 4, (uint32_t)length);
    if (!write_all(fd, header, sizeof header))
        return false;
    for (size_t at = 0, part; at < length || at == 0; at += part) {
        part = length - at < BLOCK ? length - at : BLOCK;
        if (!write_block(fd, bytes + at, part, at + part == length))
            return false;
        if (part == 0)
            break;
    }
    return write_all(fd, trailer, sizeof trailer);
}
