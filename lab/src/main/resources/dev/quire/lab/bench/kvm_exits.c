/*
 * A program of /dev/kvm on x86-64: a guest in real mode writes to a port for ever. Prints nanoseconds of one exit and
 * re-entry: kvm_exits ROUNDS
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

enum { MEMORY = 0x10000, CODE = 0x1000, PAGES = 3 * 4096 };

/* 1: out %al, $0x80; jmp 1b */
static const uint8_t guest[] = {0xe6, 0x80, 0xeb, 0xfc};

static int check(int result, const char *what) {
  if (result < 0) {
    perror(what);
    exit(1);
  }
  return result;
}

static void run(int cpu, const struct kvm_run *state, long rounds) {
  for (long i = 0; i < rounds; i++) {
    check(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
    if (state->exit_reason != KVM_EXIT_IO) {
      fprintf(stderr, "exit %u\n", state->exit_reason);
      exit(1);
    }
  }
}

int main(int count, char **arguments) {
  long rounds = count > 1 ? atol(arguments[1]) : 1;
  int kvm = check(open("/dev/kvm", O_RDWR), "/dev/kvm");
  int vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  memcpy(memory + CODE, guest, sizeof guest);
  struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  int cpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  struct kvm_run *state = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  check(state == MAP_FAILED ? -1 : 0, "mmap kvm_run");
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  sregs.cs.base = sregs.cs.selector = 0;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_regs regs = {.rip = CODE, .rflags = 2};
  check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
  struct timespec from;
  struct timespec to;
  run(cpu, state, rounds / 4);
  clock_gettime(CLOCK_MONOTONIC, &from);
  run(cpu, state, rounds);
  clock_gettime(CLOCK_MONOTONIC, &to);
  double nanos = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
  printf("%.1f\n", nanos / (double)rounds);
  return 0;
}
