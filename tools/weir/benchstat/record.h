/* record: one line of results, and the values of its keys, as golang.org/x/perf/benchproc/syntax names them:
 *
 *     .name       of "Copy/size=4k-16" (the line's name without "Benchmark") it is "Copy"
 *     .fullname   all of it
 *     /size       "4k"; /gomaxprocs: "16", or what stands in "/gomaxprocs=16"
 *     .file       the label of the file
 *     goos        any other: what the line "goos: linux" in the file said last
 *
 * The value of a key that a record lacks is empty.
 */
#ifndef WEIR_TOOLS_BENCHSTAT_RECORD_H
#define WEIR_TOOLS_BENCHSTAT_RECORD_H

#include <stddef.h>

#include "tools/weir/benchstat/texts.h"

/* The lines "key: value" that hold: values by the index of their key. Keys at or beyond `count`, and NULL,
 * have no value. */
struct config {
    char **values;
    size_t count;
};
const char *config_value(const struct config *config, size_t key); /* "" if there is none */

struct measure {
    double value; /* in base units */
    char *unit;   /* the base unit */
    char *written;
};

struct record {
    const char *name, *file;
    const struct texts *keys; /* of the configuration */
    const struct config *config;
    struct measure *measures;
    size_t count;
};

/* To be freed. */
char *record_value(const struct record *record, const char *key);
/* The full name without the keys in `excluded`: their parts are left out, and for .name stands "*". To be
 * freed. */
char *record_fullname(const struct record *record, const struct texts *excluded);

#endif
