/* figures: what the page reads each second, as JSON:
 *
 *     time, cpu, faults   seconds of the monotonic clock; processor time and page faults of the process so
 *                         far
 *     pid, cmdline        which process it is: another pid is another program
 *     resident            bytes, as the kernel counts
 *     changes             who may turn a knob here: "free", "token" (a client that sends it), "never"
 *     metrics             all metrics that are numbers, by their names
 *     pauses              [from, to, times] of each bucket in which a collection's stop was, in seconds; to:
 *                         null if infinite
 *     pools               of each pool its name, held, bytes, gets, hits
 */
#ifndef WEIR_HTTP_FIGURES_H
#define WEIR_HTTP_FIGURES_H

#include "runtime/base/text.h"

/* By one thread at a time. */
void figures_write(text_t *text, const char *changes);

#endif
