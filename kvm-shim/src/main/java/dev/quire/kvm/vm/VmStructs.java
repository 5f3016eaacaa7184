package dev.quire.kvm.vm;

import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;

/**
 * Structures of calls that all architectures have, as read from the caller once (Linux v6.18
 * include/uapi/linux/kvm.h). {@code BYTES} are the kernel's sizes; reading gives null where the
 * caller has no such memory (EFAULT).
 */
public final class VmStructs {
  private VmStructs() {}

  /** Bytes of the caller's memory, or null. */
  public static byte[] read(Caller caller, long address, int bytes) {
    byte[] struct = new byte[bytes];
    return caller.memory().read(address, struct, 0, bytes) ? struct : null;
  }

  /** Puts a structure into the caller's memory: whether that could be. */
  public static boolean write(Caller caller, long address, byte[] struct) {
    return caller.memory().write(address, struct, 0, struct.length);
  }

  /** struct kvm_userspace_memory_region and kvm_userspace_memory_region2. */
  public record MemoryRegion(
      int slot, int flags, long gpa, long bytes, long hva, long fileOffset, int file) {
    public static final int BYTES = 32;
    public static final int BYTES_2 = 160;

    /** The first, without a guest_memfd. */
    public static MemoryRegion read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null ? null : of(struct, 0, 0);
    }

    public static MemoryRegion read2(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES_2);
      return struct == null
          ? null
          : of(struct, LittleEndian.getLong(struct, 32), LittleEndian.getInt(struct, 40));
    }

    private static MemoryRegion of(byte[] struct, long fileOffset, int file) {
      return new MemoryRegion(
          LittleEndian.getInt(struct, 0),
          LittleEndian.getInt(struct, 4),
          LittleEndian.getLong(struct, 8),
          LittleEndian.getLong(struct, 16),
          LittleEndian.getLong(struct, 24),
          fileOffset,
          file);
    }
  }

  /** struct kvm_dirty_log. */
  public record DirtyLog(int slot, long bitmap) {
    public static final int BYTES = 16;

    public static DirtyLog read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null
          ? null
          : new DirtyLog(LittleEndian.getInt(struct, 0), LittleEndian.getLong(struct, 8));
    }
  }

  /**
   * struct kvm_clear_dirty_log.
   *
   * @param pages unsigned 32 bits
   */
  public record ClearDirtyLog(int slot, long pages, long firstPage, long bitmap) {
    public static final int BYTES = 24;

    public static ClearDirtyLog read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null
          ? null
          : new ClearDirtyLog(
              LittleEndian.getInt(struct, 0),
              LittleEndian.getInt(struct, 4) & 0xffff_ffffL,
              LittleEndian.getLong(struct, 8),
              LittleEndian.getLong(struct, 16));
    }
  }

  /** struct kvm_enable_cap. */
  public record EnableCapability(int capability, int flags, long[] arguments) {
    public static final int BYTES = 104;
    private static final int ARGUMENTS = 4;

    public static EnableCapability read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      if (struct == null) {
        return null;
      }
      long[] arguments = new long[ARGUMENTS];
      for (int i = 0; i < ARGUMENTS; i++) {
        arguments[i] = LittleEndian.getLong(struct, 8 + i * Long.BYTES);
      }
      return new EnableCapability(
          LittleEndian.getInt(struct, 0), LittleEndian.getInt(struct, 4), arguments);
    }
  }

  /** struct kvm_coalesced_mmio_zone. */
  public record CoalescedZone(long address, long bytes, int pio) {
    public static final int BYTES = 16;

    public static CoalescedZone read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null
          ? null
          : new CoalescedZone(
              LittleEndian.getLong(struct, 0),
              LittleEndian.getInt(struct, 8) & 0xffff_ffffL,
              LittleEndian.getInt(struct, 12));
    }
  }

  /** struct kvm_ioeventfd. */
  public record IoEventFd(long dataMatch, long address, int bytes, int event, int flags) {
    public static final int BYTES = 64;
    public static final int DATAMATCH = 1;
    public static final int PIO = 2;
    public static final int DEASSIGN = 4;
    public static final int VIRTIO_CCW = 8;

    /** Accepted and without effect of its own. */
    public static final int FAST_MMIO = 16;

    public static IoEventFd read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null
          ? null
          : new IoEventFd(
              LittleEndian.getLong(struct, 0),
              LittleEndian.getLong(struct, 8),
              LittleEndian.getInt(struct, 16),
              LittleEndian.getInt(struct, 20),
              LittleEndian.getInt(struct, 24));
    }
  }

  /** struct kvm_irqfd. */
  public record IrqFd(int event, int gsi, int flags, int resample) {
    public static final int BYTES = 32;
    public static final int DEASSIGN = 1;
    public static final int RESAMPLE = 2;

    public static IrqFd read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null
          ? null
          : new IrqFd(
              LittleEndian.getInt(struct, 0),
              LittleEndian.getInt(struct, 4),
              LittleEndian.getInt(struct, 8),
              LittleEndian.getInt(struct, 12));
    }
  }

  /** struct kvm_device_attr. */
  public record DeviceAttribute(int group, long attribute, long address) {
    public static final int BYTES = 24;

    public static DeviceAttribute read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null
          ? null
          : new DeviceAttribute(
              LittleEndian.getInt(struct, 4),
              LittleEndian.getLong(struct, 8),
              LittleEndian.getLong(struct, 16));
    }
  }

  /** struct kvm_memory_attributes. */
  public record MemoryAttributes(long gpa, long bytes, long attributes, long flags) {
    public static final int BYTES = 32;

    public static MemoryAttributes read(Caller caller, long address) {
      byte[] struct = VmStructs.read(caller, address, BYTES);
      return struct == null
          ? null
          : new MemoryAttributes(
              LittleEndian.getLong(struct, 0),
              LittleEndian.getLong(struct, 8),
              LittleEndian.getLong(struct, 16),
              LittleEndian.getLong(struct, 24));
    }
  }
}
