package dev.quire.lab.bench;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.kernel.uffd.UffdMessage;
import dev.quire.kernel.uffd.Userfaultfd;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;

/** Faults of the modelled kernel, plain and by way of user space. */
final class UffdRoundTrips {
  private static final int PAGES = 1 << 15;
  private static final int PAGE_SHIFT = 12;
  private static final long BYTES = (long) PAGES << PAGE_SHIFT;

  private UffdRoundTrips() {}

  private static Process process() {
    KernelConfig config = KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 4L * PAGES);
    return new Kernel(config, new LinuxX86Pte(Ia32ePte.FOUR_LEVEL)).spawn();
  }

  private static long map(Process process) {
    int access = Mman.PROT_READ | Mman.PROT_WRITE;
    return process.mmap(0, BYTES, access, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, null, 0);
  }

  /** Processor time of a fault that waits, its message, UFFDIO_COPY, and the access again. */
  static double roundTripNanos() {
    Process process = process();
    long start = map(process);
    Userfaultfd uffd = Userfaultfd.open(process, UffdCode.O_NONBLOCK);
    require(uffd.api(UffdCode.API, 0) == 0);
    require(uffd.register(start, BYTES, UffdCode.REGISTER_MISSING) == 0);
    uffd.setCaller(null);
    long begin = CpuTime.thread();
    for (long at = start; at < start + BYTES; at += 1 << PAGE_SHIFT) {
      require(process.touch(at, false) == UserSignal.BLOCKED);
      UffdMessage message = uffd.read();
      require(uffd.copy(message.address(), 0, 1 << PAGE_SHIFT, 0) == 0);
      require(process.touch(at, false) == UserSignal.NONE);
    }
    return (double) (CpuTime.thread() - begin) / PAGES;
  }

  /** Processor time of an anonymous fault. */
  static double plainFaultNanos() {
    Process process = process();
    long start = map(process);
    long begin = CpuTime.thread();
    for (long at = start; at < start + BYTES; at += 1 << PAGE_SHIFT) {
      require(process.touch(at, true) == UserSignal.NONE);
    }
    return (double) (CpuTime.thread() - begin) / PAGES;
  }

  private static void require(boolean done) {
    if (!done) {
      throw new IllegalStateException("the modelled kernel refused part of the benchmark");
    }
  }
}
