/* main: for programs that have only benchmarks. In an object of its own, so that the linker takes it from the
 * archive only if the program has no main.
 */
#include <weir/bench.h>

int main(int count, char **arguments)
{
    return bench_main(count, arguments);
}
