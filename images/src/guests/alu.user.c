/*
 * Three independent chains: a linear congruence, an xorshift and a Fibonacci pair. Each has a
 * second way to its n-th value: affine maps squared, a matrix over GF(2) squared, a 2x2 matrix
 * squared.
 */
#include "user.h"
#include "workload.h"

#define ROUNDS 32 /* in the loop body */
#define MULTIPLIER 6364136223846793005ul
#define INCREMENT 1442695040888963407ul

#define KEEP(x) __asm__ volatile("" : "+r"(x)) /* no folding of rounds into each other */
#define ROUND                      \
  x = x * MULTIPLIER + INCREMENT;  \
  KEEP(x);                         \
  s ^= s << 13;                    \
  s ^= s >> 7;                     \
  s ^= s << 17;                    \
  KEEP(s);                         \
  f += g;                          \
  KEEP(f);                         \
  g += f;                          \
  KEEP(g);
#define ROUND4 ROUND ROUND ROUND ROUND
#define ROUND32 ROUND4 ROUND4 ROUND4 ROUND4 ROUND4 ROUND4 ROUND4 ROUND4

static u64 congruence_after(u64 x, u64 n) {
  u64 a = MULTIPLIER, c = INCREMENT;
  for (; n; n >>= 1, c = a * c + c, a *= a) {
    if (n & 1) {
      x = a * x + c;
    }
  }
  return x;
}

static u64 matrix[64], square[64]; /* columns */

static u64 apply(u64 v) {
  u64 r = 0;
  for (u64 i = 0; i < 64; i++) {
    r ^= matrix[i] & -(v >> i & 1);
  }
  return r;
}

static u64 xorshift_after(u64 s, u64 n) {
  for (u64 i = 0; i < 64; i++) {
    u64 e = 1ul << i;
    e ^= e << 13, e ^= e >> 7, e ^= e << 17;
    matrix[i] = e;
  }
  for (; n; n >>= 1) {
    if (n & 1) {
      s = apply(s);
    }
    for (u64 i = 0; i < 64; i++) {
      square[i] = apply(matrix[i]);
    }
    for (u64 i = 0; i < 64; i++) {
      matrix[i] = square[i];
    }
  }
  return s;
}

/* (f, g) -> (f + g, f + 2g), n times. */
static u64 fibonacci_after(u64 f, u64 g, u64 n) {
  u64 a = 1, b = 1, d = 2; /* the matrix is symmetric: a b / b d */
  for (; n; n >>= 1) {
    if (n & 1) {
      u64 t = a * f + b * g;
      g = b * f + d * g;
      f = t;
    }
    u64 aa = a * a + b * b, bb = a * b + b * d;
    d = b * b + d * d, a = aa, b = bb;
  }
  return g;
}

u64 user_alu(u64 unused_a, u64 unused_b) {
  (void)unused_a, (void)unused_b;
  u64 n = workload_args.iters, seed = workload_args.seed;
  u64 x = seed, s = seed | 1, f = seed, g = 1;
  user_mark(MARK_BEGIN);
  for (u64 k = 0; k < n; k++) {
    ROUND32
  }
  user_mark(MARK_END);
  n *= ROUNDS;
  workload_result = (struct workload_result){0, n, x ^ s ^ g};
  return (x != congruence_after(seed, n)) + (s != xorshift_after(seed | 1, n)) +
         (g != fibonacci_after(seed, 1, n));
}
