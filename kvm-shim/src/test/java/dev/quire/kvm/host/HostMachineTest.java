package dev.quire.kvm.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.mmu.Access;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.EptEntry;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HostMachineTest {
  private static final long HVA = 0x7e00_0000_0000L;
  private static final int PAGE_BYTES = 4096;
  private static final int READ_WRITE = 3;

  private final HostMachine machine =
      new HostMachine(
          KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 16),
          new LinuxX86Pte(Ia32ePte.FOUR_LEVEL));
  private final Process process = machine.kernel().spawn();
  private final ModelledHost host = machine.host(process);

  @AfterEach
  void close() {
    machine.close();
  }

  private void map(Process in, long address, int pages) {
    int flags = Mman.MAP_FIXED | Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    assertThat(in.mmap(address, (long) pages * PAGE_BYTES, READ_WRITE, flags, null, 0))
        .isEqualTo(address);
  }

  private Stage2Mmu vm() {
    MemSlots slots = new MemSlots(32764, 40);
    return new Stage2Mmu(
        slots, host.space(), host.memory(), host.tableFrames(), EptEntry.FOUR_LEVEL);
  }

  private long pa(long address) {
    return Translation.pfn(host.space().lookup(address)) << 12 | address & PAGE_BYTES - 1;
  }

  @Test
  void twoVmsSeeTheMemoryOfTheirProcessUntilItGoes() {
    map(process, HVA, 16);
    long free = host.tableFrames().freePages();
    Stage2Mmu first = vm();
    Stage2Mmu second = vm();
    for (Stage2Mmu vm : new Stage2Mmu[] {first, second}) {
      vm.setRegion(0, 0, 0x10000, 16 * PAGE_BYTES, HVA);
      assertThat(Stage2Mmu.code(vm.fault(0x13000, Access.WRITE))).isEqualTo(Stage2Mmu.MAPPED);
      assertThat(vm.counters().leavesRemoved()).isZero();
    }
    host.memory().writeLong(pa(HVA + 0x3000), 0x1234);
    second.close();
    process.munmap(HVA + 0x3000, PAGE_BYTES);
    assertThat(first.counters().leavesRemoved()).isEqualTo(1);
    assertThat(Stage2Mmu.code(first.fault(0x13000, Access.WRITE)))
        .isEqualTo(Stage2Mmu.BAD_HOST_ADDRESS);
    first.close();
    process.munmap(HVA, 16 * PAGE_BYTES);
    assertThat(host.tableFrames().freePages()).isEqualTo(free);
    map(process, HVA, 16);
    assertThat(process.touch(HVA, false)).isEqualTo(UserSignal.NONE);
    assertThat(host.memory().readLong(pa(HVA))).isZero();
  }

  @Test
  void theKernelCopiesFromTheCallersMemoryAcrossPages() {
    map(process, HVA, 2);
    OpenFile file = process.open(FileKind.MEMFD, 1);
    process.touch(HVA, true);
    process.touch(HVA + PAGE_BYTES, true);
    host.memory().writeInt(pa(HVA + 0xff8), 0x01020304);
    host.memory().writeInt(pa(HVA + 0xffc), 0x05060708);
    host.memory().writeInt(pa(HVA + 0x1000), 0x090a0b0c);
    machine.setCaller(host.space());
    assertThat(file.write(0x10, 12, HVA + 0xff8)).isEqualTo(12);
    process.mmap(HVA + 0x4000, PAGE_BYTES, READ_WRITE, Mman.MAP_FIXED | Mman.MAP_SHARED, file, 0);
    process.touch(HVA + 0x4000, false);
    assertThat(host.memory().readInt(pa(HVA + 0x4010))).isEqualTo(0x01020304);
    assertThat(host.memory().readInt(pa(HVA + 0x4014))).isEqualTo(0x05060708);
    assertThat(host.memory().readInt(pa(HVA + 0x4018))).isEqualTo(0x090a0b0c);
  }

  @Test
  void processesHaveTheirOwnCopies() {
    map(process, HVA, 1);
    process.touch(HVA, true);
    host.memory().writeInt(pa(HVA), 7);
    Process child = process.fork();
    ModelledHost ofChild = machine.host(child);
    child.touch(HVA, true);
    long pfn = Translation.pfn(ofChild.space().lookup(HVA));
    assertThat(host.memory().readInt(pfn << 12)).isEqualTo(7);
    host.memory().writeInt(pfn << 12, 8);
    assertThat(host.memory().readInt(pa(HVA))).isEqualTo(7);
  }

  @Test
  void sharedPagesAreZeroAtFirst() {
    try (SharedPages pages = host.allocate(3)) {
      assertThat(pages.segment().byteSize()).isEqualTo(3 * PAGE_BYTES);
      assertThat(pages.segment().get(ValueLayout.JAVA_LONG, 2 * PAGE_BYTES)).isZero();
      assertThat(pages.hostDescriptor()).isEqualTo(-1);
    }
  }
}
