package dev.quire.lab.replay;

import dev.quire.kvm.host.HostMachine;
import dev.quire.mmu.Order;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Bytes in native memory, where vCPUs reach them too. */
final class ArenaBytes implements SessionBytes {
  private final HostMachine machine;

  ArenaBytes(HostMachine machine) {
    this.machine = machine;
  }

  @Override
  public void setUser(SessionProcess process) {
    machine.setCaller(process.host().space());
  }

  private MemorySegment bytesOf(long pfn) {
    return machine.memory().bytesOf(pfn);
  }

  @Override
  public int load(long pfn, int offset) {
    return bytesOf(pfn).get(ValueLayout.JAVA_BYTE, offset) & 0xff;
  }

  @Override
  public void store(long pfn, int offset, int value) {
    bytesOf(pfn).set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    machine.wrote(pfn);
  }

  @Override
  public void store(long pfn, int offset, byte[] page, int from, int length) {
    MemorySegment.copy(page, from, bytesOf(pfn), ValueLayout.JAVA_BYTE, offset, length);
    machine.wrote(pfn);
  }

  @Override
  public void set(long pfn, byte[] page) {
    store(pfn, 0, page, 0, page.length);
    bytesOf(pfn).asSlice(page.length, Order.bytes(0) - page.length).fill((byte) 0);
  }
}
