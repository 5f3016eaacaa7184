package dev.quire.kernel.kvm;

import dev.quire.kernel.mm.HostAddressSpace;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Guest memory by guest physical address, for loaders, devices and debuggers: what a VMM reaches
 * through its own mapping. Touches host memory as the VMM would (pages come in on demand) and no
 * second-stage table. Used on the machine's executor thread.
 *
 * <p>Who writes over code that an engine has translated tells the engine so itself.
 */
public final class GuestPhysicalView {
  private final MemSlots slots;
  private final HostAddressSpace space;
  private final HostMemory memory;
  private final byte[] word = new byte[Long.BYTES];

  public GuestPhysicalView(MemSlots slots, HostAddressSpace space, HostMemory memory) {
    this.slots = slots;
    this.space = space;
    this.memory = memory;
  }

  /** Whether slots hold all of the bytes. Never throws, whatever the address. */
  public boolean contains(long gpa, long bytes) {
    if (bytes < 0 || gpa < 0 || gpa + bytes < 0) {
      return false;
    }
    long gfn = gpa >>> Order.BASE_PAGE_SHIFT;
    long last = gpa + Math.max(bytes, 1) - 1 >>> Order.BASE_PAGE_SHIFT;
    while (gfn <= last) {
      MemSlot slot = slots.find(gfn);
      if (slot == null) {
        return false;
      }
      gfn = slot.baseGfn() + slot.pages();
    }
    return true;
  }

  /**
   * Copies guest bytes out.
   *
   * @throws IndexOutOfBoundsException if no slot holds some of them
   * @throws IllegalStateException if the host has no frame left
   */
  public void read(long gpa, byte[] target, int offset, int bytes) {
    for (int done = 0; done < bytes; ) {
      int part = partInPage(gpa + done, bytes - done);
      memory.read(resolve(gpa + done, false), target, offset + done, part);
      done += part;
    }
  }

  /**
   * Copies bytes in, into read-only slots too, as a VMM does.
   *
   * @throws IndexOutOfBoundsException if no slot holds some of them; those before it are written
   * @throws IllegalStateException if the host has no frame left
   */
  public void write(long gpa, byte[] source, int offset, int bytes) {
    for (int done = 0; done < bytes; ) {
      int part = partInPage(gpa + done, bytes - done);
      memory.write(resolve(gpa + done, true), source, offset + done, part);
      done += part;
    }
  }

  /** As {@link #read(long, byte[], int, int)} for one little-endian value of 1, 2, 4 or 8 bytes. */
  public long readValue(long gpa, int bytes) {
    Arrays.fill(word, (byte) 0);
    read(gpa, word, 0, bytes);
    return ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  /** As {@link #write(long, byte[], int, int)} for one little-endian value. */
  public void writeValue(long gpa, int bytes, long value) {
    ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).putLong(value);
    write(gpa, word, 0, bytes);
  }

  private static int partInPage(long gpa, int bytes) {
    return (int) Math.min(bytes, Order.bytes(0) - (gpa & Order.offsetMask(0)));
  }

  private long resolve(long gpa, boolean write) {
    long gfn = gpa >>> Order.BASE_PAGE_SHIFT;
    MemSlot slot = slots.find(gfn);
    if (slot == null) {
      throw new IndexOutOfBoundsException("no guest memory at gpa 0x%x".formatted(gpa));
    }
    long host = space.fault(slot.hvaOf(gfn), write);
    if (Translation.failed(host)) {
      throw new IllegalStateException(
          "host cannot back gpa 0x%x: %s"
              .formatted(
                  gpa,
                  Translation.kind(host) == HostAddressSpace.OUT_OF_MEMORY
                      ? "out of memory"
                      : "hva not mapped"));
    }
    if (write) {
      slot.markDirty(gfn);
    }
    return Translation.pa(host) + (gpa & Order.offsetMask(0));
  }
}
