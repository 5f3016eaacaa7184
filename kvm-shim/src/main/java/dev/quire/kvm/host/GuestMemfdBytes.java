package dev.quire.kvm.host;

import dev.quire.bindings.HostFile;
import dev.quire.kernel.gmem.SharedBytes;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.mmu.Order;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;

/**
 * The bytes of a guest_memfd of a client's VM: a memfd of the service's, mapped over a run of
 * frames of the VM's machine. Counts as memory of the client for as long as the file is open. On
 * the VM's thread.
 */
final class GuestMemfdBytes implements SharedBytes, SharedPages {
  private static final Logger LOG = System.getLogger(GuestMemfdBytes.class.getName());

  private final HostMachine machine;
  private final FrameRuns runs;
  private final MemoryQuota quota;
  private final HostFile file;
  private final long firstPfn;
  private final long pages;

  private GuestMemfdBytes(
      HostMachine machine,
      FrameRuns runs,
      MemoryQuota quota,
      HostFile file,
      long firstPfn,
      long pages) {
    this.machine = machine;
    this.runs = runs;
    this.quota = quota;
    this.file = file;
    this.firstPfn = firstPfn;
    this.pages = pages;
  }

  /** Zeros, or null if the client, the machine or the real host has no memory for them. */
  static GuestMemfdBytes of(HostMachine machine, FrameRuns runs, MemoryQuota quota, long pages) {
    long bytes = pages << Order.BASE_PAGE_SHIFT;
    if (!quota.take(bytes)) {
      return null;
    }
    long pfn = runs.allocate(pages);
    if (pfn == FrameRuns.NONE) {
      LOG.log(Level.WARNING, "event=no-frames guest-memfd pages={0}", pages);
      quota.giveBack(bytes);
      return null;
    }
    HostFile file = map(machine, pfn, bytes);
    if (file == null) {
      runs.free(pfn, pages);
      quota.giveBack(bytes);
      return null;
    }
    for (long page = 0; page < pages; page++) {
      machine.wrote(pfn + page);
    }
    return new GuestMemfdBytes(machine, runs, quota, file, pfn, pages);
  }

  private static HostFile map(HostMachine machine, long pfn, long bytes) {
    try {
      HostFile file = HostFile.memory("kvm-gmem", bytes);
      int error = machine.arena().mapFile(pfn << Order.BASE_PAGE_SHIFT, bytes, file, 0);
      if (error == 0) {
        return file;
      }
      file.close();
      LOG.log(Level.WARNING, "event=no-map guest-memfd bytes={0} errno={1}", bytes, -error);
    } catch (IOException e) {
      LOG.log(Level.WARNING, "event=no-memfd bytes={0} cause={1}", bytes, e.getMessage());
    }
    return null;
  }

  @Override
  public long firstPfn() {
    return firstPfn;
  }

  /**
   * {@inheritDoc} That it reached through its mapping, which the service does not see: then the
   * real host has memory there, as for what the guest or the service touched.
   */
  @Override
  public boolean isTouched(long page) {
    long offset = page << Order.BASE_PAGE_SHIFT;
    return file.nextData(offset) == offset;
  }

  /** {@inheritDoc} A client may have sealed its descriptor; then they are overwritten. */
  @Override
  public void punched(long firstPage, long count) {
    long offset = firstPage << Order.BASE_PAGE_SHIFT;
    long bytes = count << Order.BASE_PAGE_SHIFT;
    if (file.punch(offset, bytes) != 0) {
      segment().asSlice(offset, bytes).fill((byte) 0);
    }
    for (long page = 0; page < count; page++) {
      machine.wrote(firstPfn + firstPage + page);
    }
  }

  @Override
  public MemorySegment segment() {
    return machine
        .arena()
        .segment()
        .asSlice(firstPfn << Order.BASE_PAGE_SHIFT, pages << Order.BASE_PAGE_SHIFT);
  }

  @Override
  public int hostDescriptor() {
    return file.descriptor();
  }

  @Override
  public void close() {
    long bytes = pages << Order.BASE_PAGE_SHIFT;
    if (machine.arena().mapAnonymous(firstPfn << Order.BASE_PAGE_SHIFT, bytes) == 0) {
      runs.free(firstPfn, pages);
    }
    file.close();
    quota.giveBack(bytes);
  }
}
