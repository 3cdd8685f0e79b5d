/* metrics: the table of metrics.def, and reading metrics by it. weir/metrics.h is the public header. */
#ifndef WEIR_OBSERVE_METRICS_H
#define WEIR_OBSERVE_METRICS_H

#include <stdatomic.h>

#include <weir/metrics.h>

/* The endpoint's own memory, bytes; libweir-http.so writes it. */
extern _Atomic uint64_t metrics_endpoint_bytes;

/* See weir_metrics_all and weir_metrics_read. */
const weir_metric *metrics_all(size_t *count);
size_t metrics_read(weir_metric_sample *samples, size_t count);

#endif
