package dev.quire.kvm.host;

import dev.quire.bindings.HostFile;
import dev.quire.bindings.NativeMemory;
import dev.quire.kernel.mm.Errno;
import dev.quire.mmu.Order;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The memory of a client's process as the service knows it: which addresses are which part of which
 * file. VMs of the process map it when they are about to use it ({@link ClientHost}). Results are 0
 * or more, or -errno. On the process's thread.
 */
public final class ClientMemory implements AutoCloseable {
  private static final long PAGE = Order.bytes(0);
  private static final long HIGHEST = 1L << 56;

  private final ClientMachines machines;
  private final MemoryQuota quota;
  private final TreeMap<Long, ClientRange> ranges = new TreeMap<>();
  private final Watches watches = new Watches();
  private final List<ClientHost> hosts = new CopyOnWriteArrayList<>();

  /** Views of what the service holds for a remote client, by file. */
  private final Map<HostFile, RemoteView> views = new java.util.IdentityHashMap<>();

  /**
   * @param quota of the process that lends it
   */
  public ClientMemory(ClientMachines machines, MemoryQuota quota) {
    this.machines = machines;
    this.quota = quota;
  }

  MemoryQuota quota() {
    return quota;
  }

  /** The host of a new VM. */
  public ClientHost open() {
    ClientHost host = new ClientHost(this, machines);
    hosts.add(host);
    return host;
  }

  /** The VM is gone. */
  public void close(ClientHost host) {
    hosts.remove(host);
    host.close();
  }

  /** Of the VMs there are. Any thread. */
  public List<ClientHost> hosts() {
    return List.copyOf(hosts);
  }

  /**
   * The client has a part of a file mapped shared.
   *
   * @param file taken over, whatever the result
   */
  public long share(long hva, long bytes, HostFile file, long offset, boolean readOnly) {
    long size = file.bytes();
    if (isNoRange(hva, bytes) || (offset & PAGE - 1) != 0 || offset < 0) {
      file.close();
      return -Errno.EINVAL;
    }
    if (size < 0 || offset > size || bytes > (size + PAGE - 1 & -PAGE) - offset) {
      file.close();
      return -Errno.EINVAL;
    }
    return put(hva, bytes, new ClientRange.SharedFile(file, false), offset, readOnly);
  }

  /** The client's memory there is the service's to keep: zeros at first. */
  public long shareRemote(long hva, long bytes) {
    if (isNoRange(hva, bytes)) {
      return -Errno.EINVAL;
    }
    if (!quota.take(bytes)) {
      return -Errno.ENOMEM;
    }
    quota.giveBack(bytes);
    try {
      HostFile file = HostFile.memory("kvm-remote", bytes);
      return put(hva, bytes, new ClientRange.SharedFile(file, true), 0, false);
    } catch (IOException e) {
      return -Errno.ENOMEM;
    }
  }

  private long put(
      long hva, long bytes, ClientRange.SharedFile file, long offset, boolean readOnly) {
    file.get();
    try {
      ClientRange range = new ClientRange(hva, bytes, file, offset, readOnly);
      Map.Entry<Long, ClientRange> old = ranges.floorEntry(hva);
      if (old != null && old.getValue().end() >= range.end() && range.continues(old.getValue())) {
        return 0;
      }
      if (!quota.take(bytes)) {
        return -Errno.ENOMEM;
      }
      cut(hva, hva + bytes);
      file.get();
      ranges.put(hva, range);
      hosts.forEach(host -> host.changed(hva, hva + bytes));
      return 0;
    } finally {
      file.put();
    }
  }

  /** Nothing is there any more. */
  public long unshare(long hva, long bytes) {
    if (isNoRange(hva, bytes)) {
      return -Errno.EINVAL;
    }
    cut(hva, hva + bytes);
    hosts.forEach(host -> host.changed(hva, hva + bytes));
    return 0;
  }

