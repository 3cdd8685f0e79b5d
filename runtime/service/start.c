/* start: what the swap-in does when a process begins and when it ends: it prepares what the options ask for;
 * at the end it looks for misuse a last time, and prints the reports.
 */
#include "runtime/cells/cache.h"
#include "runtime/debug/span_check.h"
#include "runtime/heap/hooks.h"
#include "runtime/observe/profile_file.h"
#include "runtime/observe/stats_print.h"
#include "runtime/observe/trace.h"
#include "runtime/service/budgets.h"
#include "runtime/service/endpoint.h"
#include "runtime/service/exclude.h"
#include "runtime/service/leaks_print.h"
#include "runtime/service/ticker.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/bias.h"

const char hook_swapped_in = 1;

__attribute__((constructor)) static void swap_start(void)
{
    if (!thread_heap())
        return;
    stats_print_prepare();
    leaks_print_prepare();
    exclude_prepare();
    budgets_prepare();
    profile_file_prepare();
    trace_prepare();
    ticker_prepare();
    endpoint_start();
}

__attribute__((destructor)) static void swap_end(void)
{
    if (cache.heap) {
        bias_enter(cache.heap);
        span_check_freed(cache.heap);
        bias_leave(cache.heap);
    }
    ticker_at_exit();
    leaks_print_at_exit();
    profile_file_at_exit();
    trace_at_exit();
    stats_print_at_exit();
}
