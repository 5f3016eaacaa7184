/*
 * Four threads run four vCPUs of one VM on x86-64, written against linux/kvm.h alone. The guest takes a spinlock for
 * each of its increments of a plain counter; between them every vCPU leaves to user space by a port now and then.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

enum { VCPUS = 4, MEMORY = 2 << 20, CODE = 0x1000, TABLES = 0x10000, LOCK = 0x20000, COUNTER = 0x20040, TURNS = 2000 };

extern const uint8_t guest[], guest_end[];
__asm__(
    ".pushsection .rodata\n.globl guest\nguest:\n"
    "  mov $2000, %ecx\n"
    "1: mov $1, %eax\n"
    "  xchg %eax, 0x20000\n"
    "  test %eax, %eax\n"
    "  jz 3f\n"
    "2: pause\n"
    "  cmpl $0, 0x20000\n"
    "  jne 2b\n"
    "  jmp 1b\n"
    "3: mov 0x20040, %rbx\n"
    "  inc %rbx\n"
    "  mov %rbx, 0x20040\n"
    "  movl $0, 0x20000\n"
    "  test $0x1ff, %ecx\n"
    "  jnz 4f\n"
    "  mov %edi, %eax\n"
    "  out %al, $0x80\n"
    "4: dec %ecx\n"
    "  jnz 1b\n"
    "  hlt\n"
    ".globl guest_end\nguest_end:\n.popsection\n");

static int kvm, vm;

struct vcpu {
  int id;
  pthread_t thread;
  int outs;
};

static void enter_long_mode(int cpu, int id) {
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  struct kvm_segment code = {.limit = ~0U, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
  struct kvm_segment data = {.limit = ~0U, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
  sregs.cs = code;
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
  sregs.cr0 = 0x80050033;
  sregs.cr3 = TABLES;
  sregs.cr4 = 0x20;
  sregs.efer = 0x500;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_regs regs = {.rip = CODE, .rflags = 2, .rdi = (uint64_t)id};
  check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void *run_vcpu(void *argument) {
  struct vcpu *vcpu = argument;
  int cpu = check(ioctl(vm, KVM_CREATE_VCPU, vcpu->id), "KVM_CREATE_VCPU");
  size_t bytes = (size_t)check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  struct kvm_run *run = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  check(run == MAP_FAILED ? -1 : 0, "mmap kvm_run");
  enter_long_mode(cpu, vcpu->id);
  for (;;) {
    check(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
    if (run->exit_reason != KVM_EXIT_IO) {
      break;
    }
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    vcpu->outs += run->io.port == 0x80 && *data == vcpu->id;
  }
  check(run->exit_reason == KVM_EXIT_HLT ? 0 : -1, "the last exit is not HLT");
  munmap(run, bytes);
  close(cpu);
  return NULL;
}

int main(void) {
  kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  /* After the slot is set: the service sees these stores without being told. */
  uint64_t *tables = (uint64_t *)(memory + TABLES);
  tables[0] = (TABLES + 0x1000) | 3;
  tables[512] = (TABLES + 0x2000) | 3;
  tables[1024] = 0x83;
  memcpy(memory + CODE, guest, (size_t)(guest_end - guest));
  struct vcpu vcpus[VCPUS] = {0};
  for (int i = 0; i < VCPUS; i++) {
    vcpus[i].id = i;
    check(-pthread_create(&vcpus[i].thread, NULL, run_vcpu, &vcpus[i]), "pthread_create");
  }
  for (int i = 0; i < VCPUS; i++) {
    pthread_join(vcpus[i].thread, NULL);
    printf("vcpu %d: %d outs\n", i, vcpus[i].outs);
  }
  uint64_t counter;
  memcpy(&counter, memory + COUNTER, sizeof counter);
  printf("counter %llu of %d\n", (unsigned long long)counter, VCPUS * TURNS);
  return counter == VCPUS * TURNS ? 0 : 1;
}
