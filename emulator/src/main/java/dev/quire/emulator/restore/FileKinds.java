package dev.quire.emulator.restore;

import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.HostMemoryKind;
import dev.quire.kernel.mm.HostPagePolicy;

/** Which file is behind memory of a policy. */
final class FileKinds {
  private FileKinds() {}

  /** Null for anonymous memory. */
  static FileKind of(HostPagePolicy pages) {
    return switch (pages.memory()) {
      case GUEST_MEMFD -> FileKind.GUEST_MEMFD;
      case SHMEM -> FileKind.MEMFD;
      case ANONYMOUS, HUGETLB -> null;
    };
  }

  /** Backs guest memory as the policy says, where the machine has not done so already. */
  static void back(RestoreHost host) {
    HostMemoryKind memory = host.settings().hostPages().memory();
    if (memory == HostMemoryKind.GUEST_MEMFD || memory == HostMemoryKind.SHMEM) {
      host.backByFile(of(host.settings().hostPages()));
    }
  }
}