  /** The client threw contents away. What it shares it has punched itself. */
  public long discard(long hva, long bytes) {
    if (isNoRange(hva, bytes)) {
      return -Errno.EINVAL;
    }
    for (ClientRange range : ranges(hva, hva + bytes)) {
      ClientRange part = range.part(Math.max(hva, range.hva()), Math.min(hva + bytes, range.end()));
      if (range.file().remote) {
        part.file().file.punch(part.offset(), part.bytes());
      }
    }
    hosts.forEach(host -> host.discarded(hva, bytes));
    return 0;
  }

  /**
   * The client armed userfaultfd on a range, or disarmed it.
   *
   * @param mode bits of UFFDIO_REGISTER, 0 to end it
   */
  public long watch(long hva, long bytes, long mode) {
    if (isNoRange(hva, bytes) || (mode & ~(long) Watches.ALL) != 0) {
      return -Errno.EINVAL;
    }
    if (!watches.set(hva, hva + bytes, (int) mode)) {
      return -Errno.ENOMEM;
    }
    hosts.forEach(host -> host.watched(hva, hva + bytes));
    return 0;
  }

  List<Watches.Part> watched(long first, long end) {
    return watches.within(first, end);
  }

  private static boolean isNoRange(long hva, long bytes) {
    return ((hva | bytes) & PAGE - 1) != 0
        || bytes <= 0
        || hva < 0
        || hva >= HIGHEST
        || bytes > HIGHEST - hva;
  }

  /** Takes a range out of the table. */
  private void cut(long first, long end) {
    for (ClientRange range : ranges(first, end)) {
      ranges.remove(range.hva());
      if (range.hva() < first) {
        keep(range.part(range.hva(), first));
      }
      if (range.end() > end) {
        keep(range.part(end, range.end()));
      }
      quota.giveBack(Math.min(end, range.end()) - Math.max(first, range.hva()));
      drop(range);
    }
  }

  private void keep(ClientRange part) {
    part.file().get();
    ranges.put(part.hva(), part);
  }

  private void drop(ClientRange range) {
    boolean last = ranges.values().stream().noneMatch(other -> other.file() == range.file());
    RemoteView view = last ? views.remove(range.file().file) : null;
    if (view != null) {
      view.close();
    }
    range.file().put();
  }

  /** What is known of a range, in order; parts of it may be missing. */
  List<ClientRange> ranges(long first, long end) {
    List<ClientRange> found = new ArrayList<>();
    Map.Entry<Long, ClientRange> at = ranges.floorEntry(first);
    if (at == null || at.getValue().end() <= first) {
      at = ranges.higherEntry(first);
    }
    while (at != null && at.getKey() < end) {
      found.add(at.getValue());
      at = ranges.higherEntry(at.getKey());
    }
    return found;
  }

  private void stored(long hva, long bytes) {
    hosts.forEach(host -> host.stored(hva, bytes));
  }

  /** Copies out of remote memory: false if a byte is in none. */
  public boolean load(long hva, byte[] target, int offset, int bytes) {
    return copy(hva, target, offset, bytes, false);
  }

  /** Copies into remote memory: false, perhaps with a part copied, if a byte is in none. */
  public boolean store(long hva, byte[] source, int offset, int bytes) {
    boolean whole = copy(hva, source, offset, bytes, true);
    stored(hva, bytes);
    return whole;
  }

  private boolean copy(long hva, byte[] bytes, int offset, int count, boolean in) {
    int done = 0;
    while (done < count) {
      List<ClientRange> found = ranges(hva + done, hva + done + 1);
      if (found.isEmpty() || !found.getFirst().file().remote) {
        return false;
      }
      ClientRange range = found.getFirst();
      int part = (int) Math.min(count - done, range.end() - hva - done);
      long at = range.offset() + hva + done - range.hva();
      RemoteView view = view(range);
      if (view == null) {
        return false;
      }
      if (in) {
        view.store(at, bytes, offset + done, part);
      } else {
        view.load(at, bytes, offset + done, part);
      }
      done += part;
    }
    return true;
  }

