/* The stream guest's kernels as a Linux program: stream BYTES ITERATIONS. Ten accesses an element. */
#include <stdlib.h>

static void kernels(double *a, double *b, double *c, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) {
    c[i] = a[i];
  }
  for (unsigned long i = 0; i < n; i++) {
    b[i] = 3.0 * c[i];
  }
  for (unsigned long i = 0; i < n; i++) {
    c[i] = a[i] + b[i];
  }
  for (unsigned long i = 0; i < n; i++) {
    a[i] = b[i] + 3.0 * c[i];
  }
}

int main(int argc, char **argv) {
  unsigned long n = argc > 2 ? strtoul(argv[1], NULL, 10) / (3 * sizeof(double)) : 0;
  double *a = malloc((3 * n + 1) * sizeof(double));
  if (!n || !a) {
    return 1;
  }
  for (unsigned long i = 0; i < 3 * n; i++) {
    a[i] = (double)(i % 8);
  }
  for (unsigned long k = strtoul(argv[2], NULL, 10); k; k--) {
    kernels(a, a + n, a + 2 * n, n);
  }
  return a[n / 2] == 0.5;
}
