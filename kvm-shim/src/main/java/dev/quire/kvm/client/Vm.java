package dev.quire.kvm.client;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Reply;
import dev.quire.kvm.wire.SegmentList;

/** A VM. Any thread. */
public final class Vm implements AutoCloseable {
  /** Where structs stand, as the service sees it. */
  static final long STRUCT_ADDRESS = 1L << 32;

  private static final int REGION_BYTES = 32;

  private final Kvm kvm;
  private final int fd;

  Vm(Kvm kvm, int fd) {
    this.kvm = kvm;
    this.fd = fd;
  }

  /** KVM_CREATE_VCPU. */
  public Vcpu createVcpu(int id) {
    return new Vcpu(kvm, (int) ioctl(Ioctls.CREATE_VCPU, id, null));
  }

  /**
   * Gives the guest memory.
   *
   * @param slot KVM's number of it
   * @param gpa and {@code bytes} are multiples of 4096
   */
  public GuestMemory addMemory(int slot, long gpa, long bytes) {
    GuestMemory memory = GuestMemory.create(kvm, bytes);
    byte[] region = new byte[REGION_BYTES];
    Frames.putInt(region, 0, slot);
    Frames.putLong(region, 8, gpa);
    Frames.putLong(region, 16, bytes);
    Frames.putLong(region, 24, memory.hva());
    try {
      ioctl(Ioctls.SET_USER_MEMORY_REGION, 0, region);
    } catch (KvmException e) {
      memory.close();
      throw e;
    }
    return memory;
  }

  /** Any ioctl of the VM, as {@link Kvm#ioctl}. */
  public long ioctl(int request, long argument, byte[] struct) {
    return kvm.ioctl(fd, request, argument, struct);
  }

  /** Applies what a reply writes to a struct. */
  static void writeBack(Reply reply, long address, byte[] struct) {
    SegmentList segments = reply.segments();
    for (int i = 0; i < segments.count(); i++) {
      long offset = segments.address(i) - address;
      if (offset >= 0 && offset <= struct.length - segments.bytes(i)) {
        System.arraycopy(
            segments.array(), segments.offset(i), struct, (int) offset, segments.bytes(i));
      }
    }
  }

  /** Closes the file; the VM goes when its vCPUs' files are closed too. */
  @Override
  public void close() {
    kvm.call(link -> link.begin(Op.CLOSE, fd, 0, 0, 0));
  }
}
