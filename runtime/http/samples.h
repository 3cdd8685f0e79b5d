/* samples: all metrics (weir/metrics.h), read together, so that the account is walked once for all of
 * them. */
#ifndef WEIR_HTTP_SAMPLES_H
#define WEIR_HTTP_SAMPLES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <weir/metrics.h>

#include "runtime/base/text.h"

/* A thread holds it while it is in a function of this module, and while it uses what samples_read has
 * returned. */
extern pthread_mutex_t samples_mutex;

typedef struct samples {
    const weir_metric *metrics;
    const weir_metric_sample *values; /* values[i] is of metrics[i]; kind WEIR_METRIC_BAD: not read */
    size_t count;
    bool is_fresh; /* read by this call */
} samples_t;

/* The result is valid until the next call. By one thread at a time. After 16 calls in a tenth of a second,
 * further calls get what was read last. */
samples_t samples_read(void);

/* Add a JSON string. What is not ASCII becomes '?', since bytes that are not UTF-8 would not be JSON. */
void samples_add_string(text_t *text, const char *string, size_t length);

/* "cmdline": the arguments of the process, as a JSON array behind its name. By one thread at a time. */
void samples_add_cmdline(text_t *text);

/* A JSON object of all metrics that are numbers, by their names. */
void samples_add_numbers(text_t *text, const samples_t *samples);

#endif
