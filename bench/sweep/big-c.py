"""Prints a C program of many functions, for a compiler to work on: its argument is how many."""

import sys

for i in range(int(sys.argv[1])):
    print(f"""int f{i}(int n, const int *a)
{{
    int sum = {i};
    for (int k = 0; k < n; k++)
        switch (a[k] % 7) {{
        case 0: sum += a[k] * {i % 97 + 1}; break;
        case 1: sum ^= a[k] >> {i % 13}; break;
        case 2: sum -= k; break;
        default: sum = sum > {i * 31 % 1009} ? sum / 3 : sum + a[n - k - 1];
        }}
    return sum;
}}""")
