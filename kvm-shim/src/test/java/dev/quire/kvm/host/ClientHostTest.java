package dev.quire.kvm.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.HostAddressSpace;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.mmu.Translation;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Pages that the client watches by userfaultfd, as a VM of the service's meets them. */
class ClientHostTest {
  private static final long HVA = 0x7e00_0000_0000L;
  private static final long PAGE = 4096;
  private static final long PAGES = 8;

  private final ClientMemory memory =
      new ClientMemory(
          new ClientMachines(HostArchitecture.X86_64, KernelProfile.LINUX_6_18, 64 << 20),
          new MemoryQuota() {
            @Override
            public boolean take(long bytes) {
              return true;
            }

            @Override
            public void giveBack(long bytes) {}
          });

  private final ClientHost host = memory.open();

  @BeforeEach
  void share() {
    assertThat(memory.shareRemote(HVA, PAGES * PAGE)).isZero();
    host.prepare(HVA, PAGES * PAGE);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  private static long page(int number) {
    return HVA + number * PAGE;
  }

  private void finds(int number, boolean write) {
    assertThat(Translation.failed(host.space().fault(page(number), write))).isFalse();
    assertThat(host.takeTouch()).isEqualTo(TouchGate.NONE);
  }

  /** What the client is asked to touch, after which it is there. */
  private void waits(int number, boolean write, long touch) {
    for (int again = 0; again < 2; again++) {
      long found = host.space().fault(page(number), write);
      assertThat(Translation.failed(found)).isTrue();
      assertThat(Translation.kind(found)).isEqualTo(HostAddressSpace.MUST_WAIT);
      assertThat(host.takeTouch()).isEqualTo(touch);
      assertThat(host.takeTouch()).isEqualTo(TouchGate.NONE);
    }
    host.touched(touch);
    finds(number, write);
  }

  @Test
  void aMissingPageIsTheClientsToTouchOnce() {
    finds(0, true);
    assertThat(memory.watch(HVA, 4 * PAGE, Watches.MISSING)).isZero();
    // The service had to do with page 0 before.
    finds(0, true);
    waits(1, false, page(1));
    finds(1, true);
    waits(2, true, page(2) | TouchGate.WRITE);
    finds(4, true);
    long forgotten = host.forgotten();
    assertThat(memory.discard(page(1), PAGE)).isZero();
    assertThat(host.forgotten()).isNotEqualTo(forgotten);
    waits(1, false, page(1));
    finds(2, false);
    assertThat(memory.watch(page(3), PAGE, 0)).isZero();
    finds(3, false);
  }

  @Test
  void aProtectedPageIsReadButTouchedBeforeAStore() {
    assertThat(memory.watch(HVA, 4 * PAGE, Watches.WRITE_PROTECT)).isZero();
    finds(1, false);
    waits(1, true, page(1) | TouchGate.WRITE);
    assertThat(memory.discard(page(1), PAGE)).isZero();
    finds(1, false);
    waits(1, true, page(1) | TouchGate.WRITE);
  }

  /** As UFFD_USER_MODE_ONLY makes it, or a poisoned page. */
  @Test
  void aRefusedTouchFailsTheNextAccessAlone() {
    assertThat(memory.watch(HVA, 4 * PAGE, Watches.MINOR)).isZero();
    host.space().fault(page(2), false);
    host.untouchable(host.takeTouch());
    long found = host.space().fault(page(2), false);
    assertThat(Translation.failed(found)).isTrue();
    assertThat(Translation.kind(found)).isNotEqualTo(HostAddressSpace.MUST_WAIT);
    waits(2, false, page(2));
  }

  @Test
  void aRangeMayBeWatchedBeforeItIsSharedAndSharedAnew() {
    assertThat(memory.watch(page(2), 2 * PAGE, Watches.MISSING)).isZero();
    assertThat(memory.unshare(HVA, PAGES * PAGE)).isZero();
    assertThat(memory.shareRemote(HVA, PAGES * PAGE)).isZero();
    finds(1, true);
    waits(2, true, page(2) | TouchGate.WRITE);
    waits(3, false, page(3));
  }

  @Test
  void badRangesAndModesAreRefused() {
    assertThat(memory.watch(HVA + 1, PAGE, 1)).isNegative();
    assertThat(memory.watch(HVA, 0, 1)).isNegative();
    assertThat(memory.watch(HVA, PAGE, 8)).isNegative();
    assertThat(memory.watch(-PAGE, PAGE, 1)).isNegative();
  }
}
