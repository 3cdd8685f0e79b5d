/* exposition: all metrics (weir/metrics.h) for Prometheus. */
#ifndef WEIR_HTTP_EXPOSITION_H
#define WEIR_HTTP_EXPOSITION_H

#include <stdbool.h>

#include "runtime/base/text.h"

/* In OpenMetrics 1.0, or in the older text format 0.0.4. Names are made of weir's as Prometheus's Go client
 * makes them of Go's: /gc/heap/allocs:bytes is weir_gc_heap_allocs_bytes_total. By one thread at a time. */
void exposition_write(text_t *text, bool openmetrics);

#endif
