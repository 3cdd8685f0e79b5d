/* probe: static probes (USDT) for tracers that attach from outside: perf, bpftrace, gdb; after SystemTap's
 * sys/sdt.h.
 *
 * A probe is a nop in the code and a note in the file (`readelf -n`) that says where it is and where its
 * arguments are. A tracer raises the probe's semaphore, a word, while it listens. Without a tracer a probe
 * costs the test of that word, on slow paths only. Without systemtap-sdt-dev at build time there are no
 * probes, and the functions do nothing.
 *
 *     otel_memory:alloc (p, size, weight)   a sampled block; weight: the bytes that it stands for
 *                                           (OpenTelemetry's pair)
 *     otel_memory:free  (p)                 of a sampled block
 *     weir:sample_alloc, weir:sample_free   the same
 *     weir:gc_start     (number, heap)      a collection begins to stop the world; bytes before it
 *     weir:gc_done      (number, live)      the collection is done; bytes after it
 *     weir:stop         (ns)                how long the world was stopped
 *     weir:goal         (bytes)             the heap goal of the next collection
 *     weir:limit        ()                  a cycle begins because a limit is near
 *     weir:release      (bytes)             given back to the kernel
 */
#ifndef WEIR_BASE_PROBE_H
#define WEIR_BASE_PROBE_H

#include <stddef.h>
#include <stdint.h>

void probe_sample_alloc(const void *p, size_t size, uint64_t weight);
void probe_sample_free(const void *p);
void probe_gc_start(uint64_t number, uint64_t heap);
void probe_gc_done(uint64_t number, uint64_t live);
void probe_stop(uint64_t ns);
void probe_goal(uint64_t bytes);
void probe_limit(void);
void probe_release(size_t bytes);

#endif
