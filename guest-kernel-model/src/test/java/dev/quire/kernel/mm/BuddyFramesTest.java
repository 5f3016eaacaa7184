package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.page.DeferredSplitQueue;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.MemoryLayout;
import dev.quire.kernel.page.PageAllocator;
import dev.quire.kernel.stat.KernelCounters;
import org.junit.jupiter.api.Test;

class BuddyFramesTest {
  private static BuddyFrames frames(MemoryLayout layout, HostGranule granule) {
    FrameTable table = new FrameTable(layout.pages());
    KernelCounters counters = new KernelCounters();
    PageAllocator allocator = new PageAllocator(table, layout, counters);
    DeferredSplitQueue deferred = new DeferredSplitQueue(table, counters, layout.pmdOrder());
    return new BuddyFrames(new Folios(table, allocator, deferred, counters), granule);
  }

  @Test
  void aHugePageComesBackInParts() {
    BuddyFrames frames = frames(MemoryLayout.x86(1 << 16), HostGranule.BASE_4K);
    long pfn = frames.allocate(9);
    assertThat(pfn & 511).isZero();
    for (int i = 0; i < 512; i++) {
      frames.free(pfn + (i * 37 & 511), 0);
    }
    assertThat(frames.freePages()).isEqualTo(frames.totalPages());
    assertThatThrownBy(() -> frames.free(pfn + 3, 0)).hasMessageContaining("not allocated");
    assertThatThrownBy(() -> frames.free(pfn, 9)).hasMessageContaining("not allocated");
  }

  @Test
  void ordersCountFourKibibytesWhateverTheBasePage() {
    BuddyFrames frames = frames(MemoryLayout.arm64(16, 1 << 16), HostGranule.BASE_64K);
    long pfn = frames.allocate(17);
    assertThat(pfn & (1 << 17) - 1).isZero();
    assertThat(frames.totalPages() - frames.freePages()).isEqualTo(1 << 17);
    assertThatThrownBy(() -> frames.allocate(3)).hasMessageContaining("base page");
    frames.free(pfn, 16);
    frames.free(pfn + (1 << 16), 16);
    assertThat(frames.freePages()).isEqualTo(frames.totalPages());
  }
}
