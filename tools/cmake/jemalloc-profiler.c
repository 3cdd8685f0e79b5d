/* Stand-ins for what only jemalloc's own profiler calls. That profiler is never turned on here; linking the real
 * ones would add libm and the unwinder to every process. See prefix-jemalloc, which renames the calls.
 */
double weir_je_exp(double x);
double weir_je_log(double x);
double weir_je_round(double x);
int weir_je_Unwind_Backtrace(int (*trace)(void *, void *), void *argument);
unsigned long weir_je_Unwind_GetIP(void *context);

double weir_je_exp(double x)
{
    return x;
}

double weir_je_log(double x)
{
    return x;
}

double weir_je_round(double x)
{
    return x;
}

int weir_je_Unwind_Backtrace(int (*trace)(void *, void *), void *argument)
{
    (void)trace;
    (void)argument;
    return 0;
}

unsigned long weir_je_Unwind_GetIP(void *context)
{
    (void)context;
    return 0;
}
