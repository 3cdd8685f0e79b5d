/* leaks_report: the runtime's leak reports, with the lines of the program, laid out as LeakSanitizer's. */
#ifndef WEIR_TOOLS_LEAKS_REPORT_H
#define WEIR_TOOLS_LEAKS_REPORT_H

#include <stdio.h>

/* Print what was written to `from` since the last call: each report begins with a line of its own. Processes
 * that write to `from` lock it. Ends the process when memory is out. */
void leaks_report(FILE *from, FILE *to);

#endif
