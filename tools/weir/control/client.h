/* client: talking to the endpoint of a process that was started with `weir run --control`: HTTP over the Unix
 * socket FOLDER/PID, which the user alone may open.
 */
#ifndef WEIR_TOOLS_CONTROL_CLIENT_H
#define WEIR_TOOLS_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* $XDG_RUNTIME_DIR/weir, or /tmp/weir-UID; made if it does not exist. NULL, with a line on stderr in the
 * command's name, if it is not the user's own, or others may write to it. */
const char *client_folder(const char *command);

/* The id of a process that a text is; 0: it is none. */
pid_t client_process(const char *text);

/* One request. Returns the status, and the body in `body` (freed by the caller; never NULL then); 0 with
 * errno: nobody answers. */
int client_ask(const char *folder, pid_t process, const char *method, const char *target, char **body);

/* If there was no answer of status 200: a line on stderr in the command's name, or what the process says. */
void client_complain(const char *command, pid_t process, int status, const char *body);

/* client_ask and client_complain for a command of the user's: the body goes to stdout, or to stderr if the
 * process refuses. Returns the exit status: 0; 1 if the process refuses, or, with a line in the command's
 * name, if nobody answers. */
int client_command(const char *command, pid_t process, const char *method, const char *target);

/* The processes that have a socket, ascending; the caller frees them. Sockets of processes that are gone are
 * removed. */
size_t client_processes(const char *folder, pid_t **processes);

#endif
