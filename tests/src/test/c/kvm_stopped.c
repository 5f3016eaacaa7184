/* A process that is stopped and continued all the while: no call of /dev/kvm ends by EINTR or loses anything for it.
   Prints "opened N of N". The same on a real /dev/kvm. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 400 };

static void *open_and_ask(void *opened) {
  int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
  int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
  if (vcpu < 0) {
    perror(kvm < 0 ? "open" : vm < 0 ? "KVM_CREATE_VM" : "KVM_CREATE_VCPU");
    return NULL;
  }
  *(int *)opened += 1;
  close(vcpu);
  close(vm);
  close(kvm);
  return NULL;
}

static void stop_and_continue(pid_t process) {
  for (unsigned turn = 0;; turn++) {
    struct timespec pause = {.tv_nsec = 50000 + turn % 7 * 30000};
    if (kill(process, SIGSTOP) != 0 || kill(process, SIGCONT) != 0) {
      _exit(0);
    }
    nanosleep(&pause, NULL);
  }
}

int main(void) {
  pid_t self = getpid();
  pid_t child = fork();
  if (child == 0) {
    stop_and_continue(self);
  }
  int opened = 0;
  for (int i = 0; i < THREADS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, open_and_ask, &opened) != 0) {
      perror("pthread_create");
      break;
    }
    pthread_join(thread, NULL);
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  printf("opened %d of %d\n", opened, THREADS);
  return opened == THREADS ? 0 : 1;
}
