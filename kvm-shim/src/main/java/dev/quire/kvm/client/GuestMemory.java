package dev.quire.kvm.client;

import dev.quire.bindings.HostFile;
import dev.quire.bindings.NativeMemory;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Reply;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Memory of a guest, as its VMM has it: shared with the service, or kept by it for a remote client.
 * Offsets are bytes from its start. Any thread.
 */
public final class GuestMemory implements AutoCloseable {
  private static final int CHUNK_BYTES = 1 << 20;

  private final Kvm kvm;
  private final long hva;
  private final long bytes;

  /** Null where the service keeps it. */
  private final NativeMemory memory;

  private GuestMemory(Kvm kvm, long hva, long bytes, NativeMemory memory) {
    this.kvm = kvm;
    this.hva = hva;
    this.bytes = bytes;
    this.memory = memory;
  }

  static GuestMemory create(Kvm kvm, long bytes) {
    if (!kvm.sharesMemory()) {
      long hva = kvm.newRemoteHva(bytes);
      Kvm.check("SHARE", kvm.call(link -> link.begin(Op.SHARE, -1, hva, bytes, 0)));
      return new GuestMemory(kvm, hva, bytes, null);
    }
    NativeMemory memory = NativeMemory.reserve(bytes);
    try (HostFile file = HostFile.memory("kvm-guest", bytes)) {
      int error = memory.mapFile(0, bytes, file, 0);
      if (error != 0) {
        throw new KvmException("mmap", -error);
      }
      int tag = kvm.send(file);
      long hva = memory.hva();
      Kvm.check("SHARE", kvm.call(link -> link.begin(Op.SHARE, -1, hva, bytes, 0).with(tag, 0)));
      return new GuestMemory(kvm, hva, bytes, memory);
    } catch (IOException e) {
      memory.close();
      throw new KvmException("memory of " + bytes + " bytes", e);
    } catch (KvmException e) {
      memory.close();
      throw e;
    }
  }

  long hva() {
    return hva;
  }

  public long bytes() {
    return bytes;
  }

  /** Stores bytes. */
  public void write(long offset, byte[] source) {
    Objects.checkFromIndexSize(offset, source.length, bytes);
    if (memory != null) {
      MemorySegment.copy(source, 0, memory.segment(), ValueLayout.JAVA_BYTE, offset, source.length);
      return;
    }
    for (int done = 0; done < source.length; done += CHUNK_BYTES) {
      int from = done;
      int count = Math.min(CHUNK_BYTES, source.length - done);
      Kvm.check(
          "STORE",
          kvm.call(
              link ->
                  link.begin(Op.STORE, -1, 0, 0, 0)
                      .segment(hva + offset + from, source, from, count)));
    }
  }

  /** Reads bytes. */
  public byte[] read(long offset, int count) {
    Objects.checkFromIndexSize(offset, count, bytes);
    byte[] target = new byte[count];
    if (memory != null) {
      MemorySegment.copy(memory.segment(), ValueLayout.JAVA_BYTE, offset, target, 0, count);
      return target;
    }
    for (int done = 0; done < count; done += CHUNK_BYTES) {
      long address = hva + offset + done;
      int part = Math.min(CHUNK_BYTES, count - done);
      Reply reply = kvm.call(link -> link.begin(Op.LOAD, -1, address, part, 0));
      Kvm.check("LOAD", reply);
      Vm.writeBack(reply, hva + offset, target);
    }
    return target;
  }

  /**
   * Numbers of the pages of 4096 bytes that the guest changed since they were last read, written or
   * asked about here. Only of memory that the service keeps: shared memory is the guest's own.
   */
  public List<Long> changedPages() {
    if (memory != null) {
      throw new IllegalStateException("shared memory needs no list of changed pages");
    }
    Reply reply = kvm.call(link -> link.begin(Op.DIRTY, -1, hva, bytes, 0));
    Kvm.check("DIRTY", reply);
    byte[] bitmap = reply.segments().copy(0);
    List<Long> pages = new ArrayList<>();
    for (int bit = 0; bit < bitmap.length * Byte.SIZE; bit++) {
      if ((bitmap[bit >>> 3] >>> (bit & 7) & 1) != 0) {
        pages.add((long) bit);
      }
    }
    return pages;
  }

  /** Takes it away from the service. Not while a guest uses it. */
  @Override
  public void close() {
    kvm.call(link -> link.begin(Op.UNSHARE, -1, hva, bytes, 0));
    if (memory != null) {
      memory.close();
    }
  }
}
