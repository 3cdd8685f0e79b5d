/* trace: the public functions for the execution trace. */
#include <weir/trace.h>

#include "runtime/observe/trace.h"

bool weir_trace_begin(const char *path)
{
    return trace_begin(path);
}

bool weir_trace_end(void)
{
    return trace_end();
}
