package dev.quire.kernel.uffd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.PageScan;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UffdFeature;
import dev.quire.kernel.mm.UffdWait;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.FakeKernelPteFormat;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One userfaultfd at work: what waits, what is told, what answers do (Linux v6.18). */
class UserfaultfdTest {
  private static final long BASE = 1L << 40;
  private static final long SOURCE = 1L << 41;
  private static final int READ_WRITE = Mman.PROT_READ | Mman.PROT_WRITE;
  private static final int FIXED = Mman.MAP_FIXED;

  private Kernel kernel;
  private Process process;
  private Userfaultfd uffd;

  @BeforeEach
  void start() {
    start(KernelProfile.LINUX_6_18);
  }

  private void start(KernelProfile profile) {
    KernelConfig config =
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 13).withProfile(profile);
    kernel = new Kernel(config, new FakeKernelPteFormat());
    kernel.setFileSystems(ModelledFiles.of(kernel));
    process = kernel.spawn();
    mapAnonymous(SOURCE, 16);
    mapAnonymous(BASE, 16);
    uffd = open(0);
  }

  private void mapAnonymous(long address, int pages) {
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | FIXED;
    assertThat(process.mmap(address, bytes(pages), READ_WRITE, flags, null, 0)).isEqualTo(address);
  }

  private Userfaultfd open(long features) {
    Userfaultfd opened = Userfaultfd.open(process, UffdCode.O_NONBLOCK);
    assertThat(opened.api(UffdCode.API, features)).isZero();
    return opened;
  }

  private static long at(int page) {
    return BASE + bytes(page);
  }

  private static long bytes(int pages) {
    return pages * 4096L;
  }

  private int read(int page) {
    return process.touch(at(page), false);
  }

  private int write(int page) {
    return process.touch(at(page), true);
  }

  @Test
  void missingPageIsAskedForAndCopied() {
    assertThat(uffd.register(at(0), bytes(8), UffdCode.REGISTER_MISSING)).isZero();
    assertThat(uffd.ioctls()).isEqualTo(0x13c);
    assertThat(process.touch(at(3) + 0x123, true)).isEqualTo(UserSignal.BLOCKED);
    UffdWait wait = process.blockedOn();
    assertThat(uffd.poll()).isEqualTo(UffdCode.POLLIN);
    assertThat(uffd.read()).isEqualTo(UffdMessage.fault(UffdMessage.WRITE, at(3), 0));
    assertThat(uffd.read()).isNull();
    assertThat(wait.woken()).isFalse();
    assertThat(uffd.copy(at(3), SOURCE, bytes(1), 0)).isZero();
    assertThat(uffd.out()).isEqualTo(4096);
    assertThat(wait.woken()).isTrue();
    assertThat(wait.resume()).isEqualTo(Process.REPEAT);
    assertThat(write(3)).isZero();
    assertThat(process.anonPages()).isEqualTo(1);
    assertThat(kernel.counters().snapshot().of(Primitive.UFFD_MESSAGE)).isEqualTo(1);
    assertThat(kernel.counters().snapshot().of(Primitive.UFFD_WAKE)).isEqualTo(1);
  }

  @Test
  void everyAccessHasItsOwnMessageInTheOrderTheyCame() {
    uffd.register(at(0), bytes(8), UffdCode.REGISTER_MISSING);
    read(1);
    UffdWait first = process.blockedOn();
    write(1);
    UffdWait second = process.blockedOn();
    read(2);
    UffdWait third = process.blockedOn();
    assertThat(uffd.read().flags()).isZero();
    assertThat(uffd.zeropage(at(1), bytes(1), 0)).isZero();
    assertThat(first.woken() && second.woken()).isTrue();
    assertThat(third.woken()).isFalse();
    assertThat(uffd.read().address()).isEqualTo(at(2));
    assertThat(uffd.readError(32)).isEqualTo(-Errno.EAGAIN);
    uffd.close();
    assertThat(third.woken()).isTrue();
    assertThat(read(2)).isZero();
  }

  @Test
  void partialProgressIsReported() {
    uffd.register(at(0), bytes(8), UffdCode.REGISTER_MISSING);
    assertThat(uffd.copy(at(2), SOURCE, bytes(1), 0)).isZero();
    assertThat(uffd.copy(at(0), SOURCE, bytes(4), 0)).isEqualTo(-Errno.EAGAIN);
    assertThat(uffd.out()).isEqualTo(bytes(2));
    assertThat(uffd.copy(at(2), SOURCE, bytes(2), 0)).isEqualTo(-Errno.EEXIST);
    assertThat(uffd.out()).isEqualTo(-Errno.EEXIST);
    assertThat(uffd.copy(at(6), SOURCE, bytes(4), 0)).isEqualTo(-Errno.ENOENT);
    assertThat(uffd.copy(at(6), 0x10000, bytes(1), 0)).isEqualTo(-Errno.EFAULT);
    assertThat(uffd.copy(at(6), SOURCE, bytes(1), 4)).isEqualTo(-Errno.EINVAL);
    assertThat(uffd.out()).isEqualTo(Userfaultfd.UNTOUCHED);
  }

  @Test
  void copyWaitsWhereItsSourceIsMissing() {
    uffd.register(at(0), bytes(8), UffdCode.REGISTER_MISSING);
    assertThat(uffd.copy(at(1), SOURCE, bytes(1), 0)).isZero();
    assertThat(uffd.copy(at(4), at(1), bytes(2), 0)).isEqualTo(Process.BLOCKED);
    UffdWait wait = process.blockedOn();
    assertThat(uffd.read().address()).isEqualTo(at(2));
    assertThat(uffd.zeropage(at(2), bytes(1), 0)).isZero();
    assertThat(wait.woken()).isTrue();
    assertThat(wait.resume()).isZero();
    assertThat(uffd.out()).isEqualTo(bytes(2));
  }

  @Test
  void minorFaultsAreContinued() {
    OpenFile file = process.open(FileKind.MEMFD, 8);
    process.mmap(at(0), bytes(8), READ_WRITE, Mman.MAP_SHARED | FIXED, file, 0);
    assertThat(file.write(0, bytes(2))).isEqualTo(bytes(2));
    assertThat(uffd.register(at(0), bytes(8), UffdCode.REGISTER_MINOR)).isZero();
    assertThat(read(1)).isEqualTo(UserSignal.BLOCKED);
    assertThat(uffd.read().flags()).isEqualTo(UffdMessage.MINOR);
    assertThat(uffd.continueRange(at(0), bytes(3), 0)).isEqualTo(-Errno.EAGAIN);
    assertThat(uffd.out()).isEqualTo(bytes(2));
    assertThat(write(1)).isZero();
    assertThat(uffd.continueRange(at(2), bytes(1), 0)).isEqualTo(-Errno.EFAULT);
    assertThat(read(2)).as("a hole is nothing minor").isZero();
  }

  @Test
  void writeProtectionOfFilePagesOutlivesThem() {
    OpenFile file = process.open(FileKind.MEMFD, 8);
    process.mmap(at(0), bytes(8), READ_WRITE, Mman.MAP_SHARED | FIXED, file, 0);
    write(0);
    uffd.register(at(0), bytes(8), UffdCode.REGISTER_WP);
    assertThat(uffd.writeProtect(at(0), bytes(2), UffdCode.WRITEPROTECT_WP)).isZero();
    assertThat(process.madvise(at(0), bytes(1), Mman.MADV_DONTNEED)).isZero();
    assertThat(read(0)).isZero();
    assertThat(write(0)).isEqualTo(UserSignal.BLOCKED);
    assertThat(uffd.read().flags()).isEqualTo(UffdMessage.WRITE | UffdMessage.WP);
    assertThat(uffd.writeProtect(at(0), bytes(1), 0)).isZero();
    assertThat(write(0)).isZero();
    assertThat(write(1)).as("a marker, where no page was").isEqualTo(UserSignal.BLOCKED);
  }

  @Test
  void callsWaitForTheirEventsToBeRead() {
    uffd.close();
    uffd = open(UffdFeature.EVENT_REMOVE | UffdFeature.EVENT_UNMAP | UffdFeature.EVENT_REMAP);
    uffd.register(at(0), bytes(16), UffdCode.REGISTER_MISSING);
    uffd.zeropage(at(0), bytes(16), 0);
    assertThat(process.madvise(at(2), bytes(2), Mman.MADV_DONTNEED)).isEqualTo(Process.BLOCKED);
    UffdWait wait = process.blockedOn();
    assertThat(read(2)).as("not gone yet").isZero();
    assertThat(uffd.copy(at(2), SOURCE, bytes(1), 0)).isEqualTo(-Errno.EAGAIN);
    assertThat(uffd.read().event()).isEqualTo(UffdMessage.Event.REMOVE);
    assertThat(wait.woken()).isTrue();
    assertThat(wait.resume()).isZero();
    assertThat(read(2)).isEqualTo(UserSignal.BLOCKED);
    uffd.read();
    int flags = Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED;
    assertThat(process.mremap(at(12), bytes(2), bytes(2), flags, at(100)))
        .isEqualTo(Process.BLOCKED);
    wait = process.blockedOn();
    assertThat(uffd.read().event()).isEqualTo(UffdMessage.Event.REMAP);
    assertThat(wait.resume()).isEqualTo(Process.BLOCKED);
    wait = process.blockedOn();
    assertThat(uffd.read().event()).isEqualTo(UffdMessage.Event.UNMAP);
    assertThat(wait.resume()).isEqualTo(at(100));
    assertThat(uffd.copy(at(100), SOURCE, bytes(1), 0)).isEqualTo(-Errno.EEXIST);
  }

  @Test
  void forkGivesTheChildADescriptorOfItsOwn() {
    uffd.close();
    uffd = open(UffdFeature.EVENT_FORK);
    uffd.register(at(0), bytes(8), UffdCode.REGISTER_MISSING);
    Process child = process.fork();
    UffdWait wait = process.blockedOn();
    Userfaultfd childs = uffd.read().child();
    assertThat(wait.resume()).isZero();
    assertThat(child.touch(at(5), false)).isEqualTo(UserSignal.BLOCKED);
    assertThat(childs.read().address()).isEqualTo(at(5));
    assertThat(uffd.readable()).isFalse();
    assertThat(childs.copy(at(5), SOURCE, bytes(1), 0)).isZero();
    assertThat(child.touch(at(5), false)).isZero();
    child.exit();
    assertThat(childs.zeropage(at(4), bytes(1), 0)).isEqualTo(-Errno.ESRCH);
    assertThat(childs.register(at(0), bytes(1), 1)).isEqualTo(-Errno.ENOMEM);
  }

  @Test
  void poisonIsASignalAndMoveTakesThePageAway() {
    uffd.register(at(8), bytes(8), UffdCode.REGISTER_MISSING);
    assertThat(uffd.poison(at(8), bytes(1), 0)).isZero();
    assertThat(UserSignal.signal(read(8))).isEqualTo(UserSignal.SIGBUS);
    assertThat(uffd.poison(at(8), bytes(1), 0)).isEqualTo(-Errno.EEXIST);
    write(0);
    assertThat(uffd.move(at(9), at(0), bytes(1), 0)).isZero();
    assertThat(uffd.move(at(9), at(0), bytes(1), 0)).isEqualTo(-Errno.EEXIST);
    assertThat(uffd.move(at(10), at(0), bytes(1), 0)).isEqualTo(-Errno.ENOENT);
    assertThat(process.anonPages()).isEqualTo(1);
  }

  @Test
  void guestMemfdIsForNewerKernels() {
    OpenFile file = process.open(FileKind.GUEST_MEMFD, 8);
    process.mmap(at(0), bytes(8), READ_WRITE, Mman.MAP_SHARED | FIXED, file, 0);
    for (long modes = 1; modes < 8; modes++) {
      assertThat(uffd.register(at(0), bytes(8), modes)).isEqualTo(-Errno.EINVAL);
    }
    start(KernelProfile.LINUX_7_1);
    file = process.open(FileKind.GUEST_MEMFD, 8);
    process.mmap(at(0), bytes(8), READ_WRITE, Mman.MAP_SHARED | FIXED, file, 0);
    long modes = UffdCode.REGISTER_MISSING | UffdCode.REGISTER_MINOR;
    assertThat(uffd.register(at(0), bytes(8), modes)).isZero();
    assertThat(file.fallocate(1, 0, bytes(1))).isZero();
    assertThat(read(0)).isEqualTo(UserSignal.BLOCKED);
    assertThat(uffd.read().flags()).isEqualTo(UffdMessage.MINOR);
    assertThat(write(1)).isEqualTo(UserSignal.BLOCKED);
    assertThat(uffd.read().flags()).isEqualTo(UffdMessage.WRITE);
    assertThat(uffd.continueRange(at(0), bytes(1), 0)).isZero();
    assertThat(uffd.copy(at(1), SOURCE, bytes(1), 0)).isZero();
    assertThat(read(0) | write(1)).isZero();
    assertThat(file.cached(1)).isTrue();
  }

  @Test
  void asynchronousProtectionTellsWhatWasWritten() {
    uffd.close();
    uffd = open(UffdFeature.WP_ASYNC);
    uffd.register(at(0), bytes(8), UffdCode.REGISTER_WP);
    assertThat(uffd.writeProtect(at(0), bytes(8), UffdCode.WRITEPROTECT_WP)).isZero();
    assertThat(written(0)).isEmpty();
    assertThat(write(1) | write(2) | read(4)).isZero();
    assertThat(uffd.readable()).isFalse();
    assertThat(written(PageScan.WP_MATCHING)).containsExactly("1+2");
    assertThat(written(0)).isEmpty();
  }

  private List<String> written(int flags) {
    List<String> runs = new ArrayList<>();
    PageScan scan = new PageScan(at(0), at(8), flags, 0, PageScan.WRITTEN, 0, PageScan.WRITTEN);
    long count =
        process.pagemapScan(
            scan,
            (start, end, categories) -> {
              assertThat(categories).isEqualTo(PageScan.WRITTEN);
              runs.add((start - BASE) / 4096 + "+" + (end - start) / 4096);
            });
    assertThat(count).isEqualTo(runs.size());
    return runs;
  }
}