  /**
   * Which pages of remote memory changed since they were last loaded, stored or asked about.
   *
   * @param bitmap one bit a page, set in addition
   * @return how many, or -EFAULT if a part is no remote memory
   */
  public long dirty(long hva, long bytes, byte[] bitmap) {
    if (isNoRange(hva, bytes)) {
      return -Errno.EINVAL;
    }
    long covered = 0;
    long count = 0;
    for (ClientRange range : ranges(hva, hva + bytes)) {
      RemoteView view = range.file().remote ? view(range) : null;
      if (view == null) {
        return -Errno.EFAULT;
      }
      long from = Math.max(hva, range.hva());
      long to = Math.min(hva + bytes, range.end());
      covered += to - from;
      int firstBit = (int) (from - hva >>> Order.BASE_PAGE_SHIFT);
      count += view.changed(range.offset() + from - range.hva(), to - from, bitmap, firstBit);
    }
    return covered == bytes ? count : -Errno.EFAULT;
  }

  private RemoteView view(ClientRange range) {
    HostFile file = range.file().file;
    RemoteView view = views.get(file);
    if (view == null) {
      view = RemoteView.of(file);
      if (view != null) {
        views.put(file, view);
      }
    }
    return view;
  }

  @Override
  public void close() {
    List.copyOf(hosts).forEach(this::close);
    for (ClientRange range : List.copyOf(ranges.values())) {
      ranges.remove(range.hva());
      quota.giveBack(range.bytes());
      drop(range);
    }
  }

  /** A file of the service's own as it is now and as the client last saw it. */
  private static final class RemoteView implements AutoCloseable {
    private final HostFile file;
    private final NativeMemory now;
    private final NativeMemory seen;

    private RemoteView(HostFile file, long bytes) {
      this.file = file;
      now = NativeMemory.reserve(bytes);
      seen = NativeMemory.reserve(bytes);
    }

    static RemoteView of(HostFile file) {
      long bytes = file.bytes();
      RemoteView view = new RemoteView(file, bytes);
      if (view.now.mapFile(0, bytes, file, 0) != 0) {
        view.close();
        return null;
      }
      return view;
    }

    void load(long offset, byte[] target, int at, int bytes) {
      MemorySegment.copy(now.segment(), ValueLayout.JAVA_BYTE, offset, target, at, bytes);
      MemorySegment.copy(target, at, seen.segment(), ValueLayout.JAVA_BYTE, offset, bytes);
    }

    void store(long offset, byte[] source, int at, int bytes) {
      MemorySegment.copy(source, at, now.segment(), ValueLayout.JAVA_BYTE, offset, bytes);
      MemorySegment.copy(source, at, seen.segment(), ValueLayout.JAVA_BYTE, offset, bytes);
    }

    /** Looks only at what was ever written: looking at a hole would fill it. */
    long changed(long offset, long bytes, byte[] bitmap, int firstBit) {
      long count = 0;
      long end = offset + bytes;
      long at = file.nextData(offset) & -PAGE;
      while (at < end) {
        long stop = Math.min(end, file.nextHole(at));
        for (; at < stop; at += PAGE) {
          if (MemorySegment.mismatch(now.segment(), at, at + PAGE, seen.segment(), at, at + PAGE)
              >= 0) {
            MemorySegment.copy(now.segment(), at, seen.segment(), at, PAGE);
            int bit = firstBit + (int) (at - offset >>> Order.BASE_PAGE_SHIFT);
            bitmap[bit >>> 3] |= (byte) (1 << (bit & 7));
            count++;
          }
        }
        at = file.nextData(at) & -PAGE;
      }
      return count;
    }

    @Override
    public void close() {
      now.close();
      seen.close();
    }
  }
}
