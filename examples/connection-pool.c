/* connection-pool: threads that share connections which are expensive to open.
 *
 * A pool keeps connections that are not in use for the next thread that needs one. It opens a connection when
 * it has none, and closes those that nobody used for two cycles, so the connections of a peak do not stay for
 * ever. A pool may drop any object at any time; it is not for objects that have to be kept.
 *
 *     cc connection-pool.c $(pkg-config --cflags --libs weir) -pthread -o connection-pool
 *
 * Prints:
 *     400 requests over at most 4 connections
 *     after two idle cycles: 0 connections open
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir.h>

enum { THREADS = 4, REQUESTS = 100 };

/* In place of a connection to a database: a pair of sockets; one end echoes what the other sends. */
typedef struct connection {
    int near, far;
} connection;

static atomic_int opened, open_now;

static void *connection_open(void *ctx)
{
    (void)ctx;
    int ends[2];
    connection *made = weir_malloc(sizeof *made);
    if (!made || socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
        weir_free(made);
        return NULL; /* weir_pool_get returns it: the caller sees that it gets no connection */
    }
    *made = (connection){ends[0], ends[1]};
    atomic_fetch_add(&opened, 1);
    atomic_fetch_add(&open_now, 1);
    return made;
}

static void connection_close(void *ctx, void *p)
{
    (void)ctx;
    connection *closed = p;
    close(closed->near);
    close(closed->far);
    weir_free(closed);
    atomic_fetch_sub(&open_now, 1);
}

static int request(const connection *on, char question)
{
    char answer = 0;
    return write(on->near, &question, 1) == 1 && read(on->far, &answer, 1) == 1 && answer == question;
}

static void *worker(void *connections)
{
    for (int i = 0; i < REQUESTS; i++) {
        connection *mine = weir_pool_get(connections);
        if (!mine)
            return (void *)1;
        if (request(mine, (char)i))
            weir_pool_put(connections, mine);
        else
            connection_close(NULL, mine); /* broken: do not give it back to the pool */
    }
    return NULL;
}

int main(void)
{
    weir_pool *connections = weir_pool_new(
        &(weir_pool_options){.name = "connections", .new_object = connection_open, .drop = connection_close});
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, worker, connections))
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        if (failed)
            return 1;
    }
    if (atomic_load(&opened) <= THREADS)
        printf("%d requests over at most %d connections\n", THREADS * REQUESTS, THREADS);

    weir_free_os_memory(); /* runs a cycle; usually cycles come as the program allocates */
    weir_free_os_memory();
    printf("after two idle cycles: %d connections open\n", atomic_load(&open_now));
    weir_pool_free(connections);
}
