/* A guest that never ends, and what the program is told when its KVM does. Prints "running PID" first. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEMORY = 0x10000, CODE = 0x1000 };

static void say(const char *what, int result) { printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done"); }

int main(void) {
  static const unsigned char jump_to_itself[] = {0xeb, 0xfe};
  int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  int vm = ioctl(kvm, KVM_CREATE_VM, 0);
  int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
  unsigned char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (unsigned long)memory};
  struct kvm_regs regs = {.rip = CODE, .rflags = 2};
  struct kvm_sregs sregs;
  if (vcpu < 0 || memory == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0 ||
      ioctl(vcpu, KVM_GET_SREGS, &sregs) != 0) {
    perror("set-up");
    return 1;
  }
  memcpy(memory + CODE, jump_to_itself, sizeof jump_to_itself);
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  if (ioctl(vcpu, KVM_SET_SREGS, &sregs) != 0 || ioctl(vcpu, KVM_SET_REGS, &regs) != 0) {
    perror("registers");
    return 1;
  }
  printf("running %d\n", (int)getpid());
  fflush(stdout);
  say("KVM_RUN", ioctl(vcpu, KVM_RUN, 0));
  say("KVM_GET_REGS", ioctl(vcpu, KVM_GET_REGS, &regs));
  say("KVM_GET_API_VERSION", ioctl(kvm, KVM_GET_API_VERSION, 0));
  say("open", open("/dev/kvm", O_RDWR | O_CLOEXEC));
  say("close", close(vcpu));
  return 0;
}
