/* resident: see resident.h. */
#include "runtime/process/resident.h"

#include "runtime/base/descriptor.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"

enum { CLOSED = -1 };

static int descriptor = CLOSED;

bool resident_open(void)
{
    if (descriptor == CLOSED)
        descriptor = descriptor_open("/proc/self/statm");
    return descriptor != CLOSED;
}

/* Seven numbers, and nothing else: "size resident shared text lib data dt". */
bool resident_parse(const char *line, size_t *bytes)
{
    enum { FIELDS = 7, RESIDENT = 1, SHARED = 2 };
    size_t fields[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        if (*line < '0' || *line > '9')
            return false;
        for (fields[i] = 0; *line >= '0' && *line <= '9'; line++)
            fields[i] = fields[i] * 10 + (size_t)(*line - '0');
        if (*line++ != (i + 1 < FIELDS ? ' ' : '\n'))
            return false;
    }
    *bytes = fields[RESIDENT] > fields[SHARED] ? (fields[RESIDENT] - fields[SHARED]) * OS_PAGE : 0;
    return *line == '\0';
}

bool resident_read(size_t *bytes)
{
    char line[192];
    return descriptor != CLOSED && descriptor_read(descriptor, line, sizeof line) &&
           resident_parse(line, bytes);
}

void resident_after_fork_child(void)
{
    if (descriptor == CLOSED)
        return;
    descriptor_close(descriptor);
    descriptor = CLOSED;
    resident_open();
}
