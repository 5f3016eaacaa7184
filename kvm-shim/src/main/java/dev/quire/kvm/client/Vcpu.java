package dev.quire.kvm.client;

import dev.quire.bindings.HostFile;
import dev.quire.bindings.NativeMemory;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Reply;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A vCPU. One thread calls {@link #run}; {@link #kick} may come from any other, and ends it within
 * 10 ms.
 */
public final class Vcpu implements AutoCloseable {
  private static final int EINTR = 4;
  private static final int PAGES_BYTES = 2 * Frames.PAGE_BYTES;
  private static final int EXIT_REASON = 8;
  private static final int UNION = 32;

  private static final int EXIT_IO = 2;
  private static final int EXIT_DEBUG = 4;
  private static final int EXIT_HLT = 5;
  private static final int EXIT_MMIO = 6;
  private static final int EXIT_IRQ_WINDOW_OPEN = 7;
  private static final int EXIT_SHUTDOWN = 8;
  private static final int EXIT_FAIL_ENTRY = 9;
  private static final int EXIT_INTERNAL_ERROR = 17;
  private static final int EXIT_SYSTEM_EVENT = 24;
  private static final int EXIT_MEMORY_FAULT = 39;
  private static final int MMIO_DATA = 40;
  private static final int MMIO_BYTES = 48;

  private final Kvm kvm;
  private final int fd;

  /** kvm_run and the page of port data, mapped; null for a remote client. */
  private final NativeMemory mapped;

  /** The same as they were last seen. */
  private final byte[] pages = new byte[PAGES_BYTES];

  private volatile CallLink running;

  /** Where the answer to the last exit goes. */
  private int answerAt;

  private int answerBytes;

  Vcpu(Kvm kvm, int fd) {
    this.kvm = kvm;
    this.fd = fd;
    this.mapped = kvm.sharesMemory() ? map() : null;
  }

  private NativeMemory map() {
    Reply reply = kvm.call(link -> link.begin(Op.MMAP, fd, 0, PAGES_BYTES, 1));
    if (Kvm.check("MMAP", reply) < PAGES_BYTES) {
      throw new KvmException("MMAP", KvmException.EIO);
    }
    NativeMemory memory = NativeMemory.reserve(PAGES_BYTES);
    try (HostFile file = kvm.claim(reply.tag())) {
      int error = memory.mapFile(0, PAGES_BYTES, file, reply.value());
      if (error != 0) {
        memory.close();
        throw new KvmException("mmap", -error);
      }
      return memory;
    }
  }

  /** KVM_RUN until something is for the VMM to do. */
  public VcpuExit run() {
    Reply reply = kvm.use(this::runOn);
    if (reply.result() == -EINTR) {
      return new VcpuExit.Interrupted();
    }
    Kvm.check("KVM_RUN", reply);
    fetch(EXIT_REASON, UNION + 8 * Long.BYTES);
    return exit();
  }

  private Reply runOn(CallLink link) throws IOException {
    int flags = mapped == null ? Frames.PAGES : 0;
    link.begin(Op.IOCTL, fd, Integer.toUnsignedLong(Ioctls.RUN), 0, 0).with(0, flags);
    if (mapped == null) {
      link.segment(Frames.PAGES_ADDRESS, pages, PAGES_BYTES);
    }
    running = link;
    try {
      Reply reply = link.callKickable();
      if (mapped == null) {
        Vm.writeBack(reply, Frames.PAGES_ADDRESS, pages);
      }
      return reply;
    } finally {
      running = null;
    }
  }

  /** Has {@link #run} of another thread end with {@link VcpuExit.Interrupted}. */
  public void kick() {
    CallLink link = running;
    if (link != null) {
      try {
        link.kick();
      } catch (IOException e) {
        throw new KvmException("kick", e);
      }
    }
  }

  /** Brings a range of the shared pages up to date. */
  private void fetch(int offset, int bytes) {
    if (mapped != null) {
      MemorySegment.copy(mapped.segment(), ValueLayout.JAVA_BYTE, offset, pages, offset, bytes);
    }
  }

  private VcpuExit exit() {
    int reason = Frames.getInt(pages, EXIT_REASON);
    return switch (reason) {
      case EXIT_IO -> io();
      case EXIT_MMIO -> mmio();
      case EXIT_HLT -> new VcpuExit.Hlt();
      case EXIT_SHUTDOWN -> new VcpuExit.Shutdown();
      case EXIT_DEBUG -> new VcpuExit.Debug();
      case EXIT_IRQ_WINDOW_OPEN -> new VcpuExit.InterruptWindow();
      case EXIT_FAIL_ENTRY -> new VcpuExit.FailEntry(Frames.getLong(pages, UNION));
      case EXIT_INTERNAL_ERROR -> new VcpuExit.InternalError(Frames.getInt(pages, UNION));
      case EXIT_SYSTEM_EVENT -> new VcpuExit.SystemEvent(Frames.getInt(pages, UNION));
      case EXIT_MEMORY_FAULT ->
          new VcpuExit.MemoryFault(
              Frames.getLong(pages, UNION),
              Frames.getLong(pages, UNION + 8),
              Frames.getLong(pages, UNION + 16));
      default -> new VcpuExit.Other(reason);
    };
  }

  private VcpuExit io() {
    boolean out = pages[UNION] == 1;
    int size = pages[UNION + 1];
    int port = Frames.getShort(pages, UNION + 2);
    int count = Frames.getInt(pages, UNION + 4);
    long at = Frames.getLong(pages, UNION + 8);
    long bytes = (long) size * count;
    if (at < 0 || bytes < 0 || at + bytes > PAGES_BYTES) {
      throw new KvmException("KVM_EXIT_IO outside its page", KvmException.EIO);
    }
    answerAt = (int) at;
    answerBytes = (int) bytes;
    fetch(answerAt, answerBytes);
    return new VcpuExit.Io(out, port, size, count, copy(answerAt, answerBytes));
  }

  private VcpuExit mmio() {
    answerAt = MMIO_DATA;
    answerBytes = Math.clamp(Frames.getInt(pages, MMIO_BYTES), 0, Long.BYTES);
    boolean write = pages[MMIO_BYTES + 4] != 0;
    byte[] data = copy(MMIO_DATA, answerBytes);
    return new VcpuExit.Mmio(write, Frames.getLong(pages, UNION), data);
  }

  private byte[] copy(int offset, int bytes) {
    byte[] copy = new byte[bytes];
    System.arraycopy(pages, offset, copy, 0, bytes);
    return copy;
  }

  /** What the guest reads by the access of the last exit. */
  public void answer(byte[] data) {
    putPages(answerAt, data, Math.min(data.length, answerBytes));
  }

  /** Sets kvm_run.immediate_exit: the next {@link #run} only finishes the last exit. */
  public void setImmediateExit(boolean on) {
    putPages(1, new byte[] {(byte) (on ? 1 : 0)}, 1);
  }

  private void putPages(int offset, byte[] data, int bytes) {
    System.arraycopy(data, 0, pages, offset, bytes);
    if (mapped != null) {
      MemorySegment.copy(data, 0, mapped.segment(), ValueLayout.JAVA_BYTE, offset, bytes);
    }
  }

  /** Any ioctl of the vCPU, as {@link Kvm#ioctl}. */
  public long ioctl(int request, long argument, byte[] struct) {
    return kvm.ioctl(fd, request, argument, struct);
  }

  /** Closes the file. */
  @Override
  public void close() {
    kvm.closeFile(fd);
    if (mapped != null) {
      mapped.close();
    }
  }
}
