/* leaks_print: the report of WEIR_DEBUG=leaks=1, for the weir command to read (tools/weir/leaks.c):
 *
 *     weir: leaks of process 77                 then " so far", if a signal asked for the report; then
 *                                               ", sampled every 4096 bytes", if blocks were sampled
 *     leak direct 40 bytes 1 blocks
 *       /usr/bin/program+0x1189 main          innermost first: file, address in it, symbol if the linker
 *                                             knows one
 *     ...
 *     weir: 40 bytes leaked in 1 blocks         exact, also where the lines above are estimates from samples
 *
 * It goes to stderr, or to the end of the file that WEIR_LEAKS_FILE names.
 */
#ifndef WEIR_SERVICE_LEAKS_PRINT_H
#define WEIR_SERVICE_LEAKS_PRINT_H

/* When the program begins: note where the report goes, and have the origin of blocks noted. */
void leaks_print_prepare(void);
/* At exit: look for leaks; print them if there are any. */
void leaks_print_at_exit(void);
/* While the program runs: print the leaks so far, even if there are none. Called by leaks_signal's thread. */
void leaks_print_now(void);

#endif
