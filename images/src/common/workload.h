/*
 * Memory workloads: a user program over a heap whose page size and mapping come from the command
 * line. Shared by the kernel's side (workload.c) and the programs (*.user.c).
 *   mib=N iters=N seed=N pages=4k|2m|.. map=demand|upfront
 */
#pragma once
#include "trap.h"

struct workload_args {
  u64 heap, bytes; /* the program may use all of it */
  u64 iters, seed;
  u64 parameter; /* the one more that a workload has */
};

struct workload_result {
  u64 used;       /* bytes of the heap touched, from its start, without gaps */
  u64 operations; /* of the measured part */
  u64 checksum;
};

extern struct workload_args workload_args;     /* in user pages */
extern struct workload_result workload_result; /* in user pages */

struct workload {
  op program; /* returns the number of wrong results */
  u64 mib, iters;
  const char *parameter; /* its name, or NULL */
  u64 parameter_default;
  const char *operation; /* what is counted */
};

void run_workload(const struct workload *workload);

/* The measured part stands between these markers. */
#define MARK_BEGIN "roi-begin"
#define MARK_END "roi-end"

/* splitmix64 (Steele, Lea, Flood 2014): a counter and a bijective mix. */
static inline u64 mix64(u64 x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}
static inline u64 random64(u64 *state) { return mix64(*state += 0x9e3779b97f4a7c15); }
