/*
 * Descriptors, forks, signal masks and changing memory of a client of /dev/kvm on x86-64, written against linux/kvm.h
 * alone: two hosts that keep the interface print the same.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "real_mode.h"

enum { MEMORY = 0x10000, CODE = 0x1000, DATA = 0x4000 };

static int vm, cpu;
static struct kvm_run *run;
static uint8_t *memory;

/* Runs code in real mode from its start. */
static int execute(const uint8_t *code, size_t bytes) {
  memcpy(memory + CODE, code, bytes);
  struct kvm_regs regs = {.rip = CODE, .rflags = 2};
  check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
  return ioctl(cpu, KVM_RUN, 0);
}

/* mov $0x4000, %bx; mov (%bx), %al; out %al, $0x80; hlt */
static int load_byte(void) {
  static const uint8_t code[] = {0xbb, 0x00, 0x40, 0x8a, 0x07, 0xe6, 0x80, 0xf4};
  int result = execute(code, sizeof code);
  if (result == 0 && run->exit_reason == KVM_EXIT_IO) {
    result = *((uint8_t *)run + run->io.data_offset);
    check(ioctl(cpu, KVM_RUN, 0), "KVM_RUN to HLT");
  }
  return result;
}

static void descriptors(int kvm) {
  int copy = dup(vm);
  int far = fcntl(vm, F_DUPFD_CLOEXEC, 100);
  printf("far %d\n", far);
  close(copy);
  tell("after close", ioctl(copy, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY));
  tell("far copy", ioctl(far, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY));
  check(dup2(kvm, far), "dup2");
  tell("version by the number of a VM", ioctl(far, KVM_GET_API_VERSION, 0));
  close(far);
  char byte = 0;
  tell("read kvm", read(kvm, &byte, 1));
  tell("read vm", read(vm, &byte, 1));
  tell("read vcpu", read(cpu, &byte, 1));
  tell("write vcpu", write(cpu, &byte, 1));
  tell("mmap vm", mmap(NULL, 4096, PROT_READ, MAP_SHARED, vm, 0) == MAP_FAILED ? -1 : 0);
  tell("bad address", ioctl(cpu, KVM_GET_REGS, 8));
  tell("seek vm", lseek(vm, 5, SEEK_SET));
  tell("seek nowhere", lseek(vm, 0, 9));
  struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};
  check(ioctl(vm, KVM_CREATE_DEVICE, &device), "KVM_CREATE_DEVICE");
  tell("seek device", lseek((int)device.fd, 0, SEEK_SET));
  int stats = check(ioctl(vm, KVM_GET_STATS_FD, NULL), "KVM_GET_STATS_FD");
  tell("read statistics", read(stats, &byte, 1));
  tell("seek statistics", lseek(stats, 7, SEEK_SET));
  struct stat status;
  tell("fstat", fstat(kvm, &status));
  printf("character device %d\n", S_ISCHR(status.st_mode));
}

static void fork_child(int kvm) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    tell("child kvm", ioctl(kvm, KVM_GET_API_VERSION, 0));
    tell("child vm", ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY));
    tell("child vcpu", ioctl(cpu, KVM_RUN, 0));
    int own = ioctl(kvm, KVM_CREATE_VM, 0);
    tell("child's own vm", own < 0 ? own : 0);
    close(vm);
    exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  printf("child ended %d\n", WEXITSTATUS(status));
}

static void mask(void) {
  /* A signal the thread blocks, but not KVM_RUN: it ends the call and stays pending. */
  static const uint8_t spin[] = {0xeb, 0xfe};
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  struct {
    struct kvm_signal_mask head;
    uint64_t set;
  } __attribute__((packed)) given = {.head.len = 8, .set = 0};
  tell("signal mask", ioctl(cpu, KVM_SET_SIGNAL_MASK, &given));
  raise(SIGUSR1);
  tell("run", execute(spin, sizeof spin));
  sigset_t pending;
  sigpending(&pending);
  printf("pending %d\n", sigismember(&pending, SIGUSR1));
  siginfo_t info;
  sigwaitinfo(&blocked, &info);
  tell("no mask", ioctl(cpu, KVM_SET_SIGNAL_MASK, NULL));
}

static void changing_memory(void) {
  memory[DATA] = 7;
  printf("load %d\n", load_byte());
  madvise(memory + DATA, 4096, MADV_DONTNEED);
  printf("after MADV_DONTNEED %d: %d\n", memory[DATA], load_byte());
  mmap(memory + DATA, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memory[DATA] = 9;
  printf("after another mmap %d\n", load_byte());
  int file = memfd_create("pages", 0);
  check(ftruncate(file, 4096), "ftruncate");
  uint8_t *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  mmap(memory + DATA, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
  *other = 11;
  printf("by another view %d\n", load_byte());
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  cpu = real_mode_vcpu(vm, &run);
  descriptors(kvm);
  fork_child(kvm);
  mask();
  changing_memory();
  printf("done\n");
  return 0;
}
