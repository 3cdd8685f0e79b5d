/* server: the endpoint, libweir-http.so: libmicrohttpd, with one thread of its own, around answer.c.
 *
 * The program must not notice it. So libmicrohttpd has one thread, with all signals blocked but the
 * collector's. share.c has another thread, and recording.c has one while a trace is recorded. At most
 * CONNECTIONS connections are open. Each has CONNECTION_MEMORY bytes for its request, and ends after
 * IDLE_SECONDS of silence. More connections wait in the kernel, or are refused by it. Answers are made in a
 * buffer that is mapped and not allocated. libmicrohttpd itself allocates as any library does, some kilobytes
 * a connection, on that thread.
 *
 * A child of fork has no such thread, and closes the socket.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "runtime/base/text.h"
#include "runtime/http/answer.h"
#include "runtime/http/http.h"
#include "runtime/http/recording.h"
#include "runtime/http/samples.h"
#include "runtime/http/share.h"
#include "runtime/os/uncounted.h"

enum {
    CONNECTIONS = 128,
    CONNECTION_MEMORY = 16 * 1024,
    IDLE_SECONDS = 3,
    BACKLOG = 64,
    BODY_ROOM = 512 * 1024,
    TOKEN_MIN = 16,
};

/* The page loads all that it needs from here, and connects to no other host; no other page may show it in a
 * frame. */
static const char POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static struct {
    struct MHD_Daemon *daemon;
    int socket; /* listening; -1: none */
    pid_t process;
    answer_peer peer;
    char token[256];                                        /* empty: there is none */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of the Unix socket, to be removed at the end */
    _Atomic uint64_t *bytes; /* of memory; written by the thread of libmicrohttpd */
    size_t touched;          /* the longest answer so far: bytes of `body` that are in memory */
    char *body;              /* BODY_ROOM bytes; one answer at a time is made in it */
} server = {.socket = -1};

/* --- the address --- */

typedef struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } socket;
    socklen_t length;
    answer_peer peer;
} address_t;

static void complain(const char *value, const char *what)
{
    char room[512];
    text_t line = text_on(room, sizeof room);
    text_add_str(&line, "weir: WEIR_HTTP=");
    text_add_quoted(&line, value, strlen(value));
    text_add_str(&line, ": ");
    text_add_str(&line, what);
    text_add_str(&line, ": there is no endpoint\n");
    text_flush(&line, STDERR_FILENO);
}

/* "unix:/path", in which %p stands for the process id. */
static bool parse_path(const char *path, address_t *address)
{
    struct sockaddr_un *local = &address->socket.local;
    text_t text = text_on(local->sun_path, sizeof local->sun_path);
    for (; *path; path++)
        if (path[0] == '%' && path[1] == 'p') {
            text_add_u64(&text, (uint64_t)getpid());
            path++;
        } else {
            text_add_char(&text, *path);
        }
    local->sun_family = AF_UNIX;
    address->length = sizeof *local;
    address->peer = ANSWER_UNIX;
    return !text.truncated && local->sun_path[0] == '/';
}

static bool parse_host(const char *host, uint16_t port, address_t *address)
{
    bool loopback;
    if (inet_pton(AF_INET, host, &address->socket.v4.sin_addr) == 1) {
        address->socket.v4.sin_family = AF_INET;
        address->socket.v4.sin_port = htons(port);
        address->length = sizeof address->socket.v4;
        loopback = ntohl(address->socket.v4.sin_addr.s_addr) >> 24 == 127;
    } else if (inet_pton(AF_INET6, host, &address->socket.v6.sin6_addr) == 1) {
        address->socket.v6.sin6_family = AF_INET6;
        address->socket.v6.sin6_port = htons(port);
        address->length = sizeof address->socket.v6;
        loopback = IN6_IS_ADDR_LOOPBACK(&address->socket.v6.sin6_addr);
    } else {
        return false;
    }
    address->peer = loopback ? ANSWER_LOOPBACK : ANSWER_NETWORK;
    return true;
}

static bool parse(const char *value, address_t *address)
{
    char host[64];
    memset(address, 0, sizeof *address);
    if (strncmp(value, "unix:", 5) == 0)
        return parse_path(value + 5, address);
    const char *colon = strrchr(value, ':');
    if (!colon || (size_t)(colon - value) >= sizeof host)
        return false;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end || port > 65535)
        return false;
    size_t length = (size_t)(colon - value);
    bool bracketed = length > 2 && value[0] == '[' && value[length - 1] == ']';
    length -= bracketed ? 2 : 0;
    memcpy(host, value + bracketed, length);
    host[length] = '\0';
    return parse_host(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, (uint16_t)port, address);
}

