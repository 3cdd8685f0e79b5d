/* metrics: the public functions for metrics. */
#include "runtime/observe/metrics.h"

const weir_metric *weir_metrics_all(size_t *count)
{
    return metrics_all(count);
}

size_t weir_metrics_read(weir_metric_sample *samples, size_t count)
{
    return metrics_read(samples, count);
}
