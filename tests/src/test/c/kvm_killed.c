/*
 * Clients that are killed at some moment of their lives: while they make VMs, share memory, run a guest that never ends.
 * Written against linux/kvm.h alone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, BYTES = 64 * PAGE, CODE = PAGE, CLIENTS = 24, STEP_US = 3000 };

static int checked(int result) {
  if (result < 0) {
    _exit(1);
  }
  return result;
}

static void live(void) {
  int kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  for (;;) {
    int vm = checked(ioctl(kvm, KVM_CREATE_VM, 0));
    uint8_t *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory[CODE] = 0xeb; /* jmp . */
    memory[CODE + 1] = 0xfe;
    struct kvm_userspace_memory_region region = {.memory_size = BYTES, .userspace_addr = (uintptr_t)memory};
    checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
    int cpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0));
    struct kvm_sregs sregs;
    checked(ioctl(cpu, KVM_GET_SREGS, &sregs));
    sregs.cs.base = sregs.cs.selector = 0;
    checked(ioctl(cpu, KVM_SET_SREGS, &sregs));
    struct kvm_regs regs = {.rip = CODE, .rflags = 2};
    checked(ioctl(cpu, KVM_SET_REGS, &regs));
    checked(ioctl(cpu, KVM_RUN, 0));
  }
}

int main(void) {
  int killed = 0;
  for (int client = 0; client < CLIENTS; client++) {
    pid_t child = fork();
    if (child == 0) {
      live();
    }
    usleep((useconds_t)(1 + client) * STEP_US);
    kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    killed += WIFSIGNALED(status);
  }
  printf("killed %d of %d\n", killed, CLIENTS);
  return 0;
}
