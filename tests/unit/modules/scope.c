/* scope: in every unit test the soft limit counts what weir holds: the process is mostly the test framework
 * and the sanitizer. Those about the other scope set it. */
#include <stdlib.h>

__attribute__((constructor)) static void count_weir_alone(void)
{
    setenv("WEIR_MEMLIMIT_SCOPE", "weir", 0);
}
