/* held: a variable of a shared library that is opened at run time; see keeps.c. */
void *held;
