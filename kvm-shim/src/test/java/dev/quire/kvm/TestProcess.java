package dev.quire.kvm;

import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.UserMemory;
import dev.quire.kvm.host.HostMachine;
import dev.quire.mmu.KernelPteFormat;
import java.util.ArrayList;
import java.util.List;

/**
 * A client's process on a modelled machine of its own: anonymous memory for slots from {@link #HVA}
 * on, one buffer for what it passes in calls, and a table of descriptors.
 */
public abstract class TestProcess implements Caller, UserMemory, Descriptors, AutoCloseable {
  public static final long HVA = 0x7e00_0000_0000L;
  private static final int READ_WRITE = 3;

  protected final HostMachine machine;
  protected final Process process;
  protected final byte[] buffer;
  private final long bufferAddress;
  private final List<Descriptor> files = new ArrayList<>();

  protected TestProcess(
      KernelConfig config,
      KernelPteFormat format,
      long slotBytes,
      long bufferAddress,
      int bufferBytes) {
    this.bufferAddress = bufferAddress;
    buffer = new byte[bufferBytes];
    machine = new HostMachine(config, format);
    process = machine.kernel().spawn();
    int flags = Mman.MAP_FIXED | Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    process.mmap(HVA, slotBytes, READ_WRITE, flags, null, 0);
  }

  @Override
  public UserMemory memory() {
    return this;
  }

  @Override
  public Descriptors descriptors() {
    return this;
  }

  @Override
  public Object addressSpace() {
    return this;
  }

  @Override
  public boolean read(long address, byte[] target, int offset, int bytes) {
    boolean inside = inBuffer(address, bytes);
    if (inside) {
      System.arraycopy(buffer, (int) (address - bufferAddress), target, offset, bytes);
    }
    return inside;
  }

  @Override
  public boolean write(long address, byte[] source, int offset, int bytes) {
    boolean inside = inBuffer(address, bytes);
    if (inside) {
      System.arraycopy(source, offset, buffer, (int) (address - bufferAddress), bytes);
    }
    return inside;
  }

  private boolean inBuffer(long address, int bytes) {
    return address >= bufferAddress && address - bufferAddress + bytes <= buffer.length;
  }

  @Override
  public long install(Descriptor file) {
    files.add(file);
    return files.size() - 1L;
  }

  @Override
  public Descriptor find(int number) {
    return number >= 0 && number < files.size() ? files.get(number) : null;
  }

  /** How many numbers have been given. */
  protected int numbers() {
    return files.size();
  }

  public void closeFile(int number) {
    find(number).put();
    files.set(number, null);
  }

  /** Closes what is open, the newest first. */
  public void closeAll() {
    for (int i = files.size() - 1; i >= 0; i--) {
      if (files.get(i) != null) {
        closeFile(i);
      }
    }
  }

  @Override
  public void close() {
    closeAll();
    machine.close();
  }
}
