package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.mmu.FakeKernelPteFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A kernel with one process for tests that speak in pages from {@link #BASE} on. */
final class TestKernel {
  static final long BASE = 1L << 40;
  static final int READ_WRITE = Mman.PROT_READ | Mman.PROT_WRITE;
  private static final int MEMORY_PAGES = 1 << 15;

  final Kernel kernel;
  final Process process;

  TestKernel(KernelConfig config) {
    kernel = new Kernel(config, new FakeKernelPteFormat());
    process = kernel.spawn();
  }

  static KernelConfig config(int... orders) {
    Map<Integer, ThpMode> modes = new HashMap<>();
    Arrays.stream(orders).forEach(order -> modes.put(order, ThpMode.ALWAYS));
    return KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES)
        .withThp(
            new ThpSettings(
                ThpMode.MADVISE, modes, ShmemThpMode.NEVER, Map.of(), true, ThpDefrag.MADVISE));
  }

  /** Linux 6.18 with these orders always. */
  static TestKernel of(int... orders) {
    return new TestKernel(config(orders));
  }

  static long at(long page) {
    return BASE + page * 4096;
  }

  static long bytes(long pages) {
    return pages * 4096;
  }

  long map(int page, int pages, int prot) {
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;
    return process.mmap(at(page), bytes(pages), prot, flags, null, 0);
  }

  void write(int page, int pages) {
    for (int i = page; i < page + pages; i++) {
      process.touch(at(i), true);
    }
  }

  long advise(int page, int pages, int advice) {
    return process.madvise(at(page), bytes(pages), advice);
  }

  long protect(int page, int pages, int prot) {
    return process.mprotect(at(page), bytes(pages), prot);
  }

  long unmap(int page, int pages) {
    return process.munmap(at(page), bytes(pages));
  }

  long move(int page, int pages, int to, int flags) {
    int all = Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED | flags;
    return process.mremap(at(page), bytes(pages), bytes(pages), all, at(to));
  }

  /** Mappings as "page+pages permissions", in order. */
  List<String> mappings() {
    return process.smaps().stream()
        .map(
            vma ->
                "%d+%d %s"
                    .formatted(
                        (vma.start() - BASE) / 4096,
                        (vma.end() - vma.start()) / 4096,
                        vma.permissions()))
        .toList();
  }

  /** What maps a page, or null. */
  PageReport page(int page) {
    List<PageReport> found = new ArrayList<>();
    process.pagemap(at(page), 4096, (address, report) -> found.add(report));
    return found.isEmpty() ? null : found.getFirst();
  }

  /** Orders of the folios of consecutive pages, -1 where nothing is mapped. */
  List<Integer> orders(int page, int pages) {
    List<Integer> orders = new ArrayList<>();
    for (int i = page; i < page + pages; i++) {
      PageReport report = page(i);
      orders.add(report == null ? -1 : report.order());
    }
    return orders;
  }

  long free() {
    kernel.folios().lru().drain();
    return kernel.folios().allocator().freePages();
  }

  FrameTable frames() {
    return kernel.frames();
  }
}
