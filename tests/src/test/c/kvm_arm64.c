/*
 * A client of /dev/kvm on arm64, written against linux/kvm.h alone: a vCPU stores to and loads from what is no memory,
 * and keeps in memory what it was told.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

#define MEMORY_GPA 0x80000000UL
#define PC_REGISTER (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc))
enum { MEMORY = 1 << 20, CODE = 0x1000, DATA = 0x2000 };

extern const uint8_t guest[], guest_end[];
__asm__(
    ".pushsection .rodata\n.globl guest\nguest:\n"
    "  mov x1, #0x10000000\n"
    "  mov w0, #0x41\n"
    "  str w0, [x1]\n"
    "  ldrh w2, [x1, #4]\n"
    "  mov x3, #0x80000000\n"
    "  add x3, x3, #0x2, lsl #12\n"
    "  str w2, [x3]\n"
    "  str x2, [x1, #8]\n"
    "1: b 1b\n"
    ".globl guest_end\nguest_end:\n.popsection\n");

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  printf("version %d\n", ioctl(kvm, KVM_GET_API_VERSION, 0));
  int vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  memcpy(memory + CODE, guest, (size_t)(guest_end - guest));
  struct kvm_userspace_memory_region region = {
      .guest_phys_addr = MEMORY_GPA, .memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  int cpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  struct kvm_vcpu_init init;
  check(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
  check(ioctl(cpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
  size_t bytes = (size_t)check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  struct kvm_run *run = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  check(run == MAP_FAILED ? -1 : 0, "mmap kvm_run");
  uint64_t pc = MEMORY_GPA + CODE;
  struct kvm_one_reg reg = {.id = PC_REGISTER, .addr = (uintptr_t)&pc};
  check(ioctl(cpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
  for (int exits = 0; exits < 3; exits++) {
    check(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
    if (run->exit_reason != KVM_EXIT_MMIO) {
      printf("exit %u\n", run->exit_reason);
      return 1;
    }
    printf("mmio %s %llx bytes %u", run->mmio.is_write ? "write" : "read", (unsigned long long)run->mmio.phys_addr,
           run->mmio.len);
    for (unsigned i = 0; i < run->mmio.len; i++) {
      if (run->mmio.is_write) {
        printf(" %02x", run->mmio.data[i]);
      } else {
        run->mmio.data[i] = (uint8_t)(0x51 + i);
      }
    }
    printf("\n");
  }
  pc = 0;
  check(ioctl(cpu, KVM_GET_ONE_REG, &reg), "KVM_GET_ONE_REG");
  printf("memory %02x%02x%02x%02x\n", memory[DATA], memory[DATA + 1], memory[DATA + 2], memory[DATA + 3]);
  munmap(run, bytes);
  close(cpu);
  close(vm);
  close(kvm);
  printf("done\n");
  return 0;
}
