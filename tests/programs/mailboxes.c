/* Threads that send each other letters: a letter is allocated by one thread, and kept or freed by another. What is kept
 * in the end is the same in each run. For profiles.
 *
 *     mailboxes [LETTERS]    so many letters from each of four threads; 20000
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))

enum { THREADS = 4 };

typedef struct letter {
    struct letter *next;
    int number;
    char *text;
} letter_t;

typedef struct mailbox {
    pthread_mutex_t lock;
    letter_t *letters;
} mailbox_t;

static mailbox_t boxes[THREADS] = {{PTHREAD_MUTEX_INITIALIZER},
                                   {PTHREAD_MUTEX_INITIALIZER},
                                   {PTHREAD_MUTEX_INITIALIZER},
                                   {PTHREAD_MUTEX_INITIALIZER}};
static letter_t *archives[THREADS];
static int letters = 20000;

NOINLINE static letter_t *write_letter(int number)
{
    letter_t *letter = malloc(sizeof *letter);
    size_t length = 20 + (size_t)number * 37 % 900;
    letter->number = number;
    letter->text = malloc(length);
    memset(letter->text, 'x', length);
    return letter;
}

/* An answer is kept; the letter that it answers is not. */
NOINLINE static void answer(int self, letter_t *letter)
{
    letter_t *reply = calloc(1, sizeof *reply);
    reply->text = strdup(letter->text[0] ? "Thank you for your letter. It was forwarded." : "?");
    reply->next = archives[self];
    archives[self] = reply;
    free(letter->text);
    free(letter);
}

NOINLINE static void read_letters(int self)
{
    pthread_mutex_lock(&boxes[self].lock);
    letter_t *letter = boxes[self].letters;
    boxes[self].letters = NULL;
    pthread_mutex_unlock(&boxes[self].lock);
    while (letter) {
        letter_t *next = letter->next;
        if (letter->number % 3 == 0) {
            answer(self, letter);
        } else {
            letter->next = archives[self];
            archives[self] = letter;
        }
        letter = next;
    }
}

static void *work(void *number)
{
    int self = (int)(size_t)number;
    for (int i = 0; i < letters; i++) {
        mailbox_t *to = &boxes[(self + i) % THREADS];
        letter_t *letter = write_letter(i);
        pthread_mutex_lock(&to->lock);
        letter->next = to->letters;
        to->letters = letter;
        pthread_mutex_unlock(&to->lock);
        if (i % 64 == 0)
            read_letters(self);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS];
    if (count > 1)
        letters = atoi(arguments[1]);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        read_letters(i);
    printf("%d letters\n", THREADS * letters);
    return 0;
}
