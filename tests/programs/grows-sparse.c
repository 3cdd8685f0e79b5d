/* grows-sparse N: N blocks of more than a MiB, of which the first and the last page were written, are grown
 * by realloc. Only what was written may be resident, at any time; what was not reads as zero. */
#include <stdlib.h>
#include <sys/resource.h>

#include "check.h"

enum { MOST = 6000, OLD = 1100 << 10, NEW = 1500 << 10, BEFORE_KIB = 60 << 10, EACH_KIB = 30 };

static unsigned char *blocks[MOST];

int main(int count, char **arguments)
{
    int number = count > 1 ? atoi(arguments[1]) : 100;
    CHECK(number <= MOST);
    for (int i = 0; i < number; i++) {
        blocks[i] = calloc(1, OLD);
        CHECK(blocks[i] != NULL);
        blocks[i][0] = 1;
        blocks[i][OLD - 1] = 2;
    }
    for (int i = 0; i < number; i++) {
        blocks[i] = realloc(blocks[i], NEW);
        CHECK(blocks[i] && blocks[i][0] == 1 && blocks[i][OLD - 1] == 2);
        CHECK(blocks[i][OLD / 2] == 0 && blocks[i][OLD - 4097] == 0);
        blocks[i][NEW - 1] = 3;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    CHECK(usage.ru_maxrss < BEFORE_KIB + number * EACH_KIB);
    for (int i = 0; i < number; i++)
        free(blocks[i]);
    return 0;
}
