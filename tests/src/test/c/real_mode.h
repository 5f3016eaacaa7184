/* A vCPU that begins in real mode. */
#ifndef REAL_MODE_H
#define REAL_MODE_H

#include <linux/kvm.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "calls.h"

/* Makes vCPU 0 of a VM, with its code segment at 0, and maps what it shares. */
static inline int real_mode_vcpu(int vm, struct kvm_run **run) {
  enum { RUN_PAGES_BYTES = 3 * 4096 };
  int cpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  *run = mmap(NULL, RUN_PAGES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  check(*run == MAP_FAILED ? -1 : 0, "mmap kvm_run");
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  sregs.cs.base = sregs.cs.selector = 0;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  return cpu;
}

#endif
