/*
 * A program of /dev/kvm on x86-64: two vCPUs spin in one VM, and one of them is called out of KVM_RUN by a signal again
 * and again. Prints nanoseconds from the signal until KVM_RUN has returned EINTR, the median and the 99th percentile:
 * kvm_kicks ROUNDS
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

enum { MEMORY = 0x10000, CODE = 0x1000, PAGES = 3 * 4096, VCPUS = 2, WARM_UP = 50 };

/* So long that the vCPU spins when the signal comes. */
static const struct timespec pause_between = {.tv_nsec = 3000000};

/* 1: jmp 1b */
static const uint8_t guest[] = {0xeb, 0xfe};

static struct vcpu {
  int descriptor;
  struct kvm_run *state;
  atomic_long enters;
  atomic_long leaves;
  long left_at_nanos;
} vcpus[VCPUS];

static atomic_int over;
static _Thread_local struct kvm_run *mine;

static int check(int result, const char *what) {
  if (result < 0) {
    perror(what);
    exit(1);
  }
  return result;
}

static long nanos(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void leave(int number) {
  (void)number;
  mine->immediate_exit = 1;
}

static void *spin(void *argument) {
  struct vcpu *vcpu = argument;
  mine = vcpu->state;
  while (!over) {
    vcpu->state->immediate_exit = 0;
    vcpu->enters++;
    if (ioctl(vcpu->descriptor, KVM_RUN, 0) == 0 || errno != EINTR) {
      fprintf(stderr, "KVM_RUN of a spinning vCPU ended: exit %u, %s\n", vcpu->state->exit_reason, strerror(errno));
      exit(1);
    }
    vcpu->left_at_nanos = nanos();
    vcpu->leaves++;
  }
  return NULL;
}

/* One kick; nanoseconds until it was heard. */
static long kick(struct vcpu *vcpu, pthread_t thread) {
  long left = vcpu->leaves;
  while (vcpu->enters == left) {
    nanosleep(&pause_between, NULL);
  }
  nanosleep(&pause_between, NULL);
  long from = nanos();
  pthread_kill(thread, SIGUSR1);
  while (vcpu->leaves == left) {
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  }
  return vcpu->left_at_nanos - from;
}

static int ascending(const void *left, const void *right) {
  long difference = *(const long *)left - *(const long *)right;
  return difference < 0 ? -1 : difference > 0;
}

int main(int count, char **arguments) {
  long rounds = count > 1 ? atol(arguments[1]) : 1;
  if (rounds < 1) {
    fprintf(stderr, "kvm_kicks: %s rounds; give at least 1\n", arguments[1]);
    return 1;
  }
  struct sigaction action = {.sa_handler = leave};
  check(sigaction(SIGUSR1, &action, NULL), "sigaction");
  int kvm = check(open("/dev/kvm", O_RDWR), "/dev/kvm");
  int vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  memcpy(memory + CODE, guest, sizeof guest);
  struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  pthread_t threads[VCPUS];
  for (int i = 0; i < VCPUS; i++) {
    int cpu = check(ioctl(vm, KVM_CREATE_VCPU, i), "KVM_CREATE_VCPU");
    vcpus[i].descriptor = cpu;
    vcpus[i].state = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    check(vcpus[i].state == MAP_FAILED ? -1 : 0, "mmap kvm_run");
    struct kvm_sregs sregs;
    check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs.base = sregs.cs.selector = 0;
    check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    struct kvm_regs regs = {.rip = CODE, .rflags = 2};
    check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
    check(-pthread_create(&threads[i], NULL, spin, &vcpus[i]), "pthread_create");
  }
  for (long i = 0; i < WARM_UP; i++) {
    kick(&vcpus[0], threads[0]);
  }
  long *heard = calloc((size_t)rounds, sizeof *heard);
  for (long i = 0; i < rounds; i++) {
    heard[i] = kick(&vcpus[0], threads[0]);
  }
  over = 1;
  for (int i = 0; i < VCPUS; i++) {
    kick(&vcpus[i], threads[i]);
    pthread_join(threads[i], NULL);
  }
  qsort(heard, (size_t)rounds, sizeof *heard, ascending);
  printf("%ld %ld\n", heard[rounds / 2], heard[rounds * 99 / 100]);
  free(heard);
  return 0;
}
