/* client: see client.h. */
#include "tools/weir/control/client.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/weir/command.h"

#include "tools/weir/benchstat/memory.h"

enum { ANSWER_SECONDS = 5 };

const char *client_folder(const char *command)
{
    static char folder[80];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat status;
    if (runtime != NULL && *runtime == '/' && strlen(runtime) < sizeof folder - 8)
        snprintf(folder, sizeof folder, "%s/weir", runtime);
    else
        snprintf(folder, sizeof folder, "/tmp/weir-%u", (unsigned)getuid());
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "weir %s: %s: %s\n", command, folder, strerror(errno));
        return NULL;
    }
    if (lstat(folder, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == getuid() &&
        (status.st_mode & 022) == 0)
        return folder;
    fprintf(stderr, "weir %s: %s is not a folder of this user's alone\n", command, folder);
    return NULL;
}

pid_t client_process(const char *text)
{
    char *end;
    long process = strtol(text, &end, 10);
    return process > 0 && process <= INT_MAX && *end == '\0' ? (pid_t)process : 0;
}

static int open_socket(const char *folder, pid_t process)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval timeout = {.tv_sec = ANSWER_SECONDS};
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%d", folder, (int)process) >=
        sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* All that comes until the other side closes, as a string. */
static char *read_all(int fd)
{
    size_t room = 1 << 16, length = 0;
    char *text = memory_new(room, 1);
    for (;;) {
        ssize_t got = recv(fd, text + length, room - length - 1, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        if (length == room - 1)
            text = memory_checked(realloc(text, room *= 2));
    }
    text[length] = '\0';
    return text;
}

int client_ask(const char *folder, pid_t process, const char *method, const char *target, char **body)
{
    char request[512];
    int fd = open_socket(folder, process), status = 0;
    if (fd < 0)
        return 0;
    int length =
        snprintf(request, sizeof request,
                 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                 method, target);
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) == length) {
        char *answer = read_all(fd), *end = strstr(answer, "\r\n\r\n");
        if (end == NULL || sscanf(answer, "HTTP/1.%*d %3d", &status) != 1)
            status = 0;
        else
            *body = memory_text(end + 4, strlen(end + 4));
        free(answer);
        errno = status == 0 ? EPROTO : 0;
    }
    close(fd);
    return status;
}

static int by_number(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;
    return (a > b) - (a < b);
}

size_t client_processes(const char *folder, pid_t **processes)
{
    size_t count = 0;
    DIR *entries = opendir(folder);
    *processes = NULL;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        pid_t process = client_process(entry->d_name);
        if (process == 0)
            continue;
        if (kill(process, 0) != 0 && errno == ESRCH) {
            unlinkat(dirfd(entries), entry->d_name, 0);
            continue;
        }
        *processes = memory_grow(*processes, count, sizeof **processes);
        (*processes)[count++] = process;
    }
    if (entries != NULL)
        closedir(entries);
    if (count > 0)
        qsort(*processes, count, sizeof **processes, by_number);
    return count;
}

void client_complain(const char *command, pid_t process, int status, const char *body)
{
    if (status == 0)
        fprintf(stderr, "weir %s: process %d cannot be asked: %s (was it started with weir run --control?)\n",
                command, (int)process, strerror(errno));
    else if (status != 200)
        fputs(body, stderr);
}

int client_command(const char *command, pid_t process, const char *method, const char *target)
{
    char *body = NULL;
    const char *folder = client_folder(command);
    if (folder == NULL)
        return EXIT_OWN_FAILURE;
    int status = client_ask(folder, process, method, target, &body);
    client_complain(command, process, status, body);
    if (status == 200)
        fputs(body, stdout);
    free(body);
    return status == 200 ? 0 : 1;
}