/* Remove a socket file on which no process listens any more: it would be in the way. */
static void remove_dead(const address_t *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat status;
    if (probe >= 0 && connect(probe, &address->socket.any, address->length) != 0 && errno == ECONNREFUSED &&
        lstat(address->socket.local.sun_path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(address->socket.local.sun_path);
    if (probe >= 0)
        close(probe);
}

/* Only the user may open the Unix socket, from its first moment. */
static int listen_at(const address_t *address)
{
    int fd = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    bool local = address->peer == ANSWER_UNIX;
    if (fd < 0)
        return -1;
    if (local)
        remove_dead(address);
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    mode_t mask = local ? umask(0177) : 0;
    int bound = bind(fd, &address->socket.any, address->length);
    if (local)
        umask(mask);
    if (bound != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* --- requests --- */

/* What the state of a request points to: `seen` when its header has come, `recorded` once its trace was
 * begun. */
static char seen, recorded;

/* libmicrohttpd has cut the query into pairs and decoded them; the answer wants it whole. */
static enum MHD_Result add_pair(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
    text_t *text = context;
    (void)kind;
    if (text->length > 0)
        text_add_char(text, '&');
    text_add_str(text, key);
    text_add_char(text, '=');
    text_add_str(text, value ? value : "");
    return MHD_YES;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, const answer *told, text_t *body)
{
    const page_file *file = told->file;
    struct MHD_Response *response =
        file ? MHD_create_response_from_buffer(file->length, (void *)file->bytes, MHD_RESPMEM_PERSISTENT)
             : MHD_create_response_from_buffer(body->length, body->start, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    if (file)
        MHD_add_response_header(response, "Content-Security-Policy", POLICY);
    MHD_add_response_header(response, "Content-Type", told->type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (told->allow)
        MHD_add_response_header(response, "Allow", told->allow);
    enum MHD_Result queued = MHD_queue_response(connection, told->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* In the thread of the recording. */
static void on_recorded(void *connection)
{
    MHD_resume_connection(connection);
}

/* The connection is suspended meanwhile, and the others are served. */
static enum MHD_Result start_recording(struct MHD_Connection *connection, unsigned seconds, void **state,
                                       text_t *body)
{
    MHD_suspend_connection(connection);
    *state = &recorded;
    if (recording_start(seconds, on_recorded, connection))
        return MHD_YES;
    int error = errno;
    *state = &seen;
    MHD_resume_connection(connection);
    body->length = 0;
    text_add_str(body, error == EBUSY ? "there is a trace already\n" : strerror(error));
    return send_answer(connection,
                       &(answer){.status = error == EBUSY ? 409 : 503, .type = "text/plain; charset=utf-8"},
                       body);
}

static enum MHD_Result send_recording(struct MHD_Connection *connection)
{
    struct stat status;
    int file = recording_take();
    struct MHD_Response *response =
        fstat(file, &status) == 0 ? MHD_create_response_from_fd((size_t)status.st_size, file) : NULL;
    if (!response) {
        close(file);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

static void count_body(size_t length)
{
    if (length <= server.touched)
        return;
    atomic_fetch_add(server.bytes, length - server.touched);
    server.touched = length;
}

/* Called for the header, then for each piece of the body, which is ignored, and last without a piece. */
static enum MHD_Result on_request(void *unused, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    char query[512];
    (void)unused, (void)version, (void)upload;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*state == &recorded)
        return send_recording(connection);
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    text_t pairs = text_on(query, sizeof query), body = text_on(server.body, BODY_ROOM);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_pair, &pairs);
    pthread_mutex_lock(&samples_mutex);
    answer told = answer_to(&(answer_request){.peer = server.peer,
                                              .method = method,
                                              .path = url,
                                              .query = query,
                                              .host = header(connection, "Host"),
                                              .origin = header(connection, "Origin"),
                                              .site = header(connection, "Sec-Fetch-Site"),
                                              .authorization = header(connection, "Authorization"),
                                              .accept = header(connection, "Accept"),
                                              .token = server.token[0] ? server.token : NULL},
                            &body);
    pthread_mutex_unlock(&samples_mutex);
    count_body(body.length);
    if (told.record_seconds > 0)
        return start_recording(connection, told.record_seconds, state, &body);
    return send_answer(connection, &told, &body);
}

/* Each connection has its buffer from its beginning to its end. */
static void on_connection(void *unused, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    (void)unused, (void)connection, (void)state;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        atomic_fetch_add(server.bytes, CONNECTION_MEMORY);
    else
        atomic_fetch_sub(server.bytes, CONNECTION_MEMORY);
}

static void ignore_log(void *unused, const char *format, va_list arguments)
{
    (void)unused, (void)format, (void)arguments;
}

/* --- start and end --- */

static void server_after_fork_child(void)
{
    if (server.socket >= 0)
        close(server.socket);
    server.socket = -1;
    server.daemon = NULL;
}

__attribute__((destructor)) static void end(void)
{
    if (server.daemon && server.process == getpid() && server.path[0])
        unlink(server.path);
}

/* The thread of libmicrohttpd inherits the signal mask. */
static bool start_daemon(void)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    server.daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0,
        NULL, NULL, on_request, NULL, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_LISTEN_SOCKET, server.socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (server.daemon)
        uncounted_began();
    return server.daemon != NULL;
}

static bool take_token(const char *value)
{
    const char *token = getenv("WEIR_HTTP_TOKEN");
    if (!token || !*token)
        return true;
    size_t length = strlen(token);
    if (length < TOKEN_MIN || length >= sizeof server.token) {
        complain(value, "WEIR_HTTP_TOKEN has to have 16 to 255 characters");
        return false;
    }
    memcpy(server.token, token, length + 1);
    return true;
}

/* The line has the token, so whoever reads it may turn the knobs. It goes where the program's own errors
 * go. */
static void say_where(void)
{
    char room[512], host[INET6_ADDRSTRLEN];
    address_t bound = {0};
    socklen_t length = sizeof bound.socket;
    const char *asked = getenv("WEIR_HTTP_PAGE");
    if (!asked || strcmp(asked, "1") != 0 || getsockname(server.socket, &bound.socket.any, &length) != 0)
        return;
    bool v4 = bound.socket.any.sa_family == AF_INET;
    if (!v4 && bound.socket.any.sa_family != AF_INET6)
        return;
    inet_ntop(bound.socket.any.sa_family,
              v4 ? (void *)&bound.socket.v4.sin_addr : (void *)&bound.socket.v6.sin6_addr, host, sizeof host);
    text_t line = text_on(room, sizeof room);
    text_add_str(&line, v4 ? "weir: http://" : "weir: http://[");
    text_add_str(&line, host);
    text_add_str(&line, v4 ? ":" : "]:");
    text_add_u64(&line, ntohs(v4 ? bound.socket.v4.sin_port : bound.socket.v6.sin6_port));
    text_add_str(&line, server.token[0] ? "/#token=" : "/");
    text_add_str(&line, server.token);
    text_add_char(&line, '\n');
    text_flush(&line, STDERR_FILENO);
}

void weir_http_start(const char *value, _Atomic uint64_t *bytes)
{
    address_t address;
    if (server.daemon)
        return;
    if (!parse(value, &address)) {
        complain(value, "expected ADDRESS:PORT, [ADDRESS]:PORT, or unix:/PATH");
        return;
    }
    if (!take_token(value))
        return;
    if (address.peer == ANSWER_NETWORK && !server.token[0]) {
        complain(value, "an address that is not loopback needs WEIR_HTTP_TOKEN");
        return;
    }
    server.peer = address.peer;
    server.bytes = bytes;
    server.process = getpid();
    server.body = mmap(NULL, BODY_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    server.socket = server.body == MAP_FAILED ? -1 : listen_at(&address);
    if (server.socket < 0) {
        complain(value, strerror(errno));
        return;
    }
    if (address.peer == ANSWER_UNIX)
        memcpy(server.path, address.socket.local.sun_path, sizeof server.path);
    pthread_atfork(NULL, NULL, server_after_fork_child);
    if (!start_daemon()) {
        close(server.socket);
        server.socket = -1;
        complain(value, "libmicrohttpd could not start");
        return;
    }
    if (address.peer == ANSWER_UNIX)
        atomic_fetch_add(bytes, share_start());
    say_where();
}
