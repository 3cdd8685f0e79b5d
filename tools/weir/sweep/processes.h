/* processes: the children of a process and their children, as /proc knows them. */
#ifndef WEIR_TOOLS_SWEEP_PROCESSES_H
#define WEIR_TOOLS_SWEEP_PROCESSES_H

#include <stdint.h>
#include <sys/types.h>

/* The resident memory, in bytes, of the largest among a process and all that descend from it. */
uint64_t processes_largest(pid_t process);

/* Send a signal to all that descend from a process; how many there are. */
unsigned processes_signal_all(pid_t process, int number);

#endif
