package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import java.util.function.Supplier;

/**
 * The file of KVM_GET_STATS_FD: layout and values as they are when read (Linux v6.18
 * virt/kvm/binary_stats.c). VM thread only.
 */
public final class StatsFile extends VmDescriptor {
  private final String name;
  private final Supplier<byte[]> content;

  StatsFile(Vm vm, String name, Supplier<byte[]> content) {
    super(vm);
    this.name = name;
    this.content = content;
  }

  @Override
  public long read(long position, byte[] target) {
    if (position < 0) {
      return -Errno.EINVAL;
    }
    byte[] file = content.get();
    int bytes = (int) Math.min(target.length, Math.max(0, file.length - position));
    if (bytes > 0) {
      System.arraycopy(file, (int) position, target, 0, bytes);
    }
    return bytes;
  }

  @Override
  public String name() {
    return "anon_inode:" + name;
  }
}
