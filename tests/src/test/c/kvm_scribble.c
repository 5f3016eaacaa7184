/*
 * One thread writes noise all over a vCPU's shared pages while another runs it, written against linux/kvm.h alone.
 * Whatever the exits then say, every call returns, and a second vCPU of the process works as ever.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "real_mode.h"

enum { PAGE = 4096, BYTES = 16 * PAGE, RUN_BYTES = 3 * PAGE, CODE = PAGE, ROUNDS = 3000 };

static atomic_bool over;

/* in al, 0x20; out 0x10, al; mov cx, 40; rep outsb; mov cx, 40; rep insb; mov [0xf000f], ax; mov ax, [0xf000f]; jmp */
static const uint8_t noisy[] = {0xe4, 0x20, 0xe6, 0x10, 0xb9, 40,   0,    0xf3, 0x6e, 0xb9, 40,   0,    0xf3, 0x6c, 0xb8,
                                0,    0xf0, 0x8e, 0xd8, 0xa3, 0x0f, 0x00, 0xa1, 0x0f, 0x00, 0x31, 0xc0, 0x8e, 0xd8, 0xeb,
                                0xe1};
/* mov al, 7; out 0x10, al; hlt */
static const uint8_t quiet[] = {0xb0, 7, 0xe6, 0x10, 0xf4};

struct machine {
  int vm;
  int cpu;
  struct kvm_run *run;
};

static struct machine make(int kvm, const uint8_t *code, size_t bytes) {
  struct machine machine = {.vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM")};
  uint8_t *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memcpy(memory + CODE, code, bytes);
  struct kvm_userspace_memory_region region = {.memory_size = BYTES, .userspace_addr = (uintptr_t)memory};
  check(ioctl(machine.vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  machine.cpu = real_mode_vcpu(machine.vm, &machine.run);
  return machine;
}

static void start(const struct machine *machine) {
  struct kvm_regs regs = {.rip = CODE, .rflags = 2, .rdx = 0x30, .rsi = 0x3000, .rdi = 0x4000};
  check(ioctl(machine->cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void *scribble(void *argument) {
  volatile uint8_t *pages = argument;
  uint32_t random = 12345;
  while (!atomic_load(&over)) {
    random = random * 1664525 + 1013904223;
    /* Most of it where the exit stands, the rest anywhere; immediate_exit now and then only. */
    uint32_t at = (random >> 9 & 1) != 0 ? 8 + (random >> 10) % 96 : (random >> 10) % RUN_BYTES;
    if (at != 1 || random >> 28 == 0) {
      pages[at] = (uint8_t)(random >> 24);
    }
  }
  return NULL;
}

int main(void) {
  int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  struct machine machine = make(kvm, noisy, sizeof noisy);
  pthread_t thread;
  check(-pthread_create(&thread, NULL, scribble, machine.run), "pthread_create");
  int returned = 0;
  start(&machine);
  for (int round = 0; round < ROUNDS; round++) {
    int result = ioctl(machine.cpu, KVM_RUN, 0);
    if (result < 0 && errno == EIO) {
      printf("the vCPU is gone\n");
      return 1;
    }
    returned++;
    if (round % 50 == 49) {
      start(&machine);
    }
  }
  atomic_store(&over, true);
  pthread_join(thread, NULL);
  struct machine other = make(kvm, quiet, sizeof quiet);
  start(&other);
  check(ioctl(other.cpu, KVM_RUN, 0), "KVM_RUN");
  printf("returned %d, then exit %u of %d\n", returned, other.run->exit_reason,
         *((uint8_t *)other.run + other.run->io.data_offset));
  return 0;
}
